//! The connections that are logged in to an agent.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use gateway::Outbox;
use protocol::agents::{ConversationAction, ConversationUpdate, Origin};
use protocol::names::agents::CONVERSATION_UPDATE;
use protocol::{ConnectionId, Epoch, Timestamp};
use serde::Serialize;

use crate::activity::Activity;
use crate::conversation::Card;

/// Who is told what is about the agent, such as that its list of conversations changes. Behind a lock that is held to tell outboxes, which never
/// wait.
#[derive(Debug)]
pub(crate) struct Audience {
    members: Mutex<HashMap<ConnectionId, Outbox>>,
    /// Those who want to know what all agents are doing.
    activity: Arc<Activity>,
}

impl Audience {
    pub(crate) fn new(activity: Arc<Activity>) -> Self {
        Self { members: Mutex::default(), activity }
    }

    pub(crate) fn enter(&self, connection: &ConnectionId, outbox: &Outbox) {
        self.lock().insert(connection.clone(), outbox.clone());
    }

    pub(crate) fn leave(&self, connection: &ConnectionId) {
        self.lock().remove(connection);
    }

    /// Tells that something happened to a conversation, and who did it.
    pub(crate) fn changed(
        &self,
        card: &Card,
        client_count: u32,
        action: ConversationAction,
        origin: &Origin,
    ) {
        self.tell(&update(card, client_count, action, origin, None));
    }

    /// Tells what has happened, each connection once.
    pub(crate) fn tell(&self, update: &ConversationUpdate) {
        let members = self.lock();
        for outbox in members.values() {
            outbox.event(CONVERSATION_UPDATE, update);
        }
        self.activity.tell(update, |connection| members.contains_key(connection));
    }

    /// Tells an event to all connections but those.
    pub(crate) fn tell_others(
        &self,
        name: &'static str,
        event: &impl Serialize,
        but: impl Fn(&ConnectionId) -> bool,
    ) {
        for (connection, outbox) in self.lock().iter() {
            if !but(connection) {
                outbox.event(name, event);
            }
        }
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<ConnectionId, Outbox>> {
        self.members.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// What happened to a conversation, and who did it.
pub(crate) fn update(
    card: &Card,
    client_count: u32,
    action: ConversationAction,
    origin: &Origin,
    epoch: Option<Epoch>,
) -> ConversationUpdate {
    let is_gone = action == ConversationAction::Deleted;
    ConversationUpdate {
        agent_id: card.agent_id.clone(),
        conversation_id: card.id.clone(),
        action,
        timestamp: Timestamp::now(),
        conversation: (!is_gone).then(|| card.info(client_count)),
        epoch,
        viewer_id: origin.viewer_id.clone(),
        user: origin.user.clone(),
        client_type: None,
    }
}
