//! `longshore health`: whether a server is ready, for whatever starts it again when it is not.

use std::path::Path;
use std::time::Duration;

use anyhow::{Context, ensure};

use crate::directories::Directories;
use crate::https;
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

fn ready(url: &str, ca_file: Option<&Path>) -> anyhow::Result<()> {
    let agent = https::agent(ca_file, TIMEOUT);
    let place = format!("{}/ready", url.trim_end_matches('/'));
    let answer = agent.get(&place).call().with_context(|| format!("ask {place}"))?;
    ensure!(answer.status().is_success(), "{place} says {}", answer.status());
    Ok(())
}
