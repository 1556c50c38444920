//! The viewers of a remote: who is logged in to which agent, and who is present in which conversation.

use std::collections::{HashMap, HashSet};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use gateway::{Message, Outbox};
use protocol::agents::{Attendee, ConversationAction, ConversationUpdate, Presence};
use protocol::names::agents::CONVERSATION_UPDATE;
use protocol::{AgentId, ConnectionId, ConversationId, Epoch, Timestamp};
use serde_json::value::RawValue;

/// Behind a lock that is held to note and to tell outboxes, which never wait.
#[derive(Debug, Default)]
pub(crate) struct People(Mutex<Inner>);

#[derive(Debug, Default)]
struct Inner {
    logged_in: HashMap<AgentId, HashMap<ConnectionId, Outbox>>,
    present: HashMap<ConversationId, Room>,
}

#[derive(Debug)]
struct Room {
    agent: AgentId,
    attendees: HashMap<ConnectionId, Attendee>,
}

impl People {
    /// A viewer is logged in to an agent: it is told of changes to the agent's conversations.
    pub(crate) fn log_in(&self, agent: &AgentId, connection: &ConnectionId, outbox: &Outbox) {
        let mut inner = self.lock();
        let connections = inner.logged_in.entry(agent.clone()).or_default();
        connections.entry(connection.clone()).or_insert_with(|| outbox.clone());
    }

    pub(crate) fn log_out(&self, agent: &AgentId, connection: &ConnectionId) {
        let mut inner = self.lock();
        if let Some(connections) = inner.logged_in.get_mut(agent) {
            connections.remove(connection);
            if connections.is_empty() {
                inner.logged_in.remove(agent);
            }
        }
    }

    /// A viewer has gone, or looks at another remote: it is logged in to nothing here.
    pub(crate) fn gone(&self, connection: &ConnectionId) {
        self.lock().logged_in.retain(|_, connections| {
            connections.remove(connection);
            !connections.is_empty()
        });
    }

    /// A viewer is present in a conversation.
    pub(crate) fn enter(&self, agent: &AgentId, conversation: &ConversationId, attendee: Attendee) {
        let mut inner = self.lock();
        let room = inner
            .present
            .entry(conversation.clone())
            .or_insert_with(|| Room { agent: agent.clone(), attendees: HashMap::new() });
        room.attendees.insert(attendee.connection_id.clone(), attendee);
    }

    pub(crate) fn leave(&self, conversation: &ConversationId, connection: &ConnectionId) {
        let mut inner = self.lock();
        if let Some(room) = inner.present.get_mut(conversation) {
            room.attendees.remove(connection);
            if room.attendees.is_empty() {
                inner.present.remove(conversation);
            }
        }
    }

    /// The conversations in which somebody is present.
    pub(crate) fn rooms(&self) -> HashSet<ConversationId> {
        self.lock().present.keys().cloned().collect()
    }

    /// Everybody who is present, conversation by conversation.
    pub(super) fn presence(&self) -> Vec<Presence> {
        let inner = self.lock();
        let rooms = inner.present.iter().map(|(conversation, room)| Presence {
            agent_id: room.agent.clone(),
            conversation_id: conversation.clone(),
            viewers: room.attendees.values().cloned().collect(),
        });
        rooms.collect()
    }

    /// The agents with whom somebody is present.
    pub(super) fn agents(&self) -> HashSet<AgentId> {
        self.lock().present.values().map(|room| room.agent.clone()).collect()
    }

    /// The agent's conversations in which somebody is present.
    pub(super) fn rooms_with(&self, agent: &AgentId) -> Vec<ConversationId> {
        let inner = self.lock();
        let rooms = inner.present.iter().filter(|(_, room)| room.agent == *agent);
        rooms.map(|(conversation, _)| conversation.clone()).collect()
    }

    /// Everybody who is present in a conversation.
    pub(super) fn presence_in(&self, agent: &AgentId, conversation: &ConversationId) -> Presence {
        let inner = self.lock();
        let room = inner.present.get(conversation);
        let viewers = room.into_iter().flat_map(|room| room.attendees.values()).cloned().collect();
        Presence { agent_id: agent.clone(), conversation_id: conversation.clone(), viewers }
    }

    /// The conversation is gone.
    pub(super) fn forget(&self, conversation: &ConversationId) {
        self.lock().present.remove(conversation);
    }

    /// Tells everybody who is logged in to an agent.
    pub(super) fn tell(&self, agent: &AgentId, event: &str, payload: &Arc<RawValue>) {
        let (inner, event) = (self.lock(), Arc::<str>::from(event));
        for outbox in inner.logged_in.get(agent).into_iter().flat_map(HashMap::values) {
            outbox.send(Message::Relayed(Arc::clone(&event), Arc::clone(payload)));
        }
    }

    /// Tells everybody who is logged in to an agent, but not those, and others besides.
    pub(super) fn tell_others(
        &self,
        agent: &AgentId,
        event: &str,
        payload: &Arc<RawValue>,
        but: impl Fn(&ConnectionId) -> bool,
        besides: HashMap<ConnectionId, Outbox>,
    ) {
        let event: Arc<str> = event.into();
        let mut told = besides;
        let inner = self.lock();
        let logged_in = inner.logged_in.get(agent).into_iter().flatten();
        told.extend(logged_in.map(|(connection, outbox)| (connection.clone(), outbox.clone())));
        drop(inner);
        for (_, outbox) in told.into_iter().filter(|(connection, _)| !but(connection)) {
            outbox.send(Message::Relayed(Arc::clone(&event), Arc::clone(payload)));
        }
    }

    /// The conversation is gone, and everybody who is logged in to its agent is told so.
    pub(super) fn deleted(&self, agent: &AgentId, conversation: &ConversationId) {
        self.forget(conversation);
        let update = gateway::raw(&deleted(agent.clone(), conversation.clone()));
        self.tell(agent, CONVERSATION_UPDATE, &update.into());
    }

    /// The conversation's log begins anew, and everybody who is logged in to its agent is told so.
    pub(super) fn cleared(&self, agent: &AgentId, conversation: &ConversationId, epoch: &Epoch) {
        let update = ConversationUpdate {
            action: ConversationAction::Cleared,
            epoch: Some(epoch.clone()),
            ..deleted(agent.clone(), conversation.clone())
        };
        self.tell(agent, CONVERSATION_UPDATE, &gateway::raw(&update).into());
    }

    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// What a manager says of a conversation that is gone, for when it cannot say so itself.
pub(crate) fn deleted(agent_id: AgentId, conversation_id: ConversationId) -> ConversationUpdate {
    ConversationUpdate {
        agent_id,
        conversation_id,
        action: ConversationAction::Deleted,
        timestamp: Timestamp::now(),
        conversation: None,
        epoch: None,
        viewer_id: None,
        user: None,
        client_type: None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn who_has_gone_is_told_nothing_more() {
        let people = People::default();
        let (agent, connection) = (AgentId::random(), ConnectionId::random());
        let (outbox, _screen) = crate::scripted::screen();
        people.log_in(&agent, &connection, &outbox);

        people.gone(&connection);

        assert!(people.lock().logged_in.is_empty());
    }

    #[test]
    fn who_is_present_is_known_until_they_leave() {
        let people = People::default();
        let (agent, conversation) = (AgentId::random(), ConversationId::random());
        let connections = [ConnectionId::random(), ConnectionId::random()];
        for connection in &connections {
            let attendee = Attendee {
                connection_id: connection.clone(),
                viewer_id: None,
                user: None,
                client_type: None,
            };
            people.enter(&agent, &conversation, attendee);
        }

        let presence = people.presence();
        assert_eq!((presence.len(), presence[0].viewers.len()), (1, 2));
        people.leave(&conversation, &connections[0]);
        assert!(people.rooms().contains(&conversation));
        people.leave(&conversation, &connections[1]);
        assert!(people.rooms().is_empty());
    }
}
