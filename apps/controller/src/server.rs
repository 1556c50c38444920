//! Namespace `/clients`: who may connect.

use std::sync::Arc;
use std::sync::atomic::AtomicUsize;

use gateway::{BoxFuture, Connection, Envelope, Handshake, Service};
use protocol::ViewerId;
use store::ControllerDb;
use tokio_util::sync::CancellationToken;

use crate::remotes::Remotes;
use crate::usage::Meter;
use crate::viewer::Viewer;

/// What viewers and REST share.
#[derive(Debug)]
pub(crate) struct Server {
    pub(crate) db: ControllerDb,
    pub(crate) remotes: Remotes,
    pub(crate) stopping: CancellationToken,
    /// Connections of viewers.
    pub(crate) connections: AtomicUsize,
    pub(crate) meter: Meter,
}

/// Whose a connection is.
#[derive(Debug)]
pub(crate) struct Identity {
    pub(crate) user: String,
    pub(crate) viewer: ViewerId,
}

impl Service for Server {
    type Identity = Identity;
    const ENVELOPE: Envelope = Envelope::Forwarded;

    fn authenticate(self: Arc<Self>, handshake: Handshake) -> BoxFuture<Result<Identity, String>> {
        Box::pin(async move {
            // The same words whatever is wrong: whoever may not come in learns nothing.
            let refused = || "Unauthorized".to_owned();
            let token = handshake.token().ok_or_else(refused)?;
            let user = self.db.token_user(token).await.map_err(|error| {
                tracing::error!(%error, "a token could not be looked up");
                refused()
            })?;
            let user = user.ok_or_else(|| {
                tracing::warn!(peer = ?handshake.peer, "connection refused");
                refused()
            })?;
            let chosen = handshake.auth.get("clientKey").and_then(serde_json::Value::as_str);
            let viewer =
                chosen.and_then(|key| ViewerId::new(key).ok()).unwrap_or_else(ViewerId::random);
            Ok(Identity { user, viewer })
        })
    }

    fn serve(self: Arc<Self>, connection: Connection<Identity>) -> BoxFuture<()> {
        Box::pin(Viewer::serve(self, connection))
    }
}
