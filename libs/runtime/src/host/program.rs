//! A program that can be started.

use std::collections::BTreeMap;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;

use protocol::agents::{OutputStream, RunReason};
use protocol::spec::Host;
use tokio::process;
use tokio::time::timeout;

use super::child::Child;
use super::container::{Leftover, Plan};
use super::environment::environment;
use super::process::{Activity, Process};
use crate::framing::Framing;
use crate::site::Site;

/// Longest line that a version is.
const VERSION: usize = 256;

/// What to start.
#[derive(Debug)]
pub(crate) enum Program {
    Command(Command),
    Container(Box<Plan>),
}

/// A program of the manager's machine.
#[derive(Debug, Clone)]
pub(crate) struct Command {
    command: String,
    args: Vec<String>,
    env: BTreeMap<String, String>,
    /// Where the configuration says that it runs; it has to be there.
    cwd: Option<PathBuf>,
    /// Where it runs otherwise; created.
    workdir: PathBuf,
}

/// The program could not be started.
#[derive(Debug, thiserror::Error)]
#[error("cannot start {program}: {problem}")]
pub(crate) struct StartError {
    program: String,
    problem: String,
    reason: RunReason,
}

impl StartError {
    /// What it is, for programs.
    pub(crate) fn reason(&self) -> RunReason {
        self.reason
    }
}

impl Program {
    /// What an agent's configuration says.
    ///
    /// # Errors
    /// What is wrong, for people.
    pub(crate) fn new(host: Option<Host>, site: &Site) -> Result<Self, String> {
        match host {
            None => Err("no program is configured".to_owned()),
            Some(Host::Process { command, args, env, cwd }) => {
                let workdir = site.workdir().to_owned();
                Ok(Self::Command(Command { command, args, env, cwd, workdir }))
            }
            Some(Host::Docker(docker)) => Ok(Self::Container(Box::new(Plan::new(docker, site)?))),
        }
    }

    /// Its name, for people.
    pub(crate) fn name(&self) -> String {
        match self {
            Self::Command(command) => file_name(&command.command),
            Self::Container(plan) => plan.name(),
        }
    }

    /// The same with other arguments.
    pub(crate) fn with_args(&self, args: Vec<String>) -> Self {
        match self {
            Self::Command(command) => Self::Command(Command { args, ..command.clone() }),
            Self::Container(plan) => Self::Container(Box::new(plan.with_args(args))),
        }
    }

    /// The same for a program that is to see the end of its input.
    pub(crate) fn with_ending_input(self) -> Self {
        match self {
            Self::Command(command) => Self::Command(command),
            Self::Container(plan) => Self::Container(Box::new(plan.with_ending_input())),
        }
    }

    /// Its arguments, as configured.
    pub(crate) fn args(&self) -> &[String] {
        match self {
            Self::Command(command) => &command.args,
            Self::Container(plan) => plan.args(),
        }
    }

    /// Where it runs, as it sees it itself.
    pub(crate) fn directory(&self) -> &Path {
        match self {
            Self::Command(command) => command.cwd.as_ref().unwrap_or(&command.workdir),
            Self::Container(plan) => plan.directory(),
        }
    }

    /// The first line of what it prints for `--version`, within 5 s. Nothing of a container, which would be made for it.
    pub(crate) async fn version(&self) -> Option<String> {
        let Self::Command(command) = self else { return None };
        let asking = Command { args: vec!["--version".to_owned()], ..command.clone() };
        let mut process = Process::Child(Box::new(asking.start().await.ok()?));
        let mut stdout = Framing::new(VERSION);
        let said = async {
            loop {
                match process.next().await {
                    Activity::Output(OutputStream::Stdout, bytes) => {
                        if let Some(line) = stdout.push(&bytes).into_iter().next() {
                            return Some(line.text);
                        }
                    }
                    Activity::Exited { .. } => return stdout.take_tail().map(|line| line.text),
                    _ => {}
                }
            }
        };
        let said = timeout(Duration::from_secs(5), said).await.ok().flatten();
        process.end(Duration::from_secs(1)).await;
        said.filter(|line| !line.trim().is_empty())
    }

    /// Looks whether it is there. Of a container that is known once it is started.
    ///
    /// # Errors
    /// It is not, for people.
    pub(crate) fn find(&self) -> Result<(), String> {
        let Self::Command(Command { command, env, .. }) = self else { return Ok(()) };
        let ours = || std::env::var_os("PATH").unwrap_or_default();
        let path = env.get("PATH").map_or_else(ours, Into::into);
        let is_program = |file: &Path| {
            file.metadata()
                .is_ok_and(|file| file.is_file() && file.permissions().mode() & 0o111 != 0)
        };
        let found = match command.contains('/') {
            true => is_program(&self.directory().join(command)),
            false => {
                std::env::split_paths(&path).any(|directory| is_program(&directory.join(command)))
            }
        };
        found.then_some(()).ok_or_else(|| format!("there is no program {command}"))
    }

    /// Starts it. For a container this takes as long as it takes to pull its image, unless the turn is cancelled or the
    /// session stopped meanwhile; one that still runs is stopped first.
    pub(crate) async fn start(&self) -> Result<Process, StartError> {
        self.begin(Leftover::Stop).await
    }

    /// The same, but a container that still runs when its session begins, because its manager was killed, is taken over
    /// as it is. For programs that can be told anything at any time.
    pub(crate) async fn start_or_adopt(&self) -> Result<Process, StartError> {
        self.begin(Leftover::Adopt).await
    }

    async fn begin(&self, leftover: Leftover) -> Result<Process, StartError> {
        let started = match self {
            Self::Command(command) => {
                command.start().await.map(|child| Process::Child(Box::new(child))).map_err(
                    |problem| (command.command.clone(), problem, RunReason::AgentUnavailable),
                )
            }
            Self::Container(plan) => plan
                .start(leftover)
                .await
                .map(|container| Process::Container(Box::new(container)))
                .map_err(|problem| (plan.name(), problem.to_string(), problem.reason())),
        };
        started.map_err(|(program, problem, reason)| StartError { program, problem, reason })
    }
}

impl Command {
    async fn start(&self) -> Result<Child, String> {
        let directory = match &self.cwd {
            // Checked here, as a failed start does not tell a missing directory from a missing program.
            Some(cwd) => tokio::fs::metadata(cwd).await.map(|_| cwd),
            None => tokio::fs::create_dir_all(&self.workdir).await.map(|()| &self.workdir),
        };
        let directory = directory.map_err(|error| {
            let directory = self.cwd.as_ref().unwrap_or(&self.workdir);
            format!("working directory {}: {error}", directory.display())
        })?;
        let mut command = process::Command::new(&self.command);
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
        Ok(Child::new(child, &self.workdir))
    }
}

/// The last part of a path.
pub(super) fn file_name(path: &str) -> String {
    let path = Path::new(path);
    path.file_name().unwrap_or(path.as_os_str()).to_string_lossy().into_owned()
}
