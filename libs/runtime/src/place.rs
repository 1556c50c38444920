//! Where an agent's program runs, for what is done there besides it: terminals, files, statistics.

mod contained;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use protocol::spec::{AgentSpec, Host};

use crate::files::{FileError, Files};
use crate::meter::Meter;
use crate::site::Home;
use crate::terminal::{Shell, Terminal};
pub use contained::Contained;

/// The program that every system has.
const SHELL: &str = "/bin/sh";

/// Where an agent's program runs. One variant for each host.
#[derive(Debug, Clone)]
pub enum Place {
    /// The machine of the manager.
    Process(Local),
    /// Containers.
    Docker(Contained),
}

/// A place on this machine.
#[derive(Clone)]
pub struct Local {
    /// The agent's own directory.
    pub(crate) home: PathBuf,
    /// The working directory, where the configuration names one. It has to be there.
    cwd: Option<PathBuf>,
    pub(crate) env: BTreeMap<String, String>,
}

impl std::fmt::Debug for Local {
    /// Values of the environment may be secrets.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Local").field("directory", &self.directory()).finish_non_exhaustive()
    }
}

/// The agent's host does not have this.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Unsupported {
    /// There is no program, and nowhere that it runs.
    #[error("The agent is built in: it has no terminals, no files and no processes")]
    BuiltIn,
    /// It runs in a container, and whoever asks knows of none.
    #[error("There are no containers here")]
    NoContainers,
    /// Its working directory is not its own directory on the manager's machine.
    #[error(
        "The agent's container has a working directory of its own: its files are not reached from here"
    )]
    OtherDirectory,
}

/// A terminal could not be started.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum StartError {
    /// There is nothing that it could run in.
    #[error("The agent's container does not run in this conversation; a message starts it")]
    NotRunning,
    /// Its program does not start.
    #[error("cannot start {shell}: {problem}")]
    Shell {
        /// What was to be started.
        shell: String,
        /// Why not, for people.
        problem: String,
    },
}

impl Place {
    /// Where the agent's program runs. It runs in the agent's own directory, which `home` has, if its configuration does
    /// not say otherwise. In containers, the one of `home`'s session is that of terminals.
    ///
    /// # Errors
    /// [`Unsupported`].
    pub fn of(spec: &AgentSpec, home: &Home) -> Result<Self, Unsupported> {
        match &spec.host {
            None => Err(Unsupported::BuiltIn),
            Some(Host::Docker(docker)) => Ok(Self::Docker(Contained::new(docker, home)?)),
            Some(Host::Process { env, cwd, .. }) => Ok(Self::Process(Local {
                home: home.workdir().to_owned(),
                cwd: cwd.clone(),
                env: env.clone(),
            })),
        }
    }

    /// Starts a terminal.
    ///
    /// # Errors
    /// [`StartError`].
    pub async fn terminal(&self, shell: Shell) -> Result<Terminal, StartError> {
        match self {
            Self::Process(local) => {
                let started = Terminal::here(local, &shell).await;
                started.map_err(|problem| StartError::Shell { shell: shell.program, problem })
            }
            Self::Docker(contained) => contained.terminal(shell).await,
        }
    }

    /// The program that a terminal has when nobody says otherwise.
    #[must_use]
    pub fn shell(&self) -> String {
        match self {
            Self::Process(local) => {
                let configured = local.env.get("SHELL").cloned();
                let ours = || std::env::var("SHELL").ok().filter(|shell| !shell.is_empty());
                configured.or_else(ours).unwrap_or_else(|| SHELL.to_owned())
            }
            Self::Docker(contained) => contained.shell(),
        }
    }

    /// Opens the workspace. Waits for the disk: not for async workers.
    ///
    /// # Errors
    /// It is not there, may not be opened, or is [`Unsupported`].
    pub fn files(&self) -> Result<Files, FileError> {
        match self {
            Self::Process(local) => {
                if local.cwd.is_none() {
                    std::fs::create_dir_all(&local.home)?;
                }
                Files::open(local.directory())
            }
            Self::Docker(contained) => contained.files(),
        }
    }

    /// Measures what the agent's programs use.
    #[must_use]
    pub fn meter(&self) -> Meter {
        match self {
            Self::Process(local) => Meter::here(local.home.clone()),
            Self::Docker(contained) => Meter::inside(contained.clone()),
        }
    }
}

impl Local {
    pub(crate) fn directory(&self) -> &Path {
        self.cwd.as_deref().unwrap_or(&self.home)
    }

    /// The working directory, made when it is the agent's own.
    pub(crate) async fn ready(&self) -> std::io::Result<&Path> {
        match &self.cwd {
            Some(cwd) => tokio::fs::metadata(cwd).await.map(drop)?,
            None => tokio::fs::create_dir_all(&self.home).await?,
        }
        Ok(self.directory())
    }
}
