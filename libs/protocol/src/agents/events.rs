//! Events that are not stored.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::error::ErrorCode;
use crate::ids::{AgentId, ConnectionId, ConversationId, Epoch, RunId, Seq};
use crate::time::Timestamp;

/// `loginSuccess`: before the replay that follows a login.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct LoginSuccess {
    /// `Welcome, <name>!`
    pub message: String,
    /// The agent.
    pub agent_id: AgentId,
    /// Its name.
    pub agent_name: String,
    /// The log that is replayed.
    pub conversation_id: ConversationId,
    /// The life that the log is in.
    pub epoch: Epoch,
    /// Its newest entry. An event with a smaller or equal `seq` is history, a greater one news.
    pub head_seq: Seq,
}

/// `loginError`: a login was refused. Whether agent or password was wrong is not said.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct LoginError {
    /// The agent that was asked for, where it could be read.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub agent_id: Option<AgentId>,
    /// `INVALID_CREDENTIALS`, or why it could not be tried.
    pub code: ErrorCode,
    /// `Invalid credentials`
    pub message: String,
    /// When trying again makes sense, in milliseconds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub retry_after_ms: Option<u64>,
}

/// `logoutSuccess`
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct LogoutSuccess {
    /// The agent.
    pub agent_id: AgentId,
}

/// `historyEnd`: the replay is over, what follows is live.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct HistoryEnd {
    /// The agent.
    pub agent_id: AgentId,
    /// The log.
    pub conversation_id: ConversationId,
    /// The life that the log is in; to be sent with the cursor on the next login.
    pub epoch: Epoch,
    /// First entry replayed; 0 when there was none.
    pub from_seq: Seq,
    /// Newest entry that the viewer has now: its cursor.
    pub to_seq: Seq,
    /// Entries replayed.
    pub count: u64,
    /// Whether `limit` left out older entries.
    pub has_more: bool,
    /// Whether what the viewer had is still true. Not if its cursor was of another life of the log, or beyond its
    /// end: then the replay is the whole log, and replaces what the viewer has.
    pub recovered: bool,
}

/// `chatEvent` of kind `assistantDelta` or `assistantSnapshot`: a piece of the answer, live only, superseded by the next
/// `chatMessage` of the run.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct LiveEvent {
    /// The agent.
    pub agent_id: AgentId,
    /// The log.
    pub conversation_id: ConversationId,
    /// The run.
    pub run_id: RunId,
    /// When.
    pub timestamp: Timestamp,
    /// 0, 1, 2 … within the run. What stands for several pieces, for a slow reader, has the number of the last.
    pub sequence: u64,
    /// With an ephemeral run: the connection that it is for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub connection_id: Option<ConnectionId>,
    /// What.
    #[serde(flatten)]
    pub body: LiveEventBody,
}

/// What a [`LiveEvent`] carries.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(tag = "kind", content = "payload", rename_all = "camelCase")]
pub enum LiveEventBody {
    /// A piece of the answer.
    AssistantDelta {
        /// Text that follows the one before.
        delta: String,
        /// Whether more was said than is shown: it was too long to be kept for a slow reader.
        #[serde(default, skip_serializing_if = "std::ops::Not::not")]
        truncated: bool,
    },
    /// All that was said since the run began or its last `chatMessage`, for whoever joins in the middle. It replaces
    /// what the viewer has of it.
    AssistantSnapshot {
        /// The text so far.
        text: String,
        /// Whether more was said than is shown.
        #[serde(default, skip_serializing_if = "std::ops::Not::not")]
        truncated: bool,
    },
}
