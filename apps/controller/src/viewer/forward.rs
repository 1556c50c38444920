//! `forward`: a command for the selected manager.

use std::sync::Arc;

use gateway::{Command, Reply, Start};
use link::WhenDown;
use protocol::agents::{ForAgent, JoinConversation, LoginError, LogoutSuccess, Origin};
use protocol::catalogue::{self, ForwardLogin, Namespace};
use protocol::clients::Forward;
use protocol::names::agents::{
    CANCEL_RUN, CHAT, CLOSE_TERMINAL, CREATE_TERMINAL, JOIN_CONVERSATION, JOIN_TERMINAL,
    LEAVE_CONVERSATION, LEAVE_TERMINAL, LIST_AGENTS, LIST_CONVERSATIONS, LOGIN, LOGIN_ERROR,
    LOGIN_SUCCESS, LOGOUT, LOGOUT_SUCCESS, PROMOTE_RUN, RESIZE_TERMINAL, RESPOND_INTERACTION,
    SEARCH_CONVERSATIONS, START_RUN, SUBSCRIBE, TERMINAL_INPUT,
};
use protocol::names::is_event_name;
use protocol::{
    AgentId, ClientId, ConversationId, CorrelationId, ErrorCode, InteractionId, MessageId,
    WireError,
};
use serde::Deserialize;
use serde_json::value::RawValue;
use trace::Kind;

use super::sending::Sending;
use super::{Answered, Then, Viewer};
use crate::audit::Event;
use crate::correlate::trace_of;
use crate::error::Error;
use crate::remote::Remote;

/// Commands that say otherwise whom they are for, or are for all.
const WITHOUT_AGENT: [&str; 10] = [
    CANCEL_RUN,
    PROMOTE_RUN,
    RESPOND_INTERACTION,
    LIST_AGENTS,
    LIST_CONVERSATIONS,
    SEARCH_CONVERSATIONS,
    LEAVE_TERMINAL,
    TERMINAL_INPUT,
    RESIZE_TERMINAL,
    CLOSE_TERMINAL,
];

/// What of a payload decides where it goes.
#[derive(Deserialize, Default)]
#[serde(rename_all = "camelCase")]
pub(super) struct Address {
    #[serde(default)]
    agent_id: Option<AgentId>,
    #[serde(default)]
    conversation_id: Option<ConversationId>,
    /// With one, a chat may be sent again without being said twice.
    #[serde(default)]
    message_id: Option<serde::de::IgnoredAny>,
}

/// Which question of an agent is answered; the answer itself is nobody's here.
#[derive(Deserialize, Default)]
#[serde(rename_all = "camelCase")]
struct Named {
    #[serde(default)]
    interaction_id: Option<InteractionId>,
}

impl Viewer {
    pub(super) async fn forward(&mut self, mut command: Command) {
        let mut forward = match parse(&command) {
            Ok(forward) => forward,
            Err(error) => return command.reply.err(error),
        };
        self.correlate(&mut command, &mut forward);
        let wanted = catalogue::wants(Namespace::Agents, &forward.event);
        if let Err(error) = self.identity.caller.may(wanted) {
            let event = Event::Command(forward.event);
            self.server.audit.refused(self.actor(), &event, ErrorCode::Forbidden);
            return command.reply.err(error.into());
        }
        let Some((watching, _)) = &self.selected else {
            return command.reply.err(Error::NoClient.into());
        };
        let remote = Arc::clone(&watching.remote);
        if let Some(told) = self.told.take() {
            told.wait().await;
        }
        match forward.event.as_str() {
            LOGIN => self.login(&remote, forward, command.reply).await,
            LOGOUT => self.logout(forward, command.reply),
            JOIN_CONVERSATION => self.join(&remote, forward, command.reply).await,
            CREATE_TERMINAL | JOIN_TERMINAL => {
                self.watch_terminal(&remote, forward, command.reply).await;
            }
            LEAVE_TERMINAL => self.leave_terminal(&remote, forward, command.reply).await,
            SUBSCRIBE => self.subscribe(&remote, forward, command.reply).await,
            event if catalogue::forwardable(event) => {
                self.pass_on(&remote, forward, command.reply).await;
            }
            // One that longshore does not know may be the agent's own.
            event if !catalogue::is_command(Namespace::Agents, event) && is_event_name(event) => {
                self.pass_on_to_agent(&remote, forward, command.reply).await;
            }
            _ => command.reply.err(Error::UnknownCommand.into()),
        }
    }

    /// From here on the command has an id that all lines about it have, and is a span of a trace.
    fn correlate(&mut self, command: &mut Command, forward: &mut Forward) {
        let correlation = forward.correlation_id.get_or_insert_with(CorrelationId::random).clone();
        let name = catalogue::label(&forward.event);
        let mut span = self.server.tracer.begin(name, Kind::Server, forward.traceparent);
        span.set("longshore.tier", "controller");
        span.set("longshore.correlation", correlation.as_str());
        forward.traceparent = span.context();
        self.spans = Some(span);
        let lines = tracing::Span::current();
        lines.record("command", name);
        lines.record("correlation", correlation.as_str());
        lines.record("trace", trace_of(forward.traceparent));
        command.reply.counts_as(&forward.event);
        command.reply.correlate(Some(correlation));
    }

    /// Whose viewer a command comes from.
    pub(super) fn origin(&self) -> Origin {
        Origin {
            viewer_id: Some(self.identity.viewer.clone()),
            connection_id: Some(self.connection.clone()),
            user: Some(self.identity.caller.user.clone()),
            role: Some(self.identity.caller.role),
            ..Origin::default()
        }
    }

    /// Follows a conversation from the controller's own copy; the manager's login is the link's affair.
    async fn login(&mut self, remote: &Remote, forward: Forward, reply: Reply) {
        let login = match payload::<ForwardLogin>(&forward) {
            Ok(login) => login,
            Err(error) => return self.refuse_login(None, error, reply),
        };
        let Some(agent) = login.agent_id.or(forward.agent_id) else {
            return self.refuse_login(
                None,
                Error::Invalid("agentId is required".to_owned()).into(),
                reply,
            );
        };
        match remote.follow(&agent, login.conversation_id.as_ref()).await {
            Err(error) => self.refuse_login(Some(agent), error.into(), reply),
            Ok(followed) => {
                self.outbox.relayed(LOGIN_SUCCESS, &followed.success);
                reply.ok(&followed.success);
                let after = login.after_seq.map(|seq| (seq, login.epoch));
                if let Some((_, membership)) = &mut self.selected {
                    let start = Start { after, limit: login.limit, filter: None };
                    self.told = membership.logged_in(followed, start).or(self.told.take());
                }
            }
        }
    }

    fn refuse_login(&self, agent_id: Option<AgentId>, error: WireError, reply: Reply) {
        let (code, message, retry_after_ms) =
            (error.code, error.message.clone(), error.retry_after_ms);
        self.outbox.relayed(LOGIN_ERROR, &LoginError { agent_id, code, message, retry_after_ms });
        if reply.wants_ack() {
            reply.err(error);
        }
    }

    /// Ends this connection's subscriptions to the agent and nobody else's.
    fn logout(&mut self, forward: Forward, reply: Reply) {
        let address = match payload::<Address>(&forward) {
            Ok(address) => address,
            Err(error) => return reply.err(error),
        };
        let Some(agent_id) = self.agent(&forward, &address) else {
            return reply.err(Error::Invalid("agentId is required".to_owned()).into());
        };
        if let Some((_, membership)) = &mut self.selected {
            self.told = membership.log_out(&agent_id).or(self.told.take());
        }
        self.outbox.relayed(LOGOUT_SUCCESS, &LogoutSuccess { agent_id: agent_id.clone() });
        reply.ok(&ForAgent { agent_id });
    }

    /// The agent that a command is for: the one that it names, the one whose conversation it names, or the one of the
    /// last login.
    pub(super) fn agent(&self, forward: &Forward, address: &Address) -> Option<AgentId> {
        let named = forward.agent_id.as_ref().or(address.agent_id.as_ref());
        let (_, membership) = self.selected.as_ref()?;
        let agent = named.or_else(|| match &address.conversation_id {
            Some(conversation) => membership.owner(conversation),
            None if WITHOUT_AGENT.contains(&forward.event.as_str()) => None,
            None => membership.last_login(),
        });
        agent.cloned()
    }

    /// Has the link follow the conversation, asks the manager to let the viewer in, and then follows it, too.
    async fn join(&mut self, remote: &Arc<Remote>, forward: Forward, reply: Reply) {
        let (join, address) = match payload::<JoinConversation>(&forward)
            .and_then(|join| Ok((join, payload(&forward)?)))
        {
            Ok(read) => read,
            Err(error) => return reply.err(error),
        };
        let Some(agent) = self.agent(&forward, &address) else {
            return reply.err(Error::Invalid("agentId is required".to_owned()).into());
        };
        match remote.follow(&agent, join.conversation_id.as_ref()).await {
            Err(error) => reply.err(error.into()),
            Ok(followed) => {
                let Some((_, membership)) = &mut self.selected else { return };
                let id = &followed.success.conversation_id;
                if membership.has(id) {
                    return reply.err(Error::already_joined(id).into());
                }
                let stay = membership.coming(&followed, &join);
                let then = Then::Join(stay, Box::new(followed), Box::new(join));
                self.send(remote, forward, Some(agent), WhenDown::Fail, reply, then).await;
            }
        }
    }

    /// Logs in to the agent when nobody has yet, then passes the payload on as it came.
    pub(super) async fn pass_on(&mut self, remote: &Arc<Remote>, forward: Forward, reply: Reply) {
        let address = match payload::<Address>(&forward) {
            Ok(address) => address,
            Err(error) => return reply.err(error),
        };
        let agent = self.agent(&forward, &address);
        if let Some(agent) = &agent
            && let Err(error) = remote.follow(agent, None).await
        {
            return reply.err(error.into());
        }
        let when_down = match forward.event.as_str() {
            CHAT if address.message_id.is_some() => WhenDown::Wait,
            START_RUN | CANCEL_RUN | RESPOND_INTERACTION => WhenDown::Wait,
            _ => WhenDown::Fail,
        };
        let leaves = address.conversation_id.filter(|_| forward.event == LEAVE_CONVERSATION);
        let then = match (leaves, &mut self.selected) {
            (Some(id), Some((_, membership))) => {
                membership.going(&id).map_or(Then::Nothing, |stay| Then::Leave(stay, id))
            }
            _ => self.approval(&forward, remote.client_id()).unwrap_or(Then::Nothing),
        };
        self.send(remote, forward, agent, when_down, reply, then).await;
    }

    /// What is written down of the command, if it answers a question of an agent.
    fn approval(&self, forward: &Forward, client: &ClientId) -> Option<Then> {
        if forward.event != RESPOND_INTERACTION {
            return None;
        }
        let named: Named = payload(forward).ok()?;
        let (client, interaction) = (client.clone(), named.interaction_id?);
        Some(Then::Approve(Event::Answer { client, interaction }))
    }

    /// Passes on a command that only the agent may know; without an agent nobody does.
    async fn pass_on_to_agent(&mut self, remote: &Arc<Remote>, forward: Forward, reply: Reply) {
        let address = payload::<Address>(&forward).unwrap_or_default();
        let named = forward.agent_id.clone().or(address.agent_id);
        match named {
            None => reply.err(Error::UnknownCommand.into()),
            Some(agent) => match remote.follow(&agent, None).await {
                Err(error) => reply.err(error.into()),
                Ok(_) => {
                    let (when_down, then) = (WhenDown::Fail, Then::Nothing);
                    self.send(remote, forward, Some(agent), when_down, reply, then).await;
                }
            },
        }
    }

    /// Sends the payload as it came, with its origin.
    pub(super) async fn send(
        &mut self,
        remote: &Remote,
        forward: Forward,
        agent_id: Option<AgentId>,
        when_down: WhenDown,
        reply: Reply,
        then: Then,
    ) {
        // With a name it may be sent again without being done again.
        let command_id = (when_down == WhenDown::Wait).then(MessageId::random);
        let session_id = match &then {
            Then::Watch(watch) => Some(watch.session.clone()),
            _ => None,
        };
        let sending =
            Sending::begin(self.spans.take(), &forward, &self.server.tracer, agent_id.clone());
        let (correlation_id, traceparent) = (forward.correlation_id, sending.context());
        let origin = Origin {
            agent_id,
            session_id,
            command_id,
            correlation_id,
            traceparent,
            ..self.origin()
        };
        let origin = gateway::raw(&origin);
        let empty = || RawValue::from_string("{}".to_owned()).expect("an object is JSON");
        let payload = forward.payload.unwrap_or_else(empty);
        match remote.begin(&forward.event, &[&payload, &origin], when_down).await {
            Ok(answer) => self.under_way.push(Box::pin(async move {
                let answer = answer.wait().await;
                sending.answered(&answer);
                Answered { reply, answer, then }
            })),
            Err(error) => {
                let answer = Err(error);
                sending.answered(&answer);
                self.on_answered(Answered { reply, answer, then });
            }
        }
    }
}

fn parse(command: &Command) -> Result<Forward, WireError> {
    let required = || WireError::new(ErrorCode::InvalidPayload, "event is required");
    if !command.has("event") {
        return Err(required());
    }
    let forward: Forward = command.payload()?;
    if forward.event.is_empty() { Err(required()) } else { Ok(forward) }
}

pub(super) fn payload<'a, T: Deserialize<'a> + Default>(
    forward: &'a Forward,
) -> Result<T, WireError> {
    let Some(payload) = &forward.payload else { return Ok(T::default()) };
    serde_json::from_str(payload.get())
        .map_err(|error| WireError::new(ErrorCode::InvalidPayload, error.to_string()))
}
