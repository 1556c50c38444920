//! `/api/server`: how the controller and its links are.

use std::sync::{Arc, PoisonError};
use std::time::Duration;

use axum::extract::State;
use axum::{Extension, Json};
use futures_util::future::join_all;
use protocol::agents::{Agents, ListAgents};
use protocol::names::agents::LIST_AGENTS;
use protocol::{ClientId, Timestamp};
use serde::Serialize;
use store::ClientRecord;
use tokio::time::timeout;

use super::agents::ask;
use super::answer::Failure;
use crate::access::Caller;
use crate::remote::Status;
use crate::server::Server;
use crate::usage::memory;

/// How long a manager may take to say how many agents it has. The page is for when something is wrong.
const COUNT: Duration = Duration::from_secs(1);

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Overview {
    version: &'static str,
    started_at: Timestamp,
    uptime_secs: u64,
    /// Open connections to `/clients`.
    connections: usize,
    /// Those who have them: one may have several.
    viewers: usize,
    /// Browsers that are logged in, here now or not.
    sessions: u64,
    /// Conversations of all clients in which a run is open.
    runs: usize,
    /// What the process uses: resident memory, and of one processor since somebody asked before.
    memory_bytes: u64,
    cpu_percent: f64,
    clients: Vec<Client>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Client {
    client_id: ClientId,
    name: String,
    endpoint: String,
    #[serde(flatten)]
    status: Status,
    /// How many it has, if it says so in time.
    #[serde(skip_serializing_if = "Option::is_none")]
    agents: Option<usize>,
}

pub(super) async fn get(
    State(server): State<Arc<Server>>,
    Extension(caller): Extension<Caller>,
) -> Result<Json<Overview>, Failure> {
    let now = Timestamp::now();
    let mut clients = server.db.clients().await?;
    clients.retain(|client| caller.clients.include(&client.client_id));
    let clients = join_all(clients.into_iter().map(|client| look(&server, client))).await;
    let (connections, viewers) = server.audience.count(caller.only());
    Ok(Json(Overview {
        version: env!("CARGO_PKG_VERSION"),
        started_at: server.started_at,
        uptime_secs: now.as_millis().saturating_sub(server.started_at.as_millis()) / 1_000,
        connections,
        viewers,
        runs: server.remotes.open_conversations(&caller.clients),
        sessions: server.db.count_sessions(caller.only(), now).await?,
        memory_bytes: memory(),
        cpu_percent: server.meter.lock().unwrap_or_else(PoisonError::into_inner).percent(),
        clients,
    }))
}

async fn look(server: &Server, client: ClientRecord) -> Client {
    let ClientRecord { client_id, name, endpoint, .. } = client;
    let status = server.remotes.get(&client_id).map(|remote| remote.status()).unwrap_or_default();
    let mut agents = None;
    if status.connected {
        let asked = timeout(COUNT, ask::<Agents>(server, &client_id, LIST_AGENTS, &ListAgents {}));
        agents = asked.await.ok().and_then(Result::ok).map(|listed| listed.agents.len());
    }
    Client { client_id, name, endpoint, status, agents }
}
