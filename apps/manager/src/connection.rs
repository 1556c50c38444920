//! One connection: what it is logged in to, and the order of its commands.

use std::collections::{HashMap, VecDeque};
use std::net::IpAddr;
use std::sync::Arc;

use gateway::{Commands, Message, Outbox, Start};
use protocol::{AgentId, ConversationId};
use serde::Serialize;
use tokio::sync::Semaphore;
use tokio::task::JoinSet;

use crate::agent::{Agent, Presence};
use crate::call::Call;
use crate::commands::{self, Checked};
use crate::conversation::Conversation;
use crate::error::Error;
use crate::server::Server;

/// Commands of a connection that are under way. More wait, which holds up nobody else; the gateway keeps room for
/// the answers of twice as many.
const UNDER_WAY: usize = 1_024;
/// Commands that wait for the login of one agent. Full: `RATE_LIMITED`.
const MAX_HELD_BACK: usize = 256;

/// The task of a connection whose API key was right.
#[derive(Debug)]
pub(crate) struct Connection {
    server: Arc<Server>,
    peer: IpAddr,
    outbox: Outbox,
    members: HashMap<AgentId, Member>,
    /// Commands for an agent whose login is being checked.
    held_back: HashMap<AgentId, VecDeque<Call>>,
    checks: JoinSet<Checked>,
    jobs: JoinSet<()>,
    places: Arc<Semaphore>,
}

/// The connection's login to one agent. Whoever has it need not ask again; dropping it is the logout.
#[derive(Debug)]
pub(crate) struct Member {
    presence: Presence,
    conversation: ConversationId,
}

impl Member {
    pub(crate) fn agent(&self) -> &Arc<Agent> {
        self.presence.agent()
    }
}

impl Connection {
    pub(crate) fn new(server: Arc<Server>, peer: IpAddr, outbox: Outbox) -> Self {
        Self {
            server,
            peer,
            outbox,
            members: HashMap::new(),
            held_back: HashMap::new(),
            checks: JoinSet::new(),
            jobs: JoinSet::new(),
            places: Arc::new(Semaphore::new(UNDER_WAY)),
        }
    }

    /// Carries out commands until the peer is gone, then waits for those that are under way.
    pub(crate) async fn run(mut self, mut commands: Commands) {
        let places = self.places.clone();
        loop {
            let next = async {
                let place = places.clone().acquire_owned().await.ok()?;
                Some((commands.next().await?, place))
            };
            tokio::select! {
                Some(Ok(checked)) = self.checks.join_next() => self.on_checked(checked),
                Some(_done) = self.jobs.join_next() => {}
                next = next => match next {
                    Some((command, place)) => {
                        if let Some(call) = Call::read(command, place) {
                            self.accept(call);
                        }
                    }
                    None => break,
                },
            }
        }
        while self.jobs.join_next().await.is_some() {}
    }

    /// Carries out a command now, or after the login that it has to wait for.
    fn accept(&mut self, call: Call) {
        let Ok(agent) = call.agent() else { return commands::run(self, call) };
        match self.held_back.get_mut(&agent) {
            None => commands::run(self, call),
            Some(calls) if calls.len() < MAX_HELD_BACK => calls.push_back(call),
            Some(_) => call.refuse(Error::Busy),
        }
    }

    fn on_checked(&mut self, checked: Checked) {
        let agent = checked.finish(self);
        for call in self.held_back.remove(&agent).unwrap_or_default() {
            // One of them may be a login again, which holds back those behind it.
            self.accept(call);
        }
    }

    pub(crate) fn server(&self) -> &Arc<Server> {
        &self.server
    }

    pub(crate) fn peer(&self) -> IpAddr {
        self.peer
    }

    /// The login to that agent.
    pub(crate) fn member(&self, agent: &AgentId) -> Result<&Member, Error> {
        self.members.get(agent).ok_or(Error::Unauthorized)
    }

    pub(crate) fn emit(&self, event: &'static str, payload: &impl Serialize) {
        self.outbox.event(event, payload);
    }

    /// Does something beside this task.
    pub(crate) fn spawn(&mut self, job: impl Future<Output = ()> + Send + 'static) {
        self.jobs.spawn(job);
    }

    /// Checks a login beside this task, and holds back what comes for that agent meanwhile.
    pub(crate) fn hold_back(
        &mut self,
        agent: AgentId,
        check: impl Future<Output = Checked> + Send + 'static,
    ) {
        self.held_back.entry(agent).or_default();
        self.checks.spawn(check);
    }

    /// Logs in, and has the conversation replayed from `start` and followed.
    pub(crate) fn enter(&mut self, agent: &Arc<Agent>, conversation: &Conversation, start: Start) {
        let member = Member { presence: agent.enter(), conversation: conversation.id().clone() };
        self.members.insert(agent.id.clone(), member);
        self.outbox.send(Message::Follow(conversation.feed().clone(), start));
    }

    /// Logs out, and follows the agent's conversation no more.
    pub(crate) fn leave(&mut self, agent: &AgentId) -> Result<(), Error> {
        let member = self.members.remove(agent).ok_or(Error::Unauthorized)?;
        self.outbox.send(Message::Unfollow(member.conversation));
        Ok(())
    }
}
