//! A conversation: one task that owns the order of its log, the queue, the current run and the agent's session.

mod asks;
mod entries;
mod publisher;
mod recall;
mod request;
mod runs;
mod session;
mod worker;

use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use gateway::{Feed, Limits};
use protocol::limits::{TAIL_BYTES, TAIL_ENTRIES};
use protocol::spec::AgentSpec;
use protocol::{AgentId, ConversationId};
use store::{ConversationRecord, ManagerDb};
use tokio::sync::mpsc;
use tokio::sync::mpsc::error::TrySendError;
use tokio_util::task::TaskTracker;

pub(crate) use entries::{Ending, ended};
use request::Request;
pub(crate) use request::{Answer, Ask, Chat, Control};
use worker::Worker;

use crate::error::Error;

/// Requests that may wait for the conversation. Full: the request is refused with `RATE_LIMITED`, so that
/// one conversation whose disk is slow does not hold up the others on the same connection.
const INBOX: usize = 1_024;
/// What a conversation needs to know of its agent and its surroundings.
#[derive(Debug, Clone)]
pub(crate) struct Setting {
    pub(crate) db: ManagerDb,
    pub(crate) agent_id: AgentId,
    pub(crate) spec: Arc<AgentSpec>,
    pub(crate) workdir: PathBuf,
    pub(crate) run_timeout: Duration,
    /// Whether the agent takes messages.
    pub(crate) stopped: bool,
}

/// Handle of a conversation. It goes on for as long as there are handles.
#[derive(Debug, Clone)]
pub(crate) struct Conversation {
    feed: Arc<Feed>,
    inbox: mpsc::Sender<Request>,
    deleted: Arc<AtomicBool>,
}

impl Conversation {
    /// Starts the conversation's task.
    pub(crate) fn open(setting: Setting, record: ConversationRecord, tasks: &TaskTracker) -> Self {
        let (inbox, requests) = mpsc::channel(INBOX);
        let limits = Limits { items: TAIL_ENTRIES, bytes: TAIL_BYTES };
        let (agent_id, id) = (setting.agent_id.clone(), record.conversation_id);
        let feed = Feed::new(agent_id, id, record.epoch, record.head, record.head, limits);
        tasks.spawn(Worker::new(setting, feed.clone(), requests).run());
        Self { feed, inbox, deleted: Arc::default() }
    }

    /// A handle whose conversation has no task.
    #[cfg(test)]
    pub(crate) fn detached(feed: Arc<Feed>) -> Self {
        Self { feed, inbox: mpsc::channel(1).0, deleted: Arc::default() }
    }

    pub(crate) fn id(&self) -> &ConversationId {
        self.feed.conversation()
    }

    pub(crate) fn agent_id(&self) -> &AgentId {
        self.feed.agent()
    }

    /// The tail of the log, for those who follow it.
    pub(crate) fn feed(&self) -> &Arc<Feed> {
        &self.feed
    }

    /// Hands a viewer's request over. Its answer comes through the request, also when it is refused here.
    pub(crate) fn ask(&self, ask: Ask) {
        match self.inbox.try_send(Request::Ask(ask)) {
            Ok(()) => {}
            Err(TrySendError::Full(request)) => request.refuse(Error::Busy),
            Err(TrySendError::Closed(request)) => request.refuse(self.gone()),
        }
    }

    /// Controls the conversation and waits until that is done. Unlike a viewer's request it waits for room.
    pub(crate) async fn control(&self, control: Control) -> Result<(), Error> {
        let (answer, done) = tokio::sync::oneshot::channel();
        let answer = Answer::new(move |result| drop(answer.send(result)));
        if matches!(control, Control::Delete) {
            self.deleted.store(true, Ordering::Relaxed);
        }
        if self.inbox.send(Request::Control(control, answer)).await.is_err() {
            return Err(self.gone());
        }
        done.await.unwrap_or_else(|_| Err(self.gone()))
    }

    fn gone(&self) -> Error {
        if self.deleted.load(Ordering::Relaxed) {
            return Error::AgentNotFound(self.agent_id().clone());
        }
        Error::Stopping
    }
}
