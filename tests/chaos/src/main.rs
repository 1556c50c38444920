//! `make chaos`: the real binary under random load and random faults, and a checker of what everybody saw.
//!
//! Two servers and several viewers run as processes of their own. People chat, run, cancel, answer, join, clear and delete at
//! random; servers and agents are killed and frozen, cables are cut, disks fail, clocks jump. Afterwards each viewer's
//! screen has to be the log, in order and once, everything acknowledged has to be in it, no agent may have got a message
//! twice, and each run has to have one end.

mod agent;
mod check;
mod faults;
mod proxy;
mod record;
mod round;
mod servers;
mod transport;
mod viewer;
mod workload;

use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

use clap::{Args, Parser, Subcommand};

/// What to do.
#[derive(Debug, Parser)]
struct Arguments {
    #[command(subcommand)]
    command: Option<Command>,
    #[command(flatten)]
    load: Load,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Be the agent of the workload.
    Agent {
        /// Where to write down what is read.
        log: PathBuf,
    },
}

/// How long, and how.
#[derive(Debug, Clone, Args)]
struct Load {
    /// Seconds of load, in all rounds together.
    #[arg(long, default_value_t = 120)]
    seconds: u64,
    /// Seconds of one round. Each has fresh servers and the next seed.
    #[arg(long, default_value_t = 30)]
    round: u64,
    /// Decides the load and the faults of the first round. When things happen the machine decides.
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// The binary under test.
    #[arg(long, default_value = "target/debug/longshore")]
    binary: PathBuf,
    /// Viewers; half of them with the official JavaScript client.
    #[arg(long, default_value_t = 4)]
    viewers: usize,
    /// Only faults of these kinds; all, when none is given.
    #[arg(long, value_delimiter = ',')]
    only: Vec<faults::Fault>,
    /// Break a promise on purpose, with a binary that `broken.patch` was applied to: a round that finds nothing wrong is a
    /// failure then.
    #[arg(long)]
    broken: Option<String>,
    /// Keep the directories of all rounds.
    #[arg(long)]
    keep: bool,
}

#[tokio::main]
async fn main() -> anyhow::Result<ExitCode> {
    let arguments = Arguments::parse();
    if let Some(Command::Agent { log }) = arguments.command {
        agent::run(&log)?;
        return Ok(ExitCode::SUCCESS);
    }
    let load = arguments.load;
    if let Some(what) = &load.broken {
        return broken(&load, what).await;
    }
    let mut total = round::Summary::default();
    for number in 0..load.seconds.div_ceil(load.round).max(1) {
        let seed = load.seed + number;
        let summary = round::run(&load, seed, Duration::from_secs(load.round)).await?;
        println!("seed {seed}: {summary}");
        if !summary.violations.is_empty() {
            for violation in summary.violations.iter().take(20) {
                println!("  {violation}");
            }
            let count = summary.violations.len();
            println!("{count} violations; again: make chaos SECONDS={} SEED={seed}", load.round);
            return Ok(ExitCode::FAILURE);
        }
        total.add(summary);
    }
    println!("all: {total}");
    for (fault, count) in &total.faults {
        println!("  {count:5} {fault:?}");
    }
    Ok(ExitCode::SUCCESS)
}

/// Whether the checker finds what is broken, in one of the rounds.
async fn broken(load: &Load, what: &str) -> anyhow::Result<ExitCode> {
    for number in 0..load.seconds.div_ceil(load.round).max(1) {
        let seed = load.seed + number;
        let summary = round::run(load, seed, Duration::from_secs(load.round)).await?;
        if let Some(violation) = summary.violations.first() {
            println!(
                "{what}: found with seed {seed}: {} violations; {violation}",
                summary.violations.len()
            );
            return Ok(ExitCode::SUCCESS);
        }
    }
    println!("{what}: NOT FOUND in {} s", load.seconds);
    Ok(ExitCode::FAILURE)
}

#[cfg(test)]
mod tests {
    /// `broken.sh` needs minutes to come to that.
    #[test]
    fn the_patch_that_breaks_promises_applies() {
        let patch = std::fs::File::open("broken.patch").unwrap();
        let output = std::process::Command::new("patch")
            .args(["--dry-run", "--strip=1", "--fuzz=0", "--directory=../.."])
            .stdin(patch)
            .output()
            .unwrap();

        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stdout));
    }
}
