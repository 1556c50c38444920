//! Namespace `/agents`: who may connect, and what all connections share.

use std::net::{IpAddr, Ipv4Addr};
use std::path::PathBuf;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use gateway::{
    BoxFuture, Connection, Envelope, Handshake, History, Meters, Notices, Reply, Service, Stop,
    Unwelcome,
};
use protocol::AgentId;
use store::ManagerDb;
use tracing::Instrument;

use crate::agents::Agents;
use crate::api_key::ApiKey;
use crate::attempts::Attempts;
use crate::connection;
use crate::history::StoredHistory;
use crate::memory::Memory;
use crate::passwords::Passwords;
use crate::progress::Watch;
use crate::resume::ResumeTokens;

/// What the connections share.
#[derive(Debug)]
pub(crate) struct Server {
    pub(crate) db: ManagerDb,
    pub(crate) agents: Arc<Agents>,
    pub(crate) passwords: Passwords,
    pub(crate) resume_tokens: ResumeTokens,
    /// Where agents that come over the wire may have their working directories.
    pub(crate) working_directories: Vec<PathBuf>,
    pub(crate) api_key: ApiKey,
    pub(crate) memory: Memory<Reply>,
    pub(crate) watch: Watch,
    pub(crate) connections: Meters,
    pub(crate) stop: Stop,
    pub(crate) notices: Notices,
    /// Behind a lock that is held to count and never across an await.
    pub(crate) attempts: Mutex<Attempts<(IpAddr, AgentId)>>,
}

impl Server {
    pub(crate) fn attempts(&self) -> MutexGuard<'_, Attempts<(IpAddr, AgentId)>> {
        self.attempts.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Service for Server {
    /// Whoever shows the API key is a controller.
    type Identity = ();
    const ENVELOPE: Envelope = Envelope::Direct;

    fn authenticate(self: Arc<Self>, handshake: Handshake) -> BoxFuture<Result<(), Unwelcome>> {
        let known = handshake.token().is_some_and(|token| self.api_key.matches(token));
        if !known && handshake.tells() {
            tracing::warn!(target: "audit", peer = ?handshake.peer, "wrong API key");
        }
        Box::pin(std::future::ready(known.then_some(()).ok_or(Unwelcome::Unauthorized)))
    }

    fn serve(self: Arc<Self>, connection: Connection<()>) -> BoxFuture<()> {
        // All whose address is not known count as one when they guess passwords.
        let peer = connection.peer.map_or(IpAddr::V4(Ipv4Addr::UNSPECIFIED), |peer| peer.ip());
        Box::pin(async move {
            let span = tracing::error_span!("connection", tier = "manager", link = %connection.id);
            let work = async move {
                let _hearing = self.notices.hear(&connection.id, &connection.outbox);
                tracing::debug!(%peer, "connected");
                connection::Connection::new(self, connection.id, peer, connection.outbox)
                    .run(connection.commands)
                    .await;
                tracing::debug!("disconnected");
            };
            work.instrument(span).await;
        })
    }

    fn meters(&self) -> Meters {
        self.connections.clone()
    }

    fn history(&self) -> Arc<dyn History> {
        Arc::new(StoredHistory(self.db.clone()))
    }
}
