//! Namespace `/clients`: browser or terminal ↔ controller.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

use crate::access::Role;
use crate::agents::AgentSummary;
use crate::ids::{AgentId, ClientId, ConnectionId, CorrelationId, ViewerId};
use crate::limits::{LONGEST_INTERVAL_MS, SHORTEST_INTERVAL_MS};
use crate::time::Timestamp;
use crate::trace::TraceParent;

/// The handshake's `auth` object.
#[derive(Clone, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
pub struct ClientAuth {
    /// An access token, `ls_…`. The header `Authorization: Bearer …` does as well.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub token: Option<String>,
    /// The viewer's own stable id, so that a reconnect is the same viewer.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub client_key: Option<String>,
}

impl std::fmt::Debug for ClientAuth {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("ClientAuth")
            .field("token", &"***")
            .field("client_key", &self.client_key)
            .finish()
    }
}

/// `connected`: the first event of every connection.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Connected {
    /// This socket; new each time.
    pub connection_id: ConnectionId,
    /// This viewer; the same after a reconnect with the same `clientKey`.
    pub viewer_id: ViewerId,
    /// The name of whoever connected.
    pub user: String,
    /// What they may do.
    pub role: Role,
    /// Version of the server.
    pub server_version: String,
    /// The server's clock.
    pub server_time: Timestamp,
}

/// `setClient`: select the manager that `forward` goes to.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct SetClient {
    /// A registered client.
    pub client_id: ClientId,
}

/// `clientSet`: the answer to `setClient`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct ClientSet {
    /// The selected client.
    pub client_id: ClientId,
    /// `Client context set`.
    pub message: String,
}

/// `forward`: a command for the selected manager. Acknowledged with the manager's own answer.
///
/// Its schema, in the catalogue, is a choice among those commands.
#[derive(Debug, Deserialize, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Forward {
    /// Name of a command of namespace `/agents`.
    pub event: String,
    /// The command's payload; passed on as the bytes that came.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub payload: Option<Box<RawValue>>,
    /// The agent that it is for; logged in to first with stored credentials where needed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub agent_id: Option<AgentId>,
    /// By what the lines about this command are to be found in the logs; one is made without it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub correlation_id: Option<CorrelationId>,
    /// The trace that goes on with this command: as the header of that name.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub traceparent: Option<TraceParent>,
}

/// `forwardedEvent`: an event of namespace `/agents`, payload untouched.
#[derive(Debug, Serialize, Deserialize)]
pub struct ForwardedEvent {
    /// Name of the event.
    pub event: String,
    /// Its payload.
    pub payload: Box<RawValue>,
}

/// `remoteDisconnected`, `remoteReconnected`: the selected manager went away or is back.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Remote {
    /// The client concerned.
    pub client_id: ClientId,
}

/// `remoteReconnecting`: the controller is about to try again.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct RemoteReconnecting {
    /// The client concerned.
    pub client_id: ClientId,
    /// 1 for the first attempt after the connection was lost.
    pub attempt: u32,
    /// Time until the attempt, in milliseconds.
    pub delay_ms: u64,
}

/// `remoteReconnectError`: the attempt failed.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct RemoteReconnectError {
    /// The client concerned.
    pub client_id: ClientId,
    /// Why, for people.
    pub error: String,
}

/// `subscribe`: be told exactly these topics from now on, whichever client is selected. Without any, nothing more.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct SubscribeTopics {
    /// What about.
    pub topics: Vec<ViewerTopic>,
    /// How often `heartbeat` and `serverStats` come, 250 to 60,000, in milliseconds; 5,000 without.
    #[schemars(range(min = SHORTEST_INTERVAL_MS, max = LONGEST_INTERVAL_MS))]
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub interval_ms: Option<u64>,
}

/// Something that a viewer can be told about.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub enum ViewerTopic {
    /// What all agents of all clients are doing, as `clientUpdate` and `clientEvent`.
    Activity,
    /// What the controller uses, as `serverStats`.
    Stats,
    /// That it is there, as `heartbeat`.
    Heartbeat,
}

/// Acknowledgement of `subscribe`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct SubscribedTopics {
    /// What about, from now on; each once.
    pub topics: Vec<ViewerTopic>,
    /// How often what is told by the clock comes, in milliseconds.
    pub interval_ms: u64,
}

/// `heartbeat`: the controller is there.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Heartbeat {
    /// The controller's clock.
    pub time: Timestamp,
}

/// `serverStats`: what the controller uses and serves.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct ServerStats {
    /// Processor time of its process since the measurement before, in the first one since it began, as percent of one
    /// processor.
    pub cpu: f64,
    /// Memory of its process that is resident, in bytes.
    pub memory: u64,
    /// Connections of viewers.
    pub connections: u64,
    /// Conversations of all clients in which a run is open.
    pub runs: u64,
    /// When it was measured.
    pub timestamp: Timestamp,
}

/// `clientUpdate`: the whole truth about one client. What was known of its agents before is replaced by it; with actions
/// `current`, `connected` and `deleted`, what was known of its open conversations is so, too, by those that are told behind it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct ClientUpdate {
    /// The client.
    pub client_id: ClientId,
    /// Its name.
    pub name: String,
    /// What happened to it.
    pub action: ClientAction,
    /// Whether its manager can be talked to now.
    pub connected: bool,
    /// Its agents; those known last, while it is not connected.
    pub agents: Vec<AgentSummary>,
    /// While the controller tries again: which attempt, 1 for the first after the connection was lost.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub attempt: Option<u32>,
    /// When that attempt is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub retry_at: Option<Timestamp>,
    /// Why it is not connected, for people, where that is known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub error: Option<String>,
    /// When this was told.
    pub timestamp: Timestamp,
}

/// What happened to a client.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub enum ClientAction {
    /// Nothing: it is there, for who has just subscribed or reads slowly.
    Current,
    /// It was registered.
    Created,
    /// The controller is connected to its manager, and knows its agents.
    Connected,
    /// The connection to its manager was lost.
    Disconnected,
    /// The controller is going to try again.
    Retrying,
    /// It has another name or place.
    Changed,
    /// It is registered no more.
    Deleted,
}

/// `clientEvent`: what a manager tells about what its agents are doing, payload untouched.
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ClientEvent {
    /// The client.
    pub client_id: ClientId,
    /// `agentUpdate`, `conversationActivity`, `runActivity` or `conversationUpdate`.
    pub event: String,
    /// Its payload; the bytes that the manager sent.
    pub payload: Box<RawValue>,
}
