//! The link's logins to agents: the first ones, those again after a reconnect, and those again after a failure.

use std::collections::HashSet;
use std::sync::Arc;
use std::time::Duration;

use futures_util::future::join_all;
use futures_util::stream::FuturesUnordered;
use link::backoff::Backoff;
use link::{CallError, Session};
use protocol::agents::{AgentInfo, Agents, JoinTerminal, LoggedIn, LoginError, Subscribe, Topic};
use protocol::limits::TAIL_ENTRIES;
use protocol::names::agents::{JOIN_TERMINAL, LIST_AGENTS, LOGIN_ERROR, PRESENCE, SUBSCRIBE};
use protocol::{Ack, ErrorCode, WireError};
use serde::de::{DeserializeOwned, IgnoredAny};
use serde_json::json;
use serde_json::value::RawValue;
use tokio::time::sleep;

use super::{Waiter, Worker};
use crate::credentials::{Over, Wanted, log_in};
use crate::error::Error;
use crate::remote::Remote;
use crate::remote::follows::Key;
use crate::remote::notices::{Notice, Reach};
use crate::remote::retries::{Retries, random};
use crate::remote::screens::Place;

/// The event that says what an acknowledgement says comes right behind it. A login that has none by then was to an
/// earlier connection.
const ANNOUNCED: Duration = Duration::from_secs(1);

/// What was under way and has ended.
pub(super) enum Ended {
    Login(Key, Result<LoggedIn, Error>),
    /// Of which connection.
    Restored(u64, Session, Vec<(Key, Result<LoggedIn, Error>)>, Seen),
}

/// What the manager says that it has.
pub(super) struct Seen {
    agents: Result<Vec<AgentInfo>, Silence>,
    /// Whether it tells what they are doing, or why not.
    told: Result<(), Silence>,
}

/// Why a manager did not say.
#[derive(Debug, PartialEq)]
enum Silence {
    /// The connection has ended.
    Lost,
    /// It is too old to know how.
    Older(String),
    /// It may when it is asked again.
    Passing(String),
}

impl Seen {
    fn is_lost(&self) -> bool {
        let why = [self.agents.as_ref().err(), self.told.as_ref().err()];
        why.contains(&Some(&Silence::Lost))
    }
}

impl Worker {
    /// Logs in to everything again on the fresh connection, before anybody else speaks on it.
    pub(super) fn on_connected(&mut self, session: Session) {
        self.connected = true;
        self.connections += 1;
        self.follows.connected();
        self.retries = Retries::default();
        (self.looks, self.look_pauses) = (FuturesUnordered::new(), Backoff::default());
        let Some(remote) = self.remote.upgrade() else { return };
        // Before those who are present are looked up: of whoever comes or goes after that there is a notice.
        remote.reach.send_replace(Reach::Restoring);
        remote.overview.begins();
        let connection = self.connections;
        let (db, client) = (self.db.clone(), self.client.clone());
        let wanted: Vec<(Key, Wanted)> =
            self.follows.keys().into_iter().map(|key| (key.clone(), self.wanted(&key))).collect();
        for (key, _) in &wanted {
            self.waiting.entry(key.clone()).or_default();
        }
        self.begin(async move {
            let over = Over::Session(&session);
            let (db, client) = (&db, &client);
            let logins = wanted.into_iter().map(|(key, wanted)| async move {
                let result = log_in(db, client, &key.0, wanted, over).await;
                (key, result)
            });
            // Asked for first, so that whatever happens meanwhile is heard of.
            let (seen, results) = tokio::join!(see(over), join_all(logins));
            // Who is present was present before: nobody is told.
            join_all(remote.people.presence().iter().map(async |presence| {
                session.call(PRESENCE, &[&gateway::raw(presence)]).await.ok();
            }))
            .await;
            join_all(
                remote.screens.places().into_iter().map(|(place, origin)| {
                    restore(&remote, &session, place, gateway::raw(&origin))
                }),
            )
            .await;
            Ended::Restored(connection, session, results, seen)
        });
    }

    fn begin(&mut self, login: impl Future<Output = Ended> + Send + 'static) {
        if self.under_way.is_empty() {
            self.follows.settled();
        }
        self.under_way.push(Box::pin(login));
    }

    pub(super) fn on_follow(&mut self, key: Key, reply: Waiter) {
        // While the manager is away its conversations are shown as they were. When it is back it has to let the link in.
        let followed =
            if self.connected { self.follows.live(&key) } else { self.follows.get(&key) };
        if let Some(followed) = followed {
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
        match self.waiting.get_mut(&key) {
            Some(waiters) => waiters.push(reply),
            None => self.log_in(key, vec![reply]),
        }
    }

    /// Whoever waits for a login that is restored need not wait for all that is.
    pub(super) fn let_in(&mut self) {
        for (key, waiters) in self.waiting.iter_mut().filter(|(_, waiters)| !waiters.is_empty()) {
            let Some(followed) = self.follows.live(key) else { continue };
            for waiter in waiters.drain(..) {
                waiter.send(Ok(followed.clone())).ok();
            }
        }
    }

    pub(super) fn on_retry(&mut self, key: Key) {
        let wanted = self.connected && self.follows.conversation(&key).is_some();
        if wanted && self.follows.live(&key).is_none() && !self.waiting.contains_key(&key) {
            self.log_in(key, Vec::new());
        }
    }

    fn log_in(&mut self, key: Key, waiters: Vec<Waiter>) {
        let Some(remote) = self.remote.upgrade() else { return };
        self.waiting.insert(key.clone(), waiters);
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

    pub(super) fn on_ended(&mut self, ended: Ended) {
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
            Ended::Restored(connection, session, results, seen) => {
                let lost = results
                    .iter()
                    .any(|(_, result)| matches!(result, Err(Error::Call(CallError::Lost))));
                // What is known of an earlier connection says nothing of this one.
                let lost = lost || seen.is_lost();
                let current = self.connected && self.connections == connection && !lost;
                let mut back = HashSet::new();
                for (key, result) in results {
                    if result.is_ok() {
                        back.insert(key.0.clone());
                    }
                    self.on_login(key, result);
                }
                session.ready();
                if let Some(remote) = self.remote.upgrade().filter(|_| current) {
                    tracing::info!(client = %self.client, "connected to the manager");
                    self.unrestored = &remote.people.agents() - &back;
                    remote.reach.send_replace(Reach::Ready);
                    remote.watchers.connected();
                    self.saw(&remote, seen);
                }
            }
        }
    }

    /// What the manager has is known, or is asked for again. Until then it has the agents that were known last.
    fn saw(&mut self, remote: &Remote, seen: Seen) {
        let Seen { agents, told } = seen;
        let is_told = told.is_ok();
        if let Err(Silence::Older(error)) = &told
            && !std::mem::replace(&mut self.is_silence_known, true)
        {
            tracing::warn!(client = %self.client, error, "the manager does not tell what its agents are doing");
        }
        let passing = match (&agents, &told) {
            (Err(why), _) | (_, Err(why @ Silence::Passing(_))) => Some(why),
            _ => None,
        };
        if let Some(why) = passing {
            tracing::warn!(client = %self.client, ?why, "the manager did not say what there is; it is asked again");
            let (connection, link) = (self.connections, remote.link());
            let pause = self.look_pauses.next(random());
            self.looks.push(Box::pin(async move {
                sleep(pause).await;
                (connection, see(Over::Link(&link)).await)
            }));
        }
        match agents {
            Ok(agents) => remote.overview.connected(agents, is_told),
            Err(_) => remote.overview.connected_unseen(),
        }
    }

    /// The manager was asked again.
    pub(super) fn on_look(&mut self, connection: u64, seen: Seen) {
        let is_current = self.connected && self.connections == connection && !seen.is_lost();
        if let Some(remote) = self.remote.upgrade().filter(|_| is_current) {
            self.saw(&remote, seen);
        }
    }

    fn on_login(&mut self, key: Key, result: Result<LoggedIn, Error>) {
        let waiters = self.waiting.remove(&key).unwrap_or_default();
        match result {
            Ok(logged_in) => {
                let followed = self.follows.logged_in(key.clone(), &logged_in.success);
                // It was let in on this connection or on one before; the event says so, and may be on its way.
                if self.follows.live(&key).is_some() {
                    self.retries.succeeded(&key);
                } else if self.connected && followed.is_some() {
                    self.retries.later(key, ANNOUNCED);
                }
                let id = logged_in.success.conversation_id;
                for waiter in waiters {
                    waiter.send(followed.clone().ok_or_else(|| Error::not_found(&id))).ok();
                }
            }
            Err(error) => {
                tracing::warn!(client = %self.client, agent = %key.0, %error, "no login to the agent");
                let is_final = error.is_final();
                let error = WireError::from(error);
                if is_final {
                    self.refused(&key, &error);
                } else if self.connected && self.follows.conversation(&key).is_some() {
                    let at_least =
                        error.retry_after_ms.map_or(Duration::ZERO, Duration::from_millis);
                    self.retries.later(key, at_least);
                }
                for waiter in waiters {
                    waiter.send(Err(error.clone().into())).ok();
                }
            }
        }
    }

    /// The manager does not let the link in any more to what viewers follow: they are told, and follow it no longer.
    fn refused(&mut self, key: &Key, error: &WireError) {
        let Some(remote) = self.remote.upgrade() else { return };
        let Some(conversation) = self.follows.conversation(key).cloned() else { return };
        if error.code == ErrorCode::ConversationNotFound {
            self.follows.forget(&conversation);
            return remote.people.deleted(&key.0, &conversation);
        }
        // Once for the agent. Who is present there stays so, for when there is a password that works.
        for conversation in self.follows.conversations_with(&key.0) {
            self.follows.forget(&conversation);
        }
        let (code, message) = (error.code, error.message.clone());
        let (agent_id, retry_after_ms) = (Some(key.0.clone()), error.retry_after_ms);
        let payload = gateway::raw(&LoginError { agent_id, code, message, retry_after_ms });
        remote.people.tell(&key.0, LOGIN_ERROR, &Arc::from(payload));
    }
}

/// Has the manager tell what all of its agents are doing, and asks which there are.
async fn see(over: Over<'_>) -> Seen {
    let subscribe = gateway::raw(&Subscribe { agent_id: None, topics: vec![Topic::Activity] });
    let list = gateway::raw(&json!({}));
    let (told, agents) =
        tokio::join!(over.call(SUBSCRIBE, &subscribe), over.call(LIST_AGENTS, &list));
    let told = read::<IgnoredAny>(told).map(drop);
    let agents = read::<Agents>(agents).map(|agents| agents.agents);
    Seen { agents, told }
}

fn read<T: DeserializeOwned>(answer: Result<Box<RawValue>, CallError>) -> Result<T, Silence> {
    let answer = answer.map_err(|error| match error {
        CallError::Lost | CallError::Closed => Silence::Lost,
        error => Silence::Passing(error.to_string()),
    })?;
    let ack = serde_json::from_str::<Ack<T>>(answer.get());
    ack.map_err(|error| Silence::Older(error.to_string()))?.into_result().map_err(|error| {
        match error.code {
            ErrorCode::UnknownEvent | ErrorCode::InvalidPayload => Silence::Older(error.message),
            _ => Silence::Passing(error.message),
        }
    })
}

/// Has the manager show a viewer again what it watches.
async fn restore(remote: &Remote, session: &Session, place: Place, origin: Box<RawValue>) {
    match place {
        Place::Terminal(agent, id) => {
            let join = JoinTerminal {
                agent_id: Some(agent.clone()),
                session_id: id.clone(),
                offset: None,
            };
            let answer = session.call(JOIN_TERMINAL, &[&gateway::raw(&join), &origin]).await;
            let Ok(answer) = answer else { return };
            if let Ok(Err(_)) =
                serde_json::from_str::<Ack<IgnoredAny>>(answer.get()).map(Ack::into_result)
            {
                remote.screens.lost(&agent, &id);
            }
        }
        Place::Stats(agent) => {
            let topics = vec![Topic::ContainerStats];
            let subscribe = Subscribe { agent_id: Some(agent), topics };
            session.call(SUBSCRIBE, &[&gateway::raw(&subscribe), &origin]).await.ok();
        }
    }
}
