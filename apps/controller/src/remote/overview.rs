//! What a remote's agents are doing, as far as the manager has told.

use std::collections::{BTreeMap, HashSet};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use protocol::agents::{
    AgentAction, AgentInfo, AgentSummary, AgentUpdate, ConversationAction, ConversationActivity,
    ConversationUpdate, RoutingHead, RunActivity,
};
use protocol::clients::{ClientAction, ClientUpdate};
use protocol::names::agents::{
    AGENT_UPDATE, CONVERSATION_ACTIVITY, CONVERSATION_UPDATE, RUN_ACTIVITY,
};
use protocol::{AgentId, ClientId, ConversationId, Timestamp};
use serde_json::value::RawValue;

use crate::activity::{Activity, Audience, Listener, Open};

/// Of an agent of a manager that does not say.
const UNKNOWN: &str = "unknown";

/// Behind a lock that is held to note and to pass on, which never waits. What is passed on under it is in the order in which
/// it was noted.
#[derive(Debug)]
pub(crate) struct Overview {
    client: ClientId,
    audience: Arc<Audience>,
    inner: Mutex<Inner>,
}

#[derive(Debug, Default)]
struct Inner {
    name: String,
    link: State,
    /// As many as the manager has. While it is away, those known last.
    agents: BTreeMap<AgentId, AgentSummary>,
    /// Conversations with open runs only.
    open: BTreeMap<ConversationId, Open>,
    /// Agents that have been told of on this connection.
    seen: HashSet<AgentId>,
    attempt: Option<u32>,
    retry_at: Option<Timestamp>,
    error: Option<String>,
}

/// How far the link is.
#[derive(Debug, Default)]
enum State {
    #[default]
    Away,
    /// Connected; what there is is being told.
    Told,
    /// The manager can be talked to, and these agents have not been told of yet.
    Waiting(HashSet<AgentId>),
    /// All agents are known.
    Up,
}

impl Overview {
    pub(crate) fn new(client: ClientId, name: String, audience: Arc<Audience>) -> Self {
        let inner = Mutex::new(Inner { name, ..Inner::default() });
        Self { client, audience, inner }
    }

    /// Notes for a viewer all that there is.
    pub(crate) fn show(&self, listener: &Listener) {
        let inner = self.lock();
        let update = self.update(&inner, ClientAction::Current);
        listener.client(&update, Some(&inner.open));
    }

    /// Conversations with open runs.
    pub(crate) fn open_conversations(&self) -> usize {
        self.lock().open.len()
    }

    /// The client was registered.
    pub(crate) fn created(&self) {
        self.tell(&self.lock(), ClientAction::Created);
    }

    /// The client has another name or place.
    pub(crate) fn changed(&self, name: &str) {
        let mut inner = self.lock();
        name.clone_into(&mut inner.name);
        self.tell(&inner, ClientAction::Changed);
    }

    /// The client is registered no more.
    pub(crate) fn deleted(&self) {
        let mut inner = self.lock();
        inner.link = State::Away;
        inner.open.clear();
        self.tell(&inner, ClientAction::Deleted);
    }

    /// The link is connected: what there is comes now.
    pub(super) fn begins(&self) {
        let mut inner = self.lock();
        inner.link = State::Told;
        inner.open.clear();
        inner.seen.clear();
    }

    /// The manager can be talked to. These are its agents, and whether it tells what they are doing.
    pub(super) fn connected(&self, agents: Vec<AgentInfo>, is_told: bool) {
        let mut inner = self.lock();
        if !is_told {
            for agent in agents {
                inner.seen.insert(agent.agent_id.clone());
                inner.agents.insert(agent.agent_id.clone(), summary(agent));
            }
            inner.link = State::Waiting(HashSet::new());
            self.proceed(&mut inner);
            // If it tells later, it tells of all of them.
            inner.seen.clear();
        } else {
            let missing = agents.into_iter().map(|agent| agent.agent_id);
            let missing = missing.filter(|agent| !inner.seen.contains(agent)).collect();
            inner.link = State::Waiting(missing);
            self.proceed(&mut inner);
        }
    }

    /// The manager can be talked to, but has not said which agents it has: it has those known last until it does.
    pub(super) fn connected_unseen(&self) {
        let mut inner = self.lock();
        // Whoever is told of from here on is told of again then.
        inner.seen.clear();
        self.up(&mut inner);
    }

    /// The manager is away, for that reason if something is wrong.
    pub(super) fn disconnected(&self, reason: Option<&str>) {
        let mut inner = self.lock();
        inner.link = State::Away;
        (inner.attempt, inner.retry_at) = (None, None);
        inner.error = reason.map(str::to_owned);
        self.tell(&inner, ClientAction::Disconnected);
    }

    pub(super) fn retrying(&self, attempt: u32, delay: Duration) {
        let mut inner = self.lock();
        let delay = u64::try_from(delay.as_millis()).unwrap_or(u64::MAX);
        let at = Timestamp::now().as_millis().saturating_add(delay);
        (inner.attempt, inner.retry_at) = (Some(attempt), Some(Timestamp::from_millis(at)));
        self.tell(&inner, ClientAction::Retrying);
    }

    pub(super) fn retry_failed(&self, error: &str) {
        self.lock().error = Some(error.to_owned());
    }

    /// An event of the manager about what its agents are doing.
    pub(super) fn told(&self, event: &str, payload: &Arc<RawValue>) {
        let json = payload.get();
        let read = match event {
            AGENT_UPDATE => serde_json::from_str(json).map(|update| self.agent(update, payload)),
            CONVERSATION_ACTIVITY => {
                serde_json::from_str(json).map(|activity| self.conversation(&activity, payload))
            }
            RUN_ACTIVITY => serde_json::from_str(json).map(|run| self.run(run, payload)),
            _ => Ok(()),
        };
        if let Err(error) = read {
            tracing::debug!(client = %self.client, event, %error, "what an agent does cannot be read");
            self.unread(json);
        }
    }

    /// A newer manager has told of an agent in words of its own, which is not waited for any more.
    fn unread(&self, json: &str) {
        let head = RoutingHead::read(json).ok().and_then(|head| head.agent_id);
        if let Some(agent) = head.and_then(|id| AgentId::new(id).ok()) {
            let mut inner = self.lock();
            inner.seen.insert(agent.clone());
            self.no_longer_missing(&mut inner, &agent);
        }
    }

    fn no_longer_missing(&self, inner: &mut Inner, agent: &AgentId) {
        if let State::Waiting(missing) = &mut inner.link {
            missing.remove(agent);
            self.proceed(inner);
        }
    }

    /// Something has happened to a conversation.
    pub(super) fn conversation_changed(&self, update: &ConversationUpdate, payload: &RawValue) {
        let mut inner = self.lock();
        let id = &update.conversation_id;
        let is_gone = update.action == ConversationAction::Deleted;
        if is_gone {
            inner.open.remove(id);
        }
        self.audience.event(&self.client, CONVERSATION_UPDATE, payload, is_gone.then_some(id));
    }

    fn agent(&self, update: AgentUpdate, payload: &Arc<RawValue>) {
        let mut inner = self.lock();
        let id = update.agent.agent_id.clone();
        inner.seen.insert(id.clone());
        if update.action == AgentAction::Deleted {
            inner.agents.remove(&id);
            inner.open.retain(|_, open| open.agent != id);
            self.audience.agent_deleted(&self.client, &id);
        } else {
            inner.agents.insert(id.clone(), update.agent);
        }
        if matches!(inner.link, State::Up) {
            self.audience.agent(&self.client, &id, payload);
        }
        self.no_longer_missing(&mut inner, &id);
    }

    fn conversation(&self, activity: &ConversationActivity, payload: &Arc<RawValue>) {
        let mut inner = self.lock();
        let (id, agent) = (&activity.conversation_id, activity.agent_id.clone());
        let news = Open { agent, payload: Arc::clone(payload) };
        if matches!(inner.link, State::Up) {
            self.audience.conversation(&self.client, id, &news);
        }
        if activity.conversation.running || activity.blocked {
            inner.open.insert(id.clone(), news);
        } else {
            inner.open.remove(id);
        }
    }

    fn run(&self, run: RunActivity, payload: &RawValue) {
        let inner = self.lock();
        self.audience.event(&self.client, RUN_ACTIVITY, payload, None);
        // Of an agent that was not told of yet there is its id.
        let known = inner.agents.get(&run.agent_id).map(|agent| agent.name.clone());
        let agent_name = known.unwrap_or_else(|| run.agent_id.to_string());
        let (client_id, client_name) = (self.client.clone(), inner.name.clone());
        self.audience.run(Activity { client_id, client_name, agent_name, run });
    }

    /// Says that the client is connected once all of its agents are known.
    fn proceed(&self, inner: &mut Inner) {
        if !matches!(&inner.link, State::Waiting(missing) if missing.is_empty()) {
            return;
        }
        let Inner { agents, seen, .. } = inner;
        agents.retain(|id, _| seen.contains(id));
        self.up(inner);
    }

    fn up(&self, inner: &mut Inner) {
        inner.link = State::Up;
        (inner.attempt, inner.retry_at, inner.error) = (None, None, None);
        self.tell(inner, ClientAction::Connected);
    }

    fn tell(&self, inner: &Inner, action: ClientAction) {
        let anew = matches!(action, ClientAction::Connected | ClientAction::Deleted);
        self.audience.client(&self.update(inner, action), anew.then_some(&inner.open));
    }

    fn update(&self, inner: &Inner, action: ClientAction) -> Arc<ClientUpdate> {
        Arc::new(ClientUpdate {
            client_id: self.client.clone(),
            name: inner.name.clone(),
            action,
            connected: matches!(inner.link, State::Up),
            agents: inner.agents.values().cloned().collect(),
            attempt: inner.attempt,
            retry_at: inner.retry_at,
            error: inner.error.clone(),
            timestamp: Timestamp::now(),
        })
    }

    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn summary(agent: AgentInfo) -> AgentSummary {
    let AgentInfo { agent_id, name, state, .. } = agent;
    AgentSummary { agent_id, name, codec: UNKNOWN.to_owned(), program: None, state }
}
