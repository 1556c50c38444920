//! What a controller has, and namespace `/clients`: who may connect.

use std::path::PathBuf;
use std::sync::{Arc, Mutex};

use anyhow::Context;
use gateway::{BoxFuture, Connection, Envelope, Handshake, Service, metrics};
use prometheus_client::registry::Registry;
use protocol::{Timestamp, ViewerId, WireError};
use store::ControllerDb;
use tokio_util::sync::CancellationToken;
use trace::Tracer;

use crate::audience::{Attending, Audience};
use crate::config::Config;
use crate::meters::Meters;
use crate::notifications::Notifications;
use crate::remotes::Remotes;
use crate::sessions::{Seat, Sessions};
use crate::usage::Meter;
use crate::viewer::Viewer;

/// What viewers and REST share.
#[derive(Debug)]
pub(crate) struct Server {
    pub(crate) db: ControllerDb,
    pub(crate) remotes: Remotes,
    pub(crate) sessions: Sessions,
    pub(crate) audience: Audience,
    /// Of web pages besides the controller's own.
    pub(crate) origins: Vec<String>,
    pub(crate) meter: Mutex<Meter>,
    pub(crate) started_at: Timestamp,
    pub(crate) notifications: Arc<Notifications>,
    pub(crate) stopping: CancellationToken,
    pub(crate) connections: gateway::Meters,
    pub(crate) meters: Meters,
    pub(crate) tracer: Tracer,
    /// What of it is told at `/metrics`, and whether everybody may read that.
    pub(crate) registry: Registry,
    pub(crate) metrics_public: bool,
    /// Where its database is.
    pub(crate) data_dir: PathBuf,
}

impl Server {
    /// Nobody is there yet, and no manager is looked for.
    ///
    /// # Errors
    /// The notifications cannot be set up as configured.
    pub(crate) fn new(config: &Config, db: ControllerDb) -> anyhow::Result<Self> {
        let (connections, meters, links) =
            (gateway::Meters::default(), Meters::default(), link::Meters::default());
        let registry = metrics::registry("controller", env!("CARGO_PKG_VERSION"), |registry| {
            connections.register(registry);
            meters.register(registry);
            links.register(registry);
            config.tracer.meters().register(registry);
        });
        let remotes = Remotes::new(db.clone(), links);
        // Before any remote is open, so that nothing is missed.
        let notifications = Notifications::start(config, db.clone(), remotes.activity(), &meters)
            .context("set up notifications")?;
        Ok(Self {
            db,
            remotes,
            notifications,
            sessions: Sessions::default(),
            audience: Audience::default(),
            origins: config.origins.clone(),
            meter: Mutex::new(Meter::start()),
            started_at: Timestamp::now(),
            stopping: CancellationToken::new(),
            connections,
            meters,
            tracer: config.tracer.clone(),
            registry,
            metrics_public: config.metrics_public,
            data_dir: config.data_dir.clone(),
        })
    }
}

/// Whose a connection is.
#[derive(Debug)]
pub(crate) struct Identity {
    pub(crate) user: String,
    pub(crate) viewer: ViewerId,
    /// Of a browser that came with a cookie: when the session ends, so does the connection.
    pub(crate) seat: Option<Seat>,
    /// Counts it.
    pub(crate) _attending: Attending,
}

impl Service for Server {
    type Identity = Identity;
    const ENVELOPE: Envelope = Envelope::Forwarded;

    fn authenticate(self: Arc<Self>, handshake: Handshake) -> BoxFuture<Result<Identity, String>> {
        Box::pin(async move {
            let admitted = self.admit(handshake.token(), &handshake.headers).await;
            let caller = admitted.map_err(|error| {
                tracing::warn!(peer = ?handshake.peer, %error, "connection refused");
                // Only whoever may not come in is told that; the others come again.
                WireError::from(error).message
            })?;
            let chosen = handshake.auth.get("clientKey").and_then(serde_json::Value::as_str);
            let viewer =
                chosen.and_then(|key| ViewerId::new(key).ok()).unwrap_or_else(ViewerId::random);
            let seat = caller.session.map(|session| session.seat);
            let _attending = self.audience.enter(&viewer);
            Ok(Identity { user: caller.user, viewer, seat, _attending })
        })
    }

    fn meters(&self) -> gateway::Meters {
        self.connections.clone()
    }

    fn serve(self: Arc<Self>, connection: Connection<Identity>) -> BoxFuture<()> {
        Box::pin(Viewer::serve(self, connection))
    }
}
