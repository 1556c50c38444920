//! What a command has to say, on stdout. Nobody may be reading any more, as with `| head`: that is no error, and ends nothing.

use std::io::{self, Write};

use serde::Serialize;

/// A line, or several. What cannot be written where somebody may read it, on a full disk say, ends the command.
pub(crate) fn line(text: &str) {
    let mut out = io::stdout().lock();
    let written = out
        .write_all(text.as_bytes())
        .and_then(|()| out.write_all(b"\n"))
        .and_then(|()| out.flush());
    if let Err(error) = written
        && error.kind() != io::ErrorKind::BrokenPipe
    {
        eprintln!("error: write to stdout: {error}");
        std::process::exit(1);
    }
}

/// One JSON value on a line.
pub(crate) fn json(value: &(impl Serialize + ?Sized)) -> anyhow::Result<()> {
    line(&serde_json::to_string(value)?);
    Ok(())
}

/// As `println!`, which panics when nobody reads.
macro_rules! say {
    ($($text:tt)*) => { $crate::out::line(&format!($($text)*)) };
}

pub(crate) use say;
