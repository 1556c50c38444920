//! Starting and stopping.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context;
use gateway::Tls;
use gateway::server::{self as http_server, Door, socket_io};
use protocol::catalogue::Namespace;
use protocol::{AgentId, ClientId, Clients, Timestamp};
use store::{ClientRecord, ControllerDb, SecretKey};
use tokio::net::TcpListener;
use tokio_util::task::TaskTracker;

use crate::config::Config;
use crate::console;
use crate::owner;
use crate::rest;
use crate::server::Server;

/// Packets in the buffer of a socket: there may be many viewers that do not read.
const BUFFER: usize = 64;
/// How long whoever comes at a start waits for the links. Viewers of before come back in the same moment, and what they say would be
/// refused; a manager that is there answers within milliseconds.
const LINKS: Duration = Duration::from_millis(500);

/// A controller whose registry is open, before it listens.
#[derive(Debug)]
pub struct Controller {
    server: Arc<Server>,
    data_dir: PathBuf,
    grace: Duration,
    tls: Option<Tls>,
}

/// Opens a controller and serves on `listener` until it is told to stop.
///
/// # Errors
/// It could not be opened, or the listener failed.
pub async fn serve(config: Config, listener: TcpListener) -> anyhow::Result<()> {
    Controller::open(config).await?.serve(listener, std::future::ready(())).await
}

impl Controller {
    /// Opens the registry.
    ///
    /// # Errors
    /// The data directory cannot be used, another process has the database, or the key does not fit it.
    pub async fn open(config: Config) -> anyhow::Result<Self> {
        let key = SecretKey::load_or_create(
            &config.data_dir.join("secret.key"),
            config.secret.as_deref(),
        )
        .context("read the secret key")?;
        let db = ControllerDb::open(&config.data_dir.join("controller.db"), key)
            .await
            .context("open the controller's database")?;
        db.clients().await.context("read the registered managers")?;
        // Said now, rather than at the first connection.
        config.trust.config().context("read the certificates for links")?;
        let tls = config.tls.clone().map(Tls::load).transpose().context("read the certificate")?;
        let server = Server::new(&config, db)?;
        let (data_dir, grace) = (config.data_dir, config.grace);
        Ok(Self { server: Arc::new(server), data_dir, grace, tls })
    }

    /// Registers the manager of that name, or notes where it listens now and which key it wants.
    ///
    /// # Errors
    /// Name or endpoint is none, or the registry cannot be written.
    pub async fn ensure_client(
        &self,
        name: &str,
        endpoint: &str,
        api_key: &str,
    ) -> anyhow::Result<ClientId> {
        let db = &self.server.db;
        let known = db.clients().await?.into_iter().find(|client| client.name == name);
        let is_new = known.is_none();
        let client = ClientRecord {
            client_id: known
                .as_ref()
                .map_or_else(ClientId::random, |client| client.client_id.clone()),
            name: name.to_owned(),
            endpoint: endpoint.to_owned(),
            api_key: api_key.to_owned(),
            created_at: known.map_or_else(Timestamp::now, |client| client.created_at),
        };
        self.server.remotes.vouch_for(endpoint);
        rest::check_client(&client)?;
        if is_new {
            db.add_client(&client).await?;
        } else {
            db.update_client(&client).await?;
        }
        Ok(client.client_id)
    }

    /// Stores an agent's password, so that viewers are logged in with it.
    ///
    /// # Errors
    /// The registry cannot be written, or has no such client.
    pub async fn set_password(
        &self,
        client: &ClientId,
        agent: &AgentId,
        password: &str,
    ) -> anyhow::Result<()> {
        Ok(self.server.db.set_credentials(client, agent, password).await?)
    }

    pub(crate) fn server(&self) -> Arc<Server> {
        Arc::clone(&self.server)
    }

    /// The access token of whoever starts it: an admin's, the same at each start. It is in `owner.token` in the data
    /// directory; when it was revoked or the file is gone, a new one is made.
    ///
    /// # Errors
    /// The registry or the file cannot be read or written.
    pub async fn owner_token(&self) -> anyhow::Result<String> {
        owner::load_or_create(&self.data_dir, &self.server.db).await
    }

    /// Lets in whoever shows this token, as its owner, from now on. Only its hash is kept.
    ///
    /// # Errors
    /// The registry cannot be written.
    pub async fn accept_token(&self, token: &str) -> anyhow::Result<()> {
        Ok(self.server.db.accept_token(owner::NAME, token).await?)
    }

    /// Says whether it is in use.
    #[must_use]
    pub fn usage(&self) -> Usage {
        Usage(Arc::clone(&self.server))
    }

    /// Connects to every registered manager and serves until it is told to stop; then it tells everybody, and goes on until
    /// `last`: with a manager that stops as well, viewers see how its runs end. Returns when connections and links have ended.
    ///
    /// # Errors
    /// The listener failed.
    pub async fn serve(
        self,
        listener: TcpListener,
        last: impl Future<Output = ()>,
    ) -> anyhow::Result<()> {
        for client in self.server.db.clients().await? {
            if let Err(error) = self.server.remotes.open(&client).await {
                tracing::error!(client = %client.client_id, %error, "a registered manager cannot be used");
            }
        }
        tokio::time::timeout(LINKS, self.server.remotes.tried()).await.ok();
        let (layer, io) = socket_io(BUFFER);
        let connections = TaskTracker::new();
        gateway::mount(&io, Namespace::Clients.path(), Arc::clone(&self.server), &connections);
        let router = console::mount(rest::router(Arc::clone(&self.server)))
            .layer(layer)
            .layer(rest::cors(Arc::clone(&self.server)));
        let stopping = self.server.stopping.clone();
        let hang_up = async {
            let order = self.server.stop.wait().await;
            self.server.notices.tell(order.notice("controller"));
            last.await;
            stopping.cancel();
        };
        let door = Door {
            listener,
            gate: self.server.gate.clone(),
            tls: self.tls,
            meters: self.server.connections.clone(),
        };
        let served = http_server::serve(
            door,
            router,
            io,
            connections,
            self.server.stopping.clone(),
            self.grace,
        );
        let watch_over = async {
            tokio::select! {
                () = self.server.seats.watch_over(&self.server.db) => {}
                () = stopping.cancelled() => {}
            }
        };
        let (served, (), ()) = tokio::join!(served, hang_up, watch_over);
        self.server.remotes.close_all().await;
        self.server.notifications.close().await;
        self.server.audit.close().await;
        self.server.db.close().await;
        served.context("serve")
    }
}

/// Whether a controller is in use.
#[derive(Debug, Clone)]
pub struct Usage(Arc<Server>);

impl Usage {
    /// Connections of viewers.
    #[must_use]
    pub fn viewers(&self) -> usize {
        self.0.notices.connections()
    }

    /// Whether the controller is connected to that manager.
    #[must_use]
    pub fn is_connected(&self, client: &ClientId) -> bool {
        self.0.remotes.get(client).is_ok_and(|remote| remote.status().connected)
    }

    /// Connections so far.
    #[must_use]
    pub fn visits(&self) -> u64 {
        self.0.notices.visits()
    }

    /// Whether a run is open at any of its managers.
    #[must_use]
    pub fn is_at_work(&self) -> bool {
        self.0.remotes.open_conversations(&Clients::All) > 0
    }
}
