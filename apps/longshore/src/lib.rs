//! The `longshore` program: starts the tiers, and talks to a controller from the command line.
//!
//! [`cli`] and [`settings`] say what can be asked for, [`up`] starts both tiers in one process, [`tiers`] each
//! alone; [`life`] is what they have in common, [`server`] and [`spawn`] start and stop them in the background. [`connect`], [`mod@run`],
//! [`replay`], [`runs`] and [`conversations`] talk to agents over a controller's Socket.IO namespace; [`clients`], [`agents`],
//! [`tokens`] and [`audit`] use its REST interface ([`api`]).

use std::ffi::OsString;
use std::io::IsTerminal;
use std::process::ExitCode;

use tracing_subscriber::EnvFilter;
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::util::SubscriberInitExt;

pub mod agents;
pub mod api;
pub mod audit;
pub mod backup;
mod choose;
pub mod cli;
pub mod clients;
pub mod connect;
pub mod conversations;
pub mod directories;
pub mod doctor;
pub mod health;
pub mod hint;
pub mod https;
pub mod idle;
pub mod life;
mod line;
pub mod log_file;
mod logs;
pub mod manual;
pub mod otlp;
mod out;
mod paint;
pub mod presets;
pub mod process;
pub mod progress;
pub mod reload;
pub mod replay;
pub mod restart;
pub mod restore;
pub mod run;
pub mod run_file;
pub mod runs;
pub mod secret;
pub mod server;
pub mod settings;
pub mod spawn;
pub mod stop;
pub mod systemd;
pub mod table;
pub mod tiers;
pub mod tokens;
pub mod up;

use cli::Command;
use cli::logging::LogFormat;
use log_file::LogFile;
use logs::Lines;
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

fn execute(invocation: Invocation) -> anyhow::Result<()> {
    let Invocation { cli, agents: specs, file, problem, source } = invocation;
    if let Some(problem) = &problem
        && !matches!(cli.command, Command::Doctor(_))
    {
        eprintln!("warning: settings of the file are left out: {problem:#}");
    }
    let directories = directories::Directories::find(cli.global.data_dir.as_deref())?;
    match cli.command {
        Command::Up(up) => block_on(up::up(up, specs, directories, source))?.go(),
        Command::Controller(args) => block_on(tiers::controller(args, directories, source))?.go(),
        Command::Manager(args) => block_on(tiers::manager(args, specs, directories, source))?.go(),
        Command::Server(command) => {
            block_on(server::execute(command, cli.global.config, directories))
        }
        Command::Client(command) => clients::execute(command, &directories),
        Command::Agent(command) => agents::execute(command, &directories),
        Command::Connect(mut connect) => {
            connect.spawn.config = cli.global.config;
            block_on(connect::connect(connect, directories))
        }
        Command::Run(mut run) => {
            run.spawn.config = cli.global.config;
            block_on(run::run(run, directories))
        }
        Command::Replay(mut replay) => {
            replay.spawn.config = cli.global.config;
            block_on(replay::replay(replay, directories))
        }
        Command::Runs(command) => block_on(runs::execute(command, directories)),
        Command::Conversations(command) => block_on(conversations::execute(command, directories)),
        Command::Token(command) => tokens::execute(command, &directories),
        Command::Audit(audit) => audit::execute(&audit, &directories),
        Command::Health { url, ca_file, json } => {
            health::execute(url.as_deref(), ca_file.as_deref(), json, &directories)
        }
        Command::Doctor(args) => doctor::execute(args, file, problem, directories),
        Command::Backup(args) => block_on(backup::execute(args, file, directories)),
        Command::Completions(args) => manual::completions(&args),
        Command::Man(args) => manual::man(&args),
        Command::Restore(args) => block_on(restore::execute(args, directories)),
    }
}

fn block_on<T>(work: impl Future<Output = anyhow::Result<T>>) -> anyhow::Result<T> {
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    let result = runtime.block_on(work);
    // A read of stdin cannot be interrupted; waiting for it would hold the exit until Enter is pressed.
    runtime.shutdown_background();
    result
}

/// Logs go to a file, or to stderr, so that stdout is what was asked for.
fn log(cli: &cli::Cli) -> anyhow::Result<()> {
    let (filter, handle) = tracing_subscriber::reload::Layer::new(log_filter(cli)?);
    reload::keep_filter(move |filter| Ok(handle.reload(filter)?));
    let file = log_file(cli).map(|(path, is_stderr)| LogFile::open(path, is_stderr)).transpose()?;
    let (format, tier) = match &cli.command {
        Command::Up(up) => (up.server.telling.log_format, None),
        Command::Controller(args) => (args.server.telling.log_format, Some("controller")),
        Command::Manager(args) => (args.server.telling.log_format, Some("manager")),
        // What is run by people tells people, wherever they have it written to.
        _ => (LogFormat::Text, None),
    };
    tracing_subscriber::registry().with(filter).with(Lines::new(format, tier, file)).init();
    Ok(())
}

/// What is logged, by the settings.
fn log_filter(cli: &cli::Cli) -> anyhow::Result<EnvFilter> {
    let default = default_filter(cli, std::io::stderr().is_terminal());
    Ok(EnvFilter::try_new(cli.global.log.as_deref().unwrap_or(default))?)
}

/// Servers tell what they do; to people who have just started one on their terminal that would only be noise.
fn default_filter(cli: &cli::Cli, is_terminal: bool) -> &'static str {
    match cli.command {
        Command::Up(_) if is_terminal && log_file(cli).is_none() => "warn",
        Command::Up(_) | Command::Controller(_) | Command::Manager(_) => "info",
        _ => "warn",
    }
}

/// Where it is logged, and whether what others write to stderr goes there, too.
fn log_file(cli: &cli::Cli) -> Option<(&std::path::Path, bool)> {
    let life = cli.command.life()?;
    Some((life.log_file.as_deref()?, life.background))
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;

    #[test]
    fn servers_log_what_they_do_unless_people_look_on() {
        let filter = |args: &[&str], is_terminal| {
            let args = ["longshore"].iter().chain(args);
            default_filter(&cli::Cli::parse_from(args), is_terminal)
        };

        assert_eq!(filter(&["up"], false), "info");
        assert_eq!(filter(&["up"], true), "warn");
        assert_eq!(filter(&["up", "--log-file=/tmp/x"], true), "info");
        assert_eq!(filter(&["controller"], true), "info");
        assert_eq!(filter(&["health"], false), "warn");
    }
}
