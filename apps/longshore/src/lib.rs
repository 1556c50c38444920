//! The `longshore` program: starts the tiers, and talks to a controller from the command line.
//!
//! [`cli`] and [`settings`] say what can be asked for, [`up`] starts both tiers in one process, [`tiers`] each
//! alone; [`connect`], [`run`], [`replay`], [`runs`] and [`conversations`] talk to agents over a controller's Socket.IO
//! namespace, [`clients`] and [`agents`] use its REST interface ([`api`]).

use std::ffi::OsString;
use std::process::ExitCode;

use tracing_subscriber::EnvFilter;

pub mod agents;
pub mod api;
mod choose;
pub mod cli;
pub mod clients;
pub mod connect;
pub mod conversations;
pub mod directories;
pub mod health;
pub mod hint;
mod line;
mod paint;
pub mod presets;
pub mod progress;
pub mod replay;
pub mod run;
pub mod run_file;
pub mod runs;
pub mod secret;
pub mod settings;
pub mod stop;
pub mod tiers;
pub mod up;

use cli::Command;
use settings::{Invocation, Refused};

/// Exit status for a wrong command line or configuration, as by convention.
const USAGE: u8 = 2;

/// Does what the command line asks for.
pub fn run(args: impl IntoIterator<Item = OsString>) -> ExitCode {
    let invocation = match settings::read(args) {
        Ok(invocation) => invocation,
        Err(Refused::CommandLine(error)) => {
            let _ = error.print();
            return ExitCode::from(u8::try_from(error.exit_code()).unwrap_or(USAGE));
        }
        Err(Refused::File(error)) => {
            eprintln!("error: {error:#}");
            return ExitCode::from(USAGE);
        }
    };
    match log(&invocation.cli).and_then(|()| execute(invocation)) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => hint::report(&error),
    }
}

fn execute(Invocation { cli, agents: specs }: Invocation) -> anyhow::Result<()> {
    let directories = directories::Directories::find(cli.global.data_dir.as_deref())?;
    match cli.command {
        Command::Up(up) => block_on(up::up(up, specs, directories)),
        Command::Controller(controller) => block_on(tiers::controller(controller, directories)),
        Command::Manager(manager) => block_on(tiers::manager(manager, specs, directories)),
        Command::Client(command) => clients::execute(command, &directories),
        Command::Agent(command) => agents::execute(command, &directories),
        Command::Connect(connect) => block_on(connect::connect(connect, directories)),
        Command::Run(run) => block_on(run::run(run, directories)),
        Command::Replay(replay) => block_on(replay::replay(replay, directories)),
        Command::Runs(command) => block_on(runs::execute(command, directories)),
        Command::Conversations(command) => block_on(conversations::execute(command, directories)),
        Command::Health { url } => health::execute(url.as_deref()),
    }
}

fn block_on(work: impl Future<Output = anyhow::Result<()>>) -> anyhow::Result<()> {
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    let result = runtime.block_on(work);
    // A read of stdin cannot be interrupted; waiting for it would hold the exit until Enter is pressed.
    runtime.shutdown_background();
    result
}

/// Logs go to stderr, so that stdout is what was asked for.
fn log(cli: &cli::Cli) -> anyhow::Result<()> {
    let servers = matches!(cli.command, Command::Controller(_) | Command::Manager(_));
    let default = if servers { "info" } else { "warn" };
    let filter = EnvFilter::try_new(cli.global.log.as_deref().unwrap_or(default))?;
    tracing_subscriber::fmt().with_env_filter(filter).with_writer(std::io::stderr).init();
    Ok(())
}
