//! What is decided with, and what a decision says.

use std::sync::{Arc, Mutex, PoisonError};

use protocol::{InteractionId, RunId, Timestamp};
use runtime::InteractionAnswer;
use store::NewEntry;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::Instant;

use super::Seat;
use crate::conversation::InteractionClaim;
use crate::conversation::entries::AgentName;
use crate::filters::Filters;

/// What has been decided: to be stored and shown, and then to be done.
#[derive(Debug, Default)]
pub(in crate::conversation) struct Plan {
    pub(in crate::conversation) outputs: Vec<Output>,
    pub(in crate::conversation) effects: Vec<Effect>,
}

/// Something for those who follow the conversation, in this order.
#[derive(Debug)]
pub(in crate::conversation) enum Output {
    Entry(NewEntry),
    Delta { run: RunId, sequence: u64, text: String },
}

/// Something for the agent.
#[derive(Debug)]
pub(in crate::conversation) enum Effect {
    /// Give a session a turn.
    Prompt(Seat, RunId, Arc<str>),
    /// Have it let go of its turn.
    Cancel(Seat, RunId),
    /// Give it the answer to what it asked.
    Answer(Seat, InteractionAnswer),
    /// It is not needed any more.
    End(Seat),
}

impl Output {
    /// What of it is stored.
    pub(in crate::conversation) fn entry(&self) -> Option<&NewEntry> {
        match self {
            Self::Entry(entry) => Some(entry),
            Self::Delta { .. } => None,
        }
    }
}

impl Plan {
    pub(super) fn entry(&mut self, entry: NewEntry) {
        self.outputs.push(Output::Entry(entry));
    }

    pub(in crate::conversation) fn entries(&self) -> usize {
        self.outputs.iter().filter_map(Output::entry).count()
    }
}

/// When something is decided: for durations, and for people.
#[derive(Debug, Clone, Copy)]
pub(in crate::conversation) struct Now {
    pub(in crate::conversation) instant: Instant,
    pub(in crate::conversation) timestamp: Timestamp,
}

impl Now {
    pub(in crate::conversation) fn read() -> Self {
        Self { instant: Instant::now(), timestamp: Timestamp::now() }
    }
}

/// Sessions that an agent may have for runs of their own, in all its conversations.
#[derive(Debug)]
pub(in crate::conversation) struct Permits {
    all: Arc<Semaphore>,
    /// One that was waited for.
    spare: Mutex<Option<OwnedSemaphorePermit>>,
}

impl Permits {
    pub(in crate::conversation) fn new(all: Arc<Semaphore>) -> Self {
        Self { all, spare: Mutex::default() }
    }

    /// Takes one, if there is one.
    pub(super) fn take(&self) -> Option<OwnedSemaphorePermit> {
        self.spare().take().or_else(|| self.all.clone().try_acquire_owned().ok())
    }

    /// Waits for one. It is given back when the future is dropped.
    pub(in crate::conversation) fn wait(
        &self,
    ) -> impl Future<Output = OwnedSemaphorePermit> + Send + 'static {
        let all = self.all.clone();
        async move { all.acquire_owned().await.expect("the semaphore is never closed") }
    }

    /// Has the next decision take this one.
    pub(in crate::conversation) fn keep(&self, permit: OwnedSemaphorePermit) {
        *self.spare() = Some(permit);
    }

    /// Gives back what no decision has taken.
    pub(in crate::conversation) fn release(&self) {
        self.spare().take();
    }

    fn spare(&self) -> std::sync::MutexGuard<'_, Option<OwnedSemaphorePermit>> {
        self.spare.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// What a decision may look at besides the runs.
pub(in crate::conversation) struct Means<'a> {
    pub(in crate::conversation) now: Now,
    pub(in crate::conversation) filters: &'a Filters,
    pub(in crate::conversation) permits: &'a Permits,
    /// The agent of that id or name.
    pub(in crate::conversation) find_agent: &'a dyn Fn(&str) -> Option<AgentName>,
    /// Takes the id of an interaction.
    pub(in crate::conversation) claim: &'a dyn Fn(&InteractionId) -> Option<Arc<InteractionClaim>>,
}
