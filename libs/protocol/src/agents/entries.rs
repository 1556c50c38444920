//! Stored events: entries of a conversation's log. Each is [`EntryHead`] followed by its body.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::EntryHead;
use crate::ids::{EntryId, MessageId, ViewerId};
use crate::names::agents as names;

/// Event name of an entry.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub enum EntryKind {
    /// `chatMessage`
    ChatMessage,
    /// `runEvent`
    RunEvent,
    /// `chatEvent`
    ChatEvent,
}

impl EntryKind {
    /// The event name on the wire and in the store.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::ChatMessage => names::CHAT_MESSAGE,
            Self::RunEvent => names::RUN_EVENT,
            Self::ChatEvent => names::CHAT_EVENT,
        }
    }

    /// The entry kind of that event name.
    #[must_use]
    pub fn parse(name: &str) -> Option<Self> {
        [Self::ChatMessage, Self::RunEvent, Self::ChatEvent]
            .into_iter()
            .find(|k| k.as_str() == name)
    }
}

/// `chatMessage`: what a person or the agent said.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct ChatMessage {
    /// Where it stands.
    #[serde(flatten)]
    pub head: EntryHead,
    /// What was said.
    #[serde(flatten)]
    pub body: ChatMessageBody,
}

/// A `chatMessage` without its head, as it is stored.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(tag = "from", rename_all = "camelCase", rename_all_fields = "camelCase")]
pub enum ChatMessageBody {
    /// A person's message.
    User {
        /// Unique id of the message.
        id: EntryId,
        /// The message.
        text: String,
        /// The sender's own id for it.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        message_id: Option<MessageId>,
        /// Who sent it.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        viewer_id: Option<ViewerId>,
        /// The sender's user name.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        user: Option<String>,
    },
    /// The agent's answer, or what it says unasked.
    Agent {
        /// Unique id of the message.
        id: EntryId,
        /// The agent's name when it answered.
        agent_name: String,
        /// The answer.
        response: AgentResponse,
    },
}

/// An agent's answer.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(tag = "type", rename_all = "camelCase")]
pub enum AgentResponse {
    /// Plain text.
    Text {
        /// The text.
        result: String,
    },
}

/// `runEvent`: a run changed its state. Exactly one event of a run has a terminal state.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct RunEvent {
    /// Where it stands.
    #[serde(flatten)]
    pub head: EntryHead,
    /// What changed.
    #[serde(flatten)]
    pub body: RunEventBody,
}

/// A `runEvent` without its head, as it is stored.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct RunEventBody {
    /// The state that the run is in now.
    pub state: RunState,
    /// With `queued`: how many runs are before it, 1 for the next one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub position: Option<u32>,
    /// Why it ended, with `cancelled` and `failed`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<RunReason>,
    /// More about a failure, for people.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub error: Option<String>,
    /// Time from `started` to the end, in milliseconds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub duration_ms: Option<u64>,
}

/// State of a run.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub enum RunState {
    /// Waits for the run before it.
    Queued,
    /// The agent has it.
    Started,
    /// Ended well. Terminal.
    Done,
    /// Ended because somebody said so. Terminal.
    Cancelled,
    /// Ended badly. Terminal.
    Failed,
}

impl RunState {
    /// Whether nothing follows it.
    #[must_use]
    pub fn is_terminal(self) -> bool {
        matches!(self, Self::Done | Self::Cancelled | Self::Failed)
    }
}

/// Why a run ended otherwise than well.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum RunReason {
    /// Somebody cancelled it.
    User,
    /// It took longer than a run may.
    Timeout,
    /// The server was stopping.
    ServerStopping,
    /// The server was restarted while the run was open.
    ServerRestart,
    /// The agent's program ended in the middle of the turn.
    AgentExited,
    /// The agent's program could not be started.
    AgentUnavailable,
    /// The agent was stopped or removed.
    AgentStopped,
    /// It cannot be known whether the agent got the message; it is not sent again.
    Indeterminate,
    /// What the agent said could not be stored.
    StoreUnavailable,
}

/// `chatEvent` as it is stored: something that happened within a turn.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct ChatEvent {
    /// Where it stands.
    #[serde(flatten)]
    pub head: EntryHead,
    /// What happened.
    #[serde(flatten)]
    pub body: ChatEventBody,
}

/// A stored `chatEvent` without its head.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(
    tag = "kind",
    content = "payload",
    rename_all = "camelCase",
    rename_all_fields = "camelCase"
)]
pub enum ChatEventBody {
    /// Something to know about the agent, such as its program having been restarted.
    Status {
        /// For people.
        message: String,
    },
    /// Output that is not part of an answer, kept as it came.
    Raw {
        /// Where it came from.
        stream: OutputStream,
        /// The text; bytes that are no UTF-8 are replaced by U+FFFD.
        text: String,
        /// Whether the text is only the head of what came.
        #[serde(default, skip_serializing_if = "std::ops::Not::not")]
        truncated: bool,
        /// With `truncated`: how many bytes came.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        bytes: Option<u64>,
    },
}

/// A stream of a program.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub enum OutputStream {
    /// Standard output.
    Stdout,
    /// Standard error.
    Stderr,
}
