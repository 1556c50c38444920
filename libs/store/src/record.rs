//! What is stored.

use protocol::agents::{EntryHead, EntryKind};
use protocol::spec::AgentSpec;
use protocol::{AgentId, ConversationId, Epoch, MessageId, RunId, Seq, Timestamp};

/// An agent.
#[derive(Clone)]
pub struct AgentRecord {
    /// The agent.
    pub agent_id: AgentId,
    /// What it is; its name is unique.
    pub spec: AgentSpec,
    /// argon2id, as a PHC string.
    pub password_hash: String,
    /// Whether it takes no messages until it is started.
    pub stopped: bool,
    /// When it was made.
    pub created_at: Timestamp,
}

impl std::fmt::Debug for AgentRecord {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("AgentRecord")
            .field("agent_id", &self.agent_id)
            .field("name", &self.spec.name)
            .finish_non_exhaustive()
    }
}

/// A conversation.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ConversationRecord {
    /// The conversation.
    pub conversation_id: ConversationId,
    /// Its agent.
    pub agent_id: AgentId,
    /// Unique within the agent.
    pub name: String,
    /// The life that its log is in.
    pub epoch: Epoch,
    /// Its newest entry.
    pub head: Seq,
}

/// An entry that is to be appended.
#[derive(Debug, Clone)]
pub struct NewEntry {
    /// The event that it is.
    pub kind: EntryKind,
    /// The run that it belongs to.
    pub run_id: Option<RunId>,
    /// When it happened.
    pub timestamp: Timestamp,
    /// The event without its routing head: a JSON object with at least one field.
    pub body: String,
    /// Makes the group unique within the conversation.
    pub message_id: Option<MessageId>,
    /// What it does to its run.
    pub run: RunChange,
}

/// What an entry does to its run, so that open runs can be closed after a crash.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RunChange {
    /// Neither.
    None,
    /// The run begins with it.
    Opened,
    /// The run ends with it.
    Closed,
}

/// What became of a group of entries.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Appended {
    /// It is on disk.
    Stored {
        /// Position of its first entry; the others follow.
        first: Seq,
    },
    /// A message id of it is in the log already; nothing of the group was stored.
    Duplicate {
        /// Position of the entry that has the id.
        seq: Seq,
    },
}

/// An entry of a log.
#[derive(Debug, Clone, PartialEq)]
pub struct Entry {
    /// Where it stands.
    pub head: EntryHead,
    /// The event that it is.
    pub kind: EntryKind,
    /// The event without its head, as JSON.
    pub body: String,
}

impl Entry {
    /// The event's payload: the same bytes live and replayed.
    #[must_use]
    pub fn payload(&self) -> String {
        self.head.render(&self.body)
    }
}

/// Consecutive entries of a log, oldest first, and the state of the log when they were read.
#[derive(Debug, Clone, PartialEq)]
pub struct Page {
    /// The life that the log is in.
    pub epoch: Epoch,
    /// Its newest entry.
    pub head: Seq,
    /// The entries.
    pub entries: Vec<Entry>,
    /// Whether there are more in the direction of reading.
    pub has_more: bool,
}
