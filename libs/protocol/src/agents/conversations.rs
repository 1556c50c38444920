//! Conversations: made, joined, listed, searched, changed and removed.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{InteractionRequest, Role};
use crate::ids::{AgentId, ConnectionId, ConversationId, Epoch, MessageId, RunId, Seq, ViewerId};
use crate::limits::{MAX_INSERTED, MAX_LISTED, MAX_MESSAGE, MAX_NAME};
use crate::time::Timestamp;

/// `joinConversation`: be present in a conversation and follow it.
///
/// With `afterSeq` and `epoch` the replay begins after that entry; with `limit` it has at most the newest that many
/// entries.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct JoinConversation {
    /// The agent; may be left to `forward`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub agent_id: Option<AgentId>,
    /// The conversation; without one, the one called `default`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub conversation_id: Option<ConversationId>,
    /// What kind of client it is, such as `console` or `cli`; others see it. At most 64 characters are kept.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub client_type: Option<String>,
    /// Of messages and pieces of answers, show only those of the viewer's own runs. States, interactions and the queue
    /// are shown all the same.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub filter: bool,
    /// The newest entry that the caller has.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub after_seq: Option<Seq>,
    /// The epoch of that entry.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub epoch: Option<Epoch>,
    /// At most this many of the newest entries are replayed; without it, all.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub limit: Option<u64>,
}

/// Acknowledgement of `joinConversation`. The replay follows.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Joined {
    /// The conversation.
    pub conversation_id: ConversationId,
    /// The agent whose it is.
    pub agent_id: AgentId,
    /// The conversation's name.
    pub name: String,
    /// The life that its log is in.
    pub epoch: Epoch,
    /// Its newest entry. An event with a smaller or equal `seq` is history, a greater one news.
    pub head_seq: Seq,
    /// Whether it takes no messages.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub read_only: bool,
    /// The runs that are open.
    pub queue: Queue,
    /// The interactions that wait for an answer.
    pub interactions: Vec<InteractionRequest>,
    /// Who is present besides the caller, at most 64 connections.
    #[serde(default)]
    pub present: Vec<Attendee>,
}

/// `leaveConversation`, `deleteConversation`, `clearHistory`: a command about one conversation.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct ForConversation {
    /// The agent; not needed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub agent_id: Option<AgentId>,
    /// The conversation.
    pub conversation_id: ConversationId,
}

/// `createConversation`
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct CreateConversation {
    /// The agent; may be left to `forward`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub agent_id: Option<AgentId>,
    /// 1 to 256 characters, none of them a control character; unique within the agent whatever the case. Without one it is
    /// called `Conversation YYYY-MM-DD HH:MM`, in UTC.
    #[schemars(length(min = 1, max = MAX_NAME))]
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// What to do when the name is taken.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub on_name_collision: Option<NameCollision>,
    /// Delete it 30 s after who made it has left, and when the manager starts.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub ephemeral: bool,
    /// Take no messages for the agent: for what was imported.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub read_only: bool,
}

/// What to do with a name that is taken.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub enum NameCollision {
    /// Refuse it, with `NAME_TAKEN`.
    #[default]
    Error,
    /// Put a number behind it: `Name (2)`.
    AppendNumber,
}

/// A conversation as a list shows it; acknowledgement of `createConversation` and `renameConversation`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct ConversationInfo {
    /// The conversation.
    pub conversation_id: ConversationId,
    /// The agent whose it is.
    pub agent_id: AgentId,
    /// Its name.
    pub name: String,
    /// When it was made.
    pub created_at: Timestamp,
    /// When its newest entry was appended.
    pub last_activity_at: Timestamp,
    /// Connections that are present.
    pub client_count: u32,
    /// Messages in it, of either side.
    pub message_count: u64,
    /// Whether a run is open.
    pub running: bool,
    /// Whether it ends with who made it.
    pub ephemeral: bool,
    /// Whether it takes no messages.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub read_only: bool,
}

/// `listConversations`: newest activity first.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct ListConversations {
    /// The agent; may be left to `forward`. Without one, all agents that the connection is logged in to.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub agent_id: Option<AgentId>,
    /// Only those whose name has this in it, whatever the case.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// At most this many, 1 to 1,000; 1,000 without.
    #[schemars(range(min = 1, max = MAX_LISTED))]
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub limit: Option<u32>,
    /// Go on where the list before ended: its `next`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cursor: Option<String>,
}

/// Acknowledgement of `listConversations`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Conversations {
    /// The conversations, newest activity first.
    pub conversations: Vec<ConversationInfo>,
    /// Where to go on, if there are more.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub next: Option<String>,
}

/// `renameConversation`
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct RenameConversation {
    /// The agent; not needed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub agent_id: Option<AgentId>,
    /// The conversation.
    pub conversation_id: ConversationId,
    /// As with `createConversation`.
    #[schemars(length(min = 1, max = MAX_NAME))]
    pub new_name: String,
    /// What to do when the name is taken.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub on_name_collision: Option<NameCollision>,
}

/// Acknowledgement of `clearHistory`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Cleared {
    /// The new life of the log.
    pub epoch: Epoch,
    /// Its newest entry: what is open has been carried over.
    pub head_seq: Seq,
}

/// `insertHistory`: append messages that were said elsewhere.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct InsertHistory {
    /// The agent; not needed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub agent_id: Option<AgentId>,
    /// The conversation.
    pub conversation_id: ConversationId,
    /// 1 to 500 messages, in order. All are appended, or none.
    #[schemars(length(min = 1, max = MAX_INSERTED))]
    pub messages: Vec<InsertedMessage>,
}

/// A message that was said elsewhere.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct InsertedMessage {
    /// Who said it.
    pub from: Role,
    /// 1 byte to 1 MiB of text.
    #[schemars(length(min = 1, max = MAX_MESSAGE))]
    pub text: String,
    /// When; without it, now.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub timestamp: Option<Timestamp>,
    /// The same again in the same conversation is not appended again, nor is anything that came with it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub message_id: Option<MessageId>,
}

/// Acknowledgement of `insertHistory`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Inserted {
    /// Position of the first message.
    pub from_seq: Seq,
    /// How many were appended; 0 when they were there already.
    pub count: u64,
}

/// `searchConversations`: in names and in what was said, for all of the words.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct SearchConversations {
    /// The agent; may be left to `forward`. Without one, all agents that the connection is logged in to.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub agent_id: Option<AgentId>,
    /// 1 to 256 characters. Words, of which the last may be unfinished; nothing in it is an operator.
    #[schemars(length(min = 1, max = MAX_NAME))]
    pub query: String,
    /// At most this many conversations, 1 to 100; 10 without.
    #[schemars(range(min = 1, max = 100))]
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub limit: Option<u32>,
}

/// Acknowledgement of `searchConversations`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Found {
    /// The conversations, best first.
    pub results: Vec<FoundConversation>,
}

/// A conversation that has what was searched for.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct FoundConversation {
    /// The conversation.
    pub conversation: ConversationInfo,
    /// How well it fits; greater is better. Comparable within one answer.
    pub score: f64,
    /// Where it was found, best first, at most three.
    pub snippets: Vec<Snippet>,
}

/// A part of a message that has what was searched for.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Snippet {
    /// The message; absent for the name.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub seq: Option<Seq>,
    /// Its text around what was found, at most about 160 characters.
    pub text: String,
}

/// `conversationUpdate`: a conversation was made, changed or removed, or somebody came or went.
///
/// Who is present is told to those who are, and only while fewer than 64 are; the rest to all who are logged in to the
/// agent.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct ConversationUpdate {
    /// The agent.
    pub agent_id: AgentId,
    /// The conversation.
    pub conversation_id: ConversationId,
    /// What happened.
    pub action: ConversationAction,
    /// When.
    pub timestamp: Timestamp,
    /// The conversation as it is now; absent when it was deleted, or cleared while its manager was away.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub conversation: Option<ConversationInfo>,
    /// With `cleared`: the new life of the log.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub epoch: Option<Epoch>,
    /// Who did it, or came, or went.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub viewer_id: Option<ViewerId>,
    /// That viewer's user name.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub user: Option<String>,
    /// With `joined` and `left`: what kind of client it is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub client_type: Option<String>,
}

/// What happened to a conversation.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub enum ConversationAction {
    /// It was made.
    Created,
    /// It has another name.
    Renamed,
    /// It is gone with all that was in it.
    Deleted,
    /// Its log begins anew; the entries of the new life follow by themselves.
    Cleared,
    /// Somebody came.
    Joined,
    /// Somebody went.
    Left,
}

/// `queueUpdate`: the open runs of a conversation. Sent when they change, at most every 100 ms; the newest replaces all
/// before.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct QueueUpdate {
    /// The agent.
    pub agent_id: AgentId,
    /// The conversation.
    pub conversation_id: ConversationId,
    /// The runs.
    #[serde(flatten)]
    pub queue: Queue,
}

/// The open runs of a conversation.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Queue {
    /// Grows with each change while the manager runs; 0 when nothing has happened yet.
    pub version: u64,
    /// The runs that the agent has.
    pub running: Vec<QueuedRun>,
    /// The runs that wait, the next one first.
    pub queued: Vec<QueuedRun>,
}

/// An open run.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct QueuedRun {
    /// The run.
    pub run_id: RunId,
    /// The beginning of its message, at most 200 characters.
    pub text: String,
    /// Whether the agent waits for the answer to an interaction.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub blocked: bool,
    /// Whose it is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub viewer_id: Option<ViewerId>,
    /// That viewer's user name.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub user: Option<String>,
}

/// `presence`: who is present in a conversation by way of a controller, as a whole. Nobody is told of it: it restores
/// what was before the connection was lost.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Presence {
    /// The agent.
    pub agent_id: AgentId,
    /// The conversation.
    pub conversation_id: ConversationId,
    /// All who are present.
    pub viewers: Vec<Attendee>,
}

/// A connection that is present in a conversation.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Attendee {
    /// The connection to the controller.
    pub connection_id: ConnectionId,
    /// Whose it is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub viewer_id: Option<ViewerId>,
    /// That viewer's user name.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub user: Option<String>,
    /// What kind of client it is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub client_type: Option<String>,
}
