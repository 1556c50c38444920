//! What a viewer follows at the manager that it has selected.

use std::collections::HashMap;
use std::sync::Arc;

use gateway::{Message, Outbox, Start};
use protocol::agents::{Attendee, ForConversation, JoinConversation, Origin};
use protocol::names::agents::{JOIN_CONVERSATION, LEAVE_CONVERSATION};
use protocol::{AgentId, ConnectionId, ConversationId};
use serde_json::value::RawValue;

use crate::remote::{Followed, Remote};

/// Dropping it leaves everything: the manager is told, and the connection follows nothing any more.
pub(super) struct Membership {
    remote: Arc<Remote>,
    connection: ConnectionId,
    outbox: Outbox,
    origin: Origin,
    /// The conversations that the viewer is in, and whose they are.
    joined: HashMap<ConversationId, AgentId>,
    /// The agent that a command is for when it does not say.
    last_login: Option<AgentId>,
}

impl Membership {
    pub(super) fn new(
        remote: &Arc<Remote>,
        connection: &ConnectionId,
        outbox: &Outbox,
        origin: Origin,
    ) -> Self {
        Self {
            remote: Arc::clone(remote),
            connection: connection.clone(),
            outbox: outbox.clone(),
            origin,
            joined: HashMap::new(),
            last_login: None,
        }
    }

    pub(super) fn last_login(&self) -> Option<&AgentId> {
        self.last_login.as_ref()
    }

    /// Whose conversation it is, if the viewer is in it.
    pub(super) fn owner(&self, conversation: &ConversationId) -> Option<&AgentId> {
        self.joined.get(conversation)
    }

    /// A login: the viewer is in the conversation, and the manager is told so by the way.
    pub(super) async fn logged_in(&mut self, followed: Followed, start: Start) {
        let place = (&followed.success.agent_id, &followed.success.conversation_id);
        let (agent, conversation) = (place.0.clone(), place.1.clone());
        let is_new = !self.joined.contains_key(&conversation);
        self.last_login = Some(agent.clone());
        self.enter(agent.clone(), conversation.clone(), None);
        self.outbox.send(Message::Follow(followed.feed, start));
        if is_new {
            let join = JoinConversation {
                agent_id: Some(agent),
                conversation_id: Some(conversation),
                ..JoinConversation::default()
            };
            // Commands that follow find the viewer there.
            self.tell_manager(JOIN_CONVERSATION, gateway::raw(&join)).await;
        }
    }

    /// The manager has let the viewer into a conversation.
    pub(super) fn joined(&mut self, followed: Followed, join: &JoinConversation) {
        let (agent, id) = (followed.success.agent_id, followed.success.conversation_id);
        self.enter(agent, id, join.client_type.clone());
        let after = join.after_seq.map(|seq| (seq, join.epoch.clone()));
        let filter = self.origin.viewer_id.clone().filter(|_| join.filter);
        let start = Start { after, limit: join.limit, filter };
        self.outbox.send(Message::Follow(followed.feed, start));
    }

    fn enter(&mut self, agent: AgentId, id: ConversationId, client_type: Option<String>) {
        let attendee = Attendee {
            connection_id: self.connection.clone(),
            viewer_id: self.origin.viewer_id.clone(),
            user: self.origin.user.clone(),
            client_type,
        };
        self.remote.people().log_in(&agent, &self.connection, &self.outbox);
        self.remote.people().enter(&agent, &id, attendee);
        self.joined.insert(id, agent);
    }

    /// The viewer has left a conversation.
    pub(super) fn left(&mut self, conversation: &ConversationId) {
        self.joined.remove(conversation);
        self.remote.people().leave(conversation, &self.connection);
        self.outbox.send(Message::Unfollow(conversation.clone()));
    }

    /// Leaves all conversations of an agent; the manager is told.
    pub(super) fn log_out(&mut self, agent: &AgentId) {
        let joined = self.joined.iter().filter(|(_, owner)| *owner == agent);
        for conversation in joined.map(|(id, _)| id.clone()).collect::<Vec<_>>() {
            let leave = ForConversation {
                agent_id: Some(agent.clone()),
                conversation_id: conversation.clone(),
            };
            self.left(&conversation);
            drop(self.tell_manager(LEAVE_CONVERSATION, gateway::raw(&leave)));
        }
        self.last_login.take_if(|last| last == agent);
        self.remote.people().log_out(agent, &self.connection);
    }

    /// Tells the manager what the viewer does without having said so. To be called when it is so here, as a manager that
    /// cannot be told now is told later how it is then.
    fn tell_manager(
        &self,
        event: &'static str,
        payload: Box<RawValue>,
    ) -> impl Future<Output = ()> + use<> {
        self.remote.notify(event, payload, gateway::raw(&self.origin))
    }
}

impl Drop for Membership {
    fn drop(&mut self) {
        let mut agents: Vec<AgentId> = self.joined.values().cloned().collect();
        agents.sort_unstable();
        agents.dedup();
        for agent in agents {
            self.log_out(&agent);
        }
    }
}

#[cfg(test)]
mod tests;
