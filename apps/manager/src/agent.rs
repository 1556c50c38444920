//! One agent, as the rest of the manager holds it.

use std::collections::HashSet;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use gateway::Outbox;
use protocol::agents::{AgentInfo, AgentState, AgentSummary};
use protocol::spec::{AgentSpec, Host};
use protocol::{AgentId, ConnectionId, ConversationId};
use runtime::Place;
use tokio::sync::Semaphore;
use tokio_util::sync::CancellationToken;

use crate::activity::Activity;
use crate::audience::Audience;
use crate::conversation::Target;
use crate::conversations::Conversations;
use crate::error::Error;
use crate::filters::Filters;
use crate::pace::Rate;
use crate::terminals::Terminals;
use crate::watchers::Watchers;

/// An agent and its conversations.
#[derive(Debug)]
pub(crate) struct Agent {
    pub(crate) id: AgentId,
    pub(crate) password_hash: Arc<str>,
    pub(crate) target: Target,
    pub(crate) filters: Arc<Filters>,
    /// Sessions that it may have for runs of their own.
    pub(crate) permits: Arc<Semaphore>,
    /// Isolated runs that may be open, waiting or not.
    pub(crate) isolated: Arc<Semaphore>,
    pub(crate) conversations: Conversations,
    pub(crate) audience: Arc<Audience>,
    /// Who wants to know what all agents are doing.
    pub(crate) activity: Arc<Activity>,
    pub(crate) stopped: AtomicBool,
    /// Ends the isolated runs of now when the agent is stopped.
    pub(crate) halt: Mutex<CancellationToken>,
    /// Bounds what others are told about changes to files and terminals.
    pub(crate) changes: Rate,
    /// One change of its files at a time, so that of two who write at the same version the second is told.
    pub(crate) writing: tokio::sync::Mutex<()>,
    pub(crate) terminals: Arc<Terminals>,
    pub(crate) watchers: Arc<Watchers>,
    /// One change of what the agent is to do at a time.
    pub(crate) controlling: tokio::sync::Mutex<()>,
}

/// One connection's login to an agent. Dropping it is the logout.
#[derive(Debug)]
pub(crate) struct Presence {
    agent: Arc<Agent>,
    connection: ConnectionId,
}

impl Agent {
    pub(crate) fn spec(&self) -> &AgentSpec {
        &self.target.spec
    }

    /// Where its program runs.
    pub(crate) fn place(&self) -> Result<Place, Error> {
        self.place_of(None)
    }

    /// Where its program runs in that conversation, of its own or of another agent; without one, in its `default` one.
    pub(crate) fn place_of(&self, conversation: Option<&ConversationId>) -> Result<Place, Error> {
        let conversation = conversation.unwrap_or(self.conversations.default());
        Ok(self.target.place(conversation)?)
    }

    pub(crate) fn set_stopped(&self, stopped: bool) {
        self.stopped.store(stopped, Ordering::Relaxed);
        self.activity.touched(&self.id);
    }

    /// Cancelled when the agent is stopped.
    pub(crate) fn halted(&self) -> CancellationToken {
        self.halt.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Ends its isolated runs.
    pub(crate) fn end_isolated(&self) {
        let mut halt = self.halt.lock().unwrap_or_else(PoisonError::into_inner);
        std::mem::take(&mut *halt).cancel();
    }

    pub(crate) fn is_stopped(&self) -> bool {
        self.stopped.load(Ordering::Relaxed)
    }

    /// A connection has logged in.
    pub(crate) fn enter(self: &Arc<Self>, connection: &ConnectionId, outbox: &Outbox) -> Presence {
        self.audience.enter(connection, outbox);
        Presence { agent: self.clone(), connection: connection.clone() }
    }

    /// What it is doing.
    pub(crate) fn state(&self) -> AgentState {
        let (mut running, mut blocked) = (false, false);
        for conversation in self.conversations.live() {
            let state = conversation.card().state();
            running |= state.is_running();
            blocked |= state.blocked;
        }
        match () {
            () if self.is_stopped() => AgentState::Stopped,
            () if blocked => AgentState::Blocked,
            () if running => AgentState::Running,
            () => AgentState::Idle,
        }
    }

    /// The agent as a list shows it.
    pub(crate) fn info(&self) -> AgentInfo {
        let mut present = HashSet::new();
        for conversation in self.conversations.live() {
            present.extend(conversation.present());
        }
        AgentInfo {
            agent_id: self.id.clone(),
            name: self.spec().name.clone(),
            state: self.state(),
            client_count: u32::try_from(present.len()).unwrap_or(u32::MAX),
        }
    }

    /// The agent as an overview shows it.
    pub(crate) fn summary(&self) -> AgentSummary {
        let spec = self.spec();
        AgentSummary {
            agent_id: self.id.clone(),
            name: spec.name.clone(),
            codec: spec.codec.name().to_owned(),
            program: spec.host.as_ref().and_then(Host::program).map(ToOwned::to_owned),
            state: self.state(),
        }
    }
}

impl Presence {
    pub(crate) fn agent(&self) -> &Arc<Agent> {
        &self.agent
    }
}

impl Drop for Presence {
    fn drop(&mut self) {
        self.agent.audience.leave(&self.connection);
        self.agent.terminals.lose(&self.agent.id, &self.connection);
        self.agent.watchers.lose(&self.connection);
    }
}
