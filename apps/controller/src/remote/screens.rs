//! What viewers watch at a manager besides conversations: terminals, and what agents' programs use.

use std::collections::{HashMap, HashSet};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use gateway::{Message, Outbox, Scroll, raw};
use protocol::agents::{Origin, TerminalClosed, TerminalEnd, TerminalOutput};
use protocol::{AgentId, ConnectionId, SessionId, Timestamp};
use serde_json::value::RawValue;

/// Behind a lock that is held to note and to tell outboxes, which never wait.
#[derive(Debug, Default)]
pub(crate) struct Screens(Mutex<Inner>);

#[derive(Debug, Default)]
struct Inner {
    terminals: HashMap<SessionId, Watched>,
    stats: HashMap<AgentId, HashMap<ConnectionId, Watcher>>,
}

/// A terminal that somebody watches or is about to.
#[derive(Debug)]
struct Watched {
    agent: AgentId,
    scroll: Arc<Scroll>,
    viewers: HashMap<ConnectionId, Watcher>,
}

/// A viewer that watches.
#[derive(Debug, Clone)]
pub(crate) struct Watcher {
    pub(crate) outbox: Outbox,
    /// For whom the manager is asked to show it.
    pub(crate) origin: Origin,
}

/// Somebody's place at something, for when the manager has to be told again.
#[derive(Debug)]
pub(super) enum Place {
    Terminal(AgentId, SessionId),
    Stats(AgentId),
}

impl Screens {
    /// A viewer is about to watch a terminal. Its scroll, and whether the viewer did not watch it yet. What the manager says
    /// of it from now on is kept, before it says that the viewer may.
    pub(crate) fn watch(
        &self,
        agent: &AgentId,
        session: &SessionId,
        connection: &ConnectionId,
        watcher: Watcher,
    ) -> (Arc<Scroll>, bool) {
        let mut inner = self.lock();
        let watched = inner.terminals.entry(session.clone()).or_insert_with(|| Watched {
            agent: agent.clone(),
            scroll: Scroll::new(agent.clone(), session.clone()),
            viewers: HashMap::new(),
        });
        let is_new = watched.viewers.insert(connection.clone(), watcher).is_none();
        (Arc::clone(&watched.scroll), is_new)
    }

    /// A viewer watches a terminal no more.
    pub(crate) fn unwatch(&self, session: &SessionId, connection: &ConnectionId) {
        let mut inner = self.lock();
        if let Some(watched) = inner.terminals.get_mut(session) {
            watched.viewers.remove(connection);
            if watched.viewers.is_empty() {
                inner.terminals.remove(session);
            }
        }
    }

    /// A viewer wants to know what an agent's programs use. Whether it did not yet.
    pub(crate) fn subscribe(
        &self,
        agent: &AgentId,
        connection: &ConnectionId,
        watcher: Watcher,
    ) -> bool {
        let mut inner = self.lock();
        let viewers = inner.stats.entry(agent.clone()).or_default();
        viewers.insert(connection.clone(), watcher).is_none()
    }

    /// Not any more. Whether it did.
    pub(crate) fn unsubscribe(&self, agent: &AgentId, connection: &ConnectionId) -> bool {
        let mut inner = self.lock();
        let Some(viewers) = inner.stats.get_mut(agent) else { return false };
        let did = viewers.remove(connection).is_some();
        if viewers.is_empty() {
            inner.stats.remove(agent);
        }
        did
    }

    /// A terminal has shown something.
    pub(super) fn shown(&self, output: &TerminalOutput) {
        if let Some(watched) = self.lock().terminals.get(&output.session_id) {
            watched.scroll.append_at(output.offset, &output.data);
        }
    }

    /// A terminal has ended. Those who watch it are told behind its output.
    pub(super) fn closed(
        &self,
        session: &SessionId,
        payload: &Arc<RawValue>,
    ) -> HashSet<ConnectionId> {
        let Some(watched) = self.lock().terminals.remove(session) else { return HashSet::new() };
        watched.scroll.close(Arc::clone(payload));
        watched.viewers.into_keys().collect()
    }

    /// The manager does not know the terminal any more.
    pub(super) fn lost(&self, agent: &AgentId, session: &SessionId) {
        let closed = TerminalClosed {
            agent_id: agent.clone(),
            session_id: session.clone(),
            exit_code: None,
            reason: TerminalEnd::Lost,
            timestamp: Timestamp::now(),
        };
        self.closed(session, &raw(&closed).into());
    }

    /// The connections that watch a terminal.
    pub(super) fn viewers(&self, session: &SessionId) -> HashMap<ConnectionId, Outbox> {
        let inner = self.lock();
        let viewers = inner.terminals.get(session).into_iter().flat_map(|all| &all.viewers);
        viewers.map(|(connection, watcher)| (connection.clone(), watcher.outbox.clone())).collect()
    }

    /// Tells what an agent's programs use.
    pub(super) fn measured(&self, agent: &AgentId, event: &str, payload: &Arc<RawValue>) {
        let event: Arc<str> = event.into();
        for watcher in self.lock().stats.get(agent).into_iter().flat_map(HashMap::values) {
            watcher.outbox.send(Message::Relayed(Arc::clone(&event), Arc::clone(payload)));
        }
    }

    /// Everybody's places.
    pub(super) fn places(&self) -> Vec<(Place, Origin)> {
        let inner = self.lock();
        let terminals = inner.terminals.iter().flat_map(|(session, watched)| {
            watched.viewers.values().map(|watcher| {
                let place = Place::Terminal(watched.agent.clone(), session.clone());
                (place, watcher.origin.clone())
            })
        });
        let stats = inner.stats.iter().flat_map(|(agent, viewers)| {
            viewers.values().map(|watcher| (Place::Stats(agent.clone()), watcher.origin.clone()))
        });
        terminals.chain(stats).collect()
    }

    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
