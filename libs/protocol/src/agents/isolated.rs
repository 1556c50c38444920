//! Runs beside every conversation, of which nothing is stored: ephemeral chats, better wordings, ticket texts.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{ChatEventBody, ChatMessageBody, RunEventBody};
use crate::error::{ErrorCode, WireError};
use crate::ids::{AgentId, ConnectionId, ConversationId, CorrelationId, RunId};
use crate::limits::MAX_MESSAGE;
use crate::time::Timestamp;

/// The fields that every event of an ephemeral run begins with. It has no `seq`: it is in no log.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct EphemeralHead {
    /// The agent.
    pub agent_id: AgentId,
    /// The conversation that it was asked in.
    pub conversation_id: ConversationId,
    /// The run.
    pub run_id: RunId,
    /// The connection that it is for; absent for one that is connected to the manager itself.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub connection_id: Option<ConnectionId>,
    /// When.
    pub timestamp: Timestamp,
}

/// `chatMessage` of an ephemeral run.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct EphemeralMessage {
    /// Whom it is for.
    #[serde(flatten)]
    pub head: EphemeralHead,
    /// What was said.
    #[serde(flatten)]
    pub body: ChatMessageBody,
}

/// `runEvent` of an ephemeral run.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct EphemeralRunEvent {
    /// Whom it is for.
    #[serde(flatten)]
    pub head: EphemeralHead,
    /// What changed.
    #[serde(flatten)]
    pub body: RunEventBody,
}

/// `chatEvent` of an ephemeral run.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct EphemeralChatEvent {
    /// Whom it is for.
    #[serde(flatten)]
    pub head: EphemeralHead,
    /// What happened.
    #[serde(flatten)]
    pub body: ChatEventBody,
}

/// `enhanceChat`: have the agent word a message better. Nothing is stored; the answer is a `chatEnhanceResult`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct EnhanceChat {
    /// The agent; may be left to `forward`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub agent_id: Option<AgentId>,
    /// The message: 1 byte to 1 MiB of text, not only white space.
    #[schemars(length(min = 1, max = MAX_MESSAGE))]
    pub message: String,
    /// Comes back with the result.
    pub correlation_id: CorrelationId,
}

/// `generateTicketBody`: have the agent write the text of a ticket. Nothing is stored; the answer is a `ticketBodyResult`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct GenerateTicketBody {
    /// The agent; may be left to `forward`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub agent_id: Option<AgentId>,
    /// The ticket's title: 1 byte to 1 MiB of text, not only white space.
    #[schemars(length(min = 1, max = MAX_MESSAGE))]
    pub title: String,
    /// What the ticket belongs to, for the agent to know.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub hierarchy_context: Option<String>,
    /// Comes back with the result.
    pub correlation_id: CorrelationId,
}

/// Acknowledgement of `enhanceChat` and `generateTicketBody`: the result follows as an event.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct HelperAccepted {
    /// As it came.
    pub correlation_id: CorrelationId,
    /// The run, which `cancelRun` ends.
    pub run_id: RunId,
}

/// `chatEnhanceResult`
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct ChatEnhanceResult {
    /// Whom it is for.
    #[serde(flatten)]
    pub head: HelperHead,
    /// The better wording, with `success`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub enhanced_text: Option<String>,
}

/// `ticketBodyResult`
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct TicketBodyResult {
    /// Whom it is for.
    #[serde(flatten)]
    pub head: HelperHead,
    /// The ticket's text, with `success`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub body: Option<String>,
}

/// The fields that the result of a helper run begins with.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct HelperHead {
    /// The agent.
    pub agent_id: AgentId,
    /// As it came.
    pub correlation_id: CorrelationId,
    /// The run.
    pub run_id: RunId,
    /// The connection that it is for; absent for one that is connected to the manager itself.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub connection_id: Option<ConnectionId>,
    /// When.
    pub timestamp: Timestamp,
    /// Whether it worked.
    pub success: bool,
    /// Why not.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub error: Option<HelperError>,
}

/// Why a helper run gave nothing.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct HelperError {
    /// For programs.
    pub code: ErrorCode,
    /// For people.
    pub message: String,
}

impl From<WireError> for HelperError {
    fn from(error: WireError) -> Self {
        Self { code: error.code, message: error.message }
    }
}
