//! The handle of a running agent, and the worker's end of it.

use std::path::Path;
use std::time::Duration;

use protocol::RunId;
use protocol::spec::AgentSpec;
use serde_json::value::RawValue;
use tokio::sync::{mpsc, watch};
use tokio::task::JoinHandle;
use tokio_util::sync::{CancellationToken, DropGuard};
use tracing::Instrument;

use crate::codec;
use crate::control::{InteractionAnswer, Told};
use crate::event::AgentEvent;
use crate::flow::{self, Events, Speaker};
use crate::site::{Home, Site};

/// Answers and commands that may wait for the agent to take them.
const TOLD: usize = 256;

/// How long a program is given between one signal and the next.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Graces {
    /// From SIGINT, which says to give up the turn, to SIGTERM.
    pub interrupt: Duration,
    /// From SIGTERM, which says to exit, to SIGKILL.
    pub terminate: Duration,
}

impl Default for Graces {
    /// 2 s to notice an interrupt; 3 s to save what is to be saved, within a shutdown's 10 s.
    fn default() -> Self {
        Self { interrupt: Duration::from_secs(2), terminate: Duration::from_secs(3) }
    }
}

/// The session has ended and takes no more prompts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the agent's session was stopped")]
pub struct Stopped;

/// The session has ended, or its agent does not read what it is told.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the agent does not take what it is told")]
pub struct NotTold;

/// A running agent of one conversation. A task of its own has the program, if there is one.
///
/// Dropping it stops the agent as [`Session::stop`] does, without waiting for it.
#[derive(Debug)]
pub struct Session {
    prompts: mpsc::Sender<Prompt>,
    told: mpsc::Sender<Told>,
    cancelled: watch::Sender<Option<RunId>>,
    stop: DropGuard,
    worker: JoinHandle<()>,
}

impl Session {
    /// Starts a session. A program is started with the first prompt; its working directory is
    /// `workdir`, which is created, unless the agent's configuration names another. It takes up the session
    /// `resume` of its own, of which it has said [`AgentEvent::Session`], if it can.
    ///
    /// A configuration that cannot work is reported by every turn, as
    /// [`AgentUnavailable`](protocol::agents::RunReason::AgentUnavailable).
    #[must_use]
    pub fn start(spec: &AgentSpec, workdir: &Path, resume: Option<String>) -> (Self, Events) {
        Self::start_with(spec, workdir, resume, Graces::default())
    }

    /// The same with other times between signals.
    #[must_use]
    pub fn start_with(
        spec: &AgentSpec,
        workdir: &Path,
        resume: Option<String>,
        graces: Graces,
    ) -> (Self, Events) {
        Self::start_at(spec, Home::new(workdir), resume, graces)
    }

    /// The same with a home where there may be containers.
    #[must_use]
    pub fn start_at(
        spec: &AgentSpec,
        home: Home,
        resume: Option<String>,
        graces: Graces,
    ) -> (Self, Events) {
        // One turn at a time: a second prompt waits here until the worker is done with the first.
        let (prompts, inbox_prompts) = mpsc::channel(1);
        let (told, inbox_told) = mpsc::channel(TOLD);
        let (cancelled, inbox_cancelled) = watch::channel(None);
        let (events, receiver) = flow::channel();
        let stop = CancellationToken::new();
        let site = Site::new(home.clone(), stop.clone(), inbox_cancelled.clone(), events.clone());
        let inbox = Inbox {
            prompts: inbox_prompts,
            cancelled: inbox_cancelled,
            stop: stop.clone(),
            events,
        };
        let spec = spec.clone();
        let work = async move {
            codec::run(spec, site, graces, resume, inbox, inbox_told).await;
            home.leave().await;
        };
        // What is logged about it says whose it is, as far as who starts it knows.
        let worker = tokio::spawn(work.in_current_span());
        (Self { prompts, told, cancelled, stop: stop.drop_guard(), worker }, receiver)
    }

    /// Begins a turn. The caller sees to it that the one before has ended.
    ///
    /// # Errors
    /// [`Stopped`] when the session has ended; the turn does not begin then.
    pub async fn prompt(&self, run: RunId, text: String) -> Result<(), Stopped> {
        self.prompts.send(Prompt { run, text }).await.map_err(|_| Stopped)
    }

    /// Ends a turn, by and by with force: the program's process group gets SIGINT, then SIGTERM,
    /// then SIGKILL. Cancelling a turn that is not running changes nothing.
    pub fn cancel(&self, run: &RunId) {
        self.cancelled.send_replace(Some(run.clone()));
    }

    /// Gives the agent the answer to what it asked. It need not be in a turn; a program that has ended since is
    /// started anew for it.
    ///
    /// # Errors
    /// [`NotTold`] when the agent does not take what it is told.
    pub fn answer(&self, answer: InteractionAnswer) -> Result<(), NotTold> {
        self.told.try_send(Told::Answer(answer)).map_err(|_| NotTold)
    }

    /// Gives the agent a command of its own, in a turn or not.
    ///
    /// # Errors
    /// [`NotTold`] when the agent does not take what it is told.
    pub fn command(&self, name: &str, payload: Box<RawValue>) -> Result<(), NotTold> {
        self.told.try_send(Told::Command { name: name.to_owned(), payload }).map_err(|_| NotTold)
    }

    /// Ends the program with all its children and waits for that. An open turn gets no more
    /// events: who stops a session knows why, and says so in the turn's stead.
    pub async fn stop(self) {
        drop(self.stop);
        // A worker that panicked has no program left either: it is killed when dropped.
        if let Err(error) = self.worker.await {
            tracing::error!(%error, "agent session panicked");
        }
    }
}

/// A turn to begin.
#[derive(Debug)]
pub(crate) struct Prompt {
    pub(crate) run: RunId,
    pub(crate) text: String,
}

/// The worker's end of a session.
#[derive(Debug)]
pub(crate) struct Inbox {
    pub(crate) prompts: mpsc::Receiver<Prompt>,
    /// The turn cancelled last. A value and not a queue: it is there before the turn begins, too.
    pub(crate) cancelled: watch::Receiver<Option<RunId>>,
    pub(crate) stop: CancellationToken,
    pub(crate) events: Speaker,
}

impl Inbox {
    /// The next turn to begin, or nothing when the session is stopped.
    pub(crate) async fn next_prompt(&mut self) -> Option<Prompt> {
        tokio::select! {
            biased;
            () = self.stop.cancelled() => None,
            prompt = self.prompts.recv() => prompt,
        }
    }

    /// Sends an event; waits while the conversation is busy.
    ///
    /// # Errors
    /// [`Stopped`] when the session is stopped, or nobody listens any more.
    pub(crate) async fn emit(&self, event: AgentEvent) -> Result<(), Stopped> {
        tokio::select! {
            biased;
            () = self.stop.cancelled() => Err(Stopped),
            room = self.events.room() => {
                room?.send(event);
                Ok(())
            }
        }
    }
}

/// Resolves when the turn is cancelled, at once if it is already.
pub(crate) async fn cancelled(signal: &mut watch::Receiver<Option<RunId>>, run: &RunId) {
    if signal.wait_for(|cancelled| cancelled.as_ref() == Some(run)).await.is_err() {
        // The handle is gone, so the session is being stopped: that ends the turn.
        std::future::pending::<()>().await;
    }
}
