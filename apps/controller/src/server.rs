//! What a controller has, and namespace `/clients`: who may connect.

use std::path::PathBuf;
use std::sync::{Arc, Mutex, RwLock};

use anyhow::Context;
use gateway::{
    Allowance, BoxFuture, Connection, Envelope, Gate, Handshake, Notices, Service, Stop, Unwelcome,
    metrics,
};
use prometheus_client::registry::Registry;
use protocol::{ErrorCode, Timestamp, ViewerId, WireError};
use store::ControllerDb;
use tokio_util::sync::CancellationToken;
use trace::Tracer;

use crate::access::Caller;
use crate::allowances::Allowances;
use crate::audience::{Attending, Audience};
use crate::audit::{Actor, Audit, Event};
use crate::config::Config;
use crate::meters::Meters;
use crate::notifications::Notifications;
use crate::remotes::{Links, Remotes};
use crate::seats::Seats;
use crate::usage::Meter;
use crate::viewer::Viewer;

/// What viewers and REST share.
#[derive(Debug)]
pub(crate) struct Server {
    pub(crate) db: ControllerDb,
    pub(crate) remotes: Remotes,
    pub(crate) seats: Seats,
    pub(crate) audit: Audit,
    pub(crate) audience: Audience,
    /// Of web pages besides the controller's own. Behind a lock that is held to read and to replace them.
    pub(crate) origins: RwLock<Arc<[String]>>,
    pub(crate) meter: Mutex<Meter>,
    pub(crate) started_at: Timestamp,
    pub(crate) notifications: Arc<Notifications>,
    /// The order to stop.
    pub(crate) stop: Stop,
    pub(crate) notices: Notices,
    /// What follows from it: connections end.
    pub(crate) stopping: CancellationToken,
    pub(crate) gate: Gate,
    pub(crate) allowances: Allowances,
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
        let (reach, trust) = (config.reach.clone(), config.trust.clone());
        let remotes = Remotes::new(db.clone(), Links { reach, trust, meters: links });
        let gate = Gate::new(config.bounds.clone());
        // Before any remote is open, so that nothing is missed.
        let notifications = Notifications::start(config, db.clone(), remotes.activity(), &meters)
            .context("set up notifications")?;
        Ok(Self {
            audit: Audit::start(db.clone()),
            db,
            remotes,
            notifications,
            seats: Seats::default(),
            audience: Audience::default(),
            origins: RwLock::new(config.origins.clone().into()),
            meter: Mutex::new(Meter::start()),
            started_at: Timestamp::now(),
            stop: config.stop.clone(),
            notices: Notices::default(),
            stopping: CancellationToken::new(),
            gate,
            allowances: Allowances::default(),
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
    /// When they may not be here any more, the connection ends.
    pub(crate) caller: Caller,
    pub(crate) viewer: ViewerId,
    /// Counts it.
    pub(crate) _attending: Attending,
}

impl Service for Server {
    type Identity = Identity;
    const ENVELOPE: Envelope = Envelope::Forwarded;

    fn authenticate(
        self: Arc<Self>,
        handshake: Handshake,
    ) -> BoxFuture<Result<Identity, Unwelcome>> {
        Box::pin(async move {
            let Handshake { headers, peer, .. } = &handshake;
            let admitted = self.admit(handshake.token(), headers, *peer).await;
            let caller = admitted.map_err(|error| {
                let code = WireError::from(error).code;
                let stranger = Actor::stranger(peer.map(|peer| peer.ip()));
                self.audit.refused(stranger, &Event::Connect, code);
                match code {
                    ErrorCode::Unauthorized => Unwelcome::Unauthorized,
                    _ => Unwelcome::Passing,
                }
            })?;
            let chosen = handshake.auth.get("clientKey").and_then(serde_json::Value::as_str);
            let viewer =
                chosen.and_then(|key| ViewerId::new(key).ok()).unwrap_or_else(ViewerId::random);
            let _attending = self.audience.enter(&viewer, &caller.token_id);
            Ok(Identity { caller, viewer, _attending })
        })
    }

    fn meters(&self) -> gateway::Meters {
        self.connections.clone()
    }

    fn serve(self: Arc<Self>, connection: Connection<Identity>) -> BoxFuture<()> {
        Box::pin(Viewer::serve(self, connection))
    }

    fn allowance(&self, identity: &Identity) -> Option<Arc<Allowance>> {
        Some(self.allowances.of(&identity.caller.token_id, &self.gate))
    }
}
