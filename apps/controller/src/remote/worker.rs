//! The task of a remote.

mod logins;

use std::collections::{HashMap, HashSet};
use std::sync::{Arc, Weak};
use std::time::Duration;

use futures_util::StreamExt;
use futures_util::stream::FuturesUnordered;
use gateway::BoxFuture;
use link::backoff::Backoff;
use link::{Signal, WhenDown};
use protocol::agents::{
    ContainerStats, ConversationAction, ConversationUpdate, FileUpdateNotification,
    ForConversation, HistoryEnd, LoginSuccess, RoutingHead, TerminalClosed, TerminalInfo,
};
use protocol::names::agents::{
    AGENT_UPDATE, CONTAINER_STATS, CONVERSATION_ACTIVITY, CONVERSATION_UPDATE, ERROR,
    FILE_UPDATE_NOTIFICATION, HISTORY_END, LEAVE_CONVERSATION, LOGIN_ERROR, LOGIN_SUCCESS,
    LOGOUT_SUCCESS, RUN_ACTIVITY, SERVER_NOTICE, TERMINAL_CLOSED, TERMINAL_CREATED,
    TERMINAL_OUTPUT,
};
use protocol::{AgentId, ClientId, ConnectionId, ConversationId, Seq, WireError};
use serde_json::value::RawValue;
use store::ControllerDb;
use tokio::sync::{mpsc, oneshot};
use tokio::time::{MissedTickBehavior, interval};

use super::follows::{Follows, Key};
use super::notices::Reach;
use super::retries::Retries;
use super::{Followed, Remote, Request};
use crate::error::Error;
use logins::{Ended, Seen};

/// How often conversations that nobody follows are looked for. One that is found twice in a row is left.
const SWEEP: Duration = Duration::from_secs(30);

type Waiter = oneshot::Sender<Result<Followed, Error>>;

pub(super) struct Worker {
    /// Weak: the handle ends the task, not the task the handle.
    remote: Weak<Remote>,
    client: ClientId,
    db: ControllerDb,
    follows: Follows,
    /// Logins under way and who waits for them: one for each key, however many viewers ask.
    waiting: HashMap<Key, Vec<Waiter>>,
    under_way: FuturesUnordered<BoxFuture<Ended>>,
    retries: Retries,
    /// What there is, asked for again after a failure, and on which connection.
    looks: FuturesUnordered<BoxFuture<(u64, Seen)>>,
    look_pauses: Backoff,
    /// When the link is tried next, for those who have to be told to come back.
    retry_after: Duration,
    connected: bool,
    /// Connections so far, to tell what is known of one from what is of another.
    connections: u64,
    /// Agents that the link is not back in on this connection, with whom somebody may be present.
    unrestored: HashSet<AgentId>,
    /// Conversations that nobody followed when it was looked last.
    unused: HashSet<ConversationId>,
    /// Whether it has been said that the manager does not tell what its agents are doing.
    is_silence_known: bool,
}

impl Worker {
    pub(super) fn new(remote: &Arc<Remote>, client: ClientId, db: ControllerDb) -> Self {
        Self {
            remote: Arc::downgrade(remote),
            client,
            db,
            follows: Follows::of(Arc::downgrade(remote)),
            waiting: HashMap::new(),
            under_way: FuturesUnordered::new(),
            retries: Retries::default(),
            looks: FuturesUnordered::new(),
            look_pauses: Backoff::default(),
            retry_after: Duration::ZERO,
            connected: false,
            connections: 0,
            unrestored: HashSet::new(),
            unused: HashSet::new(),
            is_silence_known: false,
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
                        self.on_moved();
                    }
                    Some(Request::Close) | None => return,
                },
                Some(ended) = self.under_way.next(), if !self.under_way.is_empty() => self.on_ended(ended),
                key = self.retries.next() => self.on_retry(key),
                Some((connection, seen)) = self.looks.next(), if !self.looks.is_empty() => self.on_look(connection, seen),
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
                remote.overview.retrying(attempt, delay);
                remote.watchers.retrying(attempt, delay);
            }
            Signal::RetryFailed { error } => {
                remote.overview.retry_failed(&error);
                remote.watchers.retry_failed(error);
            }
            Signal::Refused { message } => {
                tracing::warn!(client = %self.client, message, "the manager refused the API key");
                remote.overview.retry_failed(&message);
                remote.watchers.retry_failed(message);
            }
        }
    }

    fn on_away(&mut self, reason: &str) {
        tracing::warn!(client = %self.client, reason, "the manager is away");
        self.connected = false;
        if let Some(remote) = self.remote.upgrade() {
            remote.reach.send_replace(Reach::Away);
            remote.overview.disconnected(Some(reason));
            remote.watchers.disconnected(reason);
        }
    }

    fn on_moved(&mut self) {
        tracing::info!(client = %self.client, "the manager has moved");
        self.connected = false;
        if let Some(remote) = self.remote.upgrade() {
            remote.reach.send_replace(Reach::Away);
            remote.overview.disconnected(None);
            remote.watchers.moved();
        }
    }

    fn on_event(&mut self, remote: &Arc<Remote>, name: String, payload: Box<RawValue>) {
        match name.as_str() {
            LOGIN_SUCCESS => {
                if let Ok(success) = serde_json::from_str::<LoginSuccess>(payload.get()) {
                    // It was cleared while the link was down: before the new entries come, its followers are told.
                    if self.follows.replay_begins(&success) {
                        let LoginSuccess { agent_id, conversation_id, epoch, .. } = &success;
                        remote.people.cleared(agent_id, conversation_id, epoch);
                    }
                    self.let_in();
                }
            }
            HISTORY_END => {
                if let Ok(end) = serde_json::from_str::<HistoryEnd>(payload.get()) {
                    self.follows.replay_ended(&end);
                }
            }
            AGENT_UPDATE | CONVERSATION_ACTIVITY | RUN_ACTIVITY => {
                remote.overview.told(&name, &payload.into());
            }
            SERVER_NOTICE => {
                if let Ok(notice) = serde_json::from_str(payload.get()) {
                    remote.watchers.notice(notice, &payload.into());
                }
            }
            // Acknowledgements have told.
            LOGIN_ERROR | LOGOUT_SUCCESS => {}
            ERROR => {
                // Its text may have what somebody has said.
                let error = serde_json::from_str::<WireError>(payload.get());
                let code = error.ok().map(|error| error.code.name());
                tracing::warn!(client = %self.client, code, "the manager reports an error");
            }
            _ => self.relay(remote, &name, payload.into()),
        }
    }

    /// An event about a terminal, files or programs. Whether it was one.
    fn show(remote: &Remote, name: &str, payload: &Arc<RawValue>) -> bool {
        let json = payload.get();
        let (people, screens, nobody) = (&remote.people, &remote.screens, HashMap::new);
        match name {
            TERMINAL_OUTPUT => {
                if let Ok(output) = serde_json::from_str(json) {
                    screens.shown(&output);
                }
            }
            TERMINAL_CREATED => {
                if let Ok(info) = serde_json::from_str::<TerminalInfo>(json) {
                    let besides = screens.viewers(&info.session_id);
                    people.tell_others(&info.agent_id, name, payload, |_| false, besides);
                }
            }
            TERMINAL_CLOSED => {
                if let Ok(closed) = serde_json::from_str::<TerminalClosed>(json) {
                    let watching = screens.closed(&closed.session_id, payload);
                    let knows = |connection: &ConnectionId| watching.contains(connection);
                    people.tell_others(&closed.agent_id, name, payload, knows, nobody());
                }
            }
            FILE_UPDATE_NOTIFICATION => {
                if let Ok(update) = serde_json::from_str::<FileUpdateNotification>(json) {
                    let did_it =
                        |connection: &ConnectionId| Some(connection) == update.sender.as_ref();
                    people.tell_others(&update.agent_id, name, payload, did_it, nobody());
                }
            }
            CONTAINER_STATS => {
                if let Ok(stats) = serde_json::from_str::<ContainerStats>(json) {
                    screens.measured(&stats.agent_id, name, payload);
                }
            }
            _ => return false,
        }
        true
    }

    /// An event for viewers: for one of them, for those who are logged in to an agent, or for a conversation's.
    fn relay(&mut self, remote: &Remote, name: &str, payload: Arc<RawValue>) {
        if Self::show(remote, name, &payload) {
            return;
        }
        let head = RoutingHead::read(payload.get());
        if let Ok(RoutingHead { connection_id: Some(connection), .. }) = &head {
            return remote.watchers.tell_one(connection, name, Arc::clone(&payload));
        }
        if name == CONVERSATION_UPDATE
            && let Ok(update) = serde_json::from_str::<ConversationUpdate>(payload.get())
            && !self.is_for_members(remote, &update)
        {
            remote.overview.conversation_changed(&update, &payload);
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
}

#[cfg(test)]
mod tests;
