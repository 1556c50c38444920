//! One agent, as the rest of the manager holds it.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};

use protocol::agents::{AgentInfo, AgentState};
use protocol::spec::AgentSpec;
use protocol::{AgentId, ConversationId};

use crate::conversation::{Control, Conversation};
use crate::error::Error;
use crate::open_runs::OpenRuns;

/// An agent and its conversations.
#[derive(Debug)]
pub(crate) struct Agent {
    pub(crate) id: AgentId,
    pub(crate) spec: Arc<AgentSpec>,
    pub(crate) password_hash: Arc<str>,
    conversation: Conversation,
    stopped: AtomicBool,
    present: AtomicU32,
}

/// One connection's login to an agent. Dropping it is the logout.
#[derive(Debug)]
pub(crate) struct Presence(Arc<Agent>);

impl Agent {
    pub(crate) fn new(
        id: AgentId,
        spec: Arc<AgentSpec>,
        password_hash: Arc<str>,
        stopped: bool,
        conversation: Conversation,
    ) -> Self {
        let (stopped, present) = (AtomicBool::new(stopped), AtomicU32::new(0));
        Self { id, spec, password_hash, conversation, stopped, present }
    }

    /// The conversation of that id; without one, the one called `default`.
    pub(crate) fn conversation(&self, id: Option<&ConversationId>) -> Result<&Conversation, Error> {
        match id {
            Some(id) if id != self.conversation.id() => {
                Err(Error::ConversationNotFound(id.clone()))
            }
            _ => Ok(&self.conversation),
        }
    }

    pub(crate) async fn control(&self, control: Control) -> Result<(), Error> {
        self.conversation.control(control).await
    }

    pub(crate) fn set_stopped(&self, stopped: bool) {
        self.stopped.store(stopped, Ordering::Relaxed);
    }

    pub(crate) fn is_stopped(&self) -> bool {
        self.stopped.load(Ordering::Relaxed)
    }

    /// Counts a connection that has logged in.
    pub(crate) fn enter(self: &Arc<Self>) -> Presence {
        self.present.fetch_add(1, Ordering::Relaxed);
        Presence(self.clone())
    }

    /// The agent as a list shows it.
    pub(crate) fn info(&self, open_runs: &OpenRuns) -> AgentInfo {
        let state = if self.is_stopped() {
            AgentState::Stopped
        } else if open_runs.any_of(&self.id) {
            AgentState::Running
        } else {
            AgentState::Idle
        };
        AgentInfo {
            agent_id: self.id.clone(),
            name: self.spec.name.clone(),
            state,
            client_count: self.present.load(Ordering::Relaxed),
        }
    }
}

impl Presence {
    pub(crate) fn agent(&self) -> &Arc<Agent> {
        &self.0
    }
}

impl Drop for Presence {
    fn drop(&mut self) {
        self.0.present.fetch_sub(1, Ordering::Relaxed);
    }
}
