//! Starting and stopping.

use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use anyhow::Context;
use gateway::server::{self as http_server, Door, socket_io};
use gateway::{Gate, Meters, Notices, Tls, metrics};
use protocol::catalogue::Namespace;
use protocol::lifecycle::{NoticeLevel, ServerNotice};
use runtime::{ContainerRules, Containers};
use store::{ManagerDb, SecretKey};
use tokio::net::TcpListener;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::agents::Agents;
use crate::api_key::ApiKey;
use crate::attempts::Attempts;
use crate::config::Config;
use crate::handle::Handle;
use crate::http;
use crate::memory::Memory;
use crate::passwords::Passwords;
use crate::progress::Watch;
use crate::resume::ResumeTokens;
use crate::server::Server;

/// Packets in the buffer of a socket: a controller has one for all its viewers.
const BUFFER: usize = 1_024;

/// Id of the notice about the store.
const STORE: &str = "store";

/// What the secret is used for here; another use gets another key.
const RESUME: &str = "resume";

/// The same: what containers of this manager are known by.
const CONTAINERS: &str = "containers";

/// How long containers may take to be gone when their sessions have not seen to it. It is on top of the grace period, as
/// nobody else would.
const LAST_CONTAINERS: Duration = Duration::from_secs(2);

/// How long connections may take to end once the agents have. Their cursors outlive them, so nothing is lost
/// with one whose peer does not read.
const GOODBYE: Duration = Duration::from_secs(1);

/// A manager whose store is open and whose agents are there, before it listens.
#[derive(Debug)]
pub struct Manager {
    server: Arc<Server>,
    grace: Duration,
    gate: Gate,
    tls: Option<Tls>,
    data_dir: PathBuf,
    metrics_public: bool,
}

/// Opens a manager and serves on `listener` until it is told to stop.
///
/// # Errors
/// It could not be opened, or the listener failed.
pub async fn serve(config: Config, listener: TcpListener) -> anyhow::Result<()> {
    Manager::open(config).await?.serve(listener).await
}

impl Manager {
    /// Opens the store, closes runs that were open when it was last left, and takes up the agents.
    ///
    /// # Errors
    /// The data directory cannot be used, another process has the database, or an agent's configuration is wrong.
    pub async fn open(config: Config) -> anyhow::Result<Self> {
        let data_dir = &config.data_dir.clone();
        create_private(data_dir).with_context(|| format!("create {}", data_dir.display()))?;
        let api_key = ApiKey::load_or_create(data_dir, config.api_key.as_deref())?;
        let tls = config.tls.clone().map(Tls::load).transpose().context("read the certificate")?;
        let gate = Gate::new(config.bounds.clone());
        let secret =
            SecretKey::load_or_create(&data_dir.join("secret.key"), config.secret.as_deref())
                .context("read the secret key")?;
        let db = ManagerDb::open(&data_dir.join("manager.db"))
            .await
            .context("open the manager's database")?;
        let watch = Watch { tracer: config.tracer.clone(), ..Watch::default() };
        let passwords = Passwords::new(watch.meters.clone()).await?;
        let directory = data_dir.join("agents");
        let containers = containers(&config, &secret);
        let resume_tokens = ResumeTokens::new(secret.derive(RESUME));
        let agents = Agents::load(
            db.clone(),
            passwords.clone(),
            directory.clone(),
            containers,
            secret,
            watch.clone(),
            &config,
        )
        .await
        .context("take up the agents")?;
        let mut working_directories = config.working_directories;
        working_directories.push(directory);
        let server = Server {
            db,
            agents,
            passwords,
            resume_tokens,
            working_directories,
            api_key,
            memory: Memory::default(),
            watch,
            connections: Meters::default(),
            stop: config.stop,
            notices: Notices::default(),
            attempts: Mutex::new(Attempts::new()),
        };
        let manager = Self {
            server: Arc::new(server),
            grace: config.grace,
            data_dir: config.data_dir,
            metrics_public: config.metrics_public,
            gate,
            tls,
        };
        for spec in config.agents {
            manager.handle().ensure_agent(spec).await?;
        }
        Ok(manager)
    }

    /// What a controller must show.
    #[must_use]
    pub fn api_key(&self) -> &str {
        self.server.api_key.as_str()
    }

    /// For changes before and while it serves.
    #[must_use]
    pub fn handle(&self) -> Handle {
        Handle::new(Arc::clone(&self.server.agents))
    }

    /// Says whether it is in use.
    #[must_use]
    pub fn usage(&self) -> Usage {
        Usage(Arc::clone(&self.server))
    }

    /// Serves until it is told to stop; then it tells everybody, refuses new runs, lets open ones go on until the deadline,
    /// cancels them, ends the agents' processes, and closes connections and store. Returns when all is done.
    ///
    /// # Errors
    /// The listener failed.
    pub async fn serve(self, listener: TcpListener) -> anyhow::Result<()> {
        let (layer, io) = socket_io(BUFFER);
        let connections = TaskTracker::new();
        gateway::mount(&io, Namespace::Agents.path(), self.server.clone(), &connections);
        let router = http::router(self.status()).layer(layer);
        // Connections stay open while the agents end, so that viewers see how their runs end.
        let hang_up = CancellationToken::new();
        let door = Door {
            listener,
            gate: self.gate.clone(),
            tls: self.tls.clone(),
            meters: self.server.connections.clone(),
        };
        let listening = http_server::serve(door, router, io, connections, hang_up.clone(), GOODBYE);
        let stopping = async {
            let order = self.server.stop.wait().await;
            self.server.notices.tell(order.notice("manager"));
            self.stop_agents().await;
            hang_up.cancel();
        };
        let watching = async {
            tokio::select! {
                () = self.watch_store() => {}
                () = hang_up.cancelled() => {}
            }
        };
        let (served, (), ()) = tokio::join!(listening, stopping, watching);
        self.server.db.close().await;
        served.context("serve")
    }

    /// What is asked for over plain HTTP, and what is counted.
    fn status(&self) -> http::Status {
        let server = &self.server;
        let registry = metrics::registry("manager", env!("CARGO_PKG_VERSION"), |registry| {
            server.connections.register(registry);
            server.db.meters().register(registry);
            server.watch.meters.register(registry);
            server.watch.programs.register(registry);
            server.watch.tracer.meters().register(registry);
        });
        let (data_dir, is_public) = (self.data_dir.clone(), self.metrics_public);
        http::Status { server: server.clone(), registry, data_dir, is_public }
    }

    /// Tells everybody when nothing can be stored, and when that is over.
    async fn watch_store(&self) {
        let mut works = self.server.db.works();
        while works.changed().await.is_ok() {
            let notice = if *works.borrow_and_update() {
                ServerNotice::dismissal(STORE)
            } else {
                let message = "The disk may be full or broken. Messages are refused until that is over; nothing that was \
                    acknowledged is lost.";
                ServerNotice::new(STORE, NoticeLevel::Error, "Nothing can be stored", message)
            };
            self.server.notices.tell(notice);
        }
    }

    /// Open runs have until the deadline; the grace period behind it is for agents that must be killed.
    async fn stop_agents(&self) {
        let stop = &self.server.stop;
        tracing::info!("stopping");
        let late = async {
            stop.deadline().await;
            tokio::time::sleep(self.grace).await;
        };
        tokio::select! {
            () = self.server.agents.shutdown(stop.deadline()) => {}
            () = late => tracing::warn!("agents were left at the end of the grace period"),
        }
        let deadline = stop.wait().await.deadline.max(Instant::now());
        let left = (deadline + self.grace).saturating_duration_since(Instant::now());
        let stopped = self.server.agents.stop_containers(left);
        if tokio::time::timeout(left + LAST_CONTAINERS, stopped).await.is_err() {
            tracing::warn!("containers may have been left");
        }
    }
}

/// Whether a manager is in use.
#[derive(Debug, Clone)]
pub struct Usage(Arc<Server>);

impl Usage {
    /// Connections of controllers, and of whoever else has the API key.
    #[must_use]
    pub fn links(&self) -> usize {
        self.0.notices.connections()
    }

    /// Connections so far.
    #[must_use]
    pub fn visits(&self) -> u64 {
        self.0.notices.visits()
    }

    /// Whether anything goes on that a stop would end: a run, a question that waits for its answer, a terminal.
    #[must_use]
    pub fn is_at_work(&self) -> bool {
        self.0.agents.are_at_work()
    }
}

/// The containers of this manager. They are known by its key, which outlives it.
fn containers(config: &Config, secret: &SecretKey) -> Containers {
    let key = secret.derive(CONTAINERS);
    Containers::new(ContainerRules {
        manager: key[..8].iter().map(|byte| format!("{byte:02x}")).collect(),
        engine: config.engine.clone(),
        mounts: config.mounts.clone(),
        secret: vec![config.data_dir.clone()],
        host_network: config.host_network,
    })
}

/// Only the owner may look into it.
fn create_private(path: &Path) -> std::io::Result<()> {
    use std::os::unix::fs::DirBuilderExt;

    std::fs::DirBuilder::new().recursive(true).mode(0o700).create(path)
}
