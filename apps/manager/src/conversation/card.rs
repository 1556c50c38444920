//! What is known of a conversation without its task: what lists show, and where its log is.

use std::sync::{Mutex, MutexGuard, PoisonError};

use protocol::agents::{ConversationActivity, ConversationInfo, InteractionRequest, Queue};
use protocol::{AgentId, ConversationId, Epoch, Seq, Timestamp, ViewerId};
use store::ConversationRecord;
use tokio::time::Instant;

use super::attendance::Key;
use super::telling::Doing;
use crate::error::Error;

/// Who made a conversation that ends with them.
#[derive(Debug, Clone)]
pub(crate) enum Creator {
    Viewer(ViewerId),
    /// A connection without a viewer.
    Connection(Key),
}

/// How a conversation went.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Gone {
    /// It was deleted, or is being.
    Conversation,
    /// Its agent was.
    Agent,
}

/// A conversation in the registry. It is there whether the conversation has a task or not; with one, the task keeps it
/// up to date. Behind a lock that is held to read or note.
#[derive(Debug)]
pub(crate) struct Card {
    pub(crate) id: ConversationId,
    pub(crate) agent_id: AgentId,
    pub(crate) created_at: Timestamp,
    pub(crate) read_only: bool,
    /// With a conversation that ends with who made it.
    pub(crate) creator: Option<Creator>,
    state: Mutex<State>,
}

/// What changes.
#[derive(Debug)]
pub(crate) struct State {
    pub(crate) name: String,
    pub(crate) epoch: Epoch,
    pub(crate) head: Seq,
    pub(crate) last_activity: Timestamp,
    pub(crate) messages: u64,
    /// Who answers, if not its own agent.
    pub(crate) active: Option<AgentId>,
    /// Whether anything is open that the task must not be ended with.
    pub(crate) open: bool,
    pub(crate) blocked: bool,
    pub(crate) gone: Option<Gone>,
    pub(crate) queue: Queue,
    pub(crate) interactions: Vec<InteractionRequest>,
    /// When the task had something to do last.
    pub(crate) used: Instant,
}

impl State {
    /// Whether a run is open.
    pub(crate) fn is_running(&self) -> bool {
        !self.queue.running.is_empty() || !self.queue.queued.is_empty()
    }

    /// What it is doing.
    pub(super) fn doing(&self) -> Doing {
        Doing { running: self.is_running(), blocked: self.blocked }
    }
}

impl Card {
    pub(crate) fn new(record: ConversationRecord, creator: Option<Creator>) -> Self {
        let state = State {
            name: record.name,
            epoch: record.epoch,
            head: record.head,
            last_activity: record.last_activity,
            messages: record.messages,
            active: record.active_agent,
            open: false,
            blocked: false,
            gone: None,
            queue: Queue::default(),
            interactions: Vec::new(),
            used: Instant::now(),
        };
        Self {
            id: record.conversation_id,
            agent_id: record.agent_id,
            created_at: record.created_at,
            read_only: record.read_only,
            creator,
            state: Mutex::new(state),
        }
    }

    pub(crate) fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn is_gone(&self) -> bool {
        self.state().gone.is_some()
    }

    /// What to say to who asks for it, once it is gone.
    pub(crate) fn refusal(&self) -> Option<Error> {
        Some(match self.state().gone? {
            Gone::Conversation => Error::ConversationNotFound(self.id.clone()),
            Gone::Agent => Error::AgentNotFound(self.agent_id.clone()),
        })
    }

    /// The life of the log, and its newest entry.
    pub(crate) fn position(&self) -> (Epoch, Seq) {
        let state = self.state();
        (state.epoch.clone(), state.head)
    }

    /// The conversation as a list shows it.
    pub(crate) fn info(&self, client_count: u32) -> ConversationInfo {
        self.shown(&self.state(), client_count)
    }

    /// What is going on in it.
    pub(crate) fn activity(&self, client_count: u32) -> ConversationActivity {
        let state = self.state();
        ConversationActivity {
            agent_id: self.agent_id.clone(),
            conversation_id: self.id.clone(),
            conversation: self.shown(&state, client_count),
            epoch: state.epoch.clone(),
            head_seq: state.head,
            blocked: state.blocked,
            timestamp: Timestamp::now(),
        }
    }

    fn shown(&self, state: &State, client_count: u32) -> ConversationInfo {
        ConversationInfo {
            conversation_id: self.id.clone(),
            agent_id: self.agent_id.clone(),
            name: state.name.clone(),
            created_at: self.created_at,
            last_activity_at: state.last_activity,
            client_count,
            message_count: state.messages,
            running: state.is_running(),
            ephemeral: self.creator.is_some(),
            read_only: self.read_only,
        }
    }
}
