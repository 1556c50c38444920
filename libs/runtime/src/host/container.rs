//! A program in a container of Docker or Podman.
//!
//! Its stdin and stdout are those of the container's first process, over one attach connection that is made before the
//! process is started and that ends with it: what is written to a connection reaches that process and no later one. The
//! engine keeps no log of it, as a conversation keeps one. So a container that outlived its manager is taken over
//! by attaching anew, and what it said while nobody was attached is gone: it cannot be shown twice, and it belongs to a
//! turn that ended with the manager.
//!
//! The engine is not trusted to say that a container has died. Its first process is watched through the kernel, where
//! that can be done; otherwise the engine is asked every second.

mod attach;
mod claim;
mod death;
mod engine;
mod exec;
mod frames;
mod identity;
mod mounts;
mod plan;
mod pull;
mod rooms;
mod running;
mod start;

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use protocol::AgentId;
use protocol::spec::{AgentSpec, Docker, Host};
use tokio::sync::OnceCell;

use self::claim::{Claim, Claims};
pub(crate) use self::engine::EngineError;
use self::engine::{Engine, Listed};
pub(crate) use self::exec::{Exec, NotStarted, Output};
use self::identity::{AGENT, MANAGER, SESSION};
pub(crate) use self::plan::{Plan, WORKSPACE, directory};
pub(crate) use self::rooms::Room;
pub(crate) use self::running::Container;
pub(crate) use self::start::Leftover;
use self::start::STOPPING;
pub use mounts::MountRefused;

/// How long what belongs to nothing may take to be removed.
const TIDYING: Duration = Duration::from_secs(10);

/// What a manager allows containers.
#[derive(Debug, Clone, Default)]
pub struct ContainerRules {
    /// Tells its containers from those of others.
    pub manager: String,
    /// The engine's address, `unix://` or `tcp://`; without one it is looked for.
    pub engine: Option<String>,
    /// Directories that may be mounted, with all that is in them.
    pub mounts: Vec<PathBuf>,
    /// Directories that must not be seen through a mount: those of the manager itself.
    pub secret: Vec<PathBuf>,
    /// Whether a container may share the network of the machine.
    pub host_network: bool,
}

/// What becomes of a container that a manager before has left.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fate {
    /// It stays as it is.
    Stays,
    /// It stays, but is at something that nobody waits for any more.
    Stops,
    /// It belongs to nothing.
    Goes,
}

/// Why a container is not allowed.
#[derive(Debug, thiserror::Error)]
pub enum NotAllowed {
    /// It may not share the machine's network.
    #[error("the manager does not allow network \"host\"")]
    HostNetwork,
    /// It may not see that.
    #[error(transparent)]
    Mount(#[from] MountRefused),
}

/// The containers of one manager.
#[derive(Debug, Clone)]
pub struct Containers(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    rules: ContainerRules,
    engine: OnceCell<Engine>,
    claims: Claims,
}

impl Containers {
    /// The engine is looked for when it is needed.
    #[must_use]
    pub fn new(rules: ContainerRules) -> Self {
        Self(Arc::new(Inner { rules, engine: OnceCell::new(), claims: Claims::default() }))
    }

    /// Whether an agent's container, if it is to have one, is allowed now. Looks at the disk.
    ///
    /// # Errors
    /// [`NotAllowed`] names the first thing that is not.
    pub fn check(&self, spec: &AgentSpec) -> Result<(), NotAllowed> {
        let Some(Host::Docker(docker)) = &spec.host else { return Ok(()) };
        self.allowed(docker).map(|_| ())
    }

    /// The mounts of a container, with their sources resolved.
    fn allowed(&self, docker: &Docker) -> Result<Vec<protocol::spec::Mount>, NotAllowed> {
        let rules = &self.0.rules;
        if docker.network.as_deref() == Some("host") && !rules.host_network {
            return Err(NotAllowed::HostNetwork);
        }
        let sockets = engine::sockets(rules.engine.as_deref());
        let hidden = rules.secret.iter().chain(&sockets);
        Ok(mounts::resolve(&docker.mounts, &rules.mounts, &hidden.collect::<Vec<_>>())?)
    }

    async fn engine(&self) -> Result<&Engine, EngineError> {
        let found = || Engine::find(self.0.rules.engine.as_deref());
        self.0.engine.get_or_try_init(found).await
    }

    /// Removes the containers of an agent, of a session, or of both.
    pub async fn remove(&self, agent: Option<&AgentId>, session: Option<&str>) {
        // Without an engine so far there is no container of ours that could have been made meanwhile.
        let Some(engine) = self.0.engine.get() else { return };
        let mut labels = vec![identity::label(MANAGER, &self.0.rules.manager)];
        labels.extend(agent.map(|agent| identity::label(AGENT, agent.as_str())));
        labels.extend(session.map(|session| identity::label(SESSION, session)));
        self.remove_those(engine, labels, |_, _| true).await;
    }

    /// Deals with what a manager before has left; `fate` is asked with agent and session. To be done before the first
    /// session. Sessions wait for what is still to be stopped.
    pub async fn tidy(&self, fate: impl Fn(&str, &str) -> Fate) -> Stopping {
        let tidied = tokio::time::timeout(TIDYING, self.tidy_now(fate)).await;
        tidied.unwrap_or_else(|_| {
            tracing::warn!("the container engine is slow; what is left over stays");
            Stopping(Vec::new())
        })
    }

    async fn tidy_now(&self, fate: impl Fn(&str, &str) -> Fate) -> Stopping {
        let labels = vec![identity::label(MANAGER, &self.0.rules.manager)];
        let mut stopping = Stopping(Vec::new());
        let engine = match self.engine().await {
            Ok(engine) => engine,
            Err(error) => {
                tracing::debug!(%error, "no containers");
                return stopping;
            }
        };
        let goes = |agent: &str, session: &str| fate(agent, session) == Fate::Goes;
        self.remove_those(engine, labels.clone(), goes).await;
        let left = engine.list(labels).await.unwrap_or_default();
        for found in left.into_iter().filter(|found| found.running) {
            if fate(&found.agent, &found.session) == Fate::Stops {
                let claim = self.0.claims.claim(&found.name).await;
                stopping.0.push((engine.clone(), found, claim));
            }
        }
        stopping
    }

    async fn remove_those(
        &self,
        engine: &Engine,
        labels: Vec<String>,
        goes: impl Fn(&str, &str) -> bool,
    ) {
        let found = match engine.list(labels).await {
            Ok(found) => found,
            Err(error) => return tracing::warn!(%error, "containers were not listed"),
        };
        for container in found.iter().filter(|found| goes(&found.agent, &found.session)) {
            match engine.remove(&container.id).await {
                Ok(()) => tracing::info!(container = container.id, "container removed"),
                Err(error) => {
                    tracing::warn!(container = container.id, %error, "container not removed");
                }
            }
        }
    }

    /// Stops all containers that still run, by force after `grace` or three seconds.
    pub async fn stop(&self, grace: Duration) {
        let Some(engine) = self.0.engine.get() else { return };
        let labels = vec![identity::label(MANAGER, &self.0.rules.manager)];
        let Ok(found) = engine.list(labels).await else { return };
        let running = found.iter().filter(|found| found.running);
        let stopped = running.map(|found| engine.stop(&found.id, grace.min(STOPPING)));
        for stopped in futures_util::future::join_all(stopped).await {
            if let Err(error) = stopped {
                tracing::warn!(%error, "container not stopped");
            }
        }
    }
}

/// Containers that are to be stopped. Their sessions wait until they are, or this is dropped.
#[derive(Debug)]
#[must_use]
pub struct Stopping(Vec<(Engine, Listed, Claim)>);

impl Stopping {
    /// Stops them, by force after a while.
    pub async fn done(self) {
        let each = self.0.into_iter().map(|(engine, found, claim)| async move {
            if let Err(error) = engine.stop(&found.id, STOPPING).await {
                tracing::warn!(container = found.id, %error, "container not stopped");
            }
            drop(claim);
        });
        futures_util::future::join_all(each).await;
    }
}
