//! `longshore health`: whether a server is ready, for whatever starts it again when it is not.

use std::time::Duration;

use anyhow::{Context, bail};
use serde::Deserialize;

/// Longest wait for an answer, which takes one read of a database.
const TIMEOUT: Duration = Duration::from_secs(5);

/// Where the tiers listen when nothing else is said.
const USUAL: [&str; 2] = ["http://127.0.0.1:8081", "http://127.0.0.1:8080"];

/// Asks the server at `url`; without one, those of the usual ports, of which one is enough.
///
/// # Errors
/// It does not answer, or that it is not ready.
pub fn execute(url: Option<&str>) -> anyhow::Result<()> {
    match url {
        Some(url) => ready(url),
        None => USUAL.into_iter().map(ready).reduce(Result::or).unwrap_or(Ok(())),
    }
}

/// Prints what is not as it could be; what keeps the server from serving is the error.
fn ready(url: &str) -> anyhow::Result<()> {
    let config =
        ureq::Agent::config_builder().http_status_as_error(false).timeout_global(Some(TIMEOUT));
    let agent: ureq::Agent = config.build().into();
    let place = format!("{}/ready", url.trim_end_matches('/'));
    let mut answer = agent.get(&place).call().with_context(|| format!("ask {place}"))?;
    let status = answer.status();
    // Another server than ours may be there, and say what it likes.
    let told: Told = answer.body_mut().read_json().unwrap_or_default();
    let problems: Vec<String> = told.checks.iter().filter_map(Check::problem).collect();
    if status.is_success() {
        problems.iter().for_each(|problem| println!("{problem}"));
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
