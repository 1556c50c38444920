//! Namespace `/clients`: browser or terminal ↔ controller.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

use crate::ids::{AgentId, ClientId, ConnectionId, ViewerId};
use crate::time::Timestamp;

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
