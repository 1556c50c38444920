//! One connection to namespace `/clients`.

mod forward;
mod membership;
mod sending;
mod topics;
mod watch;

use std::sync::Arc;

use futures_util::StreamExt;
use futures_util::stream::FuturesUnordered;
use gateway::{BoxFuture, Command, Commands, Connection, Outbox, Reply};
use link::CallError;
use protocol::agents::JoinConversation;
use protocol::catalogue::{self, Namespace};
use protocol::clients::{ClientSet, Connected, SetClient};
use protocol::names::clients::{
    CLIENT_SET, CONNECTED, ERROR, FORWARD, SET_CLIENT, SHUTDOWN, SUBSCRIBE,
};
use protocol::{Ack, AgentId, ConnectionId, ConversationId, ErrorCode, Timestamp, WireError};
use serde::de::IgnoredAny;
use serde_json::value::RawValue;
use tokio::task::JoinSet;
use trace::Span;
use tracing::Instrument;

use crate::audit::{Actor, Event};
use crate::error::Error;
use crate::remote::{Followed, Placed, Watching};
use crate::server::{Identity, Server};
use membership::{Membership, Stay};
use watch::Watch;

/// Commands that a connection may have under way at the manager. With so many, the next ones wait with the connection.
const UNDER_WAY: usize = 1_024;

/// A command that the manager has answered, or has not.
struct Answered {
    reply: Reply,
    answer: Result<Box<RawValue>, CallError>,
    then: Then,
}

/// What follows from the manager's answer.
enum Then {
    Nothing,
    /// The viewer is in the conversation, and follows it from here on.
    Join(Stay, Box<Followed>, Box<JoinConversation>),
    /// The viewer is not in it any more.
    Leave(Stay, ConversationId),
    /// The viewer watches the terminal from here on.
    Watch(Watch),
    /// The viewer is told what the agent's programs use.
    Subscribe(AgentId),
    /// It is written down.
    Approve(Event),
}

/// A connection, and what it has selected and follows.
pub(crate) struct Viewer {
    server: Arc<Server>,
    connection: ConnectionId,
    identity: Identity,
    outbox: Outbox,
    /// The selected manager, and what the viewer follows there.
    selected: Option<(Watching, Membership)>,
    under_way: FuturesUnordered<BoxFuture<Answered>>,
    /// What the manager was told last by the way. A command waits for it, or it would overtake that: a join behind a logout
    /// would come before the leaving.
    told: Option<Placed>,
    /// What it is told besides. Dropped, it is told no more.
    topics: JoinSet<()>,
    /// Of the command that is being worked off, until the manager has it.
    spans: Option<Span>,
}

impl Viewer {
    /// Serves it until it is gone.
    pub(crate) async fn serve(server: Arc<Server>, connection: Connection<Identity>) {
        let Connection { id, identity, outbox, mut commands, .. } = connection;
        outbox.event(
            CONNECTED,
            &Connected {
                connection_id: id.clone(),
                viewer_id: identity.viewer.clone(),
                user: identity.caller.user.clone(),
                role: identity.caller.role,
                server_version: env!("CARGO_PKG_VERSION").to_owned(),
                server_time: Timestamp::now(),
            },
        );
        let _hearing = server.notices.hear(&id, &outbox);
        let under_way = FuturesUnordered::new();
        let mut viewer = Self {
            server,
            connection: id,
            identity,
            outbox: outbox.clone(),
            selected: None,
            under_way,
            told: None,
            topics: JoinSet::new(),
            spans: None,
        };
        let caller = viewer.identity.caller.clone();
        let conn = viewer.connection.clone();
        tracing::debug!(%conn, viewer = %viewer.identity.viewer, user = caller.user, "connected");
        viewer.server.audit.note(viewer.actor(), &Event::Connect);
        // Whatever a command waits for: nothing of it is done after the end, which is looked at first.
        let has_ended = tokio::select! {
            biased;
            () = caller.ended() => true,
            () = viewer.run(&mut commands) => false,
        };
        drop(viewer);
        if has_ended {
            let why = match caller.session {
                Some(_) => "The session has ended",
                None => "The access token is not valid any more",
            };
            outbox.event(ERROR, &WireError::new(ErrorCode::Unauthorized, why));
            outbox.end();
        }
        tracing::debug!(%conn, "disconnected");
    }

    async fn run(&mut self, commands: &mut Commands) {
        loop {
            let busy = self.under_way.len() >= UNDER_WAY;
            tokio::select! {
                command = commands.next(), if !busy => match command {
                    Some(command) => self.on_command(command).await,
                    None => return,
                },
                Some(answered) = self.under_way.next(), if !self.under_way.is_empty() => {
                    self.on_answered(answered);
                }
            }
        }
    }

    async fn on_command(&mut self, command: Command) {
        if self.server.stopping.is_cancelled() {
            return command.reply.err(Error::Stopping.into());
        }
        if let Some(wanted) =
            catalogue::command(Namespace::Clients, &command.name).and_then(|command| command.wants)
            && let Err(error) = self.identity.caller.may(wanted)
        {
            let event = Event::Command(command.name);
            self.server.audit.refused(self.actor(), &event, ErrorCode::Forbidden);
            return command.reply.err(error.into());
        }
        match command.name.as_str() {
            SET_CLIENT => self.set_client(command),
            FORWARD => {
                let lines = self.lines();
                self.forward(command).instrument(lines).await;
                // Of one that the manager was not asked.
                self.spans = None;
            }
            SUBSCRIBE => self.choose(command),
            SHUTDOWN => self.shut_down(command),
            _ => command.reply.err(Error::UnknownCommand.into()),
        }
    }

    /// What the lines about a command have.
    fn lines(&self) -> tracing::Span {
        let client =
            self.selected.as_ref().map(|(watching, _)| watching.remote.client_id().as_str());
        tracing::error_span!(
            parent: None,
            "command",
            tier = "controller",
            conn = %self.connection,
            viewer = %self.identity.viewer,
            client,
            command = tracing::field::Empty,
            correlation = tracing::field::Empty,
            trace = tracing::field::Empty,
        )
    }

    /// Stops the controller, and what is in its process. What follows is the server's affair.
    fn shut_down(&self, command: Command) {
        if let Err(error) = self.identity.caller.admin() {
            let event = Event::Command(command.name);
            self.server.audit.refused(self.actor(), &event, ErrorCode::Forbidden);
            return command.reply.err(error.into());
        }
        let reply = command.reply.clone();
        let ordered = command.payload().and_then(|shutdown| {
            self.server.stop.command(shutdown, |stopping| {
                let event = if stopping.restart { Event::Restart } else { Event::Shutdown };
                self.server.audit.note(self.actor(), &event);
                reply.ok(&stopping);
            })
        });
        if let Err(error) = ordered {
            command.reply.err(error);
        }
    }

    /// Selects a manager. What was followed at the one before ends; a refused command changes nothing.
    fn set_client(&mut self, command: Command) {
        let wanted = command.payload::<SetClient>().map_err(|error| {
            if command.has("clientId") {
                error.into()
            } else {
                Error::Invalid("clientId is required".to_owned())
            }
        });
        let remote = wanted.and_then(|wanted| {
            self.identity.caller.sees(&wanted.client_id).inspect_err(|_| {
                let event = Event::Command(format!("{SET_CLIENT} {}", wanted.client_id));
                self.server.audit.refused(self.actor(), &event, ErrorCode::ClientNotFound);
            })?;
            Ok((self.server.remotes.get(&wanted.client_id)?, wanted.client_id))
        });
        match remote {
            Err(error) => command.reply.err(error.into()),
            Ok((remote, client_id)) => {
                // The old one is let go first: both may be of this connection at the same remote.
                if let Some((before, mut membership)) = self.selected.take() {
                    let told = membership.end().or(self.told.take());
                    // At another manager there is nothing to overtake.
                    self.told = told.filter(|_| Arc::ptr_eq(&before.remote, &remote));
                }
                let set = ClientSet { client_id, message: "Client context set".to_owned() };
                self.outbox.event(CLIENT_SET, &set);
                command.reply.ok(&set);
                let membership =
                    Membership::new(&remote, &self.connection, &self.outbox, self.origin());
                self.selected = Some((remote.watch(&self.connection, &self.outbox), membership));
            }
        }
    }

    /// Who does something here.
    fn actor(&self) -> Actor {
        Actor::from(&self.identity.caller).on(&self.connection)
    }

    fn on_answered(&mut self, answered: Answered) {
        let Answered { reply, answer, then } = answered;
        let said = answer.as_ref().ok().and_then(|answer| read(answer));
        let done = matches!(said, Some(Ok(_)));
        let refusal = said.and_then(Result::err).map(|error| error.code);
        let then = match then {
            // What is shown comes behind the acknowledgement.
            Then::Watch(watch) => {
                let answered = answer.as_deref().ok().map(ToOwned::to_owned);
                acknowledge(reply, answer);
                return self.on_watch(watch, answered.as_deref());
            }
            then => then,
        };
        acknowledge(reply, answer);
        if let (Then::Approve(event), true) = (&then, done) {
            self.server.audit.note(self.actor(), event);
        }
        let Some((_, membership)) = &mut self.selected else { return };
        let told = match then {
            Then::Join(stay, followed, join) if done => {
                membership.joined(&stay, *followed, &join);
                None
            }
            Then::Join(stay, followed, _) => {
                membership.not_joined(&stay, &followed.success.conversation_id)
            }
            Then::Leave(stay, id) if done => {
                membership.left(&stay, &id);
                None
            }
            Then::Leave(stay, id) => membership.not_left(&stay, &id, refusal),
            Then::Subscribe(agent) if !done => {
                membership.unsubscribe(&agent);
                None
            }
            Then::Nothing | Then::Watch(_) | Then::Subscribe(_) | Then::Approve(_) => None,
        };
        self.told = told.or(self.told.take());
    }
}

fn acknowledge(reply: Reply, answer: Result<Box<RawValue>, CallError>) {
    match answer {
        Ok(answer) => pass(reply, answer),
        Err(error) => reply.err(Error::from(error).into()),
    }
}

/// What an acknowledgement says, if it is one.
fn read(answer: &RawValue) -> Option<Result<IgnoredAny, WireError>> {
    serde_json::from_str::<Ack<IgnoredAny>>(answer.get()).ok().map(Ack::into_result)
}

/// Passes on the manager's acknowledgement. Who asked for none gets an error as an event.
fn pass(reply: Reply, answer: Box<RawValue>) {
    if reply.wants_ack() {
        return reply.answer(answer);
    }
    if let Some(Err(error)) = read(&answer) {
        reply.err(WireError { event: None, ..error });
    }
}
