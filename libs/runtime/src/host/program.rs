//! A program that can be started.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::process::Stdio;

use tokio::process::Command;

use super::environment::environment;
use super::process::Process;

/// What to start.
#[derive(Debug, Clone)]
pub(crate) struct Program {
    pub(crate) command: String,
    pub(crate) args: Vec<String>,
    pub(crate) env: BTreeMap<String, String>,
    /// Where the configuration says that it runs; it has to be there.
    pub(crate) cwd: Option<PathBuf>,
    /// Where it runs otherwise; created.
    pub(crate) workdir: PathBuf,
}

/// The program could not be started.
#[derive(Debug, thiserror::Error)]
#[error("cannot start {command}: {problem}")]
pub(crate) struct StartError {
    command: String,
    problem: String,
}

impl Program {
    /// Starts it.
    pub(crate) async fn start(&self) -> Result<Process, StartError> {
        self.try_start()
            .await
            .map_err(|problem| StartError { command: self.command.clone(), problem })
    }

    async fn try_start(&self) -> Result<Process, String> {
        let directory = match &self.cwd {
            // Checked here, as a failed start does not tell a missing directory from a missing program.
            Some(cwd) => tokio::fs::metadata(cwd).await.map(|_| cwd),
            None => tokio::fs::create_dir_all(&self.workdir).await.map(|()| &self.workdir),
        };
        let directory = directory.map_err(|error| {
            let directory = self.cwd.as_ref().unwrap_or(&self.workdir);
            format!("working directory {}: {error}", directory.display())
        })?;
        let mut command = Command::new(&self.command);
        command
            .args(&self.args)
            .env_clear()
            .envs(environment(std::env::vars_os(), &self.env))
            .current_dir(directory)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .process_group(0)
            .kill_on_drop(true);
        // Off the async workers: starting a program waits for the disk.
        let started = tokio::task::spawn_blocking(move || command.spawn()).await;
        let child =
            started.map_err(|error| error.to_string())?.map_err(|error| error.to_string())?;
        Ok(Process::new(child, &self.workdir))
    }
}
