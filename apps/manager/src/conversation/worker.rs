//! The conversation's task: takes what comes in, lets [`Runs`] decide, stores, shows, acts.

mod alarms;
mod storing;

use std::collections::VecDeque;
use std::pin::Pin;
use std::sync::{Arc, Weak};
use std::time::Duration;

use protocol::agents::{InteractionRequest, InteractionRequestBody, InteractionState, RunReason};
use protocol::{AgentId, ConversationId};
use runtime::{AgentEvent, InteractionAnswer};
use store::{ManagerDb, OpenInteraction, StoreError};
use tokio::sync::{OwnedSemaphorePermit, mpsc};
use tokio::time::Instant;

use super::attendance::Attendance;
use super::card::Card;
use super::progress::Open;
use super::publisher::Publisher;
use super::request::{Answer, Ask, Control, Request};
use super::runs::{Asked, Effect, Heard, Means, Mode, Now, Permits, Plan, Runs, Seat};
use super::sessions::{Gone, Roster, Sessions, Target};
use super::telling::Telling;
use super::{Conversation, Inner, InteractionClaims, Setting};
use crate::audience::Audience;
use crate::error::report;
use crate::filters::Filters;
use storing::first_of;

/// Requests taken at once: those of a batch share one transaction.
const BATCH: usize = 256;

type Waiting = Pin<Box<dyn Future<Output = OwnedSemaphorePermit> + Send + Sync>>;

/// The task. All that changes in a conversation changes here, so there is nothing to lock.
pub(super) struct Worker {
    pub(super) db: ManagerDb,
    pub(super) runs: Runs,
    pub(super) card: Arc<Card>,
    pub(super) attendance: Arc<Attendance>,
    pub(super) audience: Arc<Audience>,
    pub(super) telling: Telling,
    pub(super) open: Open,
    pub(super) home: Target,
    pub(super) sessions: Sessions,
    pub(super) publisher: Publisher,
    pub(super) expired: mpsc::UnboundedSender<(AgentId, ConversationId)>,
    pub(super) viewer_grace: Duration,
    /// Since when nobody is present.
    pub(super) nobody_since: Option<Instant>,
    /// Since when something waits that is ended when nobody sees it.
    pub(super) waiting_since: Option<Instant>,
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
    /// When to try again to store something.
    pub(super) retry: Option<Instant>,
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
            runs: Runs::new(mode, setting.home.name.clone(), inner.card.state().queue.version),
            card: inner.card.clone(),
            attendance: inner.attendance.clone(),
            audience: setting.audience,
            telling: Telling::new(setting.activity),
            open: Open::new(setting.watch),
            sessions: Sessions::new(inner.card.id.clone(), setting.home.clone()),
            home: setting.home,
            publisher: Publisher::new(inner.feed.clone()),
            expired: setting.expired,
            viewer_grace: setting.viewer_grace,
            nobody_since: Some(Instant::now()),
            waiting_since: None,
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
            retry: None,
            queue_due: None,
            queue_was_empty: true,
        };
        worker.take_active();
        worker.restore(asked);
        worker
    }

    /// Goes on until the conversation is deleted, the server stops, or nobody has a handle any more.
    pub(super) async fn run(mut self) {
        let (mut requests, mut events) = (Vec::new(), Vec::new());
        self.remember_sessions().await;
        loop {
            self.card.state().used = Instant::now();
            let alarm = self.alarm();
            // None is of use while nothing can be stored.
            let wants_permit = self.retry.is_none() && self.runs.wants_permit();
            self.permit = self.permit.take().filter(|_| wants_permit);
            if self.permit.is_none() && wants_permit {
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
                () = self.attendance.changed() => self.on_attendance(),
                () = sleep_until(alarm) => self.on_alarm().await,
            }
            self.end_orphans().await;
            self.watch_waiting();
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

    pub(super) fn id(&self) -> &ConversationId {
        &self.card.id
    }

    pub(super) fn client_count(&self) -> u32 {
        u32::try_from(self.attendance.count()).unwrap_or(u32::MAX)
    }

    /// Lets something be decided on a copy of the runs.
    pub(super) fn decide(
        &self,
        change: impl FnOnce(&mut Runs, &Means<'_>, &mut Plan),
    ) -> (Runs, Plan) {
        let means = Means {
            now: Now::read(),
            filters: &self.filters,
            permits: &self.permits,
            find_agent: &|wanted| Some(self.roster.upgrade()?.find(wanted)?.name),
            claim: &|id| Some(Arc::new(self.interactions.claim(id, self.me()?)?)),
        };
        let (mut next, mut plan) = (self.runs.clone(), Plan::default());
        change(&mut next, &means, &mut plan);
        (next, plan)
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
                Request::Dismiss(agent) => {
                    self.answer(std::mem::take(&mut asks)).await;
                    self.dismiss(&agent).await;
                }
                Request::Control(control, answer) => {
                    self.answer(std::mem::take(&mut asks)).await;
                    self.on_control(control, answer).await;
                }
            }
        }
        self.answer(asks).await;
    }

    /// An agent that may have been handed the turn was stopped or deleted.
    pub(super) async fn dismiss(&mut self, agent: &AgentId) {
        if *agent == self.home.name.id {
            return;
        }
        self.sessions.forget(agent);
        let home = self.home.name.clone();
        let (next, plan) = self.decide(|next, means, plan| next.dismiss(agent, home, means, plan));
        if !self.store(next, plan).await {
            // Their sessions are gone already: they end when that can be stored.
            self.runs.lose_sessions(agent, self.home.name.clone());
        }
    }

    async fn on_control(&mut self, control: Control, answer: Answer<()>) {
        if matches!(control, Control::Start) && self.runs.is_open() && self.leaving.is_empty() {
            return answer.give(Ok(()));
        }
        if matches!(control, Control::Cut) {
            let mut plan = Plan::default();
            self.runs.end_current(RunReason::ServerStopping, &mut plan);
            self.effects.extend(plan.effects);
            return answer.give(Ok(()));
        }
        let (next, plan) = self.decide(|next, means, plan| match control {
            Control::Start | Control::Cut => {}
            Control::Restart => {
                next.pause();
                next.end_current(RunReason::AgentStopped, plan);
            }
            Control::Stop(reason) => {
                next.refuse(Mode::AgentStopped, reason, means, plan);
                next.end_current(reason, plan);
            }
            Control::Delete => {
                let reason = RunReason::ConversationDeleted;
                next.refuse(Mode::AgentStopped, reason, means, plan);
                next.end_current(reason, plan);
            }
            Control::Shutdown => {
                next.refuse(Mode::Stopping, RunReason::ServerStopping, means, plan);
            }
        });
        match self.append(&plan).await {
            Ok(stored) => {
                self.runs = next;
                self.carry_out(plan, first_of(stored));
            }
            // The log is gone, so there is nothing to close in it.
            Err(StoreError::NotFound) if matches!(control, Control::Delete) => {
                self.runs = next;
                self.effects.extend(plan.effects);
            }
            // Going down is not put off: the next start closes the runs that are still open in the log.
            Err(cause) if matches!(control, Control::Shutdown) => {
                report(&cause);
                self.runs = next;
            }
            Err(cause) => return answer.give(Err(cause.into())),
        }
        self.leaving.push((control, answer));
    }

    /// Agents take up the sessions of their own that they had when this was last in memory.
    async fn remember_sessions(&mut self) {
        match self.db.agent_sessions(self.id()).await {
            Ok(sessions) => {
                for (agent, session) in sessions {
                    self.sessions.remember(agent, session);
                }
            }
            Err(cause) => report(&cause),
        }
    }

    /// An agent says what session of its own it is in. If that cannot be stored, it is taken up as long as we live.
    async fn keep_session(&mut self, seat: &Seat, session: String) {
        if seat.run.is_some() {
            return;
        }
        let kept = self.db.keep_agent_session(self.id(), &seat.agent, &session).await;
        if let Err(cause) = kept {
            report(&cause);
        }
        self.sessions.remember(seat.agent.clone(), session);
    }

    /// Many events of a session are one transaction.
    async fn on_events(&mut self, seat: &Seat, events: Vec<AgentEvent>) {
        let session = events.iter().rev().find_map(|event| match event {
            AgentEvent::Session { id } => Some(id.clone()),
            _ => None,
        });
        if let Some(session) = session {
            self.keep_session(seat, session).await;
        }
        let over = events.iter().any(|event| matches!(event, AgentEvent::Ended { .. }));
        let asked = events.iter().filter_map(|event| match event {
            AgentEvent::Asked { ask, .. } => Some(ask.interaction_id.clone()),
            _ => None,
        });
        let asked: Vec<_> = asked.collect();
        let (next, plan) = self.decide(|next, means, plan| {
            let from = Heard { seat, name: self.sessions.name(seat) };
            for event in events {
                next.hear(&from, event, means, plan);
            }
        });
        if !self.settle(seat, next, plan, over).await {
            // Nobody will ever see what was asked.
            for interaction_id in asked {
                let state = InteractionState::Cancelled;
                let answer = InteractionAnswer { interaction_id, state, value: None };
                self.effects.push_back(Effect::Answer(seat.clone(), answer));
            }
        }
    }

    /// A session ended by itself: its run, if it had one, ends with it.
    async fn on_silence(&mut self, seat: &Seat) {
        let (next, plan) = self.decide(|next, means, plan| next.abandon(seat, means, plan));
        self.settle(seat, next, plan, true).await;
    }

    async fn on_permit(&mut self, permit: OwnedSemaphorePermit) {
        self.permit = None;
        self.permits.keep(permit);
        self.start_next().await;
        self.permits.release();
    }

    async fn start_next(&mut self) {
        let (next, plan) = self.decide(Runs::start_next);
        self.store(next, plan).await;
    }

    /// Lets a session's agent be found, or not any more if it is gone.
    pub(super) async fn introduce(&mut self, seat: &Seat) {
        if seat.agent == self.home.name.id {
            return;
        }
        match self.roster.upgrade().and_then(|all| all.find(seat.agent.as_str())) {
            Some(target) => self.sessions.introduce(target),
            None => self.dismiss(&seat.agent).await,
        }
    }

    /// Tells the agents. One that cannot take a run ends it, and the next run may start with a new session.
    async fn act(&mut self) {
        while let Some(effect) = self.effects.pop_front() {
            match effect {
                Effect::Prompt(seat, run, text) => {
                    self.introduce(&seat).await;
                    if let Err(Gone(seat)) = self.sessions.prompt(&seat, run, &text).await {
                        self.on_silence(&seat).await;
                    }
                }
                Effect::Cancel(seat, run) => self.sessions.cancel(&seat, &run),
                Effect::Answer(seat, answer) => {
                    self.introduce(&seat).await;
                    // Nothing is started for it that would have to be ended by somebody.
                    let may_start = self.runs.is_open() && seat.run.is_none();
                    self.sessions.answer(&seat, answer, may_start);
                }
                Effect::End(seat) => self.sessions.end(&seat),
            }
        }
    }

    /// Does what waits for the agent to have no run.
    async fn leave(&mut self) -> Next {
        let is_last =
            |(control, _): &(Control, _)| matches!(control, Control::Shutdown | Control::Delete);
        // A run that cannot be closed in the log keeps neither the server up nor a conversation that is gone.
        let ends = self.leaving.iter().any(is_last);
        let free = !self.runs.is_busy() || (ends && self.runs.is_over());
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
                Control::Cut => {}
                Control::Delete | Control::Shutdown => {
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
