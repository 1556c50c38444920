//! The agents' sessions of a conversation: started when they are needed, replaced when they are gone.

use std::collections::HashMap;
use std::path::PathBuf;
use std::sync::Arc;
use std::task::{Context, Poll};

use protocol::spec::AgentSpec;
use protocol::{AgentId, ConversationId, RunId};
use runtime::{
    AgentEvent, Checkup, Containers, Events, Graces, Home, InteractionAnswer, Meters, Place,
    Session, Stay, Unsupported,
};
use serde_json::value::RawValue;
use tokio::task::JoinSet;

use super::entries::AgentName;
use super::runs::Seat;
use crate::environment::Environment;

/// Events taken from a session at once: one transaction for many of them.
pub(super) const BATCH: usize = 256;

/// An agent that can be given turns.
#[derive(Debug, Clone)]
pub(crate) struct Target {
    pub(crate) name: AgentName,
    /// Without the variables of its environment.
    pub(crate) spec: Arc<AgentSpec>,
    pub(crate) workdir: PathBuf,
    pub(crate) environment: Environment,
    pub(crate) containers: Containers,
    /// Count its programs.
    pub(crate) programs: Meters,
}

impl Target {
    /// What to start now.
    pub(crate) fn current(&self) -> Arc<AgentSpec> {
        self.environment.fill(&self.spec)
    }

    /// Looks whether its program can be used, in a container of its own if it is in one.
    pub(crate) async fn check(&self) -> Checkup {
        let name = RunId::random();
        let home = Home::new(&self.workdir);
        let home =
            home.with_containers(&self.containers, &self.name.id, name.as_str(), Stay::Remove);
        runtime::check(&self.current(), home).await
    }

    /// Starts a session for one run. A container that it has goes with it.
    pub(crate) fn start_for_run(&self, run: &RunId) -> (Session, Events) {
        self.start(run.as_str(), Stay::Remove, None)
    }

    /// Starts the session of a conversation. A container that it has stays until the conversation is deleted.
    /// The agent takes up its own session `own`, if it can.
    fn start_for(&self, conversation: &ConversationId, own: Option<String>) -> (Session, Events) {
        self.start(conversation.as_str(), Stay::Keep, own)
    }

    fn start(&self, name: &str, stay: Stay, own: Option<String>) -> (Session, Events) {
        Session::start_at(&self.current(), self.home(name, stay), own, Graces::default())
    }

    fn home(&self, name: &str, stay: Stay) -> Home {
        let home = Home::new(&self.workdir).with_meters(&self.programs);
        home.with_containers(&self.containers, &self.name.id, name, stay)
    }

    /// Where its program runs in that conversation.
    pub(crate) fn place(&self, conversation: &ConversationId) -> Result<Place, Unsupported> {
        Place::of(&self.current(), &self.home(conversation.as_str(), Stay::Keep))
    }
}

/// The sessions of one conversation.
#[derive(Debug)]
pub(super) struct Sessions {
    conversation: ConversationId,
    /// The agents that have had a turn in it.
    targets: Vec<Target>,
    running: Vec<Running>,
    /// Where listening begins next time, so that one that never stops talking does not drown the others.
    turn: usize,
    ending: JoinSet<()>,
    /// The sessions of their own that agents can take up.
    own: HashMap<AgentId, String>,
}

#[derive(Debug)]
struct Running {
    seat: Seat,
    session: Session,
    events: Events,
}

/// A session ended by itself.
#[derive(Debug)]
pub(super) struct Gone(pub(super) Seat);

impl Sessions {
    pub(super) fn new(conversation: ConversationId, home: Target) -> Self {
        Self {
            conversation,
            targets: vec![home],
            running: Vec::new(),
            turn: 0,
            ending: JoinSet::new(),
            own: HashMap::new(),
        }
    }

    /// An agent has a session of its own in this conversation.
    pub(super) fn remember(&mut self, agent: AgentId, session: String) {
        self.own.insert(agent, session);
    }

    /// An agent that may be given turns from now on.
    pub(super) fn introduce(&mut self, target: Target) {
        self.targets.retain(|known| known.name.id != target.name.id);
        self.targets.push(target);
    }

    /// An agent that is gone: its sessions end. Whether it was known.
    pub(super) fn forget(&mut self, agent: &AgentId) -> bool {
        let before = self.targets.len();
        self.targets.retain(|known| known.name.id != *agent);
        let seats = self.running.iter().map(|running| running.seat.clone());
        for seat in seats.filter(|seat| seat.agent == *agent).collect::<Vec<_>>() {
            self.end(&seat);
        }
        self.targets.len() < before
    }

    /// The name of a session's agent.
    pub(super) fn name(&self, seat: &Seat) -> &str {
        self.target(seat).map_or("", |target| &target.name.name)
    }

    fn target(&self, seat: &Seat) -> Option<&Target> {
        self.targets.iter().find(|target| target.name.id == seat.agent)
    }

    /// Gives a session a turn.
    pub(super) async fn prompt(&mut self, seat: &Seat, run: RunId, text: &str) -> Result<(), Gone> {
        let gone = || Gone(seat.clone());
        let at = self.start(seat).ok_or_else(gone)?;
        if self.running[at].session.prompt(run, text.to_owned()).await.is_err() {
            self.running.remove(at);
            return Err(gone());
        }
        Ok(())
    }

    pub(super) fn cancel(&self, seat: &Seat, run: &RunId) {
        if let Some(running) = self.running.iter().find(|running| running.seat == *seat) {
            running.session.cancel(run);
        }
    }

    /// Gives a session the answer to what it asked; if it `may_start`, also one that has to be started anew.
    pub(super) fn answer(&mut self, seat: &Seat, answer: InteractionAnswer, may_start: bool) {
        let running = self.running.iter().position(|running| running.seat == *seat);
        let at = running.or_else(|| may_start.then(|| self.start(seat)).flatten());
        if at.is_none_or(|at| self.running[at].session.answer(answer).is_err()) {
            tracing::warn!(agent = %seat.agent, "an answer did not reach the agent");
        }
    }

    /// Gives a session a command of its agent's own.
    pub(super) fn command(
        &mut self,
        seat: &Seat,
        name: &str,
        payload: Box<RawValue>,
    ) -> Result<(), Gone> {
        let gone = || Gone(seat.clone());
        let at = self.start(seat).ok_or_else(gone)?;
        self.running[at].session.command(name, payload).map_err(|_| gone())
    }

    /// Where the session is; it is started when there is none.
    fn start(&mut self, seat: &Seat) -> Option<usize> {
        if let Some(at) = self.running.iter().position(|running| running.seat == *seat) {
            return Some(at);
        }
        let target = self.target(seat)?;
        let (session, events) = match &seat.run {
            // It has a session of its own.
            Some(run) => target.start_for_run(run),
            None => target.start_for(&self.conversation, self.own.get(&seat.agent).cloned()),
        };
        self.running.push(Running { seat: seat.clone(), session, events });
        Some(self.running.len() - 1)
    }

    /// The next events of one session. Waits for ever while none runs; cancel safe.
    pub(super) async fn hear(&mut self, events: &mut Vec<AgentEvent>) -> Result<Seat, Gone> {
        std::future::poll_fn(|context| self.poll_hear(context, events)).await
    }

    fn poll_hear(
        &mut self,
        context: &mut Context<'_>,
        events: &mut Vec<AgentEvent>,
    ) -> Poll<Result<Seat, Gone>> {
        let count = self.running.len();
        for nth in 0..count {
            let at = (self.turn + nth) % count;
            let running = &mut self.running[at];
            match running.events.poll_recv_many(context, events, BATCH) {
                Poll::Pending => {}
                Poll::Ready(0) => return Poll::Ready(Err(Gone(self.running.remove(at).seat))),
                Poll::Ready(_) => {
                    self.turn = at + 1;
                    return Poll::Ready(Ok(running.seat.clone()));
                }
            }
        }
        Poll::Pending
    }

    /// Ends a session beside this task.
    pub(super) fn end(&mut self, seat: &Seat) {
        if let Some(at) = self.running.iter().position(|running| running.seat == *seat) {
            let Running { session, events, .. } = self.running.remove(at);
            // Nobody listens any more: a session that is about to say something must not wait for us.
            drop(events);
            self.ending.spawn(session.stop());
        }
        while self.ending.try_join_next().is_some() {}
    }

    /// Ends all sessions and their processes, and waits for that.
    pub(super) async fn stop(&mut self) {
        let seats: Vec<Seat> = self.running.iter().map(|running| running.seat.clone()).collect();
        for seat in seats {
            self.end(&seat);
        }
        while self.ending.join_next().await.is_some() {}
    }
}

/// Agents by id or by name, of the whole manager.
pub(crate) trait Roster: Send + Sync + std::fmt::Debug {
    /// The agent that can be given turns, unless there is none or it is stopped.
    fn find(&self, id_or_name: &str) -> Option<Target>;
}
