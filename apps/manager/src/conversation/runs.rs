//! Which run the agent has and which wait. Only decisions: no clock, no I/O.
//!
//! The worker lets a copy of [`Runs`] decide, stores what the decision says, and takes the copy over once
//! that is on disk. When it cannot be stored, the copy is dropped, and nothing has happened.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;

use protocol::agents::{CancelKind, RunReason, RunState};
use protocol::limits::MAX_QUEUED_RUNS;
use protocol::{RunId, Timestamp};
use runtime::{AgentEvent, Outcome};
use store::{NewEntry, RunChange};
use tokio::time::Instant;

use super::entries::{self, Ending};
use super::request::Chat;
use crate::error::Error;
use crate::open_runs::Claim;

/// A run that has been accepted.
#[derive(Debug)]
pub(super) struct Run {
    pub(super) id: RunId,
    pub(super) text: Arc<str>,
    /// Keeps the id taken until the run has ended.
    _claim: Arc<Claim>,
}

/// The run that the agent has.
#[derive(Debug, Clone)]
struct Current {
    run: Arc<Run>,
    since: Instant,
    deltas: u64,
    /// Why it is being ended, once somebody or something has said so.
    reason: Option<RunReason>,
    /// The agent is through with it, but that could not be stored yet.
    over: bool,
}

/// Whether runs are accepted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Mode {
    Open,
    /// They wait, because the agent's session is about to be replaced.
    Pausing,
    /// The agent was stopped by an administrator.
    AgentStopped,
    /// The server goes down.
    Stopping,
}

/// The open runs of a conversation.
#[derive(Debug, Clone)]
pub(super) struct Runs {
    mode: Mode,
    current: Option<Current>,
    waiting: VecDeque<Arc<Run>>,
}

/// What has been decided: to be stored and shown, and then to be done.
#[derive(Debug, Default)]
pub(super) struct Plan {
    pub(super) outputs: Vec<Output>,
    pub(super) effects: Vec<Effect>,
}

/// Something for those who follow the conversation, in this order.
#[derive(Debug)]
pub(super) enum Output {
    Entry(NewEntry),
    Delta { run: RunId, sequence: u64, text: String },
}

/// Something for the agent.
#[derive(Debug, Clone)]
pub(super) enum Effect {
    Prompt(Arc<Run>),
    Cancel(RunId),
}

/// How a chat was accepted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Admission {
    /// Which of the plan's entries is its message.
    pub(super) entry: usize,
    pub(super) state: RunState,
    pub(super) position: Option<u32>,
}

/// When something is decided: for durations, and for people.
#[derive(Debug, Clone, Copy)]
pub(super) struct Now {
    pub(super) instant: Instant,
    pub(super) timestamp: Timestamp,
}

impl Now {
    pub(super) fn read() -> Self {
        Self { instant: Instant::now(), timestamp: Timestamp::now() }
    }
}

impl Output {
    /// What of it is stored.
    pub(super) fn entry(&self) -> Option<&NewEntry> {
        match self {
            Self::Entry(entry) => Some(entry),
            Self::Delta { .. } => None,
        }
    }
}

impl Plan {
    fn entry(&mut self, entry: NewEntry) {
        self.outputs.push(Output::Entry(entry));
    }

    pub(super) fn entries(&self) -> usize {
        self.outputs.iter().filter_map(Output::entry).count()
    }
}

impl Runs {
    pub(super) fn new(mode: Mode) -> Self {
        Self { mode, current: None, waiting: VecDeque::new() }
    }

    /// Whether the agent has a run.
    pub(super) fn is_busy(&self) -> bool {
        self.current.is_some()
    }

    /// When the current run has taken too long; `None` once it is being ended.
    pub(super) fn deadline(&self, timeout: Duration) -> Option<Instant> {
        let current = self.current.as_ref().filter(|current| current.reason.is_none())?;
        Some(current.since + timeout)
    }

    /// Whether the agent is through with the current run but its end has not been stored.
    pub(super) fn is_over(&self) -> bool {
        self.current.as_ref().is_some_and(|current| current.over)
    }

    /// Whether nothing will happen by itself that lets the next run start: the store refused what had to be
    /// stored for it.
    pub(super) fn is_stuck(&self) -> bool {
        self.is_over() || (self.current.is_none() && !self.waiting.is_empty())
    }

    /// Accepts a message, or says why not. It starts at once when nothing is before it.
    pub(super) fn admit(
        &mut self,
        chat: &Chat,
        now: Now,
        plan: &mut Plan,
    ) -> Result<Admission, Error> {
        match self.mode {
            Mode::Open | Mode::Pausing => {}
            Mode::AgentStopped => return Err(Error::AgentStopped),
            Mode::Stopping => return Err(Error::Stopping),
        }
        if self.waiting.len() >= MAX_QUEUED_RUNS {
            return Err(Error::QueueFull);
        }
        let claim = chat.claim.clone().ok_or(Error::RunExists)?;
        let run =
            Arc::new(Run { id: chat.run_id.clone(), text: chat.message.clone(), _claim: claim });
        let entry = plan.entries();
        plan.entry(entries::user(
            &run.id,
            &run.text,
            chat.message_id.as_ref(),
            &chat.origin,
            now.timestamp,
        ));
        if self.current.is_some() || !self.waiting.is_empty() {
            self.waiting.push_back(run.clone());
            let position = u32::try_from(self.waiting.len()).expect("at most MAX_QUEUED_RUNS");
            plan.entry(entries::queued(&run.id, position, now.timestamp));
            return Ok(Admission { entry, state: RunState::Queued, position: Some(position) });
        }
        self.start(run, RunChange::Opened, now, plan);
        Ok(Admission { entry, state: RunState::Started, position: None })
    }

    /// Ends a run because somebody said so. One that runs ends when the agent lets go of it.
    pub(super) fn cancel(
        &mut self,
        run: &RunId,
        now: Now,
        plan: &mut Plan,
    ) -> Result<CancelKind, Error> {
        if self.current.as_ref().is_some_and(|current| current.run.id == *run) {
            self.end_current(RunReason::User, plan);
            return Ok(CancelKind::CancelledRunning);
        }
        let at =
            self.waiting.iter().position(|waiting| waiting.id == *run).ok_or(Error::RunNotFound)?;
        self.waiting.remove(at);
        plan.entry(entries::ended(run, Ending::cancelled(RunReason::User), now.timestamp));
        Ok(CancelKind::CancelledQueued)
    }

    /// Accepts no more runs, and ends those that wait. The current one goes on.
    pub(super) fn refuse(&mut self, mode: Mode, reason: RunReason, now: Now, plan: &mut Plan) {
        self.mode = mode;
        for run in self.waiting.drain(..) {
            plan.entry(entries::ended(&run.id, Ending::cancelled(reason), now.timestamp));
        }
    }

    /// Accepts runs, but starts none.
    pub(super) fn pause(&mut self) {
        self.mode = Mode::Pausing;
    }

    /// Accepts runs again.
    pub(super) fn reopen(&mut self) {
        self.mode = Mode::Open;
    }

    /// Tells the agent to let go of the current run. The first reason given is the one that counts.
    pub(super) fn end_current(&mut self, reason: RunReason, plan: &mut Plan) {
        if let Some(current) = self.current.as_mut().filter(|current| current.reason.is_none()) {
            current.reason = Some(reason);
            plan.effects.push(Effect::Cancel(current.run.id.clone()));
        }
    }

    /// Takes what the agent says.
    pub(super) fn hear(&mut self, event: AgentEvent, name: &str, now: Now, plan: &mut Plan) {
        match event {
            AgentEvent::Delta { run, text } => self.hear_delta(run, text, plan),
            AgentEvent::Message { run, text } => {
                plan.entry(entries::agent(run.as_ref(), name, text, now.timestamp));
            }
            AgentEvent::Note { run, body } => {
                plan.entry(entries::note(run.as_ref(), &body, now.timestamp));
            }
            AgentEvent::Ended { run, outcome } => self.hear_end(&run, outcome, now, plan),
        }
    }

    fn hear_delta(&mut self, run: RunId, text: String, plan: &mut Plan) {
        if let Some(current) = self.current.as_mut().filter(|current| current.run.id == run) {
            plan.outputs.push(Output::Delta { run, sequence: current.deltas, text });
            current.deltas += 1;
        }
    }

    fn hear_end(&mut self, run: &RunId, outcome: Outcome, now: Now, plan: &mut Plan) {
        // A run ends once: an agent's second word on it, or one on a run that it does not have, is not heard.
        let Some(current) = self.current.take_if(|current| current.run.id == *run) else { return };
        let ending = match (outcome, current.reason) {
            (_, Some(RunReason::StoreUnavailable)) => ending_for(RunReason::StoreUnavailable),
            (Outcome::Done, _) => Ending::done(),
            (Outcome::Failed { reason, error }, None) => Ending::failed(reason, Some(error)),
            // What was being ended and failed instead of letting go has ended as it was told to.
            (Outcome::Cancelled | Outcome::Failed { .. }, reason) => {
                ending_for(reason.unwrap_or(RunReason::User))
            }
        };
        self.finish(&current, ending, now, plan);
    }

    /// The agent's session is gone without a word about its run.
    pub(super) fn abandon(&mut self, now: Now, plan: &mut Plan) {
        if let Some(current) = self.current.take() {
            let lost = Ending::failed(
                RunReason::AgentExited,
                Some("the agent's session ended".to_owned()),
            );
            self.finish(&current, current.reason.map_or(lost, ending_for), now, plan);
        }
    }

    /// What the agent said could not be stored: the run cannot end well any more.
    ///
    /// `over` says whether its end was among that; otherwise the agent is told to let go of it.
    pub(super) fn lose_output(&mut self, over: bool) -> Option<Effect> {
        let current = self.current.as_mut()?;
        current.reason = Some(RunReason::StoreUnavailable);
        current.over |= over;
        (!current.over).then(|| Effect::Cancel(current.run.id.clone()))
    }

    /// Ends the run whose output was lost, now that the store may work again.
    pub(super) fn close_lost(&mut self, now: Now, plan: &mut Plan) {
        if let Some(current) = self.current.take_if(|current| current.over) {
            self.finish(&current, ending_for(RunReason::StoreUnavailable), now, plan);
        }
    }

    fn finish(&mut self, current: &Current, ending: Ending, now: Now, plan: &mut Plan) {
        let ending = ending.after(now.instant - current.since);
        plan.entry(entries::ended(&current.run.id, ending, now.timestamp));
        self.start_next(now, plan);
    }

    /// Gives the agent the run that waits longest, if it has none.
    pub(super) fn start_next(&mut self, now: Now, plan: &mut Plan) {
        if self.mode == Mode::Open
            && self.current.is_none()
            && let Some(next) = self.waiting.pop_front()
        {
            self.start(next, RunChange::None, now, plan);
        }
    }

    fn start(&mut self, run: Arc<Run>, change: RunChange, now: Now, plan: &mut Plan) {
        plan.entry(entries::started(&run.id, change, now.timestamp));
        plan.effects.push(Effect::Prompt(run.clone()));
        self.current =
            Some(Current { run, since: now.instant, deltas: 0, reason: None, over: false });
    }
}

/// The terminal state that fits the reason a run was ended for.
fn ending_for(reason: RunReason) -> Ending {
    match reason {
        RunReason::User | RunReason::ServerStopping | RunReason::AgentStopped => {
            Ending::cancelled(reason)
        }
        _ => Ending::failed(reason, None),
    }
}

#[cfg(test)]
mod tests;
