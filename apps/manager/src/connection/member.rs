//! A connection's login to one agent, and the conversations that it is in.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use protocol::agents::Attendee;
use protocol::{ConnectionId, ConversationId};

use crate::agent::{Agent, Presence};
use crate::conversation::{Conversation, Key};
use crate::error::Error;

/// Whoever has it need not log in again; dropping it is the logout.
#[derive(Debug)]
pub(crate) struct Member {
    presence: Presence,
    connection: ConnectionId,
    joined: HashMap<ConversationId, Joined>,
}

/// A conversation that the connection is in. Dropping it leaves.
#[derive(Debug)]
struct Joined {
    conversation: Conversation,
    connection: ConnectionId,
    /// Who is present by it: the connection itself, or viewers behind it.
    here: HashSet<Option<ConnectionId>>,
    follows: bool,
}

impl Member {
    pub(super) fn new(presence: Presence, connection: ConnectionId) -> Self {
        Self { presence, connection, joined: HashMap::new() }
    }

    pub(crate) fn agent(&self) -> &Arc<Agent> {
        self.presence.agent()
    }

    /// Whether the connection itself, or one behind it, is present.
    pub(crate) fn is_present(
        &self,
        conversation: &Conversation,
        behind: Option<&ConnectionId>,
    ) -> bool {
        let joined = self.joined.get(conversation.id());
        joined.is_some_and(|joined| joined.here.contains(&behind.cloned()))
    }

    /// Whether the connection follows the conversation.
    pub(crate) fn is_following(&self, conversation: &ConversationId) -> bool {
        self.joined.get(conversation).is_some_and(|joined| joined.follows)
    }

    /// The conversations that it follows.
    pub(super) fn followed(&self) -> Vec<ConversationId> {
        let followed = self.joined.values().filter(|joined| joined.follows);
        followed.map(|joined| joined.conversation.id().clone()).collect()
    }

    pub(super) fn follows(&mut self, conversation: &Conversation) {
        self.join(conversation).follows = true;
    }

    /// Somebody comes.
    pub(crate) fn come(
        &mut self,
        conversation: &Conversation,
        behind: Option<ConnectionId>,
        attendee: Attendee,
        silent: bool,
    ) {
        let joined = self.join(conversation);
        let key = Key { link: joined.connection.clone(), behind: behind.clone() };
        joined.here.insert(behind);
        conversation.enter(key, attendee, silent);
    }

    /// Somebody goes. Whether the connection is to follow the conversation no more.
    pub(crate) fn go(
        &mut self,
        id: &ConversationId,
        behind: Option<&ConnectionId>,
    ) -> Result<bool, Error> {
        let not_joined = || Error::NotJoined(id.clone());
        let joined = self.joined.get_mut(id).ok_or_else(not_joined)?;
        let was_here = joined.here.remove(&behind.cloned());
        // The connection's own leaving ends its following, whether it was present or only looked on.
        let unfollow = behind.is_none() && std::mem::take(&mut joined.follows);
        if !was_here && !unfollow {
            return Err(not_joined());
        }
        let key = Key { link: joined.connection.clone(), behind: behind.cloned() };
        joined.conversation.leave(&key);
        if joined.here.is_empty() && !joined.follows {
            self.joined.remove(id);
        }
        Ok(unfollow)
    }

    /// Exactly these are present behind the connection. Nobody is told.
    pub(crate) fn restore(&mut self, conversation: &Conversation, viewers: Vec<Attendee>) {
        let ids: HashSet<_> =
            viewers.iter().map(|viewer| Some(viewer.connection_id.clone())).collect();
        let before = self.join(conversation).here.clone();
        for gone in before.difference(&ids).flatten() {
            // They are there, so going is no error.
            self.go(conversation.id(), Some(gone)).ok();
        }
        for viewer in viewers {
            self.come(conversation, Some(viewer.connection_id.clone()), viewer, true);
        }
    }

    fn join(&mut self, conversation: &Conversation) -> &mut Joined {
        // A deleted one needs not be left.
        self.joined.retain(|_, joined| !joined.conversation.card().is_gone());
        self.joined.entry(conversation.id().clone()).or_insert_with(|| Joined {
            conversation: conversation.clone(),
            connection: self.connection.clone(),
            here: HashSet::new(),
            follows: false,
        })
    }
}

impl Drop for Joined {
    /// Who was behind the connection may be back soon by another; the connection itself is not.
    fn drop(&mut self) {
        for behind in self.here.drain() {
            let key = Key { link: self.connection.clone(), behind };
            if key.behind.is_some() {
                self.conversation.lose(&key);
            } else {
                self.conversation.leave(&key);
            }
        }
    }
}
