//! The conversation's task: takes what comes in, lets [`Runs`] decide, stores, shows, acts.

use std::collections::VecDeque;
use std::pin::Pin;
use std::sync::{Arc, Weak};
use std::time::Duration;

use protocol::agents::{EntryKind, InteractionRequest, InteractionRequestBody, RunReason};
use protocol::{AgentId, ConversationId, Seq};
use runtime::AgentEvent;
use store::{Appended, Change, ManagerDb, NewEntry, OpenInteraction, StoreError};
use tokio::sync::{OwnedSemaphorePermit, mpsc};
use tokio::time::Instant;

use super::attendance::Attendance;
use super::card::Card;
use super::publisher::Publisher;
use super::request::{Answer, Ask, Control, Request};
use super::runs::{Asked, Effect, Heard, Means, Mode, Now, Output, Permits, Plan, Runs, Seat};
use super::sessions::{Gone, Roster, Sessions, Target};
use super::{Conversation, Inner, InteractionClaims, Setting};
use crate::audience::Audience;
use crate::error::report;
use crate::filters::Filters;

/// Requests taken at once: those of a batch share one transaction.
const BATCH: usize = 256;
/// How long until what could not be stored is tried to be stored again.
const STORE_RETRY: Duration = Duration::from_secs(1);
/// How often the queue is shown, at most. A run that is over by then is never shown in it.
const QUEUE_PERIOD: Duration = Duration::from_millis(100);

type Waiting = Pin<Box<dyn Future<Output = OwnedSemaphorePermit> + Send + Sync>>;

/// The task. All that changes in a conversation changes here, so there is nothing to lock.
pub(super) struct Worker {
    pub(super) db: ManagerDb,
    pub(super) runs: Runs,
    pub(super) card: Arc<Card>,
    pub(super) attendance: Arc<Attendance>,
    pub(super) audience: Arc<Audience>,
    pub(super) home: Target,
    pub(super) sessions: Sessions,
    pub(super) publisher: Publisher,
    pub(super) expired: mpsc::UnboundedSender<(AgentId, ConversationId)>,
    pub(super) viewer_grace: Duration,
    /// Since when nobody is present.
    pub(super) nobody_since: Option<Instant>,
    /// When somebody whose connection was lost is given up.
    pub(super) expiry: Option<Instant>,
    /// Since when who made a conversation that ends with them is not present.
    pub(super) creator_gone: Option<Instant>,
    me: Weak<Inner>,
    filters: Arc<Filters>,
    permits: Permits,
    /// A session for a run of its own that is being waited for.
    permit: Option<Waiting>,
    roster: Weak<dyn Roster>,
    interactions: InteractionClaims,
    run_timeout: Duration,
    inbox: mpsc::Receiver<Request>,
    /// What the agent is still to be told, in order.
    effects: VecDeque<Effect>,
    /// What is done as soon as the agent has no run, and who waits for it.
    leaving: Vec<(Control, Answer<()>)>,
    /// When the current runs are cancelled because the server goes down.
    cut: Option<Instant>,
    /// When to try again to store something.
    retry: Option<Instant>,
    /// When the queue is shown, if it has changed since it was.
    queue_due: Option<Instant>,
    /// Whether the queue that was shown last was empty.
    queue_was_empty: bool,
}

/// Whether the task goes on.
#[derive(Debug, PartialEq, Eq)]
enum Next {
    Goes,
    Ends,
}

impl Worker {
    pub(super) fn new(
        setting: Setting,
        conversation: &Conversation,
        inbox: mpsc::Receiver<Request>,
        stopped: bool,
        asked: Vec<OpenInteraction>,
    ) -> Self {
        let mode = if stopped { Mode::AgentStopped } else { Mode::Open };
        let inner = &conversation.0;
        let mut worker = Self {
            db: setting.db,
            runs: Runs::new(mode, setting.home.name.clone()),
            card: inner.card.clone(),
            attendance: inner.attendance.clone(),
            audience: setting.audience,
            sessions: Sessions::new(setting.home.clone()),
            home: setting.home,
            publisher: Publisher::new(inner.feed.clone()),
            expired: setting.expired,
            viewer_grace: setting.viewer_grace,
            nobody_since: Some(Instant::now()),
            expiry: None,
            creator_gone: inner.card.creator.is_some().then(Instant::now),
            me: Arc::downgrade(inner),
            filters: setting.filters,
            permits: Permits::new(setting.permits),
            permit: None,
            roster: setting.roster,
            interactions: setting.interactions,
            run_timeout: setting.run_timeout,
            inbox,
            effects: VecDeque::new(),
            leaving: Vec::new(),
            cut: None,
            retry: None,
            queue_due: None,
            queue_was_empty: true,
        };
        worker.restore(asked);
        worker
    }

    /// Goes on until the conversation is deleted, the server stops, or nobody has a handle any more.
    pub(super) async fn run(mut self) {
        self.take_active();
        let (mut requests, mut events) = (Vec::new(), Vec::new());
        loop {
            self.card.state().used = Instant::now();
            let alarm = self.alarm();
            self.permit = self.permit.take().filter(|_| self.runs.wants_permit());
            if self.permit.is_none() && self.runs.wants_permit() {
                self.permit = Some(Box::pin(self.permits.wait()));
            }
            tokio::select! {
                count = self.inbox.recv_many(&mut requests, BATCH) => {
                    if count == 0 {
                        break;
                    }
                    self.on_requests(std::mem::take(&mut requests)).await;
                }
                heard = self.sessions.hear(&mut events) => match heard {
                    Ok(seat) => self.on_events(&seat, std::mem::take(&mut events)).await,
                    Err(Gone(seat)) => self.on_silence(&seat).await,
                },
                permit = granted(&mut self.permit) => self.on_permit(permit).await,
                () = self.attendance.changed() => self.on_attendance().await,
                () = sleep_until(alarm) => self.on_alarm().await,
            }
            self.act().await;
            if self.leave().await == Next::Ends {
                break;
            }
        }
        self.sessions.stop().await;
    }

    /// Who answers is who answered last, if it is still there.
    fn take_active(&mut self) {
        let active = self.card.state().active.clone();
        let found = active.and_then(|id| self.roster.upgrade()?.find(id.as_str()));
        if let Some(target) = found {
            self.runs.set_active(target.name.clone());
            self.sessions.introduce(target);
        }
    }

    /// Takes up interactions from before the manager was restarted.
    fn restore(&mut self, open: Vec<OpenInteraction>) {
        for OpenInteraction { entry, interaction, asked_as } in open {
            let Ok(body) = serde_json::from_str::<InteractionRequestBody>(&entry.body) else {
                tracing::error!(%interaction, "an interaction cannot be read");
                continue;
            };
            let left =
                body.expires_at.as_millis().saturating_sub(Now::read().timestamp.as_millis());
            let claim = self.me().and_then(|me| self.interactions.claim(&interaction, me));
            self.runs.restore(Asked {
                run: entry.head.run_id.clone(),
                choices: body.choices.clone(),
                body: body.clone(),
                asked_as,
                seat: self.runs.main_seat(),
                deadline: Instant::now() + Duration::from_millis(left),
                _claim: claim.map(Arc::new),
            });
            let request = InteractionRequest { head: entry.head, body };
            self.card.state().interactions.push(request);
        }
    }

    /// The own handle, unless nobody has one any more.
    pub(super) fn me(&self) -> Option<Conversation> {
        self.me.upgrade().map(Conversation)
    }

    pub(super) fn client_count(&self) -> u32 {
        u32::try_from(self.attendance.count()).unwrap_or(u32::MAX)
    }

    /// Lets something be decided on the runs.
    pub(super) fn decide<T>(&self, decide: impl FnOnce(&Runs, &Means<'_>) -> T) -> T {
        let means = Means {
            now: Now::read(),
            filters: &self.filters,
            permits: &self.permits,
            find_agent: &|wanted| Some(self.roster.upgrade()?.find(wanted)?.name),
            claim: &|id| Some(Arc::new(self.interactions.claim(id, self.me()?)?)),
        };
        decide(&self.runs, &means)
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
                Request::Edit(edit) => {
                    self.answer(std::mem::take(&mut asks)).await;
                    self.on_edit(edit).await;
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
        let (next, plan) = self.decide(|runs, means| {
            let (mut next, mut plan) = (runs.clone(), Plan::default());
            match control {
                Control::Start => {}
                Control::Restart => {
                    next.pause();
                    next.end_current(RunReason::AgentStopped, &mut plan);
                }
                Control::Stop(reason) => {
                    next.refuse(Mode::AgentStopped, reason, means, &mut plan);
                    next.end_current(reason, &mut plan);
                }
                Control::Delete => {
                    let reason = RunReason::ConversationDeleted;
                    next.refuse(Mode::AgentStopped, reason, means, &mut plan);
                    next.end_current(reason, &mut plan);
                }
                Control::Shutdown { .. } => {
                    next.refuse(Mode::Stopping, RunReason::ServerStopping, means, &mut plan);
                }
            }
            (next, plan)
        });
        if let Control::Shutdown { deadline } = control {
            self.cut = Some(deadline);
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

    /// Many events of a session are one transaction.
    async fn on_events(&mut self, seat: &Seat, events: Vec<AgentEvent>) {
        let over = events.iter().any(|event| matches!(event, AgentEvent::Ended { .. }));
        let (next, plan) = self.decide(|runs, means| {
            let (mut next, mut plan) = (runs.clone(), Plan::default());
            let from = Heard { seat, name: self.sessions.name(seat) };
            for event in events {
                next.hear(&from, event, means, &mut plan);
            }
            (next, plan)
        });
        self.settle(seat, next, plan, over).await;
    }

    /// A session ended by itself: its run, if it had one, ends with it.
    async fn on_silence(&mut self, seat: &Seat) {
        let (next, plan) = self.decide(|runs, means| {
            let (mut next, mut plan) = (runs.clone(), Plan::default());
            next.abandon(seat, means, &mut plan);
            (next, plan)
        });
        self.settle(seat, next, plan, true).await;
    }

    async fn on_permit(&mut self, permit: OwnedSemaphorePermit) {
        self.permit = None;
        self.permits.keep(permit);
        self.start_next().await;
        self.permits.release();
    }

    async fn start_next(&mut self) {
        let (next, plan) = self.decide(|runs, means| {
            let (mut next, mut plan) = (runs.clone(), Plan::default());
            next.start_next(means, &mut plan);
            (next, plan)
        });
        self.store(next, plan).await;
    }

    async fn on_alarm(&mut self) {
        let now = Instant::now();
        let mut plan = Plan::default();
        if self.cut.is_some_and(|cut| cut <= now) {
            self.cut = None;
            self.runs.end_current(RunReason::ServerStopping, &mut plan);
        }
        self.runs.end_late(self.run_timeout, now, &mut plan);
        self.effects.extend(plan.effects);
        if self.queue_due.is_some_and(|due| due <= now) {
            self.show_queue();
        }
        if self.retry.is_some_and(|retry| retry > now) {
            return;
        }
        if self.retry.take().is_some() {
            let (next, plan) = self.decide(|runs, means| {
                let (mut next, mut plan) = (runs.clone(), Plan::default());
                next.close_lost(means, &mut plan);
                next.start_next(means, &mut plan);
                (next, plan)
            });
            self.store(next, plan).await;
        }
        if self.runs.answer_deadline().is_some_and(|deadline| deadline <= now) {
            let (next, plan) = self.decide(|runs, means| {
                let (mut next, mut plan) = (runs.clone(), Plan::default());
                next.expire(means, &mut plan);
                (next, plan)
            });
            self.store(next, plan).await;
        }
        self.on_absence(now).await;
    }

    /// The next time that something is due. What has to be stored waits while the store does not work.
    fn alarm(&self) -> Option<Instant> {
        let stored = [
            self.runs.answer_deadline(),
            self.unseen_at(),
            self.expiry,
            self.creator_gone.map(|gone| gone + self.viewer_grace),
        ];
        let stored = stored.into_iter().flatten().min();
        let stored = stored.map(|at| self.retry.map_or(at, |retry| at.max(retry)));
        let timeout = self.runs.deadline(self.run_timeout);
        [timeout, self.cut, self.retry, self.queue_due, stored].into_iter().flatten().min()
    }

    /// Shows the queue, unless runs have come and gone since it was shown empty.
    fn show_queue(&mut self) {
        self.queue_due = None;
        let queue = self.runs.queue();
        let is_empty = queue.running.is_empty() && queue.queued.is_empty();
        if !(is_empty && self.queue_was_empty) {
            self.publisher.queue(queue);
        }
        self.queue_was_empty = is_empty;
    }

    /// Stores and shows what was decided, or tries again later.
    pub(super) async fn store(&mut self, next: Runs, plan: Plan) {
        match self.append(&plan).await {
            Ok(stored) => {
                self.runs = next;
                self.carry_out(plan, first_of(stored));
            }
            Err(cause) => {
                report(&cause);
                self.retry = Some(Instant::now() + STORE_RETRY);
            }
        }
    }

    /// Stores and shows what a session did. When it cannot be stored its run is lost: it ends as failed as soon
    /// as that can be stored. `over` says that the agent is through with the run.
    async fn settle(&mut self, seat: &Seat, next: Runs, plan: Plan, over: bool) {
        match self.append(&plan).await {
            Ok(stored) => {
                self.runs = next;
                self.carry_out(plan, first_of(stored));
            }
            Err(cause) => {
                report(&cause);
                self.effects.extend(self.runs.lose_output(seat, over));
                self.retry = self.runs.is_stuck().then(|| Instant::now() + STORE_RETRY);
            }
        }
    }

    pub(super) fn id(&self) -> &ConversationId {
        &self.card.id
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
        self.note(&plan.outputs, first);
        self.publisher.show(plan.outputs, first);
        self.effects.extend(plan.effects);
    }

    /// Keeps the card up to date with what has been stored from `first` on.
    pub(super) fn note(&mut self, outputs: &[Output], first: Seq) {
        let changed = self.card.state().queue.version != self.runs.version();
        let queue = changed.then(|| self.runs.queue());
        {
            let mut state = self.card.state();
            for entry in outputs.iter().filter_map(Output::entry) {
                state.last_activity = state.last_activity.max(entry.timestamp);
                state.messages += u64::from(entry.kind == EntryKind::ChatMessage);
                if let Change::AgentChanged(agent) = &entry.change {
                    state.active = Some(agent.clone());
                }
            }
            let entries = outputs.iter().filter_map(Output::entry).count() as u64;
            if entries > 0 {
                state.head = state.head.max(Seq(first.0 + entries - 1));
            }
            (state.open, state.blocked) = (self.runs.is_open(), self.runs.is_blocked());
            if let Some(queue) = queue {
                state.queue = queue;
            }
        }
        if changed {
            self.queue_due.get_or_insert_with(|| Instant::now() + QUEUE_PERIOD);
        }
        self.note_interactions(outputs, first);
    }

    /// Keeps the list of what waits for an answer.
    pub(super) fn note_interactions(&self, outputs: &[Output], first: Seq) {
        for (nth, entry) in outputs.iter().filter_map(Output::entry).enumerate() {
            match &entry.change {
                Change::Asked { .. } => {
                    let Ok(body) = serde_json::from_str(&entry.body) else { continue };
                    let head = protocol::agents::EntryHead {
                        agent_id: self.card.agent_id.clone(),
                        conversation_id: self.card.id.clone(),
                        seq: Seq(first.0 + nth as u64),
                        run_id: entry.run_id.clone(),
                        timestamp: entry.timestamp,
                    };
                    self.card.state().interactions.push(InteractionRequest { head, body });
                }
                Change::Answered(id) => {
                    let mut state = self.card.state();
                    state.interactions.retain(|asked| asked.body.interaction_id != *id);
                }
                _ => {}
            }
        }
    }

    /// Lets a session's agent be found.
    pub(super) fn introduce(&mut self, seat: &Seat) {
        if seat.agent != self.home.name.id
            && let Some(target) =
                self.roster.upgrade().and_then(|all| all.find(seat.agent.as_str()))
        {
            self.sessions.introduce(target);
        }
    }

    /// Tells the agents. One that cannot take a run ends it, and the next run may start with a new session.
    async fn act(&mut self) {
        while let Some(effect) = self.effects.pop_front() {
            match effect {
                Effect::Prompt(seat, run, text) => {
                    self.introduce(&seat);
                    if let Err(Gone(seat)) = self.sessions.prompt(&seat, run, &text).await {
                        self.on_silence(&seat).await;
                    }
                }
                Effect::Cancel(seat, run) => self.sessions.cancel(&seat, &run),
                Effect::Answer(seat, answer) => {
                    self.introduce(&seat);
                    self.sessions.answer(&seat, answer);
                }
                Effect::End(seat) => self.sessions.end(&seat),
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
                    self.sessions.stop().await;
                    self.reopen().await;
                }
                Control::Stop(_) => self.sessions.stop().await,
                Control::Delete | Control::Shutdown { .. } => {
                    self.sessions.stop().await;
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
        self.start_next().await;
    }
}

/// Without a message id in the group nothing of it can be a repetition.
fn first_of(stored: Appended) -> Seq {
    match stored {
        Appended::Stored { first } => first,
        Appended::Duplicate { seq } => seq,
    }
}

async fn granted(permit: &mut Option<Waiting>) -> OwnedSemaphorePermit {
    match permit {
        Some(permit) => permit.await,
        None => std::future::pending().await,
    }
}

async fn sleep_until(alarm: Option<Instant>) {
    match alarm {
        Some(at) => tokio::time::sleep_until(at).await,
        None => std::future::pending().await,
    }
}
