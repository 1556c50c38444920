//! `longshore health`: whether a server is ready, for whatever starts it again when it is not.

use std::path::Path;
use std::time::Duration;

use anyhow::{Context, bail};
use serde::Deserialize;

use crate::directories::Directories;
use crate::https;
use crate::out::say;
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
    directories: &Directories,
) -> anyhow::Result<()> {
    if let Some(url) = url {
        return ready(url, ca_file);
    }
    // One that cannot be read says nothing about whether somebody listens.
    let here = RunFile::read(&directories.run).ok().flatten();
    if here.is_some_and(|here| ready(&here.url, ca_file.or(here.ca_file.as_deref())).is_ok()) {
        return Ok(());
    }
    USUAL.into_iter().map(|url| ready(url, ca_file)).reduce(Result::or).unwrap_or(Ok(()))
}

/// Prints what is not as it could be; what keeps the server from serving is the error.
fn ready(url: &str, ca_file: Option<&Path>) -> anyhow::Result<()> {
    let agent = https::agent(ca_file, TIMEOUT);
    let place = format!("{}/ready", url.trim_end_matches('/'));
    let mut answer = agent.get(&place).call().with_context(|| format!("ask {place}"))?;
    let status = answer.status();
    // Another server than ours may be there, and say what it likes.
    let told: Told = answer.body_mut().read_json().unwrap_or_default();
    let problems: Vec<String> = told.checks.iter().filter_map(Check::problem).collect();
    if status.is_success() {
        problems.iter().for_each(|problem| say!("{problem}"));
        return Ok(());
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
