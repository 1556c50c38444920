//! What others ask of a conversation.

use std::fmt;
use std::sync::Arc;

use protocol::agents::{
    CancelKind, ChatAccepted, Cleared, Inserted, InteractionState, Origin, RunReason,
};
use protocol::{AgentId, MessageId, RunId};
use serde_json::value::RawValue;
use store::NewEntry;

use super::RunClaim;
use super::attendance::Key;
use super::runs::{Lane, Response};
use crate::error::Error;

/// A request and where its answer goes.
#[derive(Debug)]
pub(crate) enum Request {
    /// A viewer's, about runs: those that come together are decided together.
    Ask(Ask),
    /// A viewer's, about the log.
    Edit(Edit),
    /// An administrator's, or the server's own.
    Control(Control, Answer<()>),
    /// Another agent was stopped or deleted; it may have been handed the turn.
    Dismiss(AgentId),
}

/// What a viewer asks for.
#[derive(Debug)]
pub(crate) enum Ask {
    Chat(Box<Chat>, Answer<ChatAccepted>),
    Cancel(RunId, Answer<CancelKind>),
    Promote(RunId, Answer<u32>),
    Respond(Box<Response>, Answer<InteractionState>),
}

/// What a viewer does to the log, or tells the agent beside it.
#[derive(Debug)]
pub(crate) enum Edit {
    /// Begin the log anew.
    Clear(Origin, Answer<Cleared>),
    /// Append messages that were said elsewhere.
    Insert(Vec<NewEntry>, Answer<Inserted>),
    /// A command of the agent's own.
    Command(String, Box<RawValue>, Answer<()>),
}

/// A message for the agent.
#[derive(Debug)]
pub(crate) struct Chat {
    pub(crate) message: Arc<str>,
    pub(crate) message_id: Option<MessageId>,
    pub(crate) run_id: RunId,
    /// Absent when an open run has the id: then only a repetition of that run's message is right.
    pub(crate) claim: Option<Arc<RunClaim>>,
    pub(crate) origin: Origin,
    pub(crate) lane: Lane,
    /// Whether it takes the place of the run that the agent has.
    pub(crate) interrupt: bool,
    /// Whether its answer is shown while it is written.
    pub(crate) streams: bool,
    /// The connection that it comes from.
    pub(crate) owner: Key,
    pub(crate) ends_with_owner: bool,
}

/// What an administrator or the server wants of a conversation. Answered when it is done.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Control {
    /// Take messages again.
    Start,
    /// End all runs and the agent's sessions, and take no more messages.
    Stop(RunReason),
    /// End the current runs and the agent's sessions. What waits goes on in new ones.
    Restart,
    /// As `Stop`, for good.
    Delete,
    /// The server goes down: what runs may go on, and nothing new is begun.
    Shutdown,
    /// What runs is out of time: behind `Shutdown`.
    Cut,
}

/// Where an answer goes. One that is dropped unanswered says that the conversation is gone.
pub(crate) struct Answer<T>(Option<Deliver<T>>);

type Deliver<T> = Box<dyn FnOnce(Result<T, Error>) + Send + Sync>;

impl<T> Answer<T> {
    pub(crate) fn new(deliver: impl FnOnce(Result<T, Error>) + Send + Sync + 'static) -> Self {
        Self(Some(Box::new(deliver)))
    }

    pub(crate) fn give(mut self, result: Result<T, Error>) {
        if let Some(deliver) = self.0.take() {
            deliver(result);
        }
    }
}

impl<T> Drop for Answer<T> {
    fn drop(&mut self) {
        if let Some(deliver) = self.0.take() {
            deliver(Err(Error::Stopping));
        }
    }
}

impl<T> fmt::Debug for Answer<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Answer")
    }
}

impl Request {
    /// Answers with an error, whatever it is.
    pub(crate) fn refuse(self, error: Error) {
        match self {
            Self::Ask(ask) => ask.refuse(error),
            Self::Edit(Edit::Clear(_, answer)) => answer.give(Err(error)),
            Self::Edit(Edit::Insert(_, answer)) => answer.give(Err(error)),
            Self::Edit(Edit::Command(_, _, answer)) | Self::Control(_, answer) => {
                answer.give(Err(error));
            }
            Self::Dismiss(_) => {}
        }
    }
}

impl Ask {
    pub(super) fn refuse(self, error: Error) {
        match self {
            Self::Chat(_, answer) => answer.give(Err(error)),
            Self::Cancel(_, answer) => answer.give(Err(error)),
            Self::Promote(_, answer) => answer.give(Err(error)),
            Self::Respond(_, answer) => answer.give(Err(error)),
        }
    }

    pub(super) fn message_id(&self) -> Option<&MessageId> {
        match self {
            Self::Chat(chat, _) => chat.message_id.as_ref(),
            _ => None,
        }
    }
}
