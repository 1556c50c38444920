//! The container engine: where it is, and what is asked of it.

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::time::Duration;

use bollard::errors::Error as Failure;
use bollard::models::{ContainerCreateBody, ContainerInspectResponse, ContainerStateStatusEnum};
use bollard::query_parameters::{
    CreateContainerOptions, InspectContainerOptions, KillContainerOptions, ListContainersOptions,
    RemoveContainerOptions, StartContainerOptions, StopContainerOptions,
};
use bollard::{API_DEFAULT_VERSION, Docker};
use tokio::time::timeout;

use super::identity::{AGENT, CONFIGURATION, INCARNATION, MANAGER, SESSION};

/// How long the engine may take for what it has to work for: creating, starting, removing.
const WORKING: Duration = Duration::from_secs(30);
/// How long it may take to say that it is there.
const GREETING: Duration = Duration::from_secs(5);

/// Where engines listen when nothing else is said.
const USUAL: [&str; 2] = ["/var/run/docker.sock", "/run/podman/podman.sock"];
/// The same below the user's runtime directory, for engines without root.
const USUAL_OF_USER: [&str; 2] = ["docker.sock", "podman/podman.sock"];

/// Why the engine does not do what it is asked.
#[derive(Debug, thiserror::Error)]
pub(crate) enum EngineError {
    /// None answers.
    #[error("no container engine answers ({0})")]
    NoEngine(String),
    /// The configured address is none.
    #[error("container engine {0}: the address has to begin with unix:// or tcp://")]
    Address(String),
    /// What is asked for does not exist.
    #[error("{0}")]
    Missing(String),
    /// The image is not there, and cannot be had.
    #[error("{0}")]
    NoImage(String),
    /// Something else is in the way.
    #[error("{0}")]
    Conflict(String),
    /// It says no.
    #[error("the container engine refused: {0}")]
    Refused(String),
    /// It does not answer, or not in time.
    #[error("the container engine cannot be reached: {0}")]
    Unreachable(String),
}

impl From<Failure> for EngineError {
    fn from(failure: Failure) -> Self {
        match failure {
            Failure::DockerResponseServerError { status_code: 404, message } => {
                Self::Missing(message)
            }
            Failure::DockerResponseServerError { status_code: 409, message } => {
                Self::Conflict(message)
            }
            Failure::DockerResponseServerError { message, .. } => Self::Refused(message),
            Failure::DockerStreamError { error } => Self::Refused(error),
            other => Self::Unreachable(other.to_string()),
        }
    }
}

/// Where an engine listens.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Address {
    Unix(PathBuf),
    Tcp(String),
}

/// An engine that has answered.
#[derive(Debug, Clone)]
pub(super) struct Engine {
    pub(super) docker: Docker,
    pub(super) address: Address,
}

/// A container as the engine knows it.
#[derive(Debug)]
pub(super) struct Known {
    pub(super) id: String,
    pub(super) state: State,
    /// Of the first process, as the engine's machine counts.
    pub(super) pid: Option<i32>,
    pub(super) exit_code: i64,
    pub(super) out_of_memory: bool,
    /// Why it could not be started.
    pub(super) error: String,
    pub(super) has_stdin: bool,
    pub(super) has_terminal: bool,
    pub(super) labels: HashMap<String, String>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum State {
    Running,
    /// It does not run, and can be started.
    Stopped,
    /// It is on its way out of existence.
    Gone,
    /// Neither, such as paused: somebody else has to decide.
    Other,
}

/// A container in a list.
#[derive(Debug)]
pub(super) struct Listed {
    pub(super) id: String,
    pub(super) name: String,
    pub(super) agent: String,
    pub(super) session: String,
    pub(super) running: bool,
}

/// The sockets that an engine may listen on, for what must not be mounted.
pub(super) fn sockets(configured: Option<&str>) -> Vec<PathBuf> {
    let usual = usual(std::env::var_os("XDG_RUNTIME_DIR").map(PathBuf::from).as_deref());
    let configured = configured.and_then(|address| parse(address).ok());
    usual
        .into_iter()
        .chain(configured)
        .filter_map(|address| match address {
            Address::Unix(path) => Some(path),
            Address::Tcp(_) => None,
        })
        .chain(["/run/containerd/containerd.sock".into()])
        .collect()
}

fn usual(runtime: Option<&Path>) -> Vec<Address> {
    let of_user = runtime.into_iter().flat_map(|dir| USUAL_OF_USER.map(|name| dir.join(name)));
    let [docker, podman] = USUAL.map(PathBuf::from);
    [docker].into_iter().chain(of_user).chain([podman]).map(Address::Unix).collect()
}

fn parse(address: &str) -> Result<Address, EngineError> {
    match address.split_once("://") {
        Some(("unix", path)) if path.starts_with('/') => Ok(Address::Unix(path.into())),
        Some(("tcp" | "http", host)) if !host.is_empty() => {
            Ok(Address::Tcp(host.trim_end_matches('/').to_owned()))
        }
        _ => Err(EngineError::Address(address.to_owned())),
    }
}

impl Engine {
    /// The engine of that address; without one, the first that answers where engines usually listen.
    pub(super) async fn find(configured: Option<&str>) -> Result<Self, EngineError> {
        let addresses = match configured {
            Some(address) => vec![parse(address)?],
            None => usual(std::env::var_os("XDG_RUNTIME_DIR").map(PathBuf::from).as_deref()),
        };
        let mut problems = Vec::new();
        for address in addresses {
            match Self::greet(address.clone()).await {
                Ok(engine) => return Ok(engine),
                Err(problem) => problems.push(format!("{address}: {problem}")),
            }
        }
        Err(EngineError::NoEngine(problems.join("; ")))
    }

    async fn greet(address: Address) -> Result<Self, String> {
        let seconds = WORKING.as_secs();
        let docker = match &address {
            Address::Unix(path) if !path.exists() => return Err("no such socket".to_owned()),
            Address::Unix(path) => {
                let path = path.to_str().ok_or("the path is no text")?;
                Docker::connect_with_unix(path, seconds, API_DEFAULT_VERSION)
            }
            Address::Tcp(host) => Docker::connect_with_http(host, seconds, API_DEFAULT_VERSION),
        };
        let docker = docker.map_err(|error| error.to_string())?;
        match timeout(GREETING, docker.negotiate_version()).await {
            Ok(Ok(docker)) => Ok(Self { docker, address }),
            Ok(Err(error)) => Err(error.to_string()),
            Err(_) => Err("no answer".to_owned()),
        }
    }

    /// What the engine knows of a container.
    pub(super) async fn inspect(&self, container: &str) -> Result<Known, EngineError> {
        let asked = self.docker.inspect_container(container, None::<InspectContainerOptions>);
        Ok(Known::from(asked.await?))
    }

    /// The same, within that time or not at all.
    pub(super) async fn inspect_within(
        &self,
        time: Duration,
        container: &str,
    ) -> Result<Known, EngineError> {
        match timeout(time, self.inspect(container)).await {
            Ok(known) => known,
            Err(_) => Err(EngineError::Unreachable("no answer".to_owned())),
        }
    }

    pub(super) async fn create(
        &self,
        name: &str,
        body: ContainerCreateBody,
    ) -> Result<(), EngineError> {
        let options =
            CreateContainerOptions { name: Some(name.to_owned()), platform: String::new() };
        self.docker.create_container(Some(options), body).await?;
        Ok(())
    }

    pub(super) async fn start(&self, container: &str) -> Result<(), EngineError> {
        Ok(self.docker.start_container(container, None::<StartContainerOptions>).await?)
    }

    /// Sends a signal to its first process.
    pub(super) async fn signal(&self, container: &str, signal: &str) -> Result<(), EngineError> {
        let options = KillContainerOptions { signal: signal.to_owned() };
        Ok(self.docker.kill_container(container, Some(options)).await?)
    }

    pub(super) async fn stop(&self, container: &str, grace: Duration) -> Result<(), EngineError> {
        let seconds = i32::try_from(grace.as_secs()).unwrap_or(i32::MAX);
        let options = StopContainerOptions { signal: None, t: Some(seconds) };
        Ok(self.docker.stop_container(container, Some(options)).await?)
    }

    /// Removes a container, killed first if need be. One that is gone is no error.
    pub(super) async fn remove(&self, container: &str) -> Result<(), EngineError> {
        let options = RemoveContainerOptions { v: true, force: true, link: false };
        match self.docker.remove_container(container, Some(options)).await.map_err(Into::into) {
            // Somebody else is at it already.
            Err(EngineError::Missing(_) | EngineError::Conflict(_)) => Ok(()),
            removed => removed,
        }
    }

    /// The containers with all of these labels.
    pub(super) async fn list(&self, labels: Vec<String>) -> Result<Vec<Listed>, EngineError> {
        let filters = Some(HashMap::from([("label".to_owned(), labels)]));
        let options = ListContainersOptions { all: true, filters, ..Default::default() };
        let found = self.docker.list_containers(Some(options)).await?;
        let listed = found.into_iter().map(|found| {
            let mut labels = found.labels.unwrap_or_default();
            let name = found.names.unwrap_or_default().into_iter().next().unwrap_or_default();
            Listed {
                id: found.id.unwrap_or_default(),
                name: name.trim_start_matches('/').to_owned(),
                agent: labels.remove(AGENT).unwrap_or_default(),
                session: labels.remove(SESSION).unwrap_or_default(),
                running: found.state.is_some_and(|state| state.to_string() == "running"),
            }
        });
        Ok(listed.collect())
    }
}

impl From<ContainerInspectResponse> for Known {
    fn from(found: ContainerInspectResponse) -> Self {
        let state = found.state.unwrap_or_default();
        let config = found.config.unwrap_or_default();
        let status = state.status.unwrap_or(ContainerStateStatusEnum::EMPTY);
        Self {
            id: found.id.unwrap_or_default(),
            state: match status {
                ContainerStateStatusEnum::RUNNING => State::Running,
                ContainerStateStatusEnum::CREATED | ContainerStateStatusEnum::EXITED => {
                    State::Stopped
                }
                ContainerStateStatusEnum::REMOVING | ContainerStateStatusEnum::DEAD => State::Gone,
                _ => State::Other,
            },
            pid: state.pid.and_then(|pid| i32::try_from(pid).ok()).filter(|pid| *pid > 0),
            exit_code: state.exit_code.unwrap_or_default(),
            out_of_memory: state.oom_killed.unwrap_or_default(),
            error: state.error.unwrap_or_default(),
            has_stdin: config.open_stdin.unwrap_or_default(),
            has_terminal: config.tty.unwrap_or_default(),
            labels: config.labels.unwrap_or_default(),
        }
    }
}

impl Known {
    /// Whether it is of that manager.
    pub(super) fn is_of(&self, manager: &str) -> bool {
        self.labels.get(MANAGER).is_some_and(|label| label == manager)
    }

    /// Whether it was made of that.
    pub(super) fn is_made_of(&self, configuration: &str) -> bool {
        self.labels.get(CONFIGURATION).is_some_and(|label| label == configuration)
    }

    /// The how-manieth of its session it is.
    pub(super) fn incarnation(&self) -> u64 {
        self.labels.get(INCARNATION).and_then(|label| label.parse().ok()).unwrap_or(0)
    }
}

impl std::fmt::Display for Address {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Unix(path) => write!(f, "unix://{}", path.display()),
            Self::Tcp(host) => write!(f, "tcp://{host}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_are_sockets_or_hosts() {
        assert_eq!(parse("unix:///run/x.sock").unwrap(), Address::Unix("/run/x.sock".into()));
        assert_eq!(parse("tcp://host:2375").unwrap(), Address::Tcp("host:2375".into()));
        for bad in ["", "ssh://host", "/run/x.sock", "unix://x", "tcp://"] {
            assert!(matches!(parse(bad), Err(EngineError::Address(_))), "{bad}");
        }
    }

    #[test]
    fn docker_comes_before_engines_of_the_user_and_those_before_podman() {
        let list: Vec<_> =
            usual(Some(Path::new("/run/user/1"))).iter().map(ToString::to_string).collect();

        assert_eq!(
            list,
            [
                "unix:///var/run/docker.sock",
                "unix:///run/user/1/docker.sock",
                "unix:///run/user/1/podman/podman.sock",
                "unix:///run/podman/podman.sock"
            ]
        );
    }

    #[tokio::test]
    async fn an_engine_that_is_not_there_is_named() {
        let error = Engine::find(Some("unix:///nonexistent/docker.sock")).await.unwrap_err();

        assert!(error.to_string().contains("/nonexistent/docker.sock"), "{error}");
    }
}
