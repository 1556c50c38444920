//! `chat {ephemeral: true}`: an answer that is not stored.

use std::sync::Arc;

use gateway::Outbox;
use protocol::agents::{
    ChatEventBody, ChatMessageBody, EphemeralChatEvent, EphemeralHead, EphemeralMessage,
    EphemeralRunEvent, LiveEvent, LiveEventBody, Origin, RunEventBody, RunState,
};
use protocol::names::agents::{CHAT_EVENT, CHAT_MESSAGE, RUN_EVENT};
use protocol::{AgentId, ConversationId, EntryId, RunId, Timestamp};
use runtime::AgentEvent;

use super::Listener;
use crate::conversation::{Ending, said};
use crate::filters::{Filters, Findings, Stream};

/// Tells the connection that asked what happens, as events without `seq`.
pub(crate) struct Private {
    pub(crate) outbox: Outbox,
    pub(crate) agent_id: AgentId,
    pub(crate) agent_name: String,
    pub(crate) conversation_id: ConversationId,
    pub(crate) run_id: RunId,
    pub(crate) origin: Origin,
    pub(crate) filters: Arc<Filters>,
    /// Whether the answer is shown while it is written.
    pub(crate) streams: bool,
    pub(crate) stream: Stream,
    pub(crate) deltas: u64,
}

impl Private {
    fn head(&self) -> EphemeralHead {
        EphemeralHead {
            agent_id: self.agent_id.clone(),
            conversation_id: self.conversation_id.clone(),
            run_id: self.run_id.clone(),
            connection_id: self.origin.connection_id.clone(),
            timestamp: Timestamp::now(),
        }
    }

    /// The message as the agent gets it.
    pub(crate) fn asked(&self, text: &str) {
        let body = ChatMessageBody::User {
            id: EntryId::random(),
            text: text.to_owned(),
            message_id: None,
            viewer_id: self.origin.viewer_id.clone(),
            user: self.origin.user.clone(),
        };
        self.outbox.event(CHAT_MESSAGE, &EphemeralMessage { head: self.head(), body });
    }

    fn state(&self, body: RunEventBody) {
        self.outbox.event(RUN_EVENT, &EphemeralRunEvent { head: self.head(), body });
    }

    fn note(&self, body: ChatEventBody) {
        let mut value = serde_json::to_value(&body).unwrap_or_default();
        self.filters.value(&mut value["payload"], &mut Findings::default());
        let Ok(body) = serde_json::from_value(value) else { return };
        self.outbox.event(CHAT_EVENT, &EphemeralChatEvent { head: self.head(), body });
    }

    fn delta(&mut self, text: String) {
        let Some(delta) = self.stream.more(&self.filters, text).filter(|_| self.streams) else {
            return;
        };
        let EphemeralHead { agent_id, conversation_id, run_id, connection_id, timestamp } =
            self.head();
        let event = LiveEvent {
            agent_id,
            conversation_id,
            run_id,
            timestamp,
            sequence: self.deltas,
            connection_id,
            body: LiveEventBody::AssistantDelta { delta, truncated: false },
        };
        self.deltas += 1;
        self.outbox.event(CHAT_EVENT, &event);
    }
}

impl Listener for Private {
    fn started(&mut self) {
        self.state(RunEventBody {
            viewer_id: self.origin.viewer_id.clone(),
            ..RunEventBody::new(RunState::Started)
        });
    }

    fn heard(&mut self, event: AgentEvent) {
        match event {
            AgentEvent::Delta { text, .. } => self.delta(text),
            AgentEvent::Message { text, .. } => {
                if let (Some(text), _) = self.stream.message(&self.filters, text) {
                    let body = said(&self.agent_name, text);
                    self.outbox.event(CHAT_MESSAGE, &EphemeralMessage { head: self.head(), body });
                }
            }
            AgentEvent::Note { body, .. } => self.note(body),
            AgentEvent::Event { topic, .. } => {
                self.note(ChatEventBody::Status { message: format!("event \"{topic}\" left out") });
            }
            AgentEvent::Handoff { agent, .. } => {
                let message = format!("hand-off to \"{agent}\" refused: the run is ephemeral");
                self.note(ChatEventBody::Status { message });
            }
            AgentEvent::Asked { .. }
            | AgentEvent::Withdrawn { .. }
            | AgentEvent::Session { .. }
            | AgentEvent::Ended { .. } => {}
        }
    }

    fn ended(self, ending: Ending) {
        self.state(ending.body(self.origin.viewer_id.as_ref()));
    }
}
