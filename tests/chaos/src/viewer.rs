//! A person with a client that keeps the rules: it comes back by itself, selects its client again and joins what it had
//! joined from where it was.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use serde_json::{Value, json};
use tokio::sync::{mpsc, oneshot};
use tokio::time::timeout;

use crate::record::{Cursor, Record, Seen, digest};
use crate::transport::{Client, Emit, Heard, Transport};

/// How long an acknowledgement is waited for.
const PATIENCE: Duration = Duration::from_secs(8);

/// Pause before something that was refused is tried again.
const PAUSE: Duration = Duration::from_millis(200);

/// Who is to be reached, and how.
#[derive(Debug, Clone)]
pub(crate) struct Access {
    pub(crate) url: String,
    pub(crate) token: String,
    pub(crate) client: String,
    pub(crate) agent: String,
}

/// A viewer. It ends when the last handle is dropped.
#[derive(Debug, Clone)]
pub(crate) struct Viewer {
    pub(crate) name: String,
    agent: String,
    ask: mpsc::UnboundedSender<Ask>,
    shared: Arc<Mutex<Shared>>,
}

/// What others may look at.
#[derive(Debug, Default)]
struct Shared {
    /// Conversations that are to be joined.
    wanted: HashSet<String>,
    /// Those that are, on the connection that there is now, and the newest entry of each.
    joined: HashMap<String, u64>,
    /// Questions that nobody has answered yet.
    asked: Vec<String>,
}

#[derive(Debug)]
enum Ask {
    Join(String),
    Leave(String),
    Command(&'static str, Value, oneshot::Sender<Value>),
    /// A pause is over.
    Again(Again),
}

#[derive(Debug, Clone)]
enum Again {
    Client,
    Join(String),
}

/// What an acknowledgement answers.
#[derive(Debug)]
enum Pending {
    Client,
    Join(String, Option<Cursor>),
    Command(oneshot::Sender<Value>),
}

struct Task {
    name: String,
    access: Access,
    record: Arc<Record>,
    shared: Arc<Mutex<Shared>>,
    transport: Transport,
    again: mpsc::WeakUnboundedSender<Ask>,
    /// The connection, by number; answers to what was asked on another are none.
    ready: bool,
    next: u64,
    pending: HashMap<u64, Pending>,
    /// What is to be joined, and how far it has been seen.
    wanted: BTreeMap<String, Option<Cursor>>,
    /// Joins that are not answered yet, by the number of their acknowledgement. The answer to one before is void.
    joining: HashMap<String, u64>,
    /// What was left: some of it may still be under way.
    left: HashSet<String>,
}

impl Viewer {
    pub(crate) fn start(
        name: &str,
        client: Client,
        access: Access,
        record: &Arc<Record>,
    ) -> anyhow::Result<Self> {
        // Two connections with the same key are the same viewer.
        let key = name.split('+').next().unwrap_or(name);
        let auth = json!({"token": access.token, "clientKey": format!("chaos-{key}")});
        let transport = client.start(&access.url, auth)?;
        let (ask, asks) = mpsc::unbounded_channel();
        let shared = Arc::new(Mutex::new(Shared::default()));
        let viewer = Self {
            name: name.to_owned(),
            agent: access.agent.clone(),
            ask: ask.clone(),
            shared: shared.clone(),
        };
        let task = Task {
            name: name.to_owned(),
            access,
            record: record.clone(),
            shared,
            transport,
            again: ask.downgrade(),
            ready: false,
            next: 0,
            pending: HashMap::new(),
            wanted: BTreeMap::new(),
            joining: HashMap::new(),
            left: HashSet::new(),
        };
        tokio::spawn(task.run(asks));
        Ok(viewer)
    }

    /// Joins a conversation now and after each reconnect.
    pub(crate) fn join(&self, conversation: &str) {
        self.ask.send(Ask::Join(conversation.to_owned())).ok();
    }

    pub(crate) fn leave(&self, conversation: &str) {
        self.ask.send(Ask::Leave(conversation.to_owned())).ok();
    }

    /// The conversations that it is in, and the newest entry that it has of each.
    pub(crate) fn joined(&self) -> HashMap<String, u64> {
        lock(&self.shared).joined.clone()
    }

    /// The conversations that it is in or tries to be in.
    pub(crate) fn wanted(&self) -> HashSet<String> {
        lock(&self.shared).wanted.clone()
    }

    /// A question that is open as far as this viewer knows.
    pub(crate) fn question(&self) -> Option<String> {
        lock(&self.shared).asked.pop()
    }

    /// The answer to a command for the manager; nothing when the connection was lost or nobody answered in time.
    pub(crate) async fn command(&self, event: &'static str, payload: Value) -> Option<Value> {
        let forward = json!({"event": event, "agentId": self.agent, "payload": payload});
        let (answer, answered) = oneshot::channel();
        self.ask.send(Ask::Command("forward", forward, answer)).ok()?;
        timeout(PATIENCE, answered).await.ok()?.ok()
    }
}

fn lock(shared: &Mutex<Shared>) -> MutexGuard<'_, Shared> {
    shared.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Task {
    async fn run(mut self, mut asks: mpsc::UnboundedReceiver<Ask>) {
        loop {
            tokio::select! {
                // What the server has said before it hears of what is asked next.
                biased;
                heard = self.transport.heard.recv() => match heard {
                    Some(heard) => self.hear(heard),
                    None => return,
                },
                ask = asks.recv() => match ask {
                    Some(ask) => self.ask(ask),
                    None => return,
                },
            }
        }
    }

    fn emit(&mut self, event: &'static str, payload: Value, pending: Pending) {
        self.next += 1;
        self.pending.insert(self.next, pending);
        self.transport.emit.send(Emit { id: self.next, event, payload }).ok();
    }

    fn ask(&mut self, ask: Ask) {
        match ask {
            Ask::Join(conversation) => {
                if !self.wanted.contains_key(&conversation) {
                    self.wanted.insert(conversation.clone(), None);
                    lock(&self.shared).wanted.insert(conversation.clone());
                    self.join(conversation);
                }
            }
            Ask::Leave(conversation) => {
                if self.forget(&conversation) && self.ready {
                    self.leave(&conversation);
                }
                self.record.see(&self.name, &conversation, Seen::Ended);
                self.left.insert(conversation);
            }
            Ask::Command(event, payload, answer) => {
                // Dropped, the answer says that there is no connection.
                if self.ready {
                    self.emit(event, payload, Pending::Command(answer));
                }
            }
            Ask::Again(Again::Client) => self.select(),
            Ask::Again(Again::Join(conversation)) => self.join(conversation),
        }
    }

    /// Whether it was to be joined.
    fn forget(&mut self, conversation: &str) -> bool {
        let mut shared = lock(&self.shared);
        shared.wanted.remove(conversation);
        shared.joined.remove(conversation);
        self.joining.remove(conversation);
        self.wanted.remove(conversation).is_some()
    }

    fn select(&mut self) {
        let payload = json!({"clientId": self.access.client});
        self.emit("setClient", payload, Pending::Client);
    }

    fn leave(&mut self, conversation: &str) {
        let payload = json!({"event": "leaveConversation", "agentId": self.access.agent,
            "payload": {"conversationId": conversation}});
        let (answer, _) = oneshot::channel();
        self.emit("forward", payload, Pending::Command(answer));
    }

    fn join(&mut self, conversation: String) {
        let Some(cursor) = self.wanted.get(&conversation).filter(|_| self.ready).cloned() else {
            return;
        };
        if lock(&self.shared).joined.contains_key(&conversation)
            || self.joining.contains_key(&conversation)
        {
            return;
        }
        let mut payload = json!({"agentId": self.access.agent, "conversationId": conversation, "clientType": "chaos"});
        if let Some(Cursor { epoch, seq }) = &cursor {
            payload["epoch"] = json!(epoch);
            payload["afterSeq"] = json!(seq);
        }
        let forward =
            json!({"event": "joinConversation", "agentId": self.access.agent, "payload": payload});
        self.emit("forward", forward, Pending::Join(conversation.clone(), cursor));
        self.joining.insert(conversation, self.next);
    }

    fn hear(&mut self, heard: Heard) {
        match heard {
            Heard::Connected => {
                self.lost();
                self.select();
            }
            Heard::Lost => self.lost(),
            Heard::Ack(id, answer) => {
                if let Some(pending) = self.pending.remove(&id) {
                    self.answered(id, pending, answer);
                }
            }
            Heard::Event(event, mut payload) if event == "forwardedEvent" => {
                let name = payload["event"].as_str().unwrap_or_default().to_owned();
                self.event(&name, payload["payload"].take());
            }
            Heard::Event(..) => {}
        }
    }

    fn lost(&mut self) {
        self.ready = false;
        self.pending.clear();
        self.joining.clear();
        lock(&self.shared).joined.clear();
    }

    fn answered(&mut self, id: u64, pending: Pending, mut answer: Value) {
        let done = answer["success"] == true;
        if let Pending::Join(conversation, _) = &pending
            && self.joining.get(conversation) != Some(&id)
        {
            return;
        }
        match pending {
            Pending::Command(waiting) => {
                waiting.send(answer).ok();
            }
            Pending::Client if done => {
                self.ready = true;
                for conversation in self.wanted.keys().cloned().collect::<Vec<_>>() {
                    self.join(conversation);
                }
            }
            Pending::Client => self.later(Again::Client),
            Pending::Join(conversation, after) if done => {
                self.joining.remove(&conversation);
                let data = answer["data"].take();
                let epoch = data["epoch"].as_str().unwrap_or_default().to_owned();
                let head = data["headSeq"].as_u64().unwrap_or_default();
                let goes_on = after.as_ref().is_some_and(|c| c.epoch == epoch && c.seq <= head);
                let seq = if goes_on { after.as_ref().map_or(0, |c| c.seq) } else { 0 };
                if let Some(cursor) = self.wanted.get_mut(&conversation) {
                    *cursor = Some(Cursor { epoch: epoch.clone(), seq });
                    let mut shared = lock(&self.shared);
                    shared.joined.insert(conversation.clone(), seq);
                    let asked = data["interactions"].as_array().into_iter().flatten();
                    let ids = asked.filter_map(|asked| asked["interactionId"].as_str());
                    shared.asked.extend(ids.map(str::to_owned));
                }
                self.left.remove(&conversation);
                self.record.see(&self.name, &conversation, Seen::Joined { after, epoch, head });
            }
            Pending::Join(conversation, _) => {
                self.joining.remove(&conversation);
                match answer["error"]["code"].as_str() {
                    Some("CONVERSATION_NOT_FOUND") => {
                        self.forget(&conversation);
                        self.record.see(&self.name, &conversation, Seen::Ended);
                    }
                    // It was left while that could not be said.
                    Some("ALREADY_JOINED") => {
                        self.leave(&conversation);
                        self.later(Again::Join(conversation));
                    }
                    _ => self.later(Again::Join(conversation)),
                }
            }
        }
    }

    fn later(&self, again: Again) {
        let ask = self.again.clone();
        tokio::spawn(async move {
            tokio::time::sleep(PAUSE).await;
            if let Some(ask) = ask.upgrade() {
                ask.send(Ask::Again(again)).ok();
            }
        });
    }

    fn event(&mut self, event: &str, payload: Value) {
        let Some(conversation) = payload["conversationId"].as_str().map(str::to_owned) else {
            return;
        };
        if let Some(seq) = payload["seq"].as_u64() {
            if self.left.contains(&conversation) {
                return;
            }
            let digest = digest(event, &payload);
            self.record.see(&self.name, &conversation, Seen::Entry { seq, digest });
            if let Some(Some(cursor)) = self.wanted.get_mut(&conversation) {
                cursor.seq = seq;
            }
            let mut shared = lock(&self.shared);
            shared.joined.entry(conversation).and_modify(|newest| *newest = seq);
            if event == "interactionRequest" {
                shared.asked.extend(payload["interactionId"].as_str().map(str::to_owned));
            }
            return;
        }
        match (event, payload["action"].as_str()) {
            ("conversationUpdate", Some("cleared")) => {
                let epoch = payload["epoch"].as_str().unwrap_or_default().to_owned();
                self.begin_anew(&conversation, epoch);
            }
            ("conversationUpdate", Some("deleted")) if self.forget(&conversation) => {
                self.record.see(&self.name, &conversation, Seen::Ended);
            }
            ("historyEnd", _) => {
                let epoch = payload["epoch"].as_str().unwrap_or_default().to_owned();
                self.begin_anew(&conversation, epoch);
            }
            _ => {}
        }
    }

    /// The log is in another life than before.
    fn begin_anew(&mut self, conversation: &str, epoch: String) {
        let Some(Some(cursor)) = self.wanted.get_mut(conversation) else { return };
        if cursor.epoch != epoch {
            *cursor = Cursor { epoch: epoch.clone(), seq: 0 };
            lock(&self.shared).joined.entry(conversation.to_owned()).and_modify(|seq| *seq = 0);
            self.record.see(&self.name, conversation, Seen::Cleared { epoch });
        }
    }
}
