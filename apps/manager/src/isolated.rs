//! Runs beside every conversation: ephemeral chats and helper runs. Nothing of them is stored; what they say goes to the
//! connection that asked and to nobody else.

pub(crate) mod helper;
mod private;

use std::sync::Arc;
use std::time::Duration;

use gateway::Outbox;
use protocol::agents::{ChatEventBody, FilterStatus, InteractionState, Origin, RunReason, Usage};
use protocol::{AgentId, RunId};
use runtime::{AgentEvent, Events, InteractionAnswer, Outcome, Session};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

pub(crate) use private::Private;

use crate::agent::Agent;
use crate::agents::Agents;
use crate::conversation::{Ending, Place, RunClaim, Target};
use crate::error::Error;
use crate::filters::Filters;
use crate::progress::{Progress, Watch};

/// Pieces of an answer that come within this time are told as one: each waits in the connection's outbox, which is
/// bounded.
const GATHER: Duration = Duration::from_millis(20);

/// Where an isolated run is, for `cancelRun`.
#[derive(Debug, Clone)]
pub(crate) struct Isolated {
    pub(crate) agent: AgentId,
    pub(crate) cancel: CancellationToken,
}

/// Who wants to hear what happens in an isolated run.
pub(crate) trait Listener: Send + 'static {
    /// The agent has it now.
    fn started(&mut self) {}
    /// It said something.
    fn heard(&mut self, event: AgentEvent);
    /// It is over.
    fn ended(self, ending: Ending);
}

/// What an isolated run is given.
pub(crate) struct Order {
    pub(crate) run: RunId,
    pub(crate) text: Arc<str>,
    pub(crate) timeout: Duration,
    /// Who asked for it.
    pub(crate) origin: Origin,
}

/// A run that has what it needs to begin.
pub(crate) struct Ready {
    task: Task,
    order: Order,
}

/// Takes what an isolated run needs: its id, and a place among those that may be open.
pub(crate) fn prepare(
    agents: &Agents,
    agent: &Arc<Agent>,
    order: Order,
    outbox: &Outbox,
) -> Result<Ready, Error> {
    // Taken first: a stop that comes in between ends this run.
    let halted = agent.halted();
    if agent.is_stopped() {
        return Err(Error::AgentStopped);
    }
    if agents.stopping().is_cancelled() {
        return Err(Error::Stopping);
    }
    let place = agent.isolated.clone().try_acquire_owned().map_err(|_| Error::QueueFull)?;
    let cancel = CancellationToken::new();
    let isolated = Isolated { agent: agent.id.clone(), cancel: cancel.clone() };
    let claim = agents.runs().claim(&order.run, Place::Isolated(isolated));
    let task = Task {
        target: agent.target.clone(),
        permits: agent.permits.clone(),
        watch: agents.watch().clone(),
        cancel,
        cut: agents.cut().clone(),
        halted,
        outbox: outbox.clone(),
        _claim: claim.ok_or(Error::RunExists)?,
        _place: place,
    };
    Ok(Ready { task, order })
}

impl Ready {
    /// Begins the run. It waits for one of the sessions that the agent may have for such runs.
    pub(crate) fn begin(self, agents: &Agents, listener: impl Listener) {
        agents.tasks().spawn(self.task.run(self.order, listener));
    }
}

struct Task {
    target: Target,
    permits: Arc<Semaphore>,
    watch: Watch,
    cancel: CancellationToken,
    cut: CancellationToken,
    halted: CancellationToken,
    outbox: Outbox,
    _claim: RunClaim,
    _place: OwnedSemaphorePermit,
}

impl Task {
    async fn run(self, order: Order, mut listener: impl Listener) {
        let name = &self.target.name;
        let agent = (&name.id, name.name.as_str());
        let mut progress = self.watch.accepted(&order.run, agent, None, &order.origin);
        let began = Instant::now();
        let permit = tokio::select! {
            permit = self.permits.clone().acquire_owned() => permit.ok(),
            reason = self.interrupted(began + order.timeout) => {
                let ending = Ending::because(reason);
                progress.ended(ending.state(), ending.reason());
                return listener.ended(ending);
            }
        };
        progress.started();
        listener.started();
        let began = Instant::now();
        let (session, events) = self.target.start_for_run(&order.run);
        let (ending, usage) =
            self.turn(&session, events, &order, &mut listener, &mut progress).await;
        session.stop().await;
        drop(permit);
        progress.ended(ending.state(), ending.reason());
        listener.ended(ending.after(began.elapsed()).costing(usage));
    }

    /// Resolves when the run is to be ended.
    async fn interrupted(&self, deadline: Instant) -> RunReason {
        tokio::select! {
            () = self.cancel.cancelled() => RunReason::User,
            () = self.cut.cancelled() => RunReason::ServerStopping,
            () = self.halted.cancelled() => RunReason::AgentStopped,
            () = self.outbox.closed() => RunReason::Disconnect,
            () = tokio::time::sleep_until(deadline) => RunReason::Timeout,
        }
    }

    async fn turn(
        &self,
        session: &Session,
        mut events: Events,
        order: &Order,
        listener: &mut impl Listener,
        progress: &mut Progress,
    ) -> (Ending, Option<Usage>) {
        let lost = || Ending::failed(RunReason::AgentExited, None);
        if session.prompt(order.run.clone(), order.text.to_string()).await.is_err() {
            return (lost(), None);
        }
        let deadline = Instant::now() + order.timeout;
        let (mut usage, mut reason) = (None, None);
        let mut gathered = Gathered::default();
        loop {
            // As fast as the connection reads, and no faster.
            let next = async {
                self.outbox.room().await;
                events.recv().await
            };
            let event = tokio::select! {
                event = next => event,
                () = gathered.due() => {
                    gathered.tell(&order.run, listener);
                    continue;
                }
                why = self.interrupted(deadline), if reason.is_none() => {
                    reason = Some(why);
                    session.cancel(&order.run);
                    continue;
                }
            };
            if let Some(AgentEvent::Delta { .. } | AgentEvent::Message { .. }) = event {
                progress.heard();
            }
            if let Some(AgentEvent::Delta { text, .. }) = event {
                gathered.add(&text);
                continue;
            }
            gathered.tell(&order.run, listener);
            match event {
                None => return (reason.map_or_else(lost, Ending::because), usage),
                Some(AgentEvent::Ended { outcome, .. }) => return (ending(outcome, reason), usage),
                Some(AgentEvent::Asked { ask, .. }) => {
                    let state = InteractionState::Cancelled;
                    let interaction_id = ask.interaction_id;
                    session.answer(InteractionAnswer { interaction_id, state, value: None }).ok();
                }
                Some(event) => {
                    if let AgentEvent::Note { body: ChatEventBody::Usage(counted), .. } = &event {
                        usage = Some(counted.clone());
                    }
                    listener.heard(event);
                }
            }
        }
    }
}

/// Pieces of an answer that have not been told yet.
#[derive(Default)]
struct Gathered {
    text: String,
    since: Option<Instant>,
}

impl Gathered {
    fn add(&mut self, text: &str) {
        self.text.push_str(text);
        self.since.get_or_insert_with(Instant::now);
    }

    async fn due(&self) {
        match self.since {
            Some(since) => tokio::time::sleep_until(since + GATHER).await,
            None => std::future::pending().await,
        }
    }

    fn tell(&mut self, run: &RunId, listener: &mut impl Listener) {
        self.since = None;
        if !self.text.is_empty() {
            let text = std::mem::take(&mut self.text);
            listener.heard(AgentEvent::Delta { run: run.clone(), text });
        }
    }
}

fn ending(outcome: Outcome, reason: Option<RunReason>) -> Ending {
    match (outcome, reason) {
        (Outcome::Done, _) => Ending::done(),
        (Outcome::Failed { reason, error }, None) => Ending::failed(reason, Some(error)),
        (Outcome::Cancelled | Outcome::Failed { .. }, reason) => {
            Ending::because(reason.unwrap_or(RunReason::User))
        }
    }
}

/// The message as the agent gets it.
pub(crate) fn filter(filters: &Filters, text: &Arc<str>) -> Result<Arc<str>, Error> {
    let (filtered, findings) = filters.incoming(text);
    match findings.status() {
        Some(FilterStatus::Dropped) => Err(Error::Dropped(findings.names().join(", "))),
        _ => Ok(filtered),
    }
}
