//! The conversation's task: takes what comes in, lets [`Runs`] decide, stores, shows, acts.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;

use gateway::Feed;
use protocol::agents::RunReason;
use protocol::{ConversationId, Seq};
use runtime::AgentEvent;
use store::{Appended, ManagerDb, NewEntry, StoreError};
use tokio::sync::mpsc;
use tokio::time::Instant;

use super::Setting;
use super::publisher::Publisher;
use super::request::{Answer, Ask, Control, Request};
use super::runs::{Effect, Mode, Now, Output, Plan, Runs};
use super::session::Agent;
use crate::error::report;

/// Requests taken at once: those of a batch share one transaction.
const BATCH: usize = 256;
/// How long until the end of a run whose output was lost is tried to be stored again.
const STORE_RETRY: Duration = Duration::from_secs(1);

/// The task. All that changes in a conversation changes here, so there is nothing to lock.
#[derive(Debug)]
pub(super) struct Worker {
    pub(super) db: ManagerDb,
    pub(super) runs: Runs,
    run_timeout: Duration,
    agent: Agent,
    publisher: Publisher,
    inbox: mpsc::Receiver<Request>,
    /// What the agent is still to be told, in order. At most a prompt and a cancel per decision.
    effects: VecDeque<Effect>,
    /// What is done as soon as the agent has no run, and who waits for it.
    leaving: Vec<(Control, Answer<()>)>,
    /// When the current run is cancelled because the server goes down.
    cut: Option<Instant>,
    /// When to try again to store the end of a run.
    retry: Option<Instant>,
}

/// Whether the task goes on.
#[derive(Debug, PartialEq, Eq)]
enum Next {
    Goes,
    Ends,
}

impl Worker {
    pub(super) fn new(setting: Setting, feed: Arc<Feed>, inbox: mpsc::Receiver<Request>) -> Self {
        let mode = if setting.stopped { Mode::AgentStopped } else { Mode::Open };
        Self {
            db: setting.db,
            runs: Runs::new(mode),
            run_timeout: setting.run_timeout,
            agent: Agent::new(setting.spec, setting.workdir),
            publisher: Publisher::new(feed),
            inbox,
            effects: VecDeque::new(),
            leaving: Vec::new(),
            cut: None,
            retry: None,
        }
    }

    /// Goes on until the conversation is deleted, the server stops, or nobody has a handle any more.
    pub(super) async fn run(mut self) {
        let (mut requests, mut events) = (Vec::new(), Vec::new());
        loop {
            let alarm = self.alarm();
            tokio::select! {
                count = self.inbox.recv_many(&mut requests, BATCH) => {
                    if count == 0 {
                        break;
                    }
                    self.on_requests(std::mem::take(&mut requests)).await;
                }
                heard = self.agent.hear(&mut events) => match heard {
                    Ok(()) => self.on_events(std::mem::take(&mut events)).await,
                    Err(_gone) => self.on_silence().await,
                },
                () = sleep_until(alarm) => self.on_alarm().await,
            }
            self.act().await;
            if self.leave().await == Next::Ends {
                break;
            }
        }
        self.agent.stop().await;
    }

    async fn on_requests(&mut self, requests: Vec<Request>) {
        let mut asks: Vec<Ask> = Vec::with_capacity(requests.len());
        for request in requests {
            match request {
                Request::Ask(ask) => {
                    // A message and its repetition in one group would refuse each other.
                    let id = ask.message_id();
                    if id.is_some() && asks.iter().any(|other| other.message_id() == id) {
                        self.answer(std::mem::take(&mut asks)).await;
                    }
                    asks.push(ask);
                }
                Request::Control(control, answer) => {
                    self.answer(std::mem::take(&mut asks)).await;
                    self.on_control(control, answer).await;
                }
            }
        }
        self.answer(asks).await;
    }

    async fn on_control(&mut self, control: Control, answer: Answer<()>) {
        let (mut next, mut plan, now) = (self.runs.clone(), Plan::default(), Now::read());
        match control {
            Control::Start => {}
            Control::Restart => {
                next.pause();
                next.end_current(RunReason::AgentStopped, &mut plan);
            }
            Control::Stop | Control::Delete => {
                next.refuse(Mode::AgentStopped, RunReason::AgentStopped, now, &mut plan);
                next.end_current(RunReason::AgentStopped, &mut plan);
            }
            Control::Shutdown { deadline } => {
                next.refuse(Mode::Stopping, RunReason::ServerStopping, now, &mut plan);
                self.cut = Some(deadline);
            }
        }
        match self.append(&plan).await {
            Ok(stored) => {
                self.runs = next;
                self.carry_out(plan, first_of(stored));
            }
            // Going down is not put off: the next start closes the runs that are still open in the log.
            Err(cause) if matches!(control, Control::Shutdown { .. }) => {
                report(&cause);
                self.runs = next;
            }
            Err(cause) => return answer.give(Err(cause.into())),
        }
        self.leaving.push((control, answer));
    }

    /// Many events of the agent are one transaction.
    async fn on_events(&mut self, events: Vec<AgentEvent>) {
        let over = events.iter().any(|event| matches!(event, AgentEvent::Ended { .. }));
        let (mut next, mut plan, now) = (self.runs.clone(), Plan::default(), Now::read());
        for event in events {
            next.hear(event, self.agent.name(), now, &mut plan);
        }
        self.settle(next, plan, over).await;
    }

    /// The session ended by itself: its run, if it had one, ends with it.
    async fn on_silence(&mut self) {
        let (mut next, mut plan) = (self.runs.clone(), Plan::default());
        next.abandon(Now::read(), &mut plan);
        self.settle(next, plan, true).await;
    }

    async fn on_alarm(&mut self) {
        let (now, mut plan) = (Now::read(), Plan::default());
        if self.cut.is_some_and(|cut| cut <= now.instant) {
            self.cut = None;
            self.runs.end_current(RunReason::ServerStopping, &mut plan);
        }
        if self.runs.deadline(self.run_timeout).is_some_and(|deadline| deadline <= now.instant) {
            self.runs.end_current(RunReason::Timeout, &mut plan);
        }
        self.effects.extend(plan.effects);
        if self.retry.is_some_and(|retry| retry <= now.instant) {
            self.retry = None;
            let (mut next, mut plan) = (self.runs.clone(), Plan::default());
            next.close_lost(now, &mut plan);
            next.start_next(now, &mut plan);
            self.settle(next, plan, true).await;
        }
    }

    /// The next time that something is due.
    fn alarm(&self) -> Option<Instant> {
        let timeout = self.runs.deadline(self.run_timeout);
        [timeout, self.cut, self.retry].into_iter().flatten().min()
    }

    /// Stores and shows what the agent did. When it cannot be stored the run is lost: it ends as failed as soon
    /// as that can be stored. `over` says that the agent is through with the run.
    async fn settle(&mut self, next: Runs, plan: Plan, over: bool) {
        match self.append(&plan).await {
            Ok(stored) => {
                self.runs = next;
                self.carry_out(plan, first_of(stored));
            }
            Err(cause) => {
                report(&cause);
                self.effects.extend(self.runs.lose_output(over));
                self.retry = self.runs.is_stuck().then(|| Instant::now() + STORE_RETRY);
            }
        }
    }

    pub(super) fn id(&self) -> &ConversationId {
        self.publisher.feed().conversation()
    }

    /// Stores the entries of a plan, all or none.
    pub(super) async fn append(&self, plan: &Plan) -> Result<Appended, StoreError> {
        let entries: Vec<NewEntry> =
            plan.outputs.iter().filter_map(Output::entry).cloned().collect();
        if entries.is_empty() {
            return Ok(Appended::Stored { first: Seq::ZERO });
        }
        self.db.append(self.id(), entries).await
    }

    /// Shows what has been stored, and notes what the agent is to be told.
    pub(super) fn carry_out(&mut self, plan: Plan, first: Seq) {
        self.publisher.show(plan.outputs, first);
        self.effects.extend(plan.effects);
    }

    /// Tells the agent. One that cannot take a run ends it, and the next run may start with a new session.
    async fn act(&mut self) {
        while let Some(effect) = self.effects.pop_front() {
            match effect {
                Effect::Prompt(run) => {
                    if self.agent.prompt(run.id.clone(), &run.text).await.is_err() {
                        self.on_silence().await;
                    }
                }
                Effect::Cancel(run) => self.agent.cancel(&run),
            }
        }
    }

    /// Does what waits for the agent to have no run.
    async fn leave(&mut self) -> Next {
        let going_down =
            self.leaving.iter().any(|(control, _)| matches!(control, Control::Shutdown { .. }));
        // A run that cannot be closed in the log does not keep the server up.
        let free = !self.runs.is_busy() || (going_down && self.runs.is_over());
        if self.leaving.is_empty() || !free {
            return Next::Goes;
        }
        let mut after = Next::Goes;
        for (control, answer) in std::mem::take(&mut self.leaving) {
            match control {
                Control::Start => self.reopen().await,
                Control::Restart => {
                    self.agent.stop().await;
                    self.reopen().await;
                }
                Control::Stop => self.agent.stop().await,
                Control::Delete | Control::Shutdown { .. } => {
                    self.agent.stop().await;
                    after = Next::Ends;
                }
            }
            answer.give(Ok(()));
        }
        self.act().await;
        after
    }

    async fn reopen(&mut self) {
        self.runs.reopen();
        let (mut next, mut plan) = (self.runs.clone(), Plan::default());
        next.start_next(Now::read(), &mut plan);
        self.settle(next, plan, false).await;
    }
}

/// Without a message id in the group nothing of it can be a repetition.
fn first_of(stored: Appended) -> Seq {
    match stored {
        Appended::Stored { first } => first,
        Appended::Duplicate { seq } => seq,
    }
}

async fn sleep_until(alarm: Option<Instant>) {
    match alarm {
        Some(at) => tokio::time::sleep_until(at).await,
        None => std::future::pending().await,
    }
}
