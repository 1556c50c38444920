//! `longshore health`: whether a server is ready, for whatever starts it again when it is not.

use std::path::Path;
use std::time::Duration;

use anyhow::{Context, bail};
use serde::Deserialize;
use serde_json::json;

use crate::directories::Directories;
use crate::https;
use crate::out::{self, say};
use crate::run_file::RunFile;

/// Longest wait for an answer, which takes one read of a database.
const TIMEOUT: Duration = Duration::from_secs(5);

/// Where the tiers listen when nothing else is said.
const USUAL: [&str; 2] = ["http://127.0.0.1:8081", "http://127.0.0.1:8080"];

/// Asks the server at `url`; without one, the controller that runs here and those of the usual ports, of which one is enough.
///
/// # Errors
/// It does not answer, or that it is not ready.
pub fn execute(
    url: Option<&str>,
    ca_file: Option<&Path>,
    json: bool,
    directories: &Directories,
) -> anyhow::Result<()> {
    let found = find(url, ca_file, directories);
    if json {
        let (url, problems) = found.as_ref().ok().map(|it| (&it.url, &it.problems)).unzip();
        let reason = found.as_ref().err().map(|error| format!("{error:#}"));
        out::json(
            &json!({ "ok": found.is_ok(), "url": url, "problems": problems, "reason": reason }),
        )?;
    }
    let Ready { problems, .. } = found?;
    if !json {
        problems.iter().for_each(|problem| say!("{problem}"));
    }
    Ok(())
}

/// A server that is ready, and what is not as it could be there.
struct Ready {
    url: String,
    problems: Vec<String>,
}

fn find(
    url: Option<&str>,
    ca_file: Option<&Path>,
    directories: &Directories,
) -> anyhow::Result<Ready> {
    if let Some(url) = url {
        return ready(url, ca_file);
    }
    // One that cannot be read says nothing about whether somebody listens.
    let here = RunFile::read(&directories.run).ok().flatten();
    if let Some(here) = here
        && let Ok(ready) = ready(&here.url, ca_file.or(here.ca_file.as_deref()))
    {
        return Ok(ready);
    }
    let [controller, manager] = USUAL;
    ready(controller, ca_file).or_else(|_| ready(manager, ca_file))
}

/// What keeps the server from serving is the error.
fn ready(url: &str, ca_file: Option<&Path>) -> anyhow::Result<Ready> {
    let agent = https::agent(ca_file, TIMEOUT);
    let place = format!("{}/ready", url.trim_end_matches('/'));
    let mut answer = agent.get(&place).call().with_context(|| format!("ask {place}"))?;
    let status = answer.status();
    // Another server than ours may be there, and say what it likes.
    let told: Told = answer.body_mut().read_json().unwrap_or_default();
    let problems: Vec<String> = told.checks.iter().filter_map(Check::problem).collect();
    if status.is_success() {
        return Ok(Ready { url: url.to_owned(), problems });
    }
    let reasons =
        if problems.is_empty() { String::new() } else { format!(": {}", problems.join("; ")) };
    bail!("{place} says {status}{reasons}")
}

/// What `/ready` answers.
#[derive(Debug, Default, Deserialize)]
struct Told {
    #[serde(default)]
    checks: Vec<Check>,
}

#[derive(Debug, Deserialize)]
struct Check {
    name: String,
    ok: bool,
    #[serde(default)]
    reason: Option<String>,
}

impl Check {
    fn problem(&self) -> Option<String> {
        let reason = self.reason.as_deref().unwrap_or("not well");
        (!self.ok).then(|| format!("{}: {reason}", self.name))
    }
}
