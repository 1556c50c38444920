//! The conversations of one agent: all of them by what lists show, and those in use with their tasks.

use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use protocol::agents::{
    ConversationAction, ConversationActivity, ConversationInfo, NameCollision, Origin, RunActivity,
    RunReason,
};
use protocol::{AgentId, ConversationId, Timestamp};
use store::{ConversationRecord, OpenInteraction, StoreError, name_key};
use tokio::time::Instant;
use tokio_util::task::TaskTracker;

use crate::conversation::{Card, Control, Conversation, Creator, Gone, Setting};
use crate::error::Error;
use crate::names;

/// A conversation without a task costs its card: a few hundred bytes. So all are in memory, and a command knows at once
/// whether there is one, how it is called and where its log is.
#[derive(Debug)]
pub(crate) struct Conversations {
    setting: Setting,
    tasks: TaskTracker,
    default: ConversationId,
    known: Mutex<HashMap<ConversationId, Known>>,
    /// Whether the agent takes messages: for conversations that are opened from now on.
    stopped: AtomicBool,
    /// The server goes down: no more tasks are started.
    closed: AtomicBool,
}

#[derive(Debug)]
struct Known {
    card: Arc<Card>,
    live: Option<Conversation>,
}

/// How many there are of what.
#[derive(Debug, Default)]
pub(crate) struct Counts {
    pub(crate) all: usize,
    pub(crate) live: usize,
    /// That run, wait, and wait for an answer.
    pub(crate) runs: (usize, usize, usize),
    pub(crate) interactions: usize,
}

/// What a new conversation is to be.
#[derive(Debug)]
pub(crate) struct Wanted {
    pub(crate) name: Option<String>,
    pub(crate) on_collision: NameCollision,
    pub(crate) read_only: bool,
    /// With one that ends with who made it.
    pub(crate) creator: Option<Creator>,
}

impl Conversations {
    /// Takes up the conversations of the store; the one called `default` is made when there is none. What ends with who
    /// made it has ended with the manager.
    pub(crate) async fn load(
        setting: Setting,
        tasks: TaskTracker,
        stopped: bool,
    ) -> Result<Self, StoreError> {
        let db = setting.db.clone();
        let agent = setting.home.name.id.clone();
        let mut known = HashMap::new();
        let mut default = None;
        for record in db.conversations(&agent).await? {
            if record.ephemeral {
                db.delete_conversation(&record.conversation_id).await?;
                continue;
            }
            if record.name == names::DEFAULT {
                default = Some(record.conversation_id.clone());
            }
            let card = Arc::new(Card::new(record, None));
            known.insert(card.id.clone(), Known { card, live: None });
        }
        let default = match default {
            Some(default) => default,
            None => {
                let record = ConversationRecord::new(agent, names::DEFAULT);
                db.create_conversation(record.clone()).await?;
                let card = Arc::new(Card::new(record, None));
                let id = card.id.clone();
                known.insert(id.clone(), Known { card, live: None });
                id
            }
        };
        Ok(Self {
            setting,
            tasks,
            default,
            known: Mutex::new(known),
            stopped: AtomicBool::new(stopped),
            closed: AtomicBool::new(false),
        })
    }

    /// The id of the conversation called `default`.
    pub(crate) fn default(&self) -> &ConversationId {
        &self.default
    }

    /// The conversation of that id; without one, the one called `default`. Its task is started when it has none.
    pub(crate) fn get(&self, id: Option<&ConversationId>) -> Result<Conversation, Error> {
        let id = id.unwrap_or(&self.default);
        let mut all = self.lock();
        let known = all.get_mut(id).ok_or_else(|| Error::ConversationNotFound(id.clone()))?;
        // What it is asked for now keeps it from being evicted while it does that.
        known.card.state().used = Instant::now();
        self.open(known, Vec::new())
    }

    /// Takes up what waited for an answer when the manager ended.
    pub(crate) fn resume(&self, id: &ConversationId, asked: Vec<OpenInteraction>) {
        if let Some(known) = self.lock().get_mut(id) {
            self.open(known, asked).ok();
        }
    }

    fn open(&self, known: &mut Known, asked: Vec<OpenInteraction>) -> Result<Conversation, Error> {
        if let Some(refusal) = known.card.refusal() {
            return Err(refusal);
        }
        // One whose task has ended otherwise than it should is of no use.
        if let Some(live) = known.live.as_ref().filter(|live| !live.has_ended()) {
            return Ok(live.clone());
        }
        if self.closed.load(Ordering::Relaxed) {
            return Err(Error::Stopping);
        }
        let (setting, card) = (self.setting.clone(), known.card.clone());
        let stopped = self.stopped.load(Ordering::Relaxed);
        let live = Conversation::open(setting, card, stopped, asked, &self.tasks);
        Ok(known.live.insert(live).clone())
    }

    pub(crate) fn knows(&self, id: &ConversationId) -> bool {
        self.lock().contains_key(id)
    }

    /// How many there are, and what is open in them.
    pub(crate) fn counts(&self) -> Counts {
        let mut counts = Counts::default();
        for known in self.lock().values() {
            let state = known.card.state();
            let blocked = state.queue.running.iter().filter(|run| run.blocked).count();
            counts.all += 1;
            counts.live += usize::from(known.live.is_some());
            counts.runs.0 += state.queue.running.len() - blocked;
            counts.runs.1 += state.queue.queued.len();
            counts.runs.2 += blocked;
            counts.interactions += state.interactions.len();
        }
        counts
    }

    /// All conversations, as lists show them.
    pub(crate) fn list(&self) -> Vec<ConversationInfo> {
        self.lock().values().map(Known::info).collect()
    }

    pub(crate) fn info(&self, id: &ConversationId) -> Option<ConversationInfo> {
        self.lock().get(id).map(Known::info)
    }

    /// What is going on in a conversation.
    pub(crate) fn activity(&self, id: &ConversationId) -> Option<ConversationActivity> {
        let all = self.lock();
        let known = all.get(id).filter(|known| !known.card.is_gone())?;
        Some(known.card.activity(known.client_count()))
    }

    /// What waits for an answer in a conversation.
    pub(crate) fn waiting(&self, id: &ConversationId) -> Vec<RunActivity> {
        let all = self.lock();
        let known = all.get(id).filter(|known| !known.card.is_gone());
        known.map(|known| known.card.waiting()).unwrap_or_default()
    }

    /// Those in which a run is open.
    pub(crate) fn open_ids(&self) -> Vec<ConversationId> {
        let all = self.lock();
        let open = all.values().filter(|known| known.card.state().is_running());
        open.map(|known| known.card.id.clone()).collect()
    }

    /// Those with a task.
    pub(crate) fn live(&self) -> Vec<Conversation> {
        self.lock().values().filter_map(|known| known.live.clone()).collect()
    }

    /// Their ids.
    pub(crate) fn ids(&self) -> Vec<ConversationId> {
        self.lock().keys().cloned().collect()
    }

    /// Makes a conversation.
    pub(crate) async fn create(
        &self,
        wanted: Wanted,
        origin: &Origin,
    ) -> Result<ConversationInfo, Error> {
        let now = Timestamp::now();
        let (name, collision) = match &wanted.name {
            Some(name) => (names::check(name)?.to_owned(), wanted.on_collision),
            None => (names::automatic(now), NameCollision::AppendNumber),
        };
        let base = ConversationRecord {
            ephemeral: wanted.creator.is_some(),
            read_only: wanted.read_only,
            ..ConversationRecord::new(self.setting.home.name.id.clone(), name.clone())
        };
        let record = self
            .named(&name, collision, None, |name| {
                let record = ConversationRecord { name, ..base.clone() };
                let db = self.setting.db.clone();
                async move { db.create_conversation(record.clone()).await.map(|()| record) }
            })
            .await?;
        let card = Arc::new(Card::new(record, wanted.creator.clone()));
        let known = Known { card: card.clone(), live: None };
        let info = known.info();
        self.lock().insert(card.id.clone(), known);
        if wanted.creator.is_some() {
            // Its task sees to it that it ends.
            self.get(Some(&card.id))?;
        }
        self.setting.audience.changed(&card, 0, ConversationAction::Created, origin);
        Ok(info)
    }

    /// Gives a conversation another name.
    pub(crate) async fn rename(
        &self,
        id: &ConversationId,
        name: &str,
        collision: NameCollision,
        origin: &Origin,
    ) -> Result<ConversationInfo, Error> {
        let name = names::check(name)?;
        let card = self.card(id)?;
        if *id == self.default {
            return Err(Error::Forbidden("The conversation called default keeps its name"));
        }
        let name = self
            .named(name, collision, Some(id), |name| {
                let (db, id) = (self.setting.db.clone(), id.clone());
                async move { db.rename_conversation(&id, &name).await.map(|()| name) }
            })
            .await?;
        card.state().name = name;
        let info = self.info(id).ok_or_else(|| Error::ConversationNotFound(id.clone()))?;
        let count = info.client_count;
        self.setting.audience.changed(&card, count, ConversationAction::Renamed, origin);
        Ok(info)
    }

    /// Tries names until the store takes one. Others may be at it at the same time, so the store has the last word.
    async fn named<T, F: Future<Output = Result<T, StoreError>>>(
        &self,
        name: &str,
        collision: NameCollision,
        except: Option<&ConversationId>,
        store: impl Fn(String) -> F,
    ) -> Result<T, Error> {
        let mut candidate = name.to_owned();
        loop {
            if collision == NameCollision::AppendNumber && self.has(&candidate, except) {
                candidate = self.numbered(name);
            }
            match store(candidate.clone()).await {
                Err(StoreError::Conflict) if collision == NameCollision::AppendNumber => {
                    candidate = self.numbered(name);
                    // Whoever has the name is about to be in the list.
                    tokio::task::yield_now().await;
                }
                Err(StoreError::Conflict) => {
                    return Err(Error::ConversationNameTaken(name.to_owned()));
                }
                Err(StoreError::NotFound) => {
                    return Err(Error::AgentNotFound(self.setting.home.name.id.clone()));
                }
                stored => return Ok(stored?),
            }
        }
    }

    fn has(&self, name: &str, except: Option<&ConversationId>) -> bool {
        let key = name_key(name);
        let all = self.lock();
        let mut others = all.values().filter(|known| Some(&known.card.id) != except);
        others.any(|known| name_key(&known.card.state().name) == key)
    }

    fn numbered(&self, name: &str) -> String {
        let taken: Vec<String> =
            self.lock().values().map(|known| known.card.state().name.clone()).collect();
        names::numbered(name, taken.iter().map(String::as_str))
    }

    /// Removes a conversation with all that is in it. Its runs are ended first.
    pub(crate) async fn delete(&self, id: &ConversationId, origin: &Origin) -> Result<(), Error> {
        let card = self.card(id)?;
        if *id == self.default {
            return Err(Error::Forbidden("The conversation called default cannot be deleted"));
        }
        let live = {
            let mut state = card.state();
            if state.gone.replace(Gone::Conversation).is_some() {
                return Err(Error::ConversationNotFound(id.clone()));
            }
            drop(state);
            let live = self.lock().get(id).and_then(|known| known.live.clone());
            live.filter(|live| !live.has_ended())
        };
        let stopped = match &live {
            Some(live) => live.control(Control::Stop(RunReason::ConversationDeleted)).await,
            None => Ok(()),
        };
        let deleted = match stopped {
            Ok(()) => self.setting.db.delete_conversation(id).await.map_err(Error::from),
            Err(error) => Err(error),
        };
        if let Err(error) = deleted {
            card.state().gone = None;
            // Nothing of it was told while it was going.
            self.setting.activity.moved(&card.agent_id, id);
            if let Some(live) = &live
                && !self.stopped.load(Ordering::Relaxed)
            {
                live.control(Control::Start).await.ok();
            }
            return Err(error);
        }
        self.lock().remove(id);
        self.setting.audience.changed(&card, 0, ConversationAction::Deleted, origin);
        if let Some(live) = &live {
            live.feed().close();
            live.control(Control::Delete).await.ok();
        }
        self.setting.home.containers.remove(None, Some(id.as_str())).await;
        tracing::info!(conversation = %id, "conversation deleted");
        Ok(())
    }

    /// Says that all conversations are gone, with their agent.
    pub(crate) fn forget(&self) {
        for known in self.lock().values() {
            known.card.state().gone = Some(Gone::Agent);
            if let Some(live) = &known.live {
                live.feed().close();
            }
        }
    }

    /// Another agent was stopped or deleted.
    pub(crate) fn dismiss(&self, agent: &AgentId) {
        for live in self.live() {
            live.dismiss(agent.clone());
        }
    }

    fn card(&self, id: &ConversationId) -> Result<Arc<Card>, Error> {
        let found = self.lock().get(id).map(|known| known.card.clone());
        found.filter(|card| !card.is_gone()).ok_or_else(|| Error::ConversationNotFound(id.clone()))
    }

    /// Has all conversations do the same, and those that are opened from now on be as that leaves them.
    pub(crate) async fn control(&self, control: Control) -> Result<(), Error> {
        match control {
            Control::Start | Control::Restart => self.stopped.store(false, Ordering::Relaxed),
            Control::Stop(_) | Control::Delete => self.stopped.store(true, Ordering::Relaxed),
            Control::Shutdown | Control::Cut => self.closed.store(true, Ordering::Relaxed),
        }
        let all = self.live();
        let controlled = all.iter().map(|conversation| conversation.control(control));
        futures_util::future::join_all(controlled).await.into_iter().collect()
    }

    /// Ends the tasks of conversations that nobody has used for a time. Their logs stay.
    pub(crate) fn evict(&self, idle: Duration) {
        let now = Instant::now();
        for known in self.lock().values_mut() {
            let is_idle = {
                let state = known.card.state();
                !state.open && state.used + idle <= now
            };
            // The feed's lock is not taken under the card's.
            let is_unused = known.live.as_ref().is_some_and(Conversation::is_unused);
            if known.card.creator.is_none() && is_idle && is_unused {
                known.live = None;
            }
        }
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<ConversationId, Known>> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Known {
    fn info(&self) -> ConversationInfo {
        self.card.info(self.client_count())
    }

    fn client_count(&self) -> u32 {
        self.live.as_ref().map_or(0, Conversation::client_count)
    }
}
