//! A connection of the command line to a controller, on which one conversation is followed and spoken in.
//!
//! [`Line`] connects again by itself, joins the conversation where it was, hands out every entry once, and says what is to be
//! said until it is stored or refused. `connect`, `run`, `replay` and `runs` differ in what they do with the [`News`].

mod caller;
mod cursor;
mod joining;
mod outbox;
mod place;

use std::collections::VecDeque;
use std::time::Duration;

use anyhow::{Context, bail};
use link::{Link, Signal};
use protocol::agents::{Chat, ChatAccepted, Joined};
use protocol::clients::{ClientAuth, Connected, ForwardedEvent};
use protocol::names::{agents, clients};
use protocol::{ClientId, ConversationId, ErrorCode, RunId, ViewerId, WireError};
use serde_json::value::RawValue;
use tokio::sync::mpsc;
use tokio::task::JoinSet;

use crate::api::Controller;
use crate::hint::Advise;
pub(crate) use caller::{Caller, Failed};
use outbox::{Attempt, Outbox};
use place::Place;

/// How long what was refused for now waits before it is tried again, unless who refused it says otherwise.
const PAUSE: Duration = Duration::from_secs(1);
/// The longest that it waits, whatever is said.
const LONGEST: Duration = Duration::from_secs(60);

/// A connection that is kept, with one manager selected.
pub(crate) struct Line {
    caller: Caller,
    signals: mpsc::Receiver<Signal>,
    /// The conversation that is followed.
    place: Option<Place>,
    /// The one that is to be followed instead, once the manager lets us in.
    coming: Option<Place>,
    outbox: Outbox,
    tasks: JoinSet<Done>,
    news: VecDeque<News>,
    viewer: Option<ViewerId>,
    state: State,
    /// Which connection it is: what is answered on the one before says nothing of this one.
    nth: u64,
    /// The manager was selected once, so that patience is due.
    is_open: bool,
    /// The manager is not there, and that was told.
    manager_away: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    /// There, but what was followed is not joined again yet.
    Entering,
    There,
    Away,
}

/// What happened.
#[derive(Debug)]
pub(crate) enum News {
    /// The connection is back.
    Back,
    /// The connection is gone; it is made again.
    Lost,
    /// The controller does not let us in any more. It is asked again.
    Refused(String),
    /// The manager is not connected to the controller.
    ManagerAway,
    /// It is again.
    ManagerBack,
    /// The conversation is followed from here on; again, after a connection was lost.
    Joined(Box<Joined>),
    /// The conversation cannot be followed.
    NotJoined(WireError),
    /// The conversation that was followed is gone since the connection was lost.
    Gone(WireError),
    /// The log that was followed has been replaced: what follows is another, from its beginning.
    Replaced,
    /// An event of namespace `/agents`. Entries of the followed conversation come once.
    Event(ForwardedEvent),
    /// An event of namespace `/clients` that is not about the connection.
    Told(String, Box<RawValue>),
    /// What was to be said is stored, or refused.
    Said(RunId, Result<ChatAccepted, WireError>),
}

/// What the manager says to a join.
type JoinAnswer = (ConversationId, Result<Joined, Failed>);

/// A piece of work beside the line that has ended.
enum Done {
    /// The manager was selected and what was followed joined.
    Entered(u64, Result<Vec<JoinAnswer>, Failed>),
    Joined(u64, JoinAnswer),
    /// It is time to join again what could not be joined.
    Rejoin,
    /// An attempt to say something.
    Said(Attempt, Result<ChatAccepted, Failed>),
    /// It is time to say again what the manager was away for.
    Again(Attempt),
    /// The conversation that was followed before is left.
    Left,
}

impl Line {
    /// Connects, and selects the manager.
    ///
    /// # Errors
    /// The controller cannot be reached, or does not let us in: that is no time to be patient.
    pub(crate) async fn open(controller: &Controller, client: ClientId) -> anyhow::Result<Self> {
        let auth = ClientAuth {
            token: Some(controller.token.clone()),
            client_key: Some(ViewerId::random().to_string()),
        };
        let auth = serde_json::to_value(auth).context("write the credentials")?;
        let endpoint = controller.endpoint(auth)?;
        let (link, signals) = Link::open(endpoint);
        let mut line = Self::new(Caller::new(link, client), signals);
        loop {
            match line.signals.recv().await {
                Some(Signal::Refused { message }) => {
                    return Err(anyhow::anyhow!("{} refuses the token: {message}", controller.url))
                        .hint("give another with --token");
                }
                Some(Signal::RetryFailed { error }) => {
                    bail!("reach the controller at {}: {error}", controller.url)
                }
                Some(signal) => line.on_signal(signal),
                None => bail!("the link is closed"),
            }
            while line.state == State::Entering {
                match line.tasks.join_next().await {
                    Some(Ok(Done::Entered(_, Err(failed)))) => return Err(failed.into()),
                    Some(Ok(done)) => line.on_done(done),
                    _ => break,
                }
            }
            if line.state == State::There && line.viewer.is_some() {
                line.news.clear();
                line.is_open = true;
                return Ok(line);
            }
        }
    }

    fn new(caller: Caller, signals: mpsc::Receiver<Signal>) -> Self {
        Self {
            caller,
            signals,
            place: None,
            coming: None,
            outbox: Outbox::default(),
            tasks: JoinSet::new(),
            news: VecDeque::new(),
            viewer: None,
            state: State::Away,
            nth: 0,
            is_open: false,
            manager_away: false,
        }
    }

    /// For commands of one's own.
    pub(crate) fn caller(&self) -> Caller {
        self.caller.clone()
    }

    /// Who we are to others.
    pub(crate) fn viewer(&self) -> Option<&ViewerId> {
        self.viewer.as_ref()
    }

    /// The conversation that is followed.
    pub(crate) fn followed(&self) -> Option<&ConversationId> {
        self.place.as_ref().map(|place| &place.conversation)
    }

    /// Says it in the conversation that it names, after all that was said before; again until it is stored or refused.
    pub(crate) fn say(&mut self, chat: Chat) {
        self.outbox.push(chat);
        self.post();
    }

    /// Takes back what this run was going to answer, if it is not on its way. Whether it is certain that nobody has heard it.
    pub(crate) fn unsay(&mut self, run: &RunId) -> bool {
        self.outbox.take_back(run)
    }

    /// Whether nothing is left to be said.
    pub(crate) fn has_said_all(&self) -> bool {
        self.outbox.is_empty()
    }

    /// The next news. Cancel safe.
    pub(crate) async fn next(&mut self) -> News {
        loop {
            if let Some(news) = self.news.pop_front() {
                return news;
            }
            tokio::select! {
                Some(signal) = self.signals.recv() => self.on_signal(signal),
                Some(Ok(done)) = self.tasks.join_next() => self.on_done(done),
                else => std::future::pending().await,
            }
        }
    }

    /// Leaves.
    pub(crate) async fn close(&self) {
        self.caller.close().await;
    }

    fn on_signal(&mut self, signal: Signal) {
        match signal {
            Signal::Connected(session) => {
                self.state = State::Entering;
                self.nth = session.nth;
                self.manager_away = false;
                let mut joins = Vec::new();
                for place in self.place.iter_mut().chain(&mut self.coming) {
                    place.hold();
                    place.joining = true;
                    joins.push((place.agent.clone(), place.conversation.clone(), place.join()));
                }
                let (caller, nth, is_patient) = (self.caller.clone(), self.nth, self.is_open);
                self.tasks.spawn(async move {
                    Done::Entered(nth, caller.enter(session, joins, is_patient).await)
                });
            }
            Signal::Refused { message } => self.news.push_back(News::Refused(message)),
            Signal::Down { .. } => {
                if self.state != State::Away {
                    self.news.push_back(News::Lost);
                }
                self.state = State::Away;
            }
            Signal::Retrying { .. } | Signal::RetryFailed { .. } => {}
            Signal::Event { name, payload } => self.on_event(name, payload),
        }
    }

    fn on_event(&mut self, name: String, payload: Box<RawValue>) {
        match name.as_str() {
            clients::FORWARDED_EVENT => {
                let Ok(event) = serde_json::from_str::<ForwardedEvent>(payload.get()) else {
                    return;
                };
                let waits = [&mut self.place, &mut self.coming]
                    .into_iter()
                    .flatten()
                    .find(|place| place.is_held() && place.is_about(&event));
                match waits {
                    Some(place) => place.keep(event),
                    None => self.pass(event),
                }
            }
            clients::CONNECTED => {
                if let Ok(connected) = serde_json::from_str::<Connected>(payload.get()) {
                    self.viewer = Some(connected.viewer_id);
                }
            }
            clients::REMOTE_DISCONNECTED => self.manager_is_away(),
            clients::REMOTE_RECONNECTED => {
                self.manager_away = false;
                self.news.push_back(News::ManagerBack);
                self.post();
                self.join_what_waits();
            }
            _ => self.news.push_back(News::Told(name, payload)),
        }
    }

    /// Hands an event on, unless it is an entry that was handed on before.
    fn pass(&mut self, event: ForwardedEvent) {
        if let Some(place) = self.place.as_mut().filter(|place| place.is_about(&event)) {
            match place.take(&event) {
                place::Take::Again => return,
                place::Take::New => {}
            }
        }
        self.news.push_back(News::Event(event));
    }

    fn on_done(&mut self, done: Done) {
        match done {
            Done::Entered(nth, _) | Done::Joined(nth, _) if nth != self.nth => {}
            Done::Entered(_, Ok(joined)) => {
                self.state = State::There;
                self.news.push_back(News::Back);
                // What is to be followed since these were asked for.
                self.join_what_waits();
                for (id, joined) in joined {
                    self.on_joined(&id, joined);
                }
                self.outbox.lost();
                self.post();
            }
            Done::Entered(_, Err(Failed::Refused(error))) => {
                self.news.push_back(News::Refused(error.message));
            }
            Done::Joined(_, (id, joined)) => {
                self.on_joined(&id, joined);
                self.post();
            }
            Done::Rejoin => self.join_what_waits(),
            Done::Said(attempt, said) if self.outbox.is_current(attempt) => {
                self.on_said(attempt, said);
            }
            Done::Again(attempt) if self.outbox.is_current(attempt) => {
                self.outbox.lost();
                self.post();
            }
            // A lost connection is told by its own signal, and the next one enters again.
            Done::Entered(_, Err(Failed::Lost(_)))
            | Done::Said(..)
            | Done::Again(_)
            | Done::Left => {}
        }
    }

    fn on_said(&mut self, attempt: Attempt, said: Result<ChatAccepted, Failed>) {
        match said {
            Err(Failed::Refused(error)) if error.code == ErrorCode::RemoteUnavailable => {
                return self.say_again_later(attempt, &error);
            }
            Err(Failed::Lost(_)) => self.outbox.lost(),
            Err(Failed::Refused(error)) => {
                if let Some(run) = self.outbox.done().and_then(|chat| chat.run_id) {
                    self.news.push_back(News::Said(run, Err(error)));
                }
            }
            Ok(accepted) => {
                self.outbox.done();
                self.news.push_back(News::Said(accepted.run_id.clone(), Ok(accepted)));
            }
        }
        self.post();
    }

    fn say_again_later(&mut self, attempt: Attempt, error: &WireError) {
        let pause = pause(error).min(PAUSE * 5);
        self.tasks.spawn(async move {
            tokio::time::sleep(pause).await;
            Done::Again(attempt)
        });
    }

    /// Sends the next thing to be said, when nothing is on its way. Not before we are where it is to be said, or the beginning of the
    /// answer could be missed.
    fn post(&mut self) {
        let is_on_the_way =
            self.coming.is_some() || self.place.as_ref().is_some_and(Place::is_held);
        if self.state != State::There || is_on_the_way {
            return;
        }
        let Some((attempt, chat)) = self.outbox.next() else { return };
        let caller = self.caller.clone();
        self.tasks.spawn(async move {
            let agent = chat.agent_id.clone();
            Done::Said(attempt, caller.forward(agent.as_ref(), agents::CHAT, &chat).await)
        });
    }
}

/// How long what was refused for now waits.
fn pause(error: &WireError) -> Duration {
    error.retry_after_ms.map_or(PAUSE, Duration::from_millis).clamp(PAUSE / 4, LONGEST)
}

impl std::fmt::Debug for Line {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Line").field("state", &self.state).finish_non_exhaustive()
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;

    /// One that is not connected, and never will be: nobody listens there.
    pub(crate) fn line() -> Line {
        let endpoint =
            link::Endpoint::new("http://127.0.0.1:9", "/clients", serde_json::Value::Null).unwrap();
        let (link, signals) = Link::open(endpoint);
        Line::new(Caller::new(link, ClientId::new("m").unwrap()), signals)
    }
}
