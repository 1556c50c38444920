//! A conversation: one task that owns the order of its log, the queue, the current runs and the agents' sessions.

mod asks;
mod attendance;
mod card;
mod edits;
mod entries;
mod people;
mod progress;
mod publisher;
mod recall;
mod request;
mod runs;
mod sessions;
mod telling;
mod worker;

use std::sync::{Arc, Weak};
use std::time::Duration;

use gateway::{Feed, Limits};
use protocol::agents::Attendee;
use protocol::limits::{MAX_ANNOUNCED, TAIL_BYTES, TAIL_ENTRIES};
use protocol::{AgentId, ConversationId, InteractionId, RunId};
use store::{ManagerDb, OpenInteraction};
use tokio::sync::mpsc::error::TrySendError;
use tokio::sync::{Semaphore, mpsc};
use tokio_util::task::TaskTracker;
use tracing::Instrument;

use attendance::Attendance;
pub(crate) use attendance::Key;
pub(crate) use card::{Card, Creator, Gone};
pub(crate) use entries::{
    AgentName, Ending, agent as agent_message, ended, said, user as user_message,
};
use request::Request;
pub(crate) use request::{Answer, Ask, Chat, Control, Edit};
pub(crate) use runs::{Lane, Response};
pub(crate) use sessions::{Roster, Target};
use worker::Worker;

use crate::activity::Activity;
use crate::audience::Audience;
use crate::claims::{Claim, Claims};
use crate::error::Error;
use crate::filters::Filters;
use crate::isolated::Isolated;
use crate::progress::Watch;

/// Requests that may wait for the conversation. Full: the request is refused with `RATE_LIMITED`, so that
/// one conversation whose disk is slow does not hold up the others on the same connection.
const INBOX: usize = 1_024;

/// Where an open run is.
#[derive(Debug, Clone)]
pub(crate) enum Place {
    Conversation(Conversation),
    Isolated(Isolated),
}

/// The open runs of the manager, by id.
pub(crate) type RunClaims = Claims<RunId, Place>;
/// A run's hold on its id.
pub(crate) type RunClaim = Claim<RunId, Place>;
/// The open interactions of the manager, by id.
pub(crate) type InteractionClaims = Claims<InteractionId, Conversation>;
/// An interaction's hold on its id.
pub(crate) type InteractionClaim = Claim<InteractionId, Conversation>;

/// What a conversation needs to know of its agent and its surroundings.
#[derive(Debug, Clone)]
pub(crate) struct Setting {
    pub(crate) db: ManagerDb,
    pub(crate) home: Target,
    pub(crate) filters: Arc<Filters>,
    /// Sessions that the agent may have for runs of their own.
    pub(crate) permits: Arc<Semaphore>,
    /// The other agents.
    pub(crate) roster: Weak<dyn Roster>,
    /// Who is logged in to the agent.
    pub(crate) audience: Arc<Audience>,
    /// Who wants to know what all agents are doing.
    pub(crate) activity: Arc<Activity>,
    pub(crate) interactions: InteractionClaims,
    /// Takes conversations that are to be deleted: those that end with who made them.
    pub(crate) expired: mpsc::UnboundedSender<(AgentId, ConversationId)>,
    /// Where runs are counted and traced.
    pub(crate) watch: Watch,
    pub(crate) run_timeout: Duration,
    pub(crate) viewer_grace: Duration,
}

/// Handle of a conversation. It goes on for as long as there are handles.
#[derive(Debug, Clone)]
pub(crate) struct Conversation(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    card: Arc<Card>,
    feed: Arc<Feed>,
    inbox: mpsc::Sender<Request>,
    attendance: Arc<Attendance>,
}

impl Conversation {
    /// Starts the conversation's task. `stopped` says that its agent takes no messages, `asked` what waits for an answer
    /// since before the manager was restarted.
    pub(crate) fn open(
        setting: Setting,
        card: Arc<Card>,
        stopped: bool,
        asked: Vec<OpenInteraction>,
        tasks: &TaskTracker,
    ) -> Self {
        let (inbox, requests) = mpsc::channel(INBOX);
        let limits = Limits { items: TAIL_ENTRIES, bytes: TAIL_BYTES };
        let (epoch, head) = card.position();
        let (agent, id) = (card.agent_id.clone(), card.id.clone());
        let feed = Feed::new(agent, id, epoch, head, head, limits);
        let attendance = Arc::new(Attendance::new(setting.viewer_grace));
        let conversation = Self(Arc::new(Inner { card, feed, inbox, attendance }));
        let card = conversation.card();
        let span = tracing::error_span!(
            parent: None, "conversation", tier = "manager", agent = %card.agent_id, conversation = %card.id
        );
        let worker = Worker::new(setting, &conversation, requests, stopped, asked);
        tasks.spawn(worker.run().instrument(span));
        conversation
    }

    pub(crate) fn id(&self) -> &ConversationId {
        &self.0.card.id
    }

    pub(crate) fn agent_id(&self) -> &AgentId {
        &self.0.card.agent_id
    }

    /// What lists show of it.
    pub(crate) fn card(&self) -> &Arc<Card> {
        &self.0.card
    }

    /// The tail of the log, for those who follow it.
    pub(crate) fn feed(&self) -> &Arc<Feed> {
        &self.0.feed
    }

    /// How many connections are present.
    pub(crate) fn client_count(&self) -> u32 {
        u32::try_from(self.0.attendance.count()).unwrap_or(u32::MAX)
    }

    /// The connections that are present.
    pub(crate) fn present(&self) -> Vec<Key> {
        self.0.attendance.keys()
    }

    /// Who is present besides one, at most as many as are announced.
    pub(crate) fn others(&self, than: &Key) -> Vec<Attendee> {
        self.0.attendance.others(than, MAX_ANNOUNCED)
    }

    pub(crate) fn has(&self, key: &Key) -> bool {
        self.0.attendance.has(key)
    }

    /// Whether nobody but the registry has a handle: the task can end without anybody missing it.
    pub(crate) fn is_unused(&self) -> bool {
        Arc::strong_count(&self.0) == 1 && self.0.feed.followers() == 0
    }

    /// Somebody comes; the others are told, unless `silent`.
    pub(crate) fn enter(&self, key: Key, attendee: Attendee, silent: bool) {
        if self.0.attendance.enter(key, attendee.clone()) && !silent {
            people::announce(self, &attendee, true);
        }
    }

    /// Somebody goes; the others are told. Whether that one was there.
    pub(crate) fn leave(&self, key: &Key) -> bool {
        let gone = self.0.attendance.leave(key);
        if let Some(attendee) = &gone {
            people::announce(self, attendee, false);
        }
        gone.is_some()
    }

    /// The connection is lost, and the viewer behind it may be back soon.
    pub(crate) fn lose(&self, key: &Key) {
        self.0.attendance.lose(key);
    }

    /// Hands a viewer's request over. Its answer comes through the request, also when it is refused here.
    pub(crate) fn ask(&self, ask: Ask) {
        self.send(Request::Ask(ask));
    }

    /// The same for what concerns the log.
    pub(crate) fn edit(&self, edit: Edit) {
        self.send(Request::Edit(edit));
    }

    /// Another agent was stopped or deleted. Not waited for: a conversation that is too busy to hear it finds out
    /// when it gives that agent a turn.
    pub(crate) fn dismiss(&self, agent: AgentId) {
        self.0.inbox.try_send(Request::Dismiss(agent)).ok();
    }

    /// Whether its task is gone.
    pub(crate) fn has_ended(&self) -> bool {
        self.0.inbox.is_closed()
    }

    fn send(&self, request: Request) {
        if let Some(refusal) = self.0.card.refusal() {
            return request.refuse(refusal);
        }
        match self.0.inbox.try_send(request) {
            Ok(()) => {}
            Err(TrySendError::Full(request)) => request.refuse(Error::Busy),
            Err(TrySendError::Closed(request)) => request.refuse(self.gone()),
        }
    }

    /// Controls the conversation and waits until that is done. Unlike a viewer's request it waits for room.
    pub(crate) async fn control(&self, control: Control) -> Result<(), Error> {
        let (answer, done) = tokio::sync::oneshot::channel();
        let answer = Answer::new(move |result| drop(answer.send(result)));
        if self.0.inbox.send(Request::Control(control, answer)).await.is_err() {
            return Err(self.gone());
        }
        done.await.unwrap_or_else(|_| Err(self.gone()))
    }

    fn gone(&self) -> Error {
        self.0.card.refusal().unwrap_or(Error::Stopping)
    }
}
