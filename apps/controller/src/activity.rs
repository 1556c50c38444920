//! What all agents of all managers are doing, for viewers that want to know and for the controller itself.
//!
//! A viewer's listener has the newest of each thing that it is still to be told, however often that changed; a task tells
//! it as the outbox takes it. So a viewer that does not read costs a map, and what is bounded by the number of things.

use std::collections::{BTreeMap, HashMap, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use gateway::{Message, Outbox, raw};
use protocol::agents::RunActivity;
use protocol::clients::{ClientAction, ClientEvent, ClientUpdate};
use protocol::names::agents::{AGENT_UPDATE, CONVERSATION_ACTIVITY};
use protocol::names::clients::{CLIENT_EVENT, CLIENT_UPDATE};
use protocol::{AgentId, ClientId, Clients, ConnectionId, ConversationId};
use serde_json::value::RawValue;
use tokio::sync::{Notify, broadcast};

/// What a viewer is told of one client, one after the other; of one that reads more slowly the newest two become one.
const IN_A_ROW: usize = 4;
/// What parts of the controller may lag behind with; they see that they have lost the oldest.
const BACKLOG: usize = 1_024;

/// A run of any manager has ended, or waits for an answer.
#[derive(Debug, Clone)]
pub(crate) struct Activity {
    pub(crate) client_id: ClientId,
    pub(crate) client_name: String,
    pub(crate) agent_name: String,
    pub(crate) run: RunActivity,
}

/// Everybody who wants to know. Behind a lock that is held to note what changed, or to tell outboxes, which never wait.
#[derive(Debug)]
pub(crate) struct Audience {
    listeners: Mutex<HashMap<ConnectionId, Arc<Listener>>>,
    runs: broadcast::Sender<Activity>,
}

/// A viewer that is told; dropping it ends that.
#[derive(Debug)]
pub(crate) struct Listening {
    audience: Arc<Audience>,
    connection: ConnectionId,
    listener: Arc<Listener>,
}

/// A viewer, and what it is still to be told.
#[derive(Debug)]
pub(crate) struct Listener {
    outbox: Outbox,
    /// It is told of these.
    clients: Clients,
    /// Held while something of it is told, too: what is gone is not told after its end.
    pending: Mutex<BTreeMap<About, News>>,
    came: Notify,
}

/// What there is news of, in the order in which it is told.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
enum About {
    Client(ClientId),
    Agent(ClientId, AgentId),
    Conversation(ClientId, ConversationId),
}

#[derive(Debug, Clone)]
enum News {
    /// At most [`IN_A_ROW`], in order.
    Client(VecDeque<Arc<ClientUpdate>>),
    /// The payload of the manager's event.
    Agent(Arc<RawValue>),
    Conversation(AgentId, Arc<RawValue>),
}

/// A conversation in which a run is open, as the manager has told it last.
#[derive(Debug, Clone)]
pub(crate) struct Open {
    pub(crate) agent: AgentId,
    pub(crate) payload: Arc<RawValue>,
}

impl Audience {
    pub(crate) fn new() -> Arc<Self> {
        Arc::new(Self { listeners: Mutex::default(), runs: broadcast::Sender::new(BACKLOG) })
    }

    /// What the runs of all managers come to, from now on.
    pub(crate) fn runs(&self) -> broadcast::Receiver<Activity> {
        self.runs.subscribe()
    }

    /// Notes for a viewer what changes from now on. What is there is for the caller to note.
    pub(crate) fn listen(
        self: &Arc<Self>,
        connection: &ConnectionId,
        outbox: &Outbox,
        clients: &Clients,
    ) -> Listening {
        let listener = Arc::new(Listener {
            clients: clients.clone(),
            outbox: outbox.clone(),
            pending: Mutex::default(),
            came: Notify::new(),
        });
        self.lock().insert(connection.clone(), Arc::clone(&listener));
        Listening { audience: Arc::clone(self), connection: connection.clone(), listener }
    }

    /// Ends a viewer's listening: when this returns, nothing more is told.
    pub(crate) fn end(&self, connection: &ConnectionId) {
        let listener = self.lock().remove(connection);
        if let Some(listener) = listener {
            listener.lock().clear();
        }
    }

    /// A client is another. `open` are its open conversations, where what was known of them is worth nothing any more.
    pub(crate) fn client(
        &self,
        update: &Arc<ClientUpdate>,
        open: Option<&BTreeMap<ConversationId, Open>>,
    ) {
        self.each(&update.client_id, |listener| listener.client(update, open));
    }

    /// An agent is another.
    pub(crate) fn agent(&self, client: &ClientId, agent: &AgentId, payload: &Arc<RawValue>) {
        self.each(client, |listener| {
            let about = About::Agent(client.clone(), agent.clone());
            listener.note(about, News::Agent(Arc::clone(payload)));
        });
    }

    /// Something has happened in a conversation.
    pub(crate) fn conversation(&self, client: &ClientId, id: &ConversationId, news: &Open) {
        self.each(client, |listener| listener.conversation(client, id, news));
    }

    /// An agent is gone, and with it its conversations.
    pub(crate) fn agent_deleted(&self, client: &ClientId, agent: &AgentId) {
        self.each(client, |listener| {
            listener.lock().retain(|about, news| {
                let of_client = matches!(about, About::Conversation(of, _) if of == client);
                !of_client || !matches!(news, News::Conversation(of, _) if of == agent)
            });
        });
    }

    /// Something that no later event replaces. Of `gone` nothing is told behind it.
    pub(crate) fn event(
        &self,
        client: &ClientId,
        event: &str,
        payload: &RawValue,
        gone: Option<&ConversationId>,
    ) {
        let listeners = self.lock();
        if listeners.is_empty() {
            return;
        }
        let event = wrap(client, event, payload);
        for listener in listeners.values().filter(|listener| listener.clients.include(client)) {
            let mut pending = listener.lock();
            if let Some(gone) = gone {
                pending.remove(&About::Conversation(client.clone(), gone.clone()));
            }
            listener.outbox.send(Message::Event(CLIENT_EVENT, event.clone()));
        }
    }

    /// A run has ended or waits, for the controller itself. It is no error that nobody listens.
    pub(crate) fn run(&self, activity: Activity) {
        self.runs.send(activity).ok();
    }

    /// Everybody who may know of that client.
    fn each(&self, client: &ClientId, tell: impl Fn(&Listener)) {
        let listeners = self.lock();
        let may_know = |listener: &&Arc<Listener>| listener.clients.include(client);
        listeners.values().filter(may_know).for_each(|listener| tell(listener));
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<ConnectionId, Arc<Listener>>> {
        self.listeners.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Listening {
    pub(crate) fn listener(&self) -> &Arc<Listener> {
        &self.listener
    }

    /// Tells the viewer what is noted for it, as fast as it reads, until it is gone.
    pub(crate) async fn tell(&self) {
        let Listener { outbox, came, .. } = &*self.listener;
        loop {
            outbox.room().await;
            if !self.listener.tell_one() {
                tokio::select! {
                    () = outbox.closed() => return,
                    () = came.notified() => {}
                }
            }
        }
    }
}

impl Drop for Listening {
    fn drop(&mut self) {
        let mut listeners = self.audience.lock();
        // Another choice of the connection may have taken its place.
        if listeners.get(&self.connection).is_some_and(|now| Arc::ptr_eq(now, &self.listener)) {
            listeners.remove(&self.connection);
        }
    }
}

impl Listener {
    /// A client as it is now, which is more than what is noted of its agents; with `open`, also of its conversations.
    pub(crate) fn client(
        &self,
        update: &Arc<ClientUpdate>,
        open: Option<&BTreeMap<ConversationId, Open>>,
    ) {
        let client = &update.client_id;
        let mut pending = self.lock();
        pending.retain(|about, _| match about {
            About::Client(_) => true,
            About::Agent(of, _) => of != client,
            About::Conversation(of, _) => of != client || open.is_none(),
        });
        let news = pending.entry(About::Client(client.clone()));
        if let News::Client(updates) = news.or_insert_with(|| News::Client(VecDeque::new())) {
            let before = if updates.len() < IN_A_ROW { None } else { updates.pop_back() };
            let update = before.map_or_else(|| Arc::clone(update), |before| both(&before, update));
            updates.push_back(update);
        }
        for (id, Open { agent, payload }) in open.into_iter().flatten() {
            let news = News::Conversation(agent.clone(), Arc::clone(payload));
            pending.insert(About::Conversation(client.clone(), id.clone()), news);
        }
        self.came.notify_one();
    }

    fn conversation(&self, client: &ClientId, id: &ConversationId, news: &Open) {
        let about = About::Conversation(client.clone(), id.clone());
        self.note(about, News::Conversation(news.agent.clone(), Arc::clone(&news.payload)));
    }

    fn note(&self, about: About, news: News) {
        self.lock().insert(about, news);
        self.came.notify_one();
    }

    /// Tells one thing, if there is one.
    fn tell_one(&self) -> bool {
        let mut pending = self.lock();
        let Some((about, news)) = pending.pop_first() else { return false };
        let event = match (about, news) {
            (About::Agent(client, _), News::Agent(payload)) => {
                wrap(&client, AGENT_UPDATE, &payload)
            }
            (About::Conversation(client, _), News::Conversation(_, payload)) => {
                wrap(&client, CONVERSATION_ACTIVITY, &payload)
            }
            (about, News::Client(mut updates)) => {
                let Some(update) = updates.pop_front() else { return true };
                if !updates.is_empty() {
                    pending.insert(about, News::Client(updates));
                }
                self.outbox.event(CLIENT_UPDATE, &*update);
                return true;
            }
            _ => return true,
        };
        self.outbox.send(Message::Event(CLIENT_EVENT, event));
        true
    }

    fn lock(&self) -> MutexGuard<'_, BTreeMap<About, News>> {
        self.pending.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The newer of two, for who has not been told of the older: it was connected anew, say, and then renamed.
fn both(before: &ClientUpdate, update: &Arc<ClientUpdate>) -> Arc<ClientUpdate> {
    if before.action == update.action || update.action == ClientAction::Deleted {
        return Arc::clone(update);
    }
    Arc::new(ClientUpdate { action: ClientAction::Current, ..ClientUpdate::clone(update) })
}

/// `clientEvent`'s payload around the manager's.
fn wrap(client: &ClientId, event: &str, payload: &RawValue) -> Box<RawValue> {
    let (client_id, event) = (client.clone(), event.to_owned());
    raw(&ClientEvent { client_id, event, payload: payload.to_owned() })
}

#[cfg(test)]
mod tests;
