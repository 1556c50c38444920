//! The task of a remote.

use std::collections::{HashMap, HashSet};
use std::sync::{Arc, Weak};
use std::time::Duration;

use futures_util::StreamExt;
use futures_util::future::join_all;
use futures_util::stream::FuturesUnordered;
use gateway::BoxFuture;
use link::{CallError, Session, Signal, WhenDown};
use protocol::agents::{
    ConversationAction, ConversationUpdate, ForConversation, HistoryEnd, LoggedIn, LoginSuccess,
    RoutingHead,
};
use protocol::limits::TAIL_ENTRIES;
use protocol::names::agents::{
    CONVERSATION_UPDATE, ERROR, HISTORY_END, LEAVE_CONVERSATION, LOGIN_ERROR, LOGIN_SUCCESS,
    LOGOUT_SUCCESS, PRESENCE,
};
use protocol::{AgentId, ClientId, ConversationId, Seq, WireError};
use serde_json::value::RawValue;
use store::ControllerDb;
use tokio::sync::{mpsc, oneshot};
use tokio::time::{MissedTickBehavior, interval};

use super::follows::{Follows, Key};
use super::notices::{Notice, Reach};
use super::{Followed, Remote, Request};
use crate::credentials::{Over, Wanted, log_in};
use crate::error::Error;
use crate::pages::Pages;

/// How often conversations that nobody follows are looked for. One that is found twice in a row is left.
const SWEEP: Duration = Duration::from_secs(30);

type Waiter = oneshot::Sender<Result<Followed, Error>>;

/// What was under way and has ended.
enum Ended {
    Login(Key, Result<LoggedIn, Error>),
    /// Of which connection.
    Restored(u64, Session, Vec<(Key, Result<LoggedIn, Error>)>),
}

pub(super) struct Worker {
    /// Weak: the handle ends the task, not the task the handle.
    remote: Weak<Remote>,
    client: ClientId,
    db: ControllerDb,
    pages: Arc<Pages>,
    follows: Follows,
    /// Logins under way and who waits for them: one for each agent, however many viewers ask.
    waiting: HashMap<Key, Vec<Waiter>>,
    under_way: FuturesUnordered<BoxFuture<Ended>>,
    /// When the link is tried next, for those who have to be told to come back.
    retry_after: Duration,
    connected: bool,
    /// Connections so far, to tell what is known of one from what is of another.
    connections: u64,
    /// Agents that the link is not back in on this connection, with whom somebody may be present.
    unrestored: HashSet<AgentId>,
    /// Conversations that nobody followed when it was looked last.
    unused: HashSet<ConversationId>,
}

impl Worker {
    pub(super) fn new(
        remote: &Arc<Remote>,
        client: ClientId,
        db: ControllerDb,
        pages: Arc<Pages>,
    ) -> Self {
        Self {
            remote: Arc::downgrade(remote),
            client,
            db,
            pages,
            follows: Follows::default(),
            waiting: HashMap::new(),
            under_way: FuturesUnordered::new(),
            retry_after: Duration::ZERO,
            connected: false,
            connections: 0,
            unrestored: HashSet::new(),
            unused: HashSet::new(),
        }
    }

    /// Runs until told to close.
    pub(super) async fn run(
        mut self,
        mut signals: mpsc::Receiver<Signal>,
        mut requests: mpsc::Receiver<Request>,
    ) {
        // A link that was closed says nothing more; another may take its place, so its end is not the task's.
        let mut linked = true;
        let mut sweep = interval(SWEEP);
        sweep.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            tokio::select! {
                signal = signals.recv(), if linked => match signal {
                    Some(signal) => self.on_signal(signal),
                    None => linked = false,
                },
                request = requests.recv() => match request {
                    Some(Request::Follow { agent, conversation, reply }) => self.on_follow((agent, conversation), reply),
                    Some(Request::Moved(new)) => {
                        (signals, linked) = (new, true);
                        self.on_away("the manager moved");
                    }
                    Some(Request::Close) | None => return,
                },
                Some(ended) = self.under_way.next(), if !self.under_way.is_empty() => self.on_ended(ended),
                _ = sweep.tick() => self.sweep().await,
            }
        }
    }

    fn on_signal(&mut self, signal: Signal) {
        let Some(remote) = self.remote.upgrade() else { return };
        match signal {
            Signal::Event { name, payload } => self.on_event(&remote, name, payload),
            Signal::Connected(session) => self.on_connected(session),
            Signal::Down { reason } => self.on_away(&reason),
            Signal::Retrying { attempt, delay } => {
                self.retry_after = delay;
                remote
                    .watchers
                    .retrying(attempt, u64::try_from(delay.as_millis()).unwrap_or(u64::MAX));
            }
            Signal::RetryFailed { error } => remote.watchers.retry_failed(error),
            Signal::Refused { message } => {
                tracing::warn!(client = %self.client, message, "the manager refused the API key");
                remote.watchers.retry_failed(message);
            }
        }
    }

    fn on_away(&mut self, reason: &str) {
        tracing::warn!(client = %self.client, reason, "the manager is away");
        self.connected = false;
        if let Some(remote) = self.remote.upgrade() {
            remote.reach.send_replace(Reach::Away);
            remote.watchers.disconnected();
        }
    }

    fn on_event(&mut self, remote: &Arc<Remote>, name: String, payload: Box<RawValue>) {
        match name.as_str() {
            LOGIN_SUCCESS => {
                if let Ok(success) = serde_json::from_str::<LoginSuccess>(payload.get()) {
                    self.follows.replay_begins(&success);
                }
            }
            HISTORY_END => {
                if let Ok(end) = serde_json::from_str::<HistoryEnd>(payload.get()) {
                    self.follows.begin_anew(&end.conversation_id, end.epoch, end.to_seq);
                }
            }
            // Acknowledgements have told.
            LOGIN_ERROR | LOGOUT_SUCCESS => {}
            ERROR => {
                tracing::warn!(client = %self.client, error = payload.get(), "the manager reports an error");
            }
            _ => self.relay(remote, &name, payload.into()),
        }
    }

    /// An event for viewers: for one of them, for those who are logged in to an agent, or for a conversation's.
    fn relay(&mut self, remote: &Remote, name: &str, payload: Arc<RawValue>) {
        let head = RoutingHead::read(payload.get());
        if let Ok(RoutingHead { connection_id: Some(connection), .. }) = &head {
            return remote.watchers.tell_one(connection, name, Arc::clone(&payload));
        }
        if name == CONVERSATION_UPDATE
            && let Ok(update) = serde_json::from_str::<ConversationUpdate>(payload.get())
            && !self.is_for_members(remote, &update)
        {
            return remote.people.tell(&update.agent_id, name, &payload);
        }
        if !self.follows.append(name, payload) {
            tracing::debug!(client = %self.client, name, "an event for nobody");
        }
    }

    /// Whether only those who follow the conversation are told; what follows from it for the feed is done.
    fn is_for_members(&mut self, remote: &Remote, update: &ConversationUpdate) -> bool {
        let id = &update.conversation_id;
        match update.action {
            ConversationAction::Joined | ConversationAction::Left => return true,
            ConversationAction::Deleted => {
                self.follows.forget(id);
                self.pages.forget_one(id);
                remote.people.forget(id);
            }
            ConversationAction::Cleared => {
                if let Some(epoch) = &update.epoch {
                    self.follows.begin_anew(id, epoch.clone(), Seq::ZERO);
                }
            }
            ConversationAction::Created | ConversationAction::Renamed => {}
        }
        false
    }

    /// Leaves conversations that nobody has followed for a while, so that the manager need not keep them in memory.
    async fn sweep(&mut self) {
        let Some(remote) = self.remote.upgrade() else { return };
        // A login under way may be for one of them.
        if !self.under_way.is_empty() {
            return;
        }
        let rooms = remote.people.rooms();
        let unused = self.follows.unused().filter(|feed| !rooms.contains(feed.conversation()));
        let unused: Vec<_> =
            unused.map(|feed| (feed.agent().clone(), feed.conversation().clone())).collect();
        let again: Vec<_> =
            unused.iter().filter(|(_, id)| self.unused.contains(id)).cloned().collect();
        self.unused = unused.into_iter().map(|(_, id)| id).collect();
        for (agent, id) in again {
            self.follows.forget(&id);
            self.pages.forget_one(&id);
            self.unused.remove(&id);
            let leave =
                gateway::raw(&ForConversation { agent_id: Some(agent), conversation_id: id });
            // In its place before a login that may follow. A manager that is away has forgotten the link anyway.
            let left = remote.begin(LEAVE_CONVERSATION, &[&leave], WhenDown::Fail).await;
            if let Ok(answer) = left {
                tokio::spawn(async move { answer.wait().await.ok() });
            }
        }
    }

    /// Logs in to everything again on the fresh connection, before anybody else speaks on it.
    fn on_connected(&mut self, session: Session) {
        self.connected = true;
        self.connections += 1;
        self.follows.connected();
        self.unrestored.clear();
        let Some(remote) = self.remote.upgrade() else { return };
        // Before those who are present are looked up: of whoever comes or goes after that there is a notice.
        remote.reach.send_replace(Reach::Restoring);
        let connection = self.connections;
        let (db, client) = (self.db.clone(), self.client.clone());
        let wanted: Vec<(Key, Wanted)> =
            self.follows.keys().into_iter().map(|key| (key.clone(), self.wanted(&key))).collect();
        self.begin(async move {
            let (db, client, over) = (&db, &client, Over::Session(&session));
            let logins = wanted.into_iter().map(|(key, wanted)| async move {
                let result = log_in(db, client, &key.0, wanted, over).await;
                (key, result)
            });
            let results = join_all(logins).await;
            // Who is present was present before: nobody is told.
            join_all(remote.people.presence().iter().map(async |presence| {
                session.call(PRESENCE, &[&gateway::raw(presence)]).await.ok();
            }))
            .await;
            Ended::Restored(connection, session, results)
        });
    }

    fn begin(&mut self, login: impl Future<Output = Ended> + Send + 'static) {
        if self.under_way.is_empty() {
            self.follows.settled();
        }
        self.under_way.push(Box::pin(login));
    }

    fn on_follow(&mut self, key: Key, reply: Waiter) {
        if let Some(followed) = self.follows.get(&key) {
            // Whoever asks is about to follow it.
            self.unused.remove(&followed.success.conversation_id);
            reply.send(Ok(followed)).ok();
            return;
        }
        if !self.connected {
            let error = CallError::Unavailable { retry_after: self.retry_after };
            reply.send(Err(error.into())).ok();
            return;
        }
        let waiters = self.waiting.entry(key.clone()).or_default();
        waiters.push(reply);
        if waiters.len() == 1 {
            self.log_in(key);
        }
    }

    fn log_in(&mut self, key: Key) {
        let Some(remote) = self.remote.upgrade() else { return };
        let (db, client, wanted) = (self.db.clone(), self.client.clone(), self.wanted(&key));
        self.begin(async move {
            let result = log_in(&db, &client, &key.0, wanted, Over::Link(&remote.link())).await;
            Ended::Login(key, result)
        });
    }

    fn wanted(&self, key: &Key) -> Wanted {
        let cursor = self.follows.cursor(key);
        Wanted { conversation: key.1.clone(), cursor, limit: TAIL_ENTRIES as u64 }
    }

    fn on_ended(&mut self, ended: Ended) {
        match ended {
            Ended::Login(key, result) => {
                let (agent, succeeded) = (key.0.clone(), result.is_ok());
                self.on_login(key, result);
                if succeeded
                    && self.unrestored.remove(&agent)
                    && let Some(remote) = self.remote.upgrade()
                {
                    remote.notices.send(Notice::Presence(agent)).ok();
                }
            }
            Ended::Restored(connection, session, results) => {
                let lost = results
                    .iter()
                    .any(|(_, result)| matches!(result, Err(Error::Call(CallError::Lost))));
                // What is known of an earlier connection says nothing of this one.
                let current = self.connected && self.connections == connection && !lost;
                for (key, result) in results {
                    if current && result.is_err() {
                        self.unrestored.insert(key.0.clone());
                    }
                    self.on_login(key, result);
                }
                session.ready();
                if let Some(remote) = self.remote.upgrade().filter(|_| current) {
                    tracing::info!(client = %self.client, "connected to the manager");
                    remote.reach.send_replace(Reach::Ready);
                    remote.watchers.connected();
                }
            }
        }
    }

    fn on_login(&mut self, key: Key, result: Result<LoggedIn, Error>) {
        let waiters = self.waiting.remove(&key).unwrap_or_default();
        match result {
            Ok(logged_in) => {
                let LoginSuccess { agent_id, conversation_id: id, .. } = logged_in.success.clone();
                let followed = self.follows.logged_in(key, &logged_in.success);
                if let Some(remote) = self.remote.upgrade().filter(|_| followed.is_some()) {
                    self.pages.register(id.clone(), remote, agent_id);
                }
                for waiter in waiters {
                    waiter.send(followed.clone().ok_or_else(|| Error::not_found(&id))).ok();
                }
            }
            Err(error) => {
                tracing::warn!(client = %self.client, agent = %key.0, %error, "no login to the agent");
                // A link that went down is no verdict: the login is tried again with the next connection.
                if !matches!(error, Error::Call(_)) {
                    self.follows.logged_out(&key);
                }
                let error = WireError::from(error);
                for waiter in waiters {
                    waiter.send(Err(error.clone().into())).ok();
                }
            }
        }
    }
}
