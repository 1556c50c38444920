//! `longshore health`: whether a server is ready, for whatever starts it again when it is not.

use std::time::Duration;

use anyhow::{Context, ensure};

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

fn ready(url: &str) -> anyhow::Result<()> {
    let config =
        ureq::Agent::config_builder().http_status_as_error(false).timeout_global(Some(TIMEOUT));
    let agent: ureq::Agent = config.build().into();
    let place = format!("{}/ready", url.trim_end_matches('/'));
    let answer = agent.get(&place).call().with_context(|| format!("ask {place}"))?;
    ensure!(answer.status().is_success(), "{place} says {}", answer.status());
    Ok(())
}
