//! What shells and `man` want to know of the command line: made from the same description as `--help`.

use std::io::{self, ErrorKind, Write};

use anyhow::Context;
use clap::CommandFactory;
use clap_mangen::Man;

use crate::cli::{self, Cli};

/// `longshore completions`
///
/// # Errors
/// Stdout cannot be written.
pub fn completions(args: &cli::Completions) -> anyhow::Result<()> {
    let mut script = Vec::new();
    clap_complete::generate(args.shell, &mut Cli::command(), "longshore", &mut script);
    print(&script)
}

/// `longshore man`
///
/// # Errors
/// The pages cannot be written.
pub fn man(args: &cli::Man) -> anyhow::Result<()> {
    // There is `--help` everywhere; a page about `help` says nothing.
    let command = Cli::command().disable_help_subcommand(true);
    let Some(directory) = &args.out else {
        let mut page = Vec::new();
        Man::new(command).render(&mut page)?;
        return print(&page);
    };
    let place = || format!("write to {}", directory.display());
    std::fs::create_dir_all(directory).with_context(place)?;
    clap_mangen::generate_to(command, directory).with_context(place)
}

/// To whoever reads; that they have read enough is no error.
fn print(bytes: &[u8]) -> anyhow::Result<()> {
    match io::stdout().lock().write_all(bytes) {
        Err(error) if error.kind() != ErrorKind::BrokenPipe => {
            Err(error).context("write to stdout")
        }
        _ => Ok(()),
    }
}
