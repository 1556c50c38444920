//! Commands and what they answer.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

use super::{LoginSuccess, RunState};
use crate::ids::{
    AgentId, ConnectionId, ConversationId, CorrelationId, Epoch, MessageId, RunId, Seq, SessionId,
    ViewerId,
};
use crate::limits::{MAX_MESSAGE, PAGE};
use crate::spec::AgentSpec;
use crate::trace::TraceParent;

/// The handshake's `auth` object of namespace `/agents`.
#[derive(Clone, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
pub struct AgentsAuth {
    /// The manager's API key, `lsm_…`. The header `Authorization: Bearer …` does as well.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub token: Option<String>,
}

impl std::fmt::Debug for AgentsAuth {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("AgentsAuth").field("token", &"***").finish()
    }
}

/// Second argument of every command that a controller passes on: for whom.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Origin {
    /// The viewer.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub viewer_id: Option<ViewerId>,
    /// The viewer's connection to the controller.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub connection_id: Option<ConnectionId>,
    /// The user's name.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub user: Option<String>,
    /// The agent that `forward` named, for a payload that names none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub agent_id: Option<AgentId>,
    /// The terminal that a `createTerminal` makes whose payload names none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub session_id: Option<SessionId>,
    /// What the user may do; without it, everything.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub role: Option<crate::access::Role>,
    /// Names this command: when it comes again, because the connection was lost before it was acknowledged, it is not
    /// done again and gets the same answer.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub command_id: Option<MessageId>,
    /// By what the lines about this command are found in the logs, the controller's and the manager's.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub correlation_id: Option<CorrelationId>,
    /// The trace that goes on with this command: as the header of that name.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub traceparent: Option<TraceParent>,
}

/// `login`: log in to an agent and follow a conversation of it.
///
/// One of `password` and `resumeToken`. With `afterSeq` and `epoch` the replay begins after that entry;
/// with `limit` it has at most the newest that many entries.
#[derive(Clone, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Login {
    /// The agent.
    pub agent_id: AgentId,
    /// Its password.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub password: Option<String>,
    /// From the acknowledgement of an earlier login.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub resume_token: Option<String>,
    /// The conversation; without one, the one called `default`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub conversation_id: Option<ConversationId>,
    /// The newest entry that the caller has.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub after_seq: Option<Seq>,
    /// The epoch of that entry.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub epoch: Option<Epoch>,
    /// At most this many of the newest entries are replayed; without it, all.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub limit: Option<u64>,
    /// Follow without being present: a controller's own login, on behalf of nobody yet.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub observe: bool,
}

impl std::fmt::Debug for Login {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Login")
            .field("agent_id", &self.agent_id)
            .field("conversation_id", &self.conversation_id)
            .field("after_seq", &self.after_seq)
            .field("epoch", &self.epoch)
            .field("limit", &self.limit)
            .finish_non_exhaustive()
    }
}

/// Acknowledgement of `login` on `/agents`.
#[derive(Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct LoggedIn {
    /// As the event.
    #[serde(flatten)]
    pub success: LoginSuccess,
    /// Logs in again without the password, until the password changes. Never reaches a frontend.
    pub resume_token: String,
}

impl std::fmt::Debug for LoggedIn {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("LoggedIn").field("success", &self.success).finish_non_exhaustive()
    }
}

/// `logout`, `deleteAgent`, `startAgent`, `stopAgent`, `restartAgent`: a command about one agent.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct ForAgent {
    /// The agent.
    pub agent_id: AgentId,
}

/// Acknowledgement of `checkAgent`: whether the agent can be used, and what it can do.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct AgentCheck {
    /// The agent.
    pub agent_id: AgentId,
    /// Its codec.
    pub codec: String,
    /// Its program's name; none for what is built in.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub program: Option<String>,
    /// The first line of what the program prints for `--version`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub version: Option<String>,
    /// Why it cannot be used, for people; absent if it can.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub problem: Option<String>,
    /// How long it took to find out, in milliseconds: about as long as the program takes to start.
    pub duration_ms: u64,
    /// What it can do.
    pub can: Vec<AgentAbility>,
}

/// What an agent can do, beyond answering.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub enum AgentAbility {
    /// Its answer is seen while it is being given.
    Stream,
    /// It says which tools it uses.
    Tools,
    /// It asks before it does something.
    Approvals,
    /// It can be told to end a turn; one that cannot gets a signal.
    Cancel,
    /// It takes up its own session after a restart.
    Resume,
    /// It says what a turn cost.
    Usage,
}

/// `chat`: say something to an agent.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Chat {
    /// The agent; may be left to `forward`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub agent_id: Option<AgentId>,
    /// 1 byte to 1 MiB of text, not only white space.
    #[schemars(length(min = 1, max = MAX_MESSAGE))]
    pub message: String,
    /// The conversation; without one, the one called `default`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub conversation_id: Option<ConversationId>,
    /// The same again in the same conversation changes nothing and gets the same answer.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub message_id: Option<MessageId>,
    /// The run's id; without one, the manager makes one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub run_id: Option<RunId>,
    /// End the run that the agent has, and be the next.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub interrupt: bool,
    /// Store nothing: the run is one of its own, beside the conversation, and its events go to the sender alone.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub ephemeral: bool,
    /// With `single` no pieces of the answer are sent, only the whole.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub response_mode: Option<ResponseMode>,
}

/// Whether an answer is shown while it is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub enum ResponseMode {
    /// Piece by piece.
    Stream,
    /// When it is complete.
    Single,
}

/// `startRun`: a run in a session of the agent of its own, beside the conversation's queue and in parallel to its runs.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct StartRun {
    /// The agent; may be left to `forward`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub agent_id: Option<AgentId>,
    /// The run's id. It must not be one of an open run; that of a run that has ended may be used again.
    #[schemars(required)]
    pub run_id: Option<RunId>,
    /// 1 byte to 1 MiB of text, not only white space.
    #[schemars(length(min = 1, max = MAX_MESSAGE))]
    pub message: String,
    /// The conversation whose log the run is in; without one, the one called `default`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub conversation_id: Option<ConversationId>,
    /// End the run when the connection that begins it is gone.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub cancel_on_disconnect: bool,
}

/// `promoteRun`: let a run that waits be the next.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct PromoteRun {
    /// The run.
    pub run_id: RunId,
    /// The agent; not needed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub agent_id: Option<AgentId>,
}

/// Acknowledgement of `promoteRun`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct RunPromoted {
    /// How many runs are before it: 1 for the next one.
    pub position: u32,
}

/// Acknowledgement of `chat`, given when the message is on disk.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct ChatAccepted {
    /// The conversation that it is in.
    pub conversation_id: ConversationId,
    /// The run that answers it.
    pub run_id: RunId,
    /// The position of the message.
    pub seq: Seq,
    /// `queued` or `started`.
    pub state: RunState,
    /// With `queued`: how many runs are before it, 1 for the next one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub position: Option<u32>,
}

/// `cancelRun`
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct CancelRun {
    /// The run.
    pub run_id: RunId,
    /// The agent; not needed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub agent_id: Option<AgentId>,
}

/// Acknowledgement of `cancelRun`. The run's terminal `runEvent` follows.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct RunCancelled {
    /// What the run was doing.
    pub kind: CancelKind,
}

/// What a cancelled run was doing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum CancelKind {
    /// The agent had it.
    CancelledRunning,
    /// It waited.
    CancelledQueued,
}

/// `getHistory`: a page of entries, oldest first.
///
/// With `afterSeq` those after it; else the newest before `beforeSeq`, or the newest of all.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct GetHistory {
    /// The agent; may be left to `forward`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub agent_id: Option<AgentId>,
    /// The conversation; without one, the one called `default`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub conversation_id: Option<ConversationId>,
    /// Only entries before this one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub before_seq: Option<Seq>,
    /// Only entries after this one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub after_seq: Option<Seq>,
    /// At most this many, 1 to 500; 100 without.
    #[schemars(range(min = 1, max = PAGE))]
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub limit: Option<u32>,
    /// Only messages of this side, and nothing else.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub role: Option<Role>,
}

/// A side of a conversation.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub enum Role {
    /// A person.
    User,
    /// The agent.
    Agent,
}

/// Acknowledgement of `getHistory`.
#[derive(Debug, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct History {
    /// The life that the log is in.
    pub epoch: Epoch,
    /// The newest entry of the log.
    pub head_seq: Seq,
    /// The entries, oldest first.
    pub events: Vec<HistoryEvent>,
    /// Whether there are more in the direction that was asked for.
    pub has_more: bool,
}

/// One entry of a page, as the event that it is.
#[derive(Debug, Serialize, Deserialize)]
pub struct HistoryEvent {
    /// Name of the event.
    pub event: String,
    /// Its payload, byte for byte as it was live.
    pub payload: Box<RawValue>,
}

/// `listAgents`: all agents of the manager. It has no fields; `{}` or no payload at all.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct ListAgents {}

/// Acknowledgement of `listAgents`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Agents {
    /// All agents of the manager, by name.
    pub agents: Vec<AgentInfo>,
}

/// One agent as a list shows it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct AgentInfo {
    /// The agent.
    pub agent_id: AgentId,
    /// Its name.
    pub name: String,
    /// What it is doing.
    pub state: AgentState,
    /// Connections that are logged in to it.
    pub client_count: u32,
}

/// What an agent is doing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub enum AgentState {
    /// Takes no messages until it is started.
    Stopped,
    /// Waits for a message.
    Idle,
    /// At least one run is open.
    Running,
    /// At least one run waits for the answer to an interaction.
    Blocked,
}

/// `createAgent`: from a controller only, for its REST interface.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct CreateAgent {
    /// What the agent is.
    pub spec: AgentSpec,
}

/// Acknowledgement of `createAgent`.
#[derive(Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct AgentCreated {
    /// The new agent.
    pub agent_id: AgentId,
    /// Its password, 192 random bits. The manager keeps only a hash of it.
    pub password: String,
}

impl std::fmt::Debug for AgentCreated {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("AgentCreated")
            .field("agent_id", &self.agent_id)
            .field("password", &"***")
            .finish()
    }
}

/// Answer of a command that has nothing to say: `{}`.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Done {}
