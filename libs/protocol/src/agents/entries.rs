//! Stored events: entries of a conversation's log. Each is [`EntryHead`] followed by its body.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::EntryHead;
use crate::ids::{AgentId, EntryId, MessageId, ViewerId};
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
    /// `interactionRequest`
    InteractionRequest,
    /// `interactionUpdate`
    InteractionUpdate,
    /// `agentEvent`
    AgentEvent,
    /// `agentChanged`
    AgentChanged,
    /// `messageFilterResult`
    MessageFilterResult,
}

impl EntryKind {
    /// All of them.
    pub const ALL: [Self; 8] = [
        Self::ChatMessage,
        Self::RunEvent,
        Self::ChatEvent,
        Self::InteractionRequest,
        Self::InteractionUpdate,
        Self::AgentEvent,
        Self::AgentChanged,
        Self::MessageFilterResult,
    ];

    /// The event name on the wire and in the store.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::ChatMessage => names::CHAT_MESSAGE,
            Self::RunEvent => names::RUN_EVENT,
            Self::ChatEvent => names::CHAT_EVENT,
            Self::InteractionRequest => names::INTERACTION_REQUEST,
            Self::InteractionUpdate => names::INTERACTION_UPDATE,
            Self::AgentEvent => names::AGENT_EVENT,
            Self::AgentChanged => names::AGENT_CHANGED,
            Self::MessageFilterResult => names::MESSAGE_FILTER_RESULT,
        }
    }

    /// The entry kind of that event name.
    #[must_use]
    pub fn parse(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.as_str() == name)
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
    /// What it cost, with a terminal state, where the agent said so.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub usage: Option<Usage>,
    /// Whose run it is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub viewer_id: Option<ViewerId>,
}

impl RunEventBody {
    /// A change to that state, with nothing else to say.
    #[must_use]
    pub fn new(state: RunState) -> Self {
        Self {
            state,
            position: None,
            reason: None,
            error: None,
            duration_ms: None,
            usage: None,
            viewer_id: None,
        }
    }
}

/// What a run cost, as the agent counts it.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Usage {
    /// Tokens read.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub input_tokens: Option<u64>,
    /// Tokens written.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub output_tokens: Option<u64>,
    /// Of the tokens read, those that came from a cache.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cached_tokens: Option<u64>,
    /// Price in US dollars.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cost_usd: Option<f64>,
}

/// State of a run.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub enum RunState {
    /// Waits for the run before it.
    Queued,
    /// The agent has it.
    Started,
    /// The agent waits for the answer to an interaction.
    Blocked,
    /// The agent has got the answer and goes on.
    Resumed,
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
    /// Another message took its place.
    Interrupted,
    /// The connection that began it is gone, and it was to end with it.
    Disconnect,
    /// Nobody has been there to see it for 30 s.
    NoClients,
    /// Its conversation was deleted.
    ConversationDeleted,
    /// The server was stopping.
    ServerStopping,
    /// The server was restarted while the run was open.
    ServerRestart,
    /// The agent's program ended in the middle of the turn.
    AgentExited,
    /// The agent's program could not be started.
    AgentUnavailable,
    /// The image of the agent's container is not there, and cannot be had.
    ImageMissing,
    /// The agent's program needed more memory than its container has.
    OutOfMemory,
    /// The agent says that the turn failed.
    AgentError,
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
    /// The agent uses a tool.
    ToolCall {
        /// Of this call.
        id: String,
        /// The tool.
        name: String,
        /// For people.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        title: Option<String>,
        /// What the tool is given.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        input: Option<serde_json::Value>,
    },
    /// What a tool gave back.
    ToolResult {
        /// Of the call.
        id: String,
        /// Whether it failed.
        #[serde(default, skip_serializing_if = "std::ops::Not::not")]
        is_error: bool,
        /// What it gave back.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        output: Option<serde_json::Value>,
    },
    /// What the agent thinks, where it says so.
    Thinking {
        /// The thought.
        text: String,
    },
    /// What the agent is going to do; replaces the plan before.
    Plan {
        /// The steps, in order.
        steps: Vec<PlanStep>,
    },
    /// A question that the agent does not wait for; one that it waits for is an `interactionRequest`.
    Question {
        /// The question.
        message: String,
    },
    /// What the turn has cost so far.
    Usage(Usage),
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

/// One step of a plan.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct PlanStep {
    /// What is to be done.
    pub content: String,
    /// How far it is.
    pub status: PlanStatus,
}

/// How far a step of a plan is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub enum PlanStatus {
    /// Not begun.
    Pending,
    /// Begun.
    InProgress,
    /// Done.
    Completed,
}

/// `agentEvent`: something of the agent's own, which means nothing to longshore.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct AgentEvent {
    /// Where it stands.
    #[serde(flatten)]
    pub head: EntryHead,
    /// What it is.
    #[serde(flatten)]
    pub body: AgentEventBody,
}

/// An `agentEvent` without its head, as it is stored.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct AgentEventBody {
    /// `[A-Za-z0-9_:-]{1,128}`, and none of longshore's own event names.
    pub topic: String,
    /// What the agent says about it.
    pub payload: serde_json::Value,
}

/// `agentChanged`: another agent answers in this conversation from now on.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct AgentChanged {
    /// Where it stands. Its `agentId` stays that of the agent whose conversation it is.
    #[serde(flatten)]
    pub head: EntryHead,
    /// What changed.
    #[serde(flatten)]
    pub body: AgentChangedBody,
}

/// An `agentChanged` without its head, as it is stored.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct AgentChangedBody {
    /// The agent that answers now.
    pub active_agent_id: AgentId,
    /// Its name.
    pub agent_name: String,
    /// The agent that answered before.
    pub previous_agent_id: AgentId,
    /// Why, as the agent said.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
}

/// `messageFilterResult`: a filter found something. What it found is not said.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct MessageFilterResult {
    /// Where it stands.
    #[serde(flatten)]
    pub head: EntryHead,
    /// What was done.
    #[serde(flatten)]
    pub body: MessageFilterResultBody,
}

/// A `messageFilterResult` without its head, as it is stored.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct MessageFilterResultBody {
    /// Which way the message went.
    pub direction: FilterDirection,
    /// What became of it: the strongest of what the filters did.
    pub status: FilterStatus,
    /// Names of the filters that found something, in the order of the agent's configuration.
    pub applied_filters: Vec<String>,
    /// Whose message it was.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub viewer_id: Option<ViewerId>,
}

/// Which way a message goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub enum FilterDirection {
    /// To the agent.
    Incoming,
    /// From the agent.
    Outgoing,
}

/// What filters did to a message, from weak to strong.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema,
)]
#[serde(rename_all = "camelCase")]
pub enum FilterStatus {
    /// It is as it was.
    Flagged,
    /// A part of it was replaced.
    Filtered,
    /// It was not passed on.
    Dropped,
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
