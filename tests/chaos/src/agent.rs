//! The agent of the workload: does what its messages order, and writes down what it reads.

use std::fs::File;
use std::io::{BufRead, Write};
use std::path::Path;
use std::time::Duration;

use crate::check::Said;

/// Ends each answer.
pub(crate) const SENTINEL: &str = "^END$";

/// Reads messages until the end of input, and notes each in `log` before it does anything.
pub(crate) fn run(log: &Path) -> anyhow::Result<()> {
    let mut log = File::options().append(true).create(true).open(log)?;
    let mut lines = std::io::stdin().lock().lines();
    let mut out = std::io::stdout().lock();
    while let Some(line) = lines.next() {
        let line = line?;
        let Some(said) = Said::read(&line) else { continue };
        // One write: many processes share the file.
        log.write_all(format!("{}\n", said.token).as_bytes())?;
        let (order, count) = said.order.split_once(' ').unwrap_or((said.order, ""));
        let count: usize = count.parse().unwrap_or(1);
        match order {
            "lines" => {
                for nth in 0..count {
                    writeln!(out, "line {nth}")?;
                    out.flush()?;
                    std::thread::sleep(Duration::from_millis(5));
                }
            }
            "flood" => {
                for nth in 0..count {
                    writeln!(out, "{nth} {}", "flood ".repeat(40))?;
                }
            }
            "half" => {
                write!(out, "one half ")?;
                out.flush()?;
                std::thread::sleep(Duration::from_millis(300));
                writeln!(out, "and the other")?;
            }
            "stall" => std::thread::sleep(Duration::from_secs(3600)),
            "exit" => {
                write!(out, "that was")?;
                out.flush()?;
                std::process::exit(3);
            }
            "ask" => {
                writeln!(
                    out,
                    r#"{{"type":"ask","kind":"question","message":"message {}?","choices":["yes","no"],"defaultIndex":1,"timeoutMs":1500}}"#,
                    said.token
                )?;
                out.flush()?;
                let Some(answer) = lines.next() else { return Ok(()) };
                writeln!(out, "{}", answer?)?;
            }
            _ => {}
        }
        writeln!(out, "{}", Said::write(said.token, said.conversation, "is done"))?;
        writeln!(out, "END")?;
        out.flush()?;
    }
    Ok(())
}
