//! `longshore server status`.

use std::time::Duration;

use protocol::Timestamp;
use serde::{Deserialize, Serialize};

use super::NONE;
use crate::api::{Api, Controller};
use crate::directories::Directories;
use crate::hint::Status as Exit;
use crate::out::say;
use crate::run_file::{Kind, RunFile};

/// How long a server may take to say that it is there.
const ANSWER: Duration = Duration::from_secs(5);

/// What is known of a server.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct Status {
    url: String,
    /// Whether it answers there.
    answers: bool,
    #[serde(flatten, skip_serializing_if = "Option::is_none")]
    process: Option<About>,
    /// What a controller says of itself.
    #[serde(flatten, skip_serializing_if = "Option::is_none")]
    controller: Option<Reported>,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct About {
    pid: u32,
    kind: Kind,
    version: String,
    uptime_secs: u64,
    data_dir: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    log: Option<String>,
    stopping: bool,
}

/// Of `GET /api/server`.
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Reported {
    viewers: u64,
    #[serde(default)]
    runs: u64,
    #[serde(rename(serialize = "managers"))]
    clients: Vec<Manager>,
}

#[derive(Debug, Serialize, Deserialize)]
struct Manager {
    name: String,
    #[serde(default)]
    connected: bool,
}

/// Says how the servers are that run here. Status 0 if one does, and all of them answer.
pub(super) async fn execute(json: bool, directories: &Directories) -> anyhow::Result<()> {
    let servers = RunFile::all(&directories.run)?;
    let all = tokio::task::spawn_blocking(|| servers.into_iter().map(look).collect::<Vec<_>>());
    // A file of an older version does not say whether its server has ended.
    let all: Vec<Status> = all
        .await?
        .into_iter()
        .filter(|status| status.answers || status.process.is_some())
        .collect();
    let is_well = !all.is_empty() && all.iter().all(|status| status.answers);
    if json {
        let running = !all.is_empty();
        say!("{}", serde_json::json!({ "running": running, "ok": is_well, "servers": all }));
    } else if all.is_empty() {
        say!("{NONE}");
    } else {
        all.iter().for_each(show);
    }
    if is_well { Ok(()) } else { Err(Exit(1).into()) }
}

fn look(server: RunFile) -> Status {
    let now = Timestamp::now().as_millis();
    let process = server.running.as_ref().map(|running| About {
        pid: running.process.pid,
        kind: running.kind,
        version: running.version.clone(),
        uptime_secs: now.saturating_sub(running.started_at.as_millis()) / 1_000,
        data_dir: running.data_dir.clone(),
        log: running.log.as_ref().map(|path| path.display().to_string()),
        stopping: running.stopping,
    });
    let answers = server.answers(ANSWER);
    let kind = server.kind();
    let api = Controller {
        url: server.url.clone(),
        token: server.token,
        local: None,
        ca_file: server.ca_file,
    };
    let controller =
        (answers && kind != Kind::Manager).then(|| Api::new(api).get("/api/server").ok()).flatten();
    Status { url: server.url, answers, process, controller }
}

fn show(status: &Status) {
    let kind = status.process.as_ref().map_or(Kind::Controller, |process| process.kind);
    let what = match kind {
        Kind::Up => "longshore",
        Kind::Controller => "The controller",
        Kind::Manager => "The manager",
    };
    let stopping = status.process.as_ref().is_some_and(|process| process.stopping);
    let how = match (status.answers, stopping) {
        (_, true) => "is stopping",
        (true, false) => "is running",
        (false, false) => "is running and does not answer",
    };
    say!("{what} {how}: {}", status.url);
    let line = |name: &str, value: String| say!("  {name:<9} {value}");
    if let Some(about) = &status.process {
        line("pid", about.pid.to_string());
        line("version", about.version.clone());
        line("uptime", span(about.uptime_secs));
        line("data", about.data_dir.clone());
        about.log.iter().for_each(|log| line("log", log.clone()));
    }
    if let Some(reported) = &status.controller {
        line("viewers", reported.viewers.to_string());
        line("runs", reported.runs.to_string());
        let connected = reported.clients.iter().filter(|manager| manager.connected).count();
        line("managers", format!("{connected} of {} connected", reported.clients.len()));
    }
}

/// The two largest units.
fn span(seconds: u64) -> String {
    let (minutes, hours, days) = (seconds / 60, seconds / 3_600, seconds / 86_400);
    match (days, hours, minutes) {
        (0, 0, 0) => format!("{seconds} s"),
        (0, 0, _) => format!("{minutes} min {} s", seconds % 60),
        (0, _, _) => format!("{hours} h {} min", minutes % 60),
        _ => format!("{days} d {} h", hours % 24),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_span_is_told_in_its_two_largest_units() {
        assert_eq!(span(59), "59 s");
        assert_eq!(span(61), "1 min 1 s");
        assert_eq!(span(7_325), "2 h 2 min");
        assert_eq!(span(90_000), "1 d 1 h");
    }
}
