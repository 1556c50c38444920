//! Starting and stopping.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context;
use gateway::server::{self as http_server, socket_io};
use protocol::catalogue::Namespace;
use runtime::{ContainerRules, Containers};
use store::{ManagerDb, SecretKey};
use tokio::net::TcpListener;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::agents::Agents;
use crate::api_key::ApiKey;
use crate::config::Config;
use crate::handle::Handle;
use crate::http;
use crate::passwords::Passwords;
use crate::resume::ResumeTokens;
use crate::server::Server;

/// Packets in the buffer of a socket: a controller has one for all its viewers.
const BUFFER: usize = 1_024;

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
}

/// Opens a manager and serves on `listener` until `shutdown`.
///
/// # Errors
/// It could not be opened, or the listener failed.
pub async fn serve(
    config: Config,
    listener: TcpListener,
    shutdown: CancellationToken,
) -> anyhow::Result<()> {
    Manager::open(config).await?.serve(listener, shutdown).await
}

impl Manager {
    /// Opens the store, closes runs that were open when it was last left, and takes up the agents.
    ///
    /// # Errors
    /// The data directory cannot be used, another process has the database, or an agent's configuration is wrong.
    pub async fn open(config: Config) -> anyhow::Result<Self> {
        let data_dir = &config.data_dir;
        create_private(data_dir).with_context(|| format!("create {}", data_dir.display()))?;
        let api_key = ApiKey::load_or_create(data_dir, config.api_key.as_deref())?;
        let secret =
            SecretKey::load_or_create(&data_dir.join("secret.key"), config.secret.as_deref())
                .context("read the secret key")?;
        let db = ManagerDb::open(&data_dir.join("manager.db"))
            .await
            .context("open the manager's database")?;
        let passwords = Passwords::new().await?;
        let directory = data_dir.join("agents");
        let containers = containers(&config, &secret);
        let resume_tokens = ResumeTokens::new(secret.derive(RESUME));
        let agents = Agents::load(
            db.clone(),
            passwords.clone(),
            directory.clone(),
            containers,
            secret,
            &config,
        )
        .await
        .context("take up the agents")?;
        let mut working_directories = config.working_directories;
        working_directories.push(directory);
        let server =
            Server::new(db, agents, passwords, resume_tokens, working_directories, api_key);
        let manager = Self { server: Arc::new(server), grace: config.grace };
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

    /// Serves until `shutdown`, then stops: refuses new runs, lets running turns go on for half the grace period,
    /// cancels them, ends the agents' processes, and closes connections and store. Returns when all is done.
    ///
    /// # Errors
    /// The listener failed.
    pub async fn serve(
        self,
        listener: TcpListener,
        shutdown: CancellationToken,
    ) -> anyhow::Result<()> {
        let (layer, io) = socket_io(BUFFER);
        let connections = TaskTracker::new();
        gateway::mount(&io, Namespace::Agents.path(), self.server.clone(), &connections);
        let router = http::router(self.server.db.clone()).layer(layer);
        // Connections stay open while the agents end, so that viewers see how their runs end.
        let hang_up = CancellationToken::new();
        let listening =
            http_server::serve(listener, router, io, connections, hang_up.clone(), GOODBYE);
        let stopping = async {
            shutdown.cancelled().await;
            self.stop_agents().await;
            hang_up.cancel();
        };
        let (served, ()) = tokio::join!(listening, stopping);
        self.server.db.close().await;
        served.context("serve")
    }

    /// The second half of the grace period is for agents that must be killed.
    async fn stop_agents(&self) {
        tracing::info!("stopping");
        let now = Instant::now();
        let ended = self.server.agents.shutdown(now + self.grace / 2);
        if tokio::time::timeout_at(now + self.grace, ended).await.is_err() {
            tracing::warn!("agents were left at the end of the grace period");
        }
        let left = (now + self.grace).saturating_duration_since(Instant::now());
        let stopped = self.server.agents.stop_containers(left);
        if tokio::time::timeout(left + LAST_CONTAINERS, stopped).await.is_err() {
            tracing::warn!("containers may have been left");
        }
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
