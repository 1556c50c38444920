//! `longshore server`: the servers that run on this machine, with this data directory.

mod ask;
mod logs;
mod status;
mod stop;

use std::path::PathBuf;

use serde_json::json;

use crate::cli::{ServerCommand, Start};
use crate::directories::Directories;
use crate::out::{self, say};
use crate::spawn::{self, Found};
use crate::tiers;

/// What is said when there is none. That is no error for who wants it stopped.
const NONE: &str = "Server is not running.";

/// Starts, asks or stops a server.
///
/// # Errors
/// What could not be done.
pub async fn execute(
    command: ServerCommand,
    config: Option<PathBuf>,
    directories: Directories,
) -> anyhow::Result<()> {
    match command {
        ServerCommand::Start(args) => start(args, config, &directories).await,
        ServerCommand::Status { json } => status::execute(json, &directories).await,
        ServerCommand::Stop { deadline, force, json } => {
            stop::execute(deadline, force, json, &directories).await
        }
        ServerCommand::Restart { deadline, json } => {
            stop::restart(deadline, json, &directories).await
        }
        ServerCommand::Logs { follow, lines } => logs::execute(follow, lines, &directories).await,
    }
}

async fn start(
    args: Start,
    config: Option<PathBuf>,
    directories: &Directories,
) -> anyhow::Result<()> {
    let say = |text: &str| eprintln!("{text}");
    let (here, found) = spawn::start(&args.flags, config.as_deref(), directories, say).await?;
    if found == Found::Running {
        eprintln!("longshore is running already.");
    }
    let url = tiers::login_url(&here.url, &here.token);
    if args.json {
        let pid = here.running.as_ref().map(|running| running.process.pid);
        let started = found == Found::Started;
        let token = &here.token;
        return out::json(&json!({ "url": url, "token": token, "pid": pid, "started": started }));
    }
    say!("{url}");
    Ok(())
}
