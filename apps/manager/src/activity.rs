//! The connections that want to know what all agents are doing.
//!
//! What changes is noted for each of them by its id, once however often it changes; a task of the connection tells the
//! newest of it as the outbox takes it. So one that does not read costs a set of ids.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use gateway::Outbox;
use protocol::agents::{
    AgentAction, AgentState, AgentSummary, AgentUpdate, ConversationAction, ConversationUpdate,
    RunActivity,
};
use protocol::names::agents::{
    AGENT_UPDATE, CONVERSATION_ACTIVITY, CONVERSATION_UPDATE, RUN_ACTIVITY,
};
use protocol::{AgentId, ConnectionId, ConversationId, Timestamp};
use tokio::sync::Notify;
use tokio::time::{Instant, sleep, timeout_at};
use tokio_util::sync::CancellationToken;

use crate::agents::Agents;

/// How often an agent is told of, at most.
const AGENT_PERIOD: Duration = Duration::from_millis(100);
/// How often a conversation is told of, at most.
const CONVERSATION_PERIOD: Duration = Duration::from_millis(250);

/// Behind a lock that is held to copy the list.
#[derive(Debug, Default)]
pub(crate) struct Activity {
    listeners: Mutex<HashMap<ConnectionId, Arc<Listener>>>,
    /// Whether there is one. Looked at for each change, so that nothing is done for nobody.
    is_heard: AtomicBool,
}

/// A connection's choice to be told. Dropping it ends that.
#[derive(Debug)]
pub(crate) struct Subscription {
    activity: Arc<Activity>,
    connection: ConnectionId,
    listener: Arc<Listener>,
}

#[derive(Debug)]
struct Listener {
    outbox: Outbox,
    /// Held while something of it is looked up and told, too: what is gone is not told after its end.
    pending: Mutex<Pending>,
    news: Notify,
    ended: CancellationToken,
}

/// What is to be told, and what was.
#[derive(Debug, Default)]
struct Pending {
    agents: BTreeMap<AgentId, Change>,
    conversations: BTreeSet<(AgentId, ConversationId)>,
    /// Those of which it is still to be told what waits for an answer: it may have been asked before somebody wanted to know.
    asking: BTreeSet<(AgentId, ConversationId)>,
    told: HashMap<AgentId, AgentState>,
}

/// What happened to an agent since it was told of last.
#[derive(Debug, Clone)]
enum Change {
    Current,
    Created,
    State,
    Deleted(AgentSummary),
}

impl Activity {
    /// Tells a connection of all agents, open conversations and what waits for an answer in them, and then of what changes, for
    /// as long as it keeps what this gives and the future runs.
    pub(crate) fn subscribe(
        self: &Arc<Self>,
        connection: &ConnectionId,
        outbox: &Outbox,
        agents: Arc<Agents>,
    ) -> (Subscription, impl Future<Output = ()> + Send + use<>) {
        let listener = Arc::new(Listener {
            outbox: outbox.clone(),
            pending: Mutex::default(),
            news: Notify::new(),
            ended: CancellationToken::new(),
        });
        {
            let mut listeners = self.lock();
            listeners.insert(connection.clone(), listener.clone());
            self.is_heard.store(true, Ordering::SeqCst);
        }
        // Whatever changes from here on is noted, so what is looked up now and changes meanwhile is told again.
        let mut pending = listener.lock();
        for agent in agents.all() {
            pending.agents.entry(agent.id.clone()).or_insert(Change::Current);
            for conversation in agent.conversations.open_ids() {
                pending.asking.insert((agent.id.clone(), conversation.clone()));
                pending.conversations.insert((agent.id.clone(), conversation));
            }
        }
        drop(pending);
        let telling = listener.clone().run(agents);
        let subscription =
            Subscription { activity: self.clone(), connection: connection.clone(), listener };
        (subscription, telling)
    }

    /// Whether anybody wants to know.
    pub(crate) fn is_heard(&self) -> bool {
        self.is_heard.load(Ordering::SeqCst)
    }

    /// An agent is there.
    pub(crate) fn created(&self, agent: &AgentId) {
        self.each(|listener| listener.note(agent, Change::Created));
    }

    /// An agent may be in another state.
    pub(crate) fn touched(&self, agent: &AgentId) {
        self.each(|listener| listener.note(agent, Change::State));
    }

    /// An agent is gone.
    pub(crate) fn deleted(&self, agent: &AgentSummary) {
        self.each(|listener| listener.note(&agent.agent_id, Change::Deleted(agent.clone())));
    }

    /// Something has happened in a conversation.
    pub(crate) fn moved(&self, agent: &AgentId, conversation: &ConversationId) {
        self.each(|listener| {
            let mut pending = listener.lock();
            if pending.conversations.insert((agent.clone(), conversation.clone())) {
                listener.news.notify_one();
            }
        });
    }

    /// A run has ended, or waits.
    pub(crate) fn run(&self, activity: &RunActivity) {
        self.each(|listener| {
            if let Some(_telling) = listener.telling() {
                listener.outbox.event(RUN_ACTIVITY, activity);
            }
        });
    }

    /// Something has happened to a conversation. Those in `but` know it already.
    pub(crate) fn tell(&self, update: &ConversationUpdate, but: impl Fn(&ConnectionId) -> bool) {
        if !self.is_heard() {
            return;
        }
        let mut listeners: Vec<_> =
            self.lock().iter().map(|(id, listener)| (id.clone(), listener.clone())).collect();
        listeners.retain(|(connection, _)| !but(connection));
        for (_, listener) in listeners {
            // Of what is deleted nothing is told any more once this is. The rest may be said under a feed's lock, and does not
            // wait for the listener's.
            let is_last = update.action == ConversationAction::Deleted;
            let _telling = is_last.then(|| listener.lock());
            listener.outbox.event(CONVERSATION_UPDATE, update);
        }
    }

    /// Not under the lock: a listener's own may have to be waited for, which who tells under a feed's must not.
    fn each(&self, tell: impl Fn(&Listener)) {
        if self.is_heard() {
            let listeners: Vec<_> = self.lock().values().cloned().collect();
            listeners.iter().for_each(|listener| tell(listener));
        }
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<ConnectionId, Arc<Listener>>> {
        self.listeners.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Subscription {
    fn drop(&mut self) {
        {
            let _not_telling = self.listener.lock();
            self.listener.ended.cancel();
        }
        let mut listeners = self.activity.lock();
        // Another choice of the connection may have taken its place.
        if listeners.get(&self.connection).is_some_and(|now| Arc::ptr_eq(now, &self.listener)) {
            listeners.remove(&self.connection);
        }
        self.activity.is_heard.store(!listeners.is_empty(), Ordering::SeqCst);
    }
}

impl Listener {
    fn note(&self, agent: &AgentId, change: Change) {
        let mut pending = self.lock();
        let was_empty = pending.agents.is_empty();
        match (pending.agents.get(agent), &change) {
            (Some(_), Change::State) => {}
            _ => {
                pending.agents.insert(agent.clone(), change);
            }
        }
        if was_empty {
            self.news.notify_one();
        }
    }

    /// Tells what is to be told until the subscription or the connection ends.
    async fn run(self: Arc<Self>, agents: Arc<Agents>) {
        let telling = async {
            let mut next = Instant::now();
            loop {
                self.something(next).await;
                let batch = std::mem::take(&mut self.lock().agents);
                for (id, change) in batch {
                    self.outbox.room().await;
                    self.tell_agent(&agents, &id, change);
                }
                if next <= Instant::now() {
                    let batch = std::mem::take(&mut self.lock().conversations);
                    for (agent, conversation) in batch {
                        self.outbox.room().await;
                        self.tell_conversation(&agents, &agent, &conversation);
                    }
                    next = Instant::now() + CONVERSATION_PERIOD;
                }
                sleep(AGENT_PERIOD).await;
            }
        };
        tokio::select! {
            () = self.ended.cancelled() => {}
            () = self.outbox.closed() => {}
            () = telling => {}
        }
    }

    /// Waits until there is an agent to tell of, or, from `next` on, a conversation.
    async fn something(&self, next: Instant) {
        loop {
            let (agents, conversations) = {
                let pending = self.lock();
                (!pending.agents.is_empty(), !pending.conversations.is_empty())
            };
            if agents || (conversations && next <= Instant::now()) {
                return;
            }
            if conversations {
                timeout_at(next, self.news.notified()).await.ok();
            } else {
                self.news.notified().await;
            }
        }
    }

    fn tell_agent(&self, agents: &Agents, id: &AgentId, change: Change) {
        let Some(mut pending) = self.telling() else { return };
        let (agent, action) = match change {
            Change::Deleted(agent) => {
                pending.conversations.retain(|(of, _)| of != id);
                pending.asking.retain(|(of, _)| of != id);
                pending.told.remove(id);
                // Also when it was not told of: who has heard of it elsewhere waits for one or the other.
                (Some(agent), AgentAction::Deleted)
            }
            change => {
                let agent = agents.get(id).map(|agent| agent.summary());
                let is_news = |now: &AgentSummary| pending.told.get(id) != Some(&now.state);
                let agent = match change {
                    Change::State => agent.filter(is_news),
                    _ => agent,
                };
                if let Some(now) = &agent {
                    pending.told.insert(id.clone(), now.state);
                }
                let action = match change {
                    Change::Current => AgentAction::Current,
                    Change::Created => AgentAction::Created,
                    _ => AgentAction::Changed,
                };
                (agent, action)
            }
        };
        if let Some(agent) = agent {
            let update = AgentUpdate { agent, action, timestamp: Timestamp::now() };
            self.outbox.event(AGENT_UPDATE, &update);
        }
    }

    fn tell_conversation(&self, agents: &Agents, agent: &AgentId, conversation: &ConversationId) {
        let Some(mut pending) = self.telling() else { return };
        let is_asking = pending.asking.remove(&(agent.clone(), conversation.clone()));
        let Some(agent) = agents.get(agent) else { return };
        if let Some(activity) = agent.conversations.activity(conversation) {
            self.outbox.event(CONVERSATION_ACTIVITY, &activity);
        }
        if is_asking {
            for asked in agent.conversations.waiting(conversation) {
                self.outbox.event(RUN_ACTIVITY, &asked);
            }
        }
    }

    /// While it is held something may be told; none once the subscription has ended.
    fn telling(&self) -> Option<MutexGuard<'_, Pending>> {
        let pending = self.lock();
        (!self.ended.is_cancelled()).then_some(pending)
    }

    fn lock(&self) -> MutexGuard<'_, Pending> {
        self.pending.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
