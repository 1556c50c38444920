//! What a viewer follows at the manager that it has selected.

use std::collections::{HashMap, HashSet};
use std::sync::{Arc, Weak};

use gateway::{Feed, Message, Outbox, Scroll, Start};
use protocol::agents::{
    Attendee, ForConversation, ForTerminal, JoinConversation, Origin, Subscribe,
};
use protocol::names::agents::{
    CONVERSATION_UPDATE, JOIN_CONVERSATION, LEAVE_CONVERSATION, LEAVE_TERMINAL, SUBSCRIBE,
};
use protocol::{AgentId, ConnectionId, ConversationId, ErrorCode, SessionId};
use serde_json::value::RawValue;

use crate::remote::people::deleted;
use crate::remote::screens::Watcher;
use crate::remote::{Followed, Placed, Remote};

/// Dropping it leaves everything: the manager is told, and the connection follows nothing any more.
pub(super) struct Membership {
    remote: Arc<Remote>,
    connection: ConnectionId,
    outbox: Outbox,
    origin: Origin,
    /// The conversations that the viewer is in or on its way into.
    places: HashMap<ConversationId, Place>,
    /// The terminals that the viewer watches or is about to. Those that have ended are forgotten when there is a new one.
    terminals: HashMap<SessionId, (AgentId, Weak<Scroll>)>,
    /// The agents of which the viewer wants to know what their programs use.
    stats: HashSet<AgentId>,
    /// The agent that a command is for when it does not say.
    last_login: Option<AgentId>,
}

#[derive(Debug)]
struct Place {
    agent: AgentId,
    client_type: Option<String>,
    /// What the viewer follows there.
    feed: Weak<Feed>,
    stay: Stay,
    state: State,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    /// The manager has been asked to let the viewer in. It may have done so, so it is to be told of the going, too.
    Coming,
    Here,
    /// The manager has been asked to let the viewer go. Until it has, the viewer follows the conversation.
    Going,
}

/// From a viewer's coming to a conversation to its going. The manager's answer may come when that is over: it is about
/// this stay and none after it, here or at another manager.
#[derive(Debug, Clone, Default)]
pub(super) struct Stay(Arc<()>);

impl PartialEq for Stay {
    fn eq(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.0, &other.0)
    }
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
            places: HashMap::new(),
            terminals: HashMap::new(),
            stats: HashSet::new(),
            last_login: None,
        }
    }

    pub(super) fn last_login(&self) -> Option<&AgentId> {
        self.last_login.as_ref()
    }

    /// Whose conversation it is, if the viewer is in it.
    pub(super) fn owner(&self, conversation: &ConversationId) -> Option<&AgentId> {
        self.places.get(conversation).map(|place| &place.agent)
    }

    /// Whether the viewer is in the conversation or on its way into it.
    pub(super) fn has(&self, conversation: &ConversationId) -> bool {
        let place = self.places.get(conversation).filter(|place| place.state != State::Going);
        let feed = place.and_then(|place| place.feed.upgrade());
        // Of one that was closed the viewer hears nothing more.
        feed.is_some_and(|feed| !feed.is_closed())
    }

    /// A login: the viewer is in the conversation, and the manager is told so by the way.
    pub(super) fn logged_in(&mut self, followed: Followed, start: Start) -> Option<Placed> {
        let place = (&followed.success.agent_id, &followed.success.conversation_id);
        let (agent, conversation) = (place.0.clone(), place.1.clone());
        let here = self.places.get(&conversation).is_some_and(|place| place.state == State::Here);
        self.last_login = Some(agent.clone());
        self.enter(&followed, None).state = State::Here;
        self.remote.people().log_in(&agent, &self.connection, &self.outbox);
        self.outbox.send(Message::Follow(Arc::clone(&followed.feed), start));
        if followed.feed.is_closed() {
            self.gone(agent, conversation);
            return None;
        }
        (!here).then(|| self.tell_coming(&agent, &conversation, None))
    }

    /// The manager is going to be asked to let the viewer into a conversation.
    pub(super) fn coming(&mut self, followed: &Followed, join: &JoinConversation) -> Stay {
        self.enter(followed, join.client_type.clone()).stay.clone()
    }

    /// The manager has let the viewer into a conversation, which it follows from here on if it is still wanted there.
    pub(super) fn joined(&mut self, stay: &Stay, followed: Followed, join: &JoinConversation) {
        let Some(place) = self.places.get_mut(&followed.success.conversation_id) else { return };
        if place.stay != *stay {
            return;
        }
        if place.state == State::Coming {
            place.state = State::Here;
        }
        self.remote.people().log_in(&place.agent, &self.connection, &self.outbox);
        let after = join.after_seq.map(|seq| (seq, join.epoch.clone()));
        let filter = self.origin.viewer_id.clone().filter(|_| join.filter);
        let start = Start { after, limit: join.limit, filter };
        self.outbox.send(Message::Follow(Arc::clone(&followed.feed), start));
        if followed.feed.is_closed() {
            self.gone(followed.success.agent_id, followed.success.conversation_id);
        }
    }

    /// The feed was closed while the viewer was on its way to it. Those who were logged in then have been told. Looked at
    /// when the viewer is logged in, so one that is closed later is told to it as to them.
    fn gone(&mut self, agent: AgentId, conversation: ConversationId) {
        self.forget(&conversation);
        self.outbox.relayed(CONVERSATION_UPDATE, &deleted(agent, conversation));
    }

    /// The manager has not let the viewer in, or has not said.
    pub(super) fn not_joined(&mut self, stay: &Stay, id: &ConversationId) -> Option<Placed> {
        let place = self.places.get(id).filter(|place| place.stay == *stay)?;
        let agent = (place.state != State::Here).then(|| place.agent.clone())?;
        Some(self.leave(&agent, id))
    }

    /// The manager is going to be asked to let the viewer go.
    pub(super) fn going(&mut self, conversation: &ConversationId) -> Option<Stay> {
        let place = self.places.get_mut(conversation)?;
        place.state = State::Going;
        self.remote.people().leave(conversation, &self.connection);
        Some(place.stay.clone())
    }

    /// The manager has let the viewer go, if it has not come again meanwhile.
    pub(super) fn left(&mut self, stay: &Stay, conversation: &ConversationId) {
        if self.places.get(conversation).is_some_and(|place| place.stay == *stay) {
            self.forget(conversation);
        }
    }

    /// The manager has not let the viewer go, or has not said: the viewer is still there, and the manager is told so in
    /// case that it thinks otherwise. Whom it does not find has left.
    pub(super) fn not_left(
        &mut self,
        stay: &Stay,
        id: &ConversationId,
        refusal: Option<ErrorCode>,
    ) -> Option<Placed> {
        if let Some(ErrorCode::NotJoined | ErrorCode::ConversationNotFound) = refusal {
            self.left(stay, id);
            return None;
        }
        let place = self.places.get_mut(id).filter(|place| place.stay == *stay)?;
        place.state = State::Here;
        let (agent, client_type) = (place.agent.clone(), place.client_type.clone());
        self.attend(&agent, id, client_type.clone());
        Some(self.tell_coming(&agent, id, client_type))
    }

    /// The viewer's place in a conversation; one that it did not have is held from now on, whatever the manager is going
    /// to say: a presence that is restored meanwhile has the viewer. One that is being left is held anew.
    fn enter(&mut self, followed: &Followed, client_type: Option<String>) -> &mut Place {
        let (agent, id) = (&followed.success.agent_id, &followed.success.conversation_id);
        let feed = Arc::downgrade(&followed.feed);
        if self.places.get(id).is_none_or(|place| place.state == State::Going) {
            self.attend(agent, id, client_type.clone());
            let (agent, state) = (agent.clone(), State::Coming);
            let place = Place { agent, client_type, feed, stay: Stay::default(), state };
            self.places.insert(id.clone(), place);
        } else if let Some(place) = self.places.get_mut(id) {
            place.feed = feed;
        }
        self.places.get_mut(id).expect("it is held")
    }

    fn attend(&self, agent: &AgentId, id: &ConversationId, client_type: Option<String>) {
        let attendee = Attendee {
            connection_id: self.connection.clone(),
            viewer_id: self.origin.viewer_id.clone(),
            user: self.origin.user.clone(),
            client_type,
        };
        self.remote.people().enter(agent, id, attendee);
    }

    fn forget(&mut self, conversation: &ConversationId) {
        self.places.remove(conversation);
        self.remote.people().leave(conversation, &self.connection);
        self.outbox.send(Message::Unfollow(conversation.clone()));
    }

    /// Leaves all conversations of an agent; the manager is told.
    pub(super) fn log_out(&mut self, agent: &AgentId) -> Option<Placed> {
        let places = self.places.iter().filter(|(_, place)| place.agent == *agent);
        let ids: Vec<_> = places.map(|(id, _)| id.clone()).collect();
        self.last_login.take_if(|last| last == agent);
        self.remote.people().log_out(agent, &self.connection);
        let looked = self.look_away(agent);
        ids.iter().map(|id| self.leave(agent, id)).last().or(looked)
    }

    /// Watches nothing of an agent any more; the manager is told.
    fn look_away(&mut self, agent: &AgentId) -> Option<Placed> {
        let terminals = self.terminals.iter().filter(|(_, (owner, _))| owner == agent);
        let sessions: Vec<_> = terminals.map(|(session, _)| session.clone()).collect();
        let left = sessions.iter().map(|session| self.tell_left(session)).last();
        if !self.unsubscribe(agent) {
            return left;
        }
        let nothing = Subscribe { agent_id: Some(agent.clone()), topics: Vec::new() };
        Some(self.tell_manager(SUBSCRIBE, gateway::raw(&nothing)))
    }

    fn tell_left(&mut self, session: &SessionId) -> Placed {
        self.unwatch(session);
        let leave = ForTerminal { agent_id: None, session_id: session.clone() };
        self.tell_manager(LEAVE_TERMINAL, gateway::raw(&leave))
    }

    /// The manager is going to be asked to show a terminal. Its scroll, and whether that is new.
    pub(super) fn watch(
        &mut self,
        agent: &AgentId,
        session: &SessionId,
        origin: Origin,
    ) -> (Arc<Scroll>, bool) {
        self.terminals.retain(|_, (_, scroll)| scroll.strong_count() > 0);
        let watcher = Watcher { outbox: self.outbox.clone(), origin };
        let screens = self.remote.screens();
        let (scroll, is_new) = screens.watch(agent, session, &self.connection, watcher);
        let noted = (agent.clone(), Arc::downgrade(&scroll));
        self.terminals.insert(session.clone(), noted);
        (scroll, is_new)
    }

    /// Whether the viewer still wants to watch it.
    pub(super) fn watches(&self, session: &SessionId, scroll: &Arc<Scroll>) -> bool {
        let noted = self.terminals.get(session);
        noted.is_some_and(|(_, noted)| std::ptr::eq(noted.as_ptr(), Arc::as_ptr(scroll)))
    }

    /// The manager has not let the viewer watch it, or has not said.
    pub(super) fn stop_watching(&mut self, session: &SessionId) {
        if self.terminals.contains_key(session) {
            // Nothing that the viewer says next depends on it.
            drop(self.tell_left(session));
        }
    }

    /// The viewer does not watch the terminal any more.
    pub(super) fn unwatch(&mut self, session: &SessionId) {
        self.terminals.remove(session);
        self.remote.screens().unwatch(session, &self.connection);
        self.outbox.send(Message::Unwatch(session.clone()));
    }

    /// The manager is going to be asked what the agent's programs use. Whether that is new.
    pub(super) fn subscribe(&mut self, agent: &AgentId, origin: Origin) -> bool {
        self.stats.insert(agent.clone());
        let watcher = Watcher { outbox: self.outbox.clone(), origin };
        self.remote.screens().subscribe(agent, &self.connection, watcher)
    }

    /// The viewer does not want to know any more. Whether it did.
    pub(super) fn unsubscribe(&mut self, agent: &AgentId) -> bool {
        self.stats.remove(agent);
        self.remote.screens().unsubscribe(agent, &self.connection)
    }

    /// Leaves everything; the manager is told.
    pub(super) fn end(&mut self) -> Option<Placed> {
        let mut agents: HashSet<_> =
            self.places.values().map(|place| place.agent.clone()).collect();
        agents.extend(self.terminals.values().map(|(agent, _)| agent.clone()));
        agents.extend(self.stats.iter().cloned());
        let told = agents.iter().filter_map(|agent| self.log_out(agent)).last();
        // Of agents, too, whose conversations it has left before.
        self.remote.people().gone(&self.connection);
        told
    }

    fn tell_coming(
        &self,
        agent: &AgentId,
        conversation: &ConversationId,
        client_type: Option<String>,
    ) -> Placed {
        let join = JoinConversation {
            agent_id: Some(agent.clone()),
            conversation_id: Some(conversation.clone()),
            client_type,
            ..JoinConversation::default()
        };
        self.tell_manager(JOIN_CONVERSATION, gateway::raw(&join))
    }

    fn leave(&mut self, agent: &AgentId, conversation: &ConversationId) -> Placed {
        self.forget(conversation);
        let leave = ForConversation {
            agent_id: Some(agent.clone()),
            conversation_id: conversation.clone(),
        };
        self.tell_manager(LEAVE_CONVERSATION, gateway::raw(&leave))
    }

    /// Tells the manager what the viewer does without having said so. To be called when it is so here, as a manager that
    /// cannot be told now is told later how it is then.
    fn tell_manager(&self, event: &'static str, payload: Box<RawValue>) -> Placed {
        self.remote.notify(event, payload, gateway::raw(&self.origin))
    }
}

impl Drop for Membership {
    fn drop(&mut self) {
        // Nothing of the connection comes after it.
        drop(self.end());
    }
}

#[cfg(test)]
mod tests;
