//! From a plan to a running container: found and taken over, found and started, or made.

use super::NotAllowed;
use std::sync::atomic::Ordering::Relaxed;
use std::time::Duration;

use protocol::agents::RunReason;
use protocol::spec::Mount;

use super::attach::attach;
use super::engine::{Engine, EngineError, Known, State};
use super::identity::digest;
use super::plan::Plan;
use super::pull::pull;
use super::running::Container;

/// How often to look again when the container is not what it was a moment ago.
const ATTEMPTS: usize = 5;

/// How long one that still runs and is not wanted may take to end.
pub(super) const STOPPING: Duration = Duration::from_secs(3);

/// Why there is no container.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Problem {
    #[error(transparent)]
    Engine(#[from] EngineError),
    #[error(transparent)]
    NotAllowed(#[from] NotAllowed),
    #[error("it is not wanted any more")]
    Unwanted,
    #[error("working directory {0}")]
    Workdir(String),
    #[error("the name {0} is taken by a container that is not longshore's")]
    NameTaken(String),
    #[error("container {0} {1}")]
    Unfit(String, &'static str),
    #[error("container {0} does not stay what it is; somebody else is at it")]
    Restless(String),
}

impl Problem {
    /// What it is, for programs.
    pub(in crate::host) fn reason(&self) -> RunReason {
        match self {
            Self::Engine(EngineError::NoImage(_)) => RunReason::ImageMissing,
            _ => RunReason::AgentUnavailable,
        }
    }
}

/// What to do with a container that still runs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Leftover {
    Stop,
    /// Taken over when the session begins. Later it is one that the session has lost, and may be at a turn that has ended.
    Adopt,
}

impl Plan {
    /// Starts it, or takes it over if it runs.
    pub(crate) async fn start(&self, leftover: Leftover) -> Result<Container, Problem> {
        let containers = &self.lodging.containers;
        let name = self.docker.container.clone().unwrap_or_else(|| self.container());
        tokio::select! {
            _ = self.right.claim.get_or_init(|| containers.0.claims.claim(&name)) => {}
            () = self.site.interrupted() => return Err(Problem::Unwanted),
        }
        let engine = containers.engine().await?;
        let container = match &self.docker.container {
            Some(name) => self.start_existing(engine, name).await?,
            None => {
                let adopts = leftover == Leftover::Adopt && !self.right.has_started.load(Relaxed);
                self.start_own(engine, adopts).await?
            }
        };
        self.right.has_started.store(true, Relaxed);
        Ok(container)
    }

    /// A container that somebody else has made. One that runs already is left running in the end.
    async fn start_existing(&self, engine: &Engine, name: &str) -> Result<Container, Problem> {
        let unfit = |problem| Err(Problem::Unfit(name.to_owned(), problem));
        let known = engine.inspect(name).await?;
        match known {
            Known { has_terminal: true, .. } => unfit("has a terminal"),
            Known { has_stdin: false, .. } => unfit("was made without an open stdin"),
            Known { state: State::Gone | State::Other, .. } => unfit("cannot be started"),
            Known { state: State::Running, .. } => {
                let container = self.adopt(engine, &known).await?.map(Container::left_running);
                container.ok_or_else(|| Problem::Restless(name.to_owned()))
            }
            Known { state: State::Stopped, .. } => self.run(engine, &known).await,
        }
    }

    /// The session's own container.
    async fn start_own(&self, engine: &Engine, adopts: bool) -> Result<Container, Problem> {
        let mounts = self.mounts_now().await?;
        let workdir = self.site.workdir();
        let made = tokio::fs::create_dir_all(workdir).await;
        made.map_err(|error| Problem::Workdir(format!("{}: {error}", workdir.display())))?;
        let mut body = self.body(&mounts);
        let json = serde_json::to_string(&body).expect("what is sent as JSON is JSON");
        let configuration = digest(&[&json]);
        let name = self.container();
        let mut incarnation = 1;
        for _ in 0..ATTEMPTS {
            let known = match engine.inspect(&name).await {
                Ok(known) => known,
                Err(EngineError::Missing(_)) => {
                    body.labels = Some(self.labels(&configuration, incarnation));
                    match self.create(engine, &name, &body).await {
                        // Whoever was faster has made the same.
                        Ok(()) | Err(EngineError::Conflict(_)) => continue,
                        Err(error) => return Err(error.into()),
                    }
                }
                Err(error) => return Err(error.into()),
            };
            if !known.is_of(self.manager()) {
                return Err(Problem::NameTaken(name));
            }
            let is_usable = matches!(known.state, State::Running | State::Stopped);
            if !is_usable || !known.is_made_of(&configuration) {
                incarnation = known.incarnation() + 1;
                engine.remove(&known.id).await?;
                continue;
            }
            if known.state == State::Stopped {
                return self.run(engine, &known).await;
            }
            if !adopts {
                engine.stop(&known.id, STOPPING).await?;
                continue;
            }
            if let Some(container) = self.adopt(engine, &known).await? {
                self.site
                    .say(format!(
                        "{} was still running; what it said meanwhile is not shown",
                        self.name()
                    ))
                    .await;
                return Ok(container);
            }
        }
        Err(Problem::Restless(name))
    }

    /// The mounts, with their sources as they are now.
    async fn mounts_now(&self) -> Result<Vec<Mount>, Problem> {
        let (containers, docker) = (self.lodging.containers.clone(), self.docker.clone());
        // Off the async workers: it looks at the disk.
        let looked = tokio::task::spawn_blocking(move || containers.allowed(&docker)).await;
        Ok(looked.expect("looking at paths does not panic")?)
    }

    async fn create(
        &self,
        engine: &Engine,
        name: &str,
        body: &bollard::models::ContainerCreateBody,
    ) -> Result<(), EngineError> {
        match engine.create(name, body.clone()).await {
            Err(EngineError::Missing(problem)) => {
                let image = self.docker.image.as_deref().ok_or(EngineError::Missing(problem))?;
                pull(engine, image, &self.site).await?;
                engine.create(name, body.clone()).await
            }
            created => created,
        }
    }

    /// Starts a container that does not run. The connection is there first, so that nothing of what it says is missed.
    async fn run(&self, engine: &Engine, known: &Known) -> Result<Container, Problem> {
        let (stdin, output) = attach(engine, &known.id).await?;
        engine.start(&known.id).await?;
        let started = engine.inspect(&known.id).await?;
        tracing::info!(
            container = known.id,
            agent = %self.lodging.agent,
            session = self.lodging.session,
            incarnation = known.incarnation(),
            "container started"
        );
        Ok(Container::new(self, engine, &started, stdin, output))
    }

    /// Takes over a container that runs, unless it has just ended.
    async fn adopt(&self, engine: &Engine, known: &Known) -> Result<Option<Container>, Problem> {
        let (stdin, output) = attach(engine, &known.id).await?;
        // Had it been started anew meanwhile, the connection would have ended with the old one.
        let now = engine.inspect(&known.id).await?;
        if now.state != State::Running || now.pid != known.pid {
            return Ok(None);
        }
        tracing::info!(
            container = known.id,
            agent = %self.lodging.agent,
            session = self.lodging.session,
            incarnation = known.incarnation(),
            "container taken over"
        );
        Ok(Some(Container::new(self, engine, &now, stdin, output).adopted()))
    }
}
