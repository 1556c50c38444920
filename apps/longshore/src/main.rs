//! Starts what the command line asks for; everything else is in the library.

use std::process::ExitCode;

fn main() -> ExitCode {
    longshore::run(std::env::args_os())
}
