//! `make bench`: longshore beside a naive Node relay and a raw WebSocket echo, in one run, as ratios.
//!
//! The real programs run as processes of their own; the load is in this one. Machines are shared and noisy: read
//! ratios, not absolutes.

mod process;
mod raw;
mod report;
mod scenario;
mod system;

use clap::Parser;

use crate::report::Report;
use crate::scenario::Scenario;
use crate::system::{System, SystemKind};

/// What to measure.
#[derive(Debug, Parser)]
struct Arguments {
    /// The longshore binary.
    #[arg(long, default_value = "target/release/longshore")]
    binary: std::path::PathBuf,
    /// Only scenarios whose name contains this.
    #[arg(long)]
    only: Option<String>,
    /// Leave out the Node relay.
    #[arg(long)]
    no_peer: bool,
    /// Nothing but half load for so many minutes, to see what grows.
    #[arg(long)]
    soak: Option<u64>,
    /// A tenth of the load, to see that everything runs.
    #[arg(long)]
    quick: bool,
}

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    let arguments = Arguments::parse();
    let mut report = Report::default();
    if let Some(minutes) = arguments.soak {
        let mut system = System::start(SystemKind::Longshore, &arguments.binary, 50).await?;
        let figures = scenario::soak(&mut system, minutes).await;
        system.stop().await;
        report.add("soak", "longshore", figures?);
        report.print();
        return Ok(());
    }
    let kinds = if arguments.no_peer {
        vec![SystemKind::Longshore]
    } else {
        vec![SystemKind::Longshore, SystemKind::Node]
    };
    for scenario in Scenario::ALL {
        if arguments.only.as_ref().is_some_and(|only| !scenario.name().contains(only.as_str())) {
            continue;
        }
        for kind in
            kinds.iter().filter(|kind| scenario.is_shared() || **kind == SystemKind::Longshore)
        {
            let agents = scenario.agents();
            let mut system = System::start(*kind, &arguments.binary, agents).await?;
            let figures = scenario.run(&mut system, arguments.quick).await;
            system.stop().await;
            report.add(scenario.name(), kind.name(), figures?);
        }
    }
    if arguments.only.as_ref().is_none_or(|only| "raw".contains(only.as_str())) {
        report.add("raw", "websocket", raw::measure(arguments.quick).await?);
    }
    report.print();
    Ok(())
}
