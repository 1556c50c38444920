//! `longshore server stop` and `restart`.

use std::time::Duration;

use anyhow::{Context, anyhow, bail};
use protocol::Timestamp;
use protocol::lifecycle::Shutdown;
use rustix::process::Signal;
use serde::Serialize;
use serde_json::json;
use tokio::time::{Instant, sleep, timeout};

use super::{NONE, ask};
use crate::directories::Directories;
use crate::hint::hinted;
use crate::out::{self, say};
use crate::run_file::{Kind, RunFile};

/// How long a server has before it is killed, with `--force`.
const FORCE: Duration = Duration::from_secs(5);
/// How long ending may take once what runs is out of time. The usual grace period is 10 s, and a slow disk has to be closed.
const ENDING: Duration = Duration::from_secs(60);
/// How long a killed process may take to be gone.
const KILLED: Duration = Duration::from_secs(10);
/// How often it is looked.
const LOOK: Duration = Duration::from_millis(50);

/// What became of a server.
#[derive(Clone, Copy, Serialize)]
#[serde(rename_all = "camelCase")]
enum Fate {
    Stopped,
    Killed,
    Restarted,
}

/// Says so.
fn tell(server: &RunFile, fate: Fate, json: bool) -> anyhow::Result<()> {
    if json {
        let pid = server.running.as_ref().map(|running| running.process.pid);
        return out::json(&json!({ "kind": server.kind(), "pid": pid, "state": fate }));
    }
    let how = match fate {
        Fate::Stopped => "stopped",
        Fate::Killed => "killed",
        Fate::Restarted => "restarted",
    };
    say!("{} {how}.", name(server));
    Ok(())
}

/// Stops what runs here. That nothing does is no error: it is what was asked for.
pub(super) async fn execute(
    deadline: Option<Duration>,
    force: bool,
    json: bool,
    directories: &Directories,
) -> anyhow::Result<()> {
    let servers = RunFile::all(&directories.run)?;
    if servers.is_empty() && !json {
        say!("{NONE}");
    }
    // A manager first: viewers see how its runs end. One that does not stop keeps the other from nothing.
    let mut result = Ok(());
    for server in servers {
        let stopped = stop(&server, deadline, force, json, directories).await;
        result = match (result, stopped) {
            (Err(first), Err(error)) => {
                eprintln!("error: {error:#}");
                Err(first)
            }
            (first, stopped) => first.and(stopped),
        };
    }
    result
}

async fn stop(
    server: &RunFile,
    deadline: Option<Duration>,
    force: bool,
    json: bool,
    directories: &Directories,
) -> anyhow::Result<()> {
    let begin = begin(server, deadline, false, directories);
    let patience = if force {
        timeout(FORCE, begin).await.ok();
        FORCE
    } else {
        begin.await? + ENDING
    };
    if timeout(patience, ended(server)).await.is_ok() {
        return tell(server, Fate::Stopped, json);
    }
    if !force {
        let seconds = patience.as_secs();
        return Err(hinted(
            anyhow!("{} has not stopped after {seconds} s", name(server)),
            "longshore server stop --force",
        ));
    }
    server.signal(&directories.run, Signal::KILL).context("kill the server")?;
    timeout(KILLED, ended(server)).await.context("the server was killed and is still there")?;
    server.clean(&directories.run);
    tell(server, Fate::Killed, json)
}

/// Tells it to stop; gives how long open runs may go on. One that does not listen gets the signal.
async fn begin(
    server: &RunFile,
    deadline: Option<Duration>,
    restart: bool,
    directories: &Directories,
) -> anyhow::Result<Duration> {
    let deadline_ms = deadline.map(|d| u64::try_from(d.as_millis()).unwrap_or(u64::MAX));
    match ask::shutdown(server, Shutdown { deadline_ms, restart }).await {
        Ok(stopping) => Ok(Duration::from_millis(stopping.deadline_ms)),
        Err(error) if restart => Err(error),
        Err(error) => {
            tracing::debug!(error = format!("{error:#}"), "not asked, signalled");
            server.signal(&directories.run, Signal::TERM)?;
            Ok(deadline.unwrap_or_default())
        }
    }
}

/// Waits until its process is gone.
async fn ended(server: &RunFile) {
    while !server.is_over() {
        sleep(LOOK).await;
    }
}

/// Has what runs here start again, and waits until it is ready.
pub(super) async fn restart(
    deadline: Option<Duration>,
    json: bool,
    directories: &Directories,
) -> anyhow::Result<()> {
    let servers = RunFile::all(&directories.run)?;
    if servers.is_empty() {
        return Err(hinted(anyhow!("server is not running"), "longshore server start"));
    }
    for server in servers {
        let running = server.running.as_ref().context("this server is too old to be restarted")?;
        let drain = begin(&server, deadline, true, directories).await?;
        let until = Instant::now() + drain + ENDING;
        while !is_back(&server, running.started_at, directories).await? {
            if server.is_over() {
                return Err(hinted(
                    anyhow!("{} has ended and not started again", name(&server)),
                    "longshore server logs",
                ));
            }
            if Instant::now() > until {
                bail!("{} is not ready again in time", name(&server));
            }
            sleep(LOOK).await;
        }
        tell(&server, Fate::Restarted, json)?;
    }
    Ok(())
}

/// Whether it serves since another time than that.
async fn is_back(
    server: &RunFile,
    before: Timestamp,
    directories: &Directories,
) -> anyhow::Result<bool> {
    let kind = server.kind();
    let all = RunFile::all(&directories.run)?;
    let Some(now) = all.into_iter().find(|now| now.kind() == kind) else { return Ok(false) };
    if now.running.as_ref().is_none_or(|running| running.started_at == before) {
        return Ok(false);
    }
    Ok(tokio::task::spawn_blocking(move || now.answers(ENDING)).await?)
}

fn name(server: &RunFile) -> &'static str {
    match server.kind() {
        Kind::Up => "longshore",
        Kind::Controller => "The controller",
        Kind::Manager => "The manager",
    }
}
