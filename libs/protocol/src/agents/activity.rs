//! What all agents of a manager are doing, for connections that have subscribed to `activity`.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{AgentState, ConversationInfo, RunReason, RunState};
use crate::ids::{AgentId, ConversationId, Epoch, InteractionId, RunId, Seq, ViewerId};
use crate::time::Timestamp;

/// `agentUpdate`: an agent as it is now. At most every 100 ms for each agent; the newest replaces all before.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct AgentUpdate {
    /// The agent.
    #[serde(flatten)]
    pub agent: AgentSummary,
    /// What happened to it.
    pub action: AgentAction,
    /// When this was told.
    pub timestamp: Timestamp,
}

/// An agent as an overview shows it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct AgentSummary {
    /// The agent.
    pub agent_id: AgentId,
    /// Its name.
    pub name: String,
    /// The type of its codec, such as `echo`, `lines` or `acp`; `unknown` where an older manager does not say.
    pub codec: String,
    /// The name of its program, without its directory and arguments. Absent where it is built in, or its image says.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub program: Option<String>,
    /// What it is doing.
    pub state: AgentState,
}

/// What happened to an agent.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub enum AgentAction {
    /// Nothing: it is there, for who has just subscribed.
    Current,
    /// It was made.
    Created,
    /// Its state is another.
    Changed,
    /// It is gone with its conversations.
    Deleted,
}

/// `conversationActivity`: a conversation as it is now. Sent when a message was appended, or a run began, waits or ended; at
/// most every 250 ms for each conversation; the newest replaces all before.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct ConversationActivity {
    /// The agent.
    pub agent_id: AgentId,
    /// The conversation.
    pub conversation_id: ConversationId,
    /// As lists show it.
    pub conversation: ConversationInfo,
    /// The life that its log is in.
    pub epoch: Epoch,
    /// Its newest entry.
    pub head_seq: Seq,
    /// Whether a run waits for the answer to an interaction.
    pub blocked: bool,
    /// When this was told.
    pub timestamp: Timestamp,
}

/// `runActivity`: a run has ended, waits for an answer, or has it. Once for each such `runEvent` and each interaction, when that is stored; of the
/// interactions that wait also when somebody begins to be told.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct RunActivity {
    /// The agent.
    pub agent_id: AgentId,
    /// The conversation.
    pub conversation_id: ConversationId,
    /// Its name.
    pub conversation_name: String,
    /// The run.
    pub run_id: RunId,
    /// Position of the `runEvent` or the `interactionRequest` in the log.
    pub seq: Seq,
    /// The state that the run is in now.
    pub state: ActivityState,
    /// Why it ended, with `cancelled` and `failed`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<RunReason>,
    /// More about a failure, for people: the beginning, at most 200 characters.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub error: Option<String>,
    /// Time from `started` to the end, in milliseconds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub duration_ms: Option<u64>,
    /// Whose run it is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub viewer_id: Option<ViewerId>,
    /// That viewer's user name.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub user: Option<String>,
    /// With `blocked`: the interaction that it waits for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub interaction_id: Option<InteractionId>,
    /// With `blocked` what is asked, with `done` the last answer: the beginning, at most 200 characters of plain text.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub message: Option<String>,
    /// When that entry was appended.
    pub timestamp: Timestamp,
}

/// The states of a run that `runActivity` tells.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub enum ActivityState {
    /// The agent waits for the answer to an interaction.
    Blocked,
    /// What it asked was answered, or is not asked any more.
    Resumed,
    /// Ended well.
    Done,
    /// Ended badly.
    Failed,
    /// Ended because somebody said so.
    Cancelled,
}

impl ActivityState {
    /// That state of a run, if it is one that is told.
    #[must_use]
    pub fn of(state: RunState) -> Option<Self> {
        match state {
            RunState::Blocked => Some(Self::Blocked),
            RunState::Done => Some(Self::Done),
            RunState::Failed => Some(Self::Failed),
            RunState::Cancelled => Some(Self::Cancelled),
            RunState::Resumed => Some(Self::Resumed),
            RunState::Queued | RunState::Started => None,
        }
    }
}
