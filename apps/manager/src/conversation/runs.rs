//! Which runs the agent has and which wait. Only decisions: no clock, no I/O.
//!
//! The worker lets a copy of [`Runs`] decide, stores what the decision says, and takes the copy over once
//! that is on disk. When it cannot be stored, the copy is dropped, and nothing has happened.

mod hearing;
mod interactions;
mod plan;
mod view;

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;

use protocol::agents::{CancelKind, Origin, RunReason, RunState, Usage};
use protocol::limits::{MAX_MESSAGE, MAX_QUEUED_RUNS};
use protocol::{AgentId, RunId, ViewerId};
use store::{Change, NewEntry};
use tokio::sync::OwnedSemaphorePermit;
use tokio::time::Instant;

use super::attendance::Key;
use super::entries::{self, AgentName, Ending};
use super::request::Chat;
use crate::conversation::RunClaim;
use crate::error::Error;
use crate::filters::Stream;
pub(super) use hearing::Heard;
pub(super) use interactions::Asked;
pub(crate) use interactions::Response;
pub(super) use plan::{Effect, Means, Now, Output, Permits, Plan};

/// Which session of an agent: the conversation's, or one that a run has for itself.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(super) struct Seat {
    pub(super) agent: AgentId,
    pub(super) run: Option<RunId>,
}

/// Where a run goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Lane {
    /// To the conversation's session, one after the other.
    Queue,
    /// To a session of its own, beside the others.
    Own,
}

/// A run that has been accepted.
#[derive(Debug)]
pub(super) struct Run {
    pub(super) id: RunId,
    pub(super) text: Arc<str>,
    lane: Lane,
    origin: Origin,
    /// Whose connection began it.
    owner: Key,
    ends_with_owner: bool,
    streams: bool,
    /// Its message, for a log that begins anew.
    message: NewEntry,
    /// Keeps the id taken until the run has ended.
    _claim: Arc<RunClaim>,
}

impl Run {
    fn viewer(&self) -> Option<&ViewerId> {
        self.origin.viewer_id.as_ref()
    }
}

/// A run that the agent has.
#[derive(Debug, Clone)]
struct Current {
    run: Arc<Run>,
    seat: Seat,
    since: Instant,
    deltas: u64,
    stream: Stream,
    usage: Option<Usage>,
    /// Whether it waits for an answer.
    blocked: bool,
    /// Why it is being ended, once somebody or something has said so.
    reason: Option<RunReason>,
    /// The agent is through with it, but that could not be stored yet.
    over: bool,
    /// Agents that have handed it on.
    handed: Vec<AgentId>,
    /// Who has it next, with which message.
    handoff: Option<(AgentName, Arc<str>)>,
    /// One of the sessions that the agent may have for runs of their own.
    _permit: Option<Arc<OwnedSemaphorePermit>>,
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

/// The open runs and interactions of a conversation.
#[derive(Debug, Clone)]
pub(super) struct Runs {
    mode: Mode,
    /// Who answers.
    active: AgentName,
    /// The run that the conversation's session has.
    main: Option<Current>,
    /// Those in sessions of their own.
    own: Vec<Current>,
    waiting: VecDeque<Arc<Run>>,
    asked: Vec<Asked>,
    /// Grows when the queue as people see it changes.
    version: u64,
}

/// How a chat was accepted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Admission {
    /// Which of the plan's entries is its message.
    pub(super) entry: usize,
    pub(super) state: RunState,
    pub(super) position: Option<u32>,
}

impl Runs {
    /// No run. `version` is that of the queue as it was shown last.
    pub(super) fn new(mode: Mode, active: AgentName, version: u64) -> Self {
        Self {
            mode,
            active,
            main: None,
            own: Vec::new(),
            waiting: VecDeque::new(),
            asked: Vec::new(),
            version,
        }
    }

    /// Whether an agent has a run.
    pub(super) fn is_busy(&self) -> bool {
        self.current().next().is_some()
    }

    /// Whether anything is open that an evicted conversation would forget.
    pub(super) fn has_open(&self) -> bool {
        self.is_busy() || !self.waiting.is_empty() || !self.asked.is_empty()
    }

    /// Says who answers: what was stored.
    pub(super) fn set_active(&mut self, agent: AgentName) {
        self.active = agent;
    }

    fn current(&self) -> impl Iterator<Item = &Current> {
        self.main.iter().chain(&self.own)
    }

    fn current_mut(&mut self) -> impl Iterator<Item = &mut Current> {
        self.main.iter_mut().chain(&mut self.own)
    }

    /// When a current run has taken too long, unless it is being ended.
    pub(super) fn deadline(&self, timeout: Duration) -> Option<Instant> {
        let going = self.current().filter(|current| current.reason.is_none());
        going.map(|current| current.since + timeout).min()
    }

    /// Tells the agent to let go of runs that have taken too long.
    pub(super) fn end_late(&mut self, timeout: Duration, now: Instant, plan: &mut Plan) {
        for current in self.current_mut().filter(|current| current.since + timeout <= now) {
            current.end(RunReason::Timeout, plan);
        }
    }

    /// Whether the agent is through with all current runs but their end has not been stored.
    pub(super) fn is_over(&self) -> bool {
        self.is_busy() && self.current().all(|current| current.over)
    }

    /// Whether nothing will happen by itself that lets the next run start: the store refused what had to be
    /// stored for it.
    pub(super) fn is_stuck(&self) -> bool {
        self.current().any(|current| current.over) || (!self.is_busy() && !self.waiting.is_empty())
    }

    /// Whether a run waits for a session of its own.
    pub(super) fn wants_permit(&self) -> bool {
        self.mode == Mode::Open && self.waiting.iter().any(|run| run.lane == Lane::Own)
    }

    /// Accepts a message, or says why not. It starts at once when nothing is before it.
    pub(super) fn admit(
        &mut self,
        chat: &Chat,
        means: &Means<'_>,
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
        let text = filter_incoming(chat, means, plan)?;
        let now = means.now.timestamp;
        let message =
            entries::user(Some(&chat.run_id), &text, chat.message_id.as_ref(), &chat.origin, now);
        let entry = plan.entries();
        plan.entry(message.clone());
        let run = Arc::new(Run {
            id: chat.run_id.clone(),
            text,
            lane: chat.lane,
            origin: chat.origin.clone(),
            owner: chat.owner.clone(),
            ends_with_owner: chat.ends_with_owner,
            streams: chat.streams,
            message,
            _claim: claim,
        });
        self.version += 1;
        if self.is_free(run.lane) && self.start(&run, Change::RunOpened, means, plan) {
            return Ok(Admission { entry, state: RunState::Started, position: None });
        }
        let position = self.enqueue(run.clone(), chat.interrupt, plan);
        plan.entry(entries::queued(&run.id, run.viewer(), position, now));
        Ok(Admission { entry, state: RunState::Queued, position: Some(position) })
    }

    /// Whether a run that comes now is the next one.
    fn is_free(&self, lane: Lane) -> bool {
        let waits = self.waiting.iter().any(|run| run.lane == lane);
        !waits && (lane == Lane::Own || self.main.is_none())
    }

    /// Lets a run wait, and says how many are before it.
    fn enqueue(&mut self, run: Arc<Run>, interrupt: bool, plan: &mut Plan) -> u32 {
        let lane = run.lane;
        if interrupt {
            self.waiting.push_front(run);
            if let Some(main) = &mut self.main {
                main.end(RunReason::Interrupted, plan);
            }
            return 1;
        }
        self.waiting.push_back(run);
        let position = self.waiting.iter().filter(|run| run.lane == lane).count();
        u32::try_from(position).expect("at most MAX_QUEUED_RUNS")
    }

    /// Ends a run because somebody said so. One that runs ends when the agent lets go of it.
    pub(super) fn cancel(
        &mut self,
        run: &RunId,
        means: &Means<'_>,
        plan: &mut Plan,
    ) -> Result<CancelKind, Error> {
        if let Some(current) = self.current_mut().find(|current| current.run.id == *run) {
            current.end(RunReason::User, plan);
            return Ok(CancelKind::CancelledRunning);
        }
        let at = self.waiting.iter().position(|waiting| waiting.id == *run);
        self.drop_waiting(at.ok_or(Error::RunNotFound)?, RunReason::User, means, plan);
        Ok(CancelKind::CancelledQueued)
    }

    /// Lets a run that waits be the next. Its position: 0 when it is current already.
    pub(super) fn promote(&mut self, run: &RunId) -> Result<u32, Error> {
        if self.current().any(|current| current.run.id == *run) {
            return Ok(0);
        }
        let at = self.waiting.iter().position(|waiting| waiting.id == *run);
        let run = self.waiting.remove(at.ok_or(Error::RunNotFound)?).ok_or(Error::RunNotFound)?;
        self.waiting.push_front(run);
        self.version += 1;
        Ok(1)
    }

    /// Whether [`Self::end_orphans`] would change anything.
    pub(super) fn has_orphans(&self, is_here: &dyn Fn(&Key) -> bool) -> bool {
        let ends = |run: &Run| run.ends_with_owner && !is_here(&run.owner);
        self.waiting.iter().any(|run| ends(run))
            || self.current().any(|current| current.reason.is_none() && ends(&current.run))
    }

    /// Ends what was to end with its owner, as far as that is not there.
    pub(super) fn end_orphans(
        &mut self,
        is_here: &dyn Fn(&Key) -> bool,
        means: &Means<'_>,
        plan: &mut Plan,
    ) {
        let ends = |run: &Run| run.ends_with_owner && !is_here(&run.owner);
        for current in self.current_mut().filter(|current| ends(&current.run)) {
            current.end(RunReason::Disconnect, plan);
        }
        while let Some(at) = self.waiting.iter().position(|run| ends(run)) {
            self.drop_waiting(at, RunReason::Disconnect, means, plan);
        }
    }

    /// Ends what waits because nobody is there to see it. What the agent has goes on, also if it waits for an answer: that is
    /// given from elsewhere, or it expires.
    pub(super) fn end_unseen(&mut self, means: &Means<'_>, plan: &mut Plan) {
        while !self.waiting.is_empty() {
            self.drop_waiting(0, RunReason::NoClients, means, plan);
        }
    }

    /// Whether [`Self::end_unseen`] would change anything.
    pub(super) fn has_unseen(&self) -> bool {
        !self.waiting.is_empty()
    }

    /// Accepts no more runs, and ends those that wait. Current ones go on.
    pub(super) fn refuse(
        &mut self,
        mode: Mode,
        reason: RunReason,
        means: &Means<'_>,
        plan: &mut Plan,
    ) {
        self.mode = mode;
        while !self.waiting.is_empty() {
            self.drop_waiting(0, reason, means, plan);
        }
    }

    fn drop_waiting(&mut self, at: usize, reason: RunReason, means: &Means<'_>, plan: &mut Plan) {
        if let Some(run) = self.waiting.remove(at) {
            let ending = Ending::because(reason);
            plan.entry(entries::ended(&run.id, run.viewer(), ending, means.now.timestamp));
            self.version += 1;
        }
    }

    /// Whether the agents may be started.
    pub(super) fn is_open(&self) -> bool {
        self.mode == Mode::Open
    }

    /// Accepts runs, but starts none.
    pub(super) fn pause(&mut self) {
        self.mode = Mode::Pausing;
    }

    /// Accepts runs again.
    pub(super) fn reopen(&mut self) {
        self.mode = Mode::Open;
    }

    /// Tells the agent to let go of all current runs. The first reason given is the one that counts.
    pub(super) fn end_current(&mut self, reason: RunReason, plan: &mut Plan) {
        for current in self.current_mut() {
            current.end(reason, plan);
        }
    }

    /// An agent that was handed the turn is gone: its runs end, and messages go to `home` again.
    pub(super) fn dismiss(
        &mut self,
        agent: &AgentId,
        home: AgentName,
        means: &Means<'_>,
        plan: &mut Plan,
    ) {
        if self.active.id == *agent {
            self.active = home;
        }
        let seats = self.current().filter(|current| current.seat.agent == *agent);
        for seat in seats.map(|current| current.seat.clone()).collect::<Vec<_>>() {
            if let Some(current) = self.take(&seat) {
                plan.effects.push(Effect::End(seat));
                let ending = Ending::because(current.reason.unwrap_or(RunReason::AgentStopped));
                self.finish(&current, ending, means, plan);
            }
        }
    }

    /// A session is gone without a word about its run.
    pub(super) fn abandon(&mut self, seat: &Seat, means: &Means<'_>, plan: &mut Plan) {
        if let Some(current) = self.take(seat) {
            let lost = Ending::failed(
                RunReason::AgentExited,
                Some("the agent's session ended".to_owned()),
            );
            let ending = current.reason.map_or(lost, Ending::because);
            self.finish(&current, ending, means, plan);
        }
    }

    /// What a session said could not be stored: its run cannot end well any more.
    ///
    /// `over` says whether its end was among that; otherwise the agent is told to let go of it.
    pub(super) fn lose_output(&mut self, seat: &Seat, over: bool) -> Option<Effect> {
        let current = self.current_mut().find(|current| current.seat == *seat)?;
        current.reason = Some(RunReason::StoreUnavailable);
        current.over |= over;
        let (seat, run) = (current.seat.clone(), current.run.id.clone());
        (!current.over).then_some(Effect::Cancel(seat, run))
    }

    /// The sessions of an agent that is gone have ended, but not yet their runs: that could not be stored.
    pub(super) fn lose_sessions(&mut self, agent: &AgentId, home: AgentName) {
        for current in self.current_mut().filter(|current| current.seat.agent == *agent) {
            current.reason.get_or_insert(RunReason::AgentStopped);
            current.over = true;
        }
        if self.active.id == *agent {
            self.active = home;
        }
    }

    /// Ends the runs whose output was lost, now that the store may work again.
    pub(super) fn close_lost(&mut self, means: &Means<'_>, plan: &mut Plan) {
        let seats = self.current().filter(|current| current.over);
        for seat in seats.map(|current| current.seat.clone()).collect::<Vec<_>>() {
            if let Some(current) = self.take(&seat) {
                let reason = current.reason.unwrap_or(RunReason::StoreUnavailable);
                self.finish(&current, Ending::because(reason), means, plan);
            }
        }
    }

    /// Takes the run that a session has.
    fn take(&mut self, seat: &Seat) -> Option<Current> {
        if self.main.as_ref().is_some_and(|main| main.seat == *seat) {
            return self.main.take();
        }
        let at = self.own.iter().position(|current| current.seat == *seat)?;
        Some(self.own.remove(at))
    }

    /// Ends a run that has been taken: its questions with it. The next one starts.
    fn finish(&mut self, current: &Current, ending: Ending, means: &Means<'_>, plan: &mut Plan) {
        self.cancel_asked_in(&current.run.id, &current.seat, means.now.timestamp, plan);
        let ending = ending.after(means.now.instant - current.since).costing(current.usage.clone());
        let run = &current.run;
        plan.entry(entries::ended(&run.id, run.viewer(), ending, means.now.timestamp));
        self.version += 1;
        if current.seat.run.is_some() {
            plan.effects.push(Effect::End(current.seat.clone()));
        }
        self.start_next(means, plan);
    }

    /// Gives the agent the runs that wait longest, as far as it can take them.
    pub(super) fn start_next(&mut self, means: &Means<'_>, plan: &mut Plan) {
        if self.mode != Mode::Open {
            return;
        }
        if self.main.is_none() {
            self.start_first_of(Lane::Queue, means, plan);
        }
        while self.start_first_of(Lane::Own, means, plan) {}
    }

    fn start_first_of(&mut self, lane: Lane, means: &Means<'_>, plan: &mut Plan) -> bool {
        let Some(at) = self.waiting.iter().position(|run| run.lane == lane) else { return false };
        let run = self.waiting[at].clone();
        let started = self.start(&run, Change::None, means, plan);
        if started {
            self.waiting.remove(at);
        }
        started
    }

    /// Gives the agent a run, unless it can have no more sessions.
    fn start(
        &mut self,
        run: &Arc<Run>,
        change: Change,
        means: &Means<'_>,
        plan: &mut Plan,
    ) -> bool {
        let permit = match run.lane {
            _ if self.mode != Mode::Open => return false,
            Lane::Queue => None,
            Lane::Own => match means.permits.take() {
                Some(permit) => Some(Arc::new(permit)),
                None => return false,
            },
        };
        let seat =
            Seat { agent: self.active.id.clone(), run: permit.is_some().then(|| run.id.clone()) };
        plan.entry(entries::started(&run.id, run.viewer(), change, means.now.timestamp));
        plan.effects.push(Effect::Prompt(seat.clone(), run.id.clone(), run.text.clone()));
        let current = Current {
            run: run.clone(),
            seat,
            since: means.now.instant,
            deltas: 0,
            stream: Stream::default(),
            usage: None,
            blocked: false,
            reason: None,
            over: false,
            handed: Vec::new(),
            handoff: None,
            _permit: permit,
        };
        match run.lane {
            Lane::Queue => self.main = Some(current),
            Lane::Own => self.own.push(current),
        }
        self.version += 1;
        true
    }
}

impl Current {
    fn end(&mut self, reason: RunReason, plan: &mut Plan) {
        if self.reason.is_none() {
            self.reason = Some(reason);
            plan.effects.push(Effect::Cancel(self.seat.clone(), self.run.id.clone()));
        }
    }
}

/// The message as the agent gets it. What was found is reported before it.
fn filter_incoming(chat: &Chat, means: &Means<'_>, plan: &mut Plan) -> Result<Arc<str>, Error> {
    use protocol::agents::{FilterDirection, FilterStatus, MessageFilterResultBody};

    let (text, findings) = means.filters.incoming(&chat.message);
    let Some(status) = findings.status() else { return Ok(text) };
    let dropped = status == FilterStatus::Dropped;
    let body = MessageFilterResultBody {
        direction: FilterDirection::Incoming,
        status,
        applied_filters: findings.names(),
        viewer_id: chat.origin.viewer_id.clone(),
    };
    let run = (!dropped).then_some(&chat.run_id);
    plan.entry(entries::filtered(run, &body, means.now.timestamp));
    if dropped {
        return Err(Error::Dropped(findings.names().join(", ")));
    }
    if text.len() > MAX_MESSAGE {
        let problem =
            format!("message is larger than {MAX_MESSAGE} bytes once filters are applied");
        return Err(Error::PayloadTooLarge(problem));
    }
    Ok(text)
}

#[cfg(test)]
mod tests;
