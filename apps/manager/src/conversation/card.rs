//! What is known of a conversation without its task: what lists show, and where its log is.

use std::sync::{Mutex, MutexGuard, PoisonError};

use protocol::agents::{
    ActivityState, ConversationActivity, ConversationInfo, InteractionRequest, Queue, RunActivity,
};
use protocol::{AgentId, ConversationId, Epoch, Seq, Timestamp, ViewerId};
use store::ConversationRecord;
use tokio::time::Instant;

use super::attendance::Key;
use super::telling::{Doing, excerpt};
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

    /// What is asked in runs and waits for an answer.
    pub(crate) fn waiting(&self) -> Vec<RunActivity> {
        let state = self.state();
        let told = |asked: &InteractionRequest| {
            let run_id = asked.head.run_id.clone()?;
            let run = state.queue.running.iter().find(|run| run.run_id == run_id);
            Some(RunActivity {
                agent_id: self.agent_id.clone(),
                conversation_id: self.id.clone(),
                conversation_name: state.name.clone(),
                run_id,
                seq: asked.head.seq,
                state: ActivityState::Blocked,
                reason: None,
                error: None,
                duration_ms: None,
                viewer_id: run.and_then(|run| run.viewer_id.clone()),
                user: run.and_then(|run| run.user.clone()),
                interaction_id: Some(asked.body.interaction_id.clone()),
                message: Some(excerpt(&asked.body.message)),
                timestamp: asked.head.timestamp,
            })
        };
        state.interactions.iter().filter_map(told).collect()
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

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn each_question_of_a_run_waits() {
        let agent = AgentId::new("ag_1").unwrap();
        let card = Card::new(ConversationRecord::new(agent, "talk".to_owned()), None);
        let asked = |seq: u64, run: Option<&str>| {
            let request = json!({
                "agentId": "ag_1", "conversationId": "cv_1", "seq": seq, "runId": run, "timestamp": Timestamp::from_millis(seq),
                "interactionId": format!("in_{seq}"), "type": "text", "message": "é".repeat(300),
                "expiresAt": Timestamp::from_millis(9),
            });
            serde_json::from_value(request).unwrap()
        };
        card.state().interactions =
            vec![asked(3, Some("run_1")), asked(5, Some("run_1")), asked(6, None)];

        let waiting = card.waiting();

        let told: Vec<_> = waiting
            .iter()
            .map(|told| (told.seq.0, told.interaction_id.as_ref().unwrap().as_str(), told.state))
            .collect();
        let blocked = ActivityState::Blocked;
        assert_eq!(told, [(3, "in_3", blocked), (5, "in_5", blocked)]);
        assert_eq!(waiting[0].message.as_deref(), Some("é".repeat(200).as_str()));
    }
}
