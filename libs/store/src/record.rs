//! What is stored.

use std::collections::BTreeMap;
use std::sync::Arc;

use protocol::agents::{EntryHead, EntryKind};
use protocol::spec::AgentSpec;
use protocol::{AgentId, ConversationId, Epoch, InteractionId, MessageId, RunId, Seq, Timestamp};

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

/// Variables of an agent's environment by name, each value sealed for its place.
pub type SealedEnvironment = BTreeMap<String, Vec<u8>>;

/// A conversation.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ConversationRecord {
    /// The conversation.
    pub conversation_id: ConversationId,
    /// Its agent.
    pub agent_id: AgentId,
    /// Unique within the agent, by [`name_key`].
    pub name: String,
    /// The life that its log is in.
    pub epoch: Epoch,
    /// Its newest entry.
    pub head: Seq,
    /// When it was made.
    pub created_at: Timestamp,
    /// When its newest entry was appended.
    pub last_activity: Timestamp,
    /// How many of its entries are messages.
    pub messages: u64,
    /// Whether it ends with who made it.
    pub ephemeral: bool,
    /// Whether it takes no messages for the agent.
    pub read_only: bool,
    /// Who answers in it, if not its own agent.
    pub active_agent: Option<AgentId>,
}

impl ConversationRecord {
    /// A new conversation, without entries.
    #[must_use]
    pub fn new(agent_id: AgentId, name: impl Into<String>) -> Self {
        let now = Timestamp::now();
        Self {
            conversation_id: ConversationId::random(),
            agent_id,
            name: name.into(),
            epoch: Epoch::random(),
            head: Seq::ZERO,
            created_at: now,
            last_activity: now,
            messages: 0,
            ephemeral: false,
            read_only: false,
            active_agent: None,
        }
    }
}

/// What a conversation's name is unique by: without white space at its ends, whatever the case.
#[must_use]
pub fn name_key(name: &str) -> String {
    name.trim().to_lowercase()
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
    /// What of it can be searched for. An entry that has this is a message.
    pub text: Option<Arc<str>>,
    /// What it changes besides.
    pub change: Change,
}

/// What an entry changes besides the log.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Change {
    /// Nothing.
    None,
    /// Its run begins with it.
    RunOpened,
    /// Its run ends with it: what has no such entry is closed after a crash.
    RunClosed,
    /// The agent asks.
    Asked {
        /// Unique within the store.
        interaction: InteractionId,
        /// The agent's own id for it.
        asked_as: InteractionId,
    },
    /// An interaction has ended.
    Answered(InteractionId),
    /// Another agent answers from now on.
    AgentChanged(AgentId),
}

/// An interaction without an end.
#[derive(Debug, Clone, PartialEq)]
pub struct OpenInteraction {
    /// Its `interactionRequest`.
    pub entry: Entry,
    /// Its id.
    pub interaction: InteractionId,
    /// The agent's own id for it.
    pub asked_as: InteractionId,
}

/// A place where what was searched for was found.
#[derive(Debug, Clone, PartialEq)]
pub struct Hit {
    /// The conversation.
    pub conversation: ConversationId,
    /// The message; none for the name.
    pub seq: Option<Seq>,
    /// How well it fits; greater is better.
    pub score: f64,
}

/// How much of a log is kept.
#[derive(Debug, Clone, Copy, Default)]
pub struct Keep {
    /// Entries from then on.
    pub since: Option<Timestamp>,
    /// The newest that many.
    pub newest: Option<u64>,
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
