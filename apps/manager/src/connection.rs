//! One connection: what it is logged in to, and the order of its commands.

mod member;

use std::collections::{HashMap, VecDeque};
use std::net::IpAddr;
use std::sync::Arc;

use gateway::{Commands, Message, Outbox, Start};
use protocol::agents::{Attendee, Origin};
use protocol::names::agents::LIST_AGENTS;
use protocol::{AgentId, ConnectionId, ConversationId};
use serde::Serialize;
use tokio::sync::Semaphore;
use tokio::task::JoinSet;
use tracing::Instrument;

use crate::activity::Subscription;
use crate::agent::Agent;
use crate::call::Call;
use crate::commands::{self, Checked};
use crate::conversation::{Conversation, Key};
use crate::error::Error;
use crate::server::Server;
pub(crate) use member::Member;

/// Commands of a connection that are under way. More wait, which holds up nobody else; the gateway keeps room for
/// the answers of twice as many.
const UNDER_WAY: usize = 1_024;
/// Commands that wait for the login of one agent. Full: `RATE_LIMITED`.
const MAX_HELD_BACK: usize = 256;

/// The task of a connection whose API key was right.
#[derive(Debug)]
pub(crate) struct Connection {
    server: Arc<Server>,
    id: ConnectionId,
    peer: IpAddr,
    outbox: Outbox,
    members: HashMap<AgentId, Member>,
    /// The agent that a command is for when it does not say.
    last_login: Option<AgentId>,
    /// Commands for an agent whose login is being checked.
    held_back: HashMap<AgentId, VecDeque<Call>>,
    checks: JoinSet<Checked>,
    jobs: JoinSet<()>,
    /// With the choice to be told what all agents are doing.
    activity: Option<Subscription>,
    places: Arc<Semaphore>,
}

impl Connection {
    pub(crate) fn new(server: Arc<Server>, id: ConnectionId, peer: IpAddr, outbox: Outbox) -> Self {
        Self {
            server,
            id,
            peer,
            outbox,
            members: HashMap::new(),
            last_login: None,
            held_back: HashMap::new(),
            checks: JoinSet::new(),
            jobs: JoinSet::new(),
            activity: None,
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
                        if let Some(call) = Call::read(command, place, &self.server) {
                            self.accept(call);
                        }
                    }
                    None => break,
                },
            }
        }
        // Whoever was present is no longer, whatever is still under way. With each login end the seats at terminals.
        self.members.clear();
        self.stop_activity();
        while self.jobs.join_next().await.is_some() {}
    }

    /// Carries out a command now, or after the login that it has to wait for. One that does not name its agent may be
    /// for any of those that are being logged in to.
    fn accept(&mut self, call: Call) {
        let waits_for = match call.agent() {
            Ok(agent) => Some(agent),
            Err(_) if call.name() == LIST_AGENTS => None,
            Err(_) => self.held_back.keys().next().cloned(),
        };
        match waits_for.and_then(|agent| self.held_back.get_mut(&agent)) {
            None => call.lines().in_scope(|| {
                tracing::debug!("command");
                commands::run(self, call);
            }),
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

    pub(crate) fn id(&self) -> &ConnectionId {
        &self.id
    }

    pub(crate) fn peer(&self) -> IpAddr {
        self.peer
    }

    pub(crate) fn outbox(&self) -> &Outbox {
        &self.outbox
    }

    /// The agent that a command is for: the one that it names, else, without a controller in between, the one of the
    /// last login.
    pub(crate) fn agent(&self, call: &Call) -> Result<Arc<Agent>, Error> {
        let id = match (call.agent(), &self.last_login) {
            (Ok(id), _) => id,
            (Err(Error::AgentMissing), Some(last)) if call.is_direct() => last.clone(),
            (Err(error), _) => return Err(error),
        };
        Ok(self.member(&id)?.agent().clone())
    }

    /// The agent whose conversation it is, if the connection is logged in to it.
    pub(crate) fn agent_of(
        &self,
        call: &Call,
        conversation: &ConversationId,
    ) -> Result<Arc<Agent>, Error> {
        let not_found = || Error::ConversationNotFound(conversation.clone());
        if let Ok(id) = call.agent() {
            let agent = self.member(&id)?.agent().clone();
            return agent.conversations.knows(conversation).then_some(agent).ok_or_else(not_found);
        }
        if self.members.is_empty() {
            return Err(Error::Unauthorized);
        }
        let all = self.members.values().map(Member::agent);
        let mut found = all.filter(|agent| agent.conversations.knows(conversation));
        found.next().cloned().ok_or_else(not_found)
    }

    /// The conversation that a command is for: the one that it names, else the agent's `default`.
    pub(crate) fn conversation(
        &self,
        call: &Call,
        id: Option<&ConversationId>,
    ) -> Result<(Arc<Agent>, Conversation), Error> {
        let agent = match id {
            Some(id) => self.agent_of(call, id)?,
            None => self.agent(call)?,
        };
        let conversation = agent.conversations.get(id)?;
        Ok((agent, conversation))
    }

    /// The agents that the connection is logged in to, or the one that a command names.
    pub(crate) fn agents(&self, call: &Call) -> Result<Vec<Arc<Agent>>, Error> {
        match call.agent() {
            Ok(id) => Ok(vec![self.member(&id)?.agent().clone()]),
            Err(Error::AgentMissing) => {
                Ok(self.members.values().map(|member| member.agent().clone()).collect())
            }
            Err(error) => Err(error),
        }
    }

    /// The login to that agent.
    pub(crate) fn member(&self, agent: &AgentId) -> Result<&Member, Error> {
        self.members.get(agent).ok_or(Error::Unauthorized)
    }

    pub(crate) fn member_mut(&mut self, agent: &AgentId) -> Result<&mut Member, Error> {
        self.members.get_mut(agent).ok_or(Error::Unauthorized)
    }

    pub(crate) fn emit(&self, event: &'static str, payload: &impl Serialize) {
        self.outbox.event(event, payload);
    }

    /// Tells what all agents are doing: all that there is, and then what changes.
    pub(crate) fn tell_activity(&mut self) {
        let agents = self.server.agents.clone();
        let activity = agents.activity().clone();
        let (subscription, telling) = activity.subscribe(&self.id, &self.outbox, agents);
        self.activity = Some(subscription);
        self.spawn(telling);
    }

    /// Tells nothing more of that.
    pub(crate) fn stop_activity(&mut self) {
        self.activity = None;
    }

    /// Does something beside this task.
    pub(crate) fn spawn(&mut self, job: impl Future<Output = ()> + Send + 'static) {
        self.jobs.spawn(job.in_current_span());
    }

    /// Checks a login beside this task, and holds back what comes for that agent meanwhile.
    pub(crate) fn hold_back(
        &mut self,
        agent: AgentId,
        check: impl Future<Output = Checked> + Send + 'static,
    ) {
        self.held_back.entry(agent).or_default();
        self.checks.spawn(check.in_current_span());
    }

    /// Whose connection a command comes from: this one, and behind a controller's the viewer's.
    pub(crate) fn key(&self, origin: &Origin) -> Key {
        Key { link: self.id.clone(), behind: origin.connection_id.clone() }
    }

    /// Logs in, and has the conversation replayed from `start` and followed. `observe` leaves out the presence.
    pub(crate) fn enter(
        &mut self,
        agent: &Arc<Agent>,
        conversation: &Conversation,
        start: Start,
        observe: bool,
    ) {
        let (id, outbox, myself) = (&self.id, &self.outbox, self.myself());
        let member = self
            .members
            .entry(agent.id.clone())
            .or_insert_with(|| Member::new(agent.enter(id, outbox), id.clone()));
        if !observe && !member.is_present(conversation, None) {
            member.come(conversation, None, myself, false);
        }
        self.last_login = Some(agent.id.clone());
        self.follow(agent, conversation, start);
    }

    /// Follows a conversation, from `start` on.
    pub(crate) fn follow(&mut self, agent: &Arc<Agent>, conversation: &Conversation, start: Start) {
        if let Some(member) = self.members.get_mut(&agent.id) {
            member.follows(conversation);
            self.outbox.send(Message::Follow(conversation.feed().clone(), start));
        }
    }

    /// Follows a conversation no more.
    pub(crate) fn unfollow(&self, conversation: ConversationId) {
        self.outbox.send(Message::Unfollow(conversation));
    }

    fn myself(&self) -> Attendee {
        Attendee { connection_id: self.id.clone(), viewer_id: None, user: None, client_type: None }
    }

    /// Logs out, and follows the agent's conversations no more.
    pub(crate) fn leave(&mut self, agent: &AgentId) -> Result<(), Error> {
        let member = self.members.remove(agent).ok_or(Error::Unauthorized)?;
        for conversation in member.followed() {
            self.unfollow(conversation);
        }
        self.last_login.take_if(|last| last == agent);
        Ok(())
    }
}
