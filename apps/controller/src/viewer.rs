//! One connection to namespace `/clients`.

mod forward;

use std::collections::HashMap;
use std::sync::Arc;

use futures_util::StreamExt;
use futures_util::stream::FuturesUnordered;
use gateway::{BoxFuture, Command, Connection, Message, Outbox, Reply};
use link::CallError;
use protocol::clients::{ClientSet, Connected, SetClient};
use protocol::names::clients::{CLIENT_SET, CONNECTED, FORWARD, SET_CLIENT};
use protocol::{AgentId, ConnectionId, ConversationId, Timestamp, WireError};
use serde_json::value::RawValue;

use crate::error::Error;
use crate::remote::Watching;
use crate::server::{Identity, Server};

/// Commands that a connection may have under way at the manager. With so many, the next ones wait with the connection.
const UNDER_WAY: usize = 1_024;

/// A command that the manager has answered, or has not.
type Answered = (Reply, Result<Box<RawValue>, CallError>);

/// A connection, and what it has selected and follows.
pub(crate) struct Viewer {
    server: Arc<Server>,
    connection: ConnectionId,
    identity: Identity,
    outbox: Outbox,
    /// The selected manager.
    selected: Option<Watching>,
    /// What it follows there.
    follows: HashMap<AgentId, Vec<ConversationId>>,
    under_way: FuturesUnordered<BoxFuture<Answered>>,
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
                server_version: env!("CARGO_PKG_VERSION").to_owned(),
                server_time: Timestamp::now(),
            },
        );
        let (follows, under_way) = (HashMap::new(), FuturesUnordered::new());
        let mut viewer =
            Self { server, connection: id, identity, outbox, selected: None, follows, under_way };
        loop {
            let busy = viewer.under_way.len() >= UNDER_WAY;
            tokio::select! {
                command = commands.next(), if !busy => match command {
                    Some(command) => viewer.on_command(command).await,
                    None => return,
                },
                Some((reply, answer)) = viewer.under_way.next(), if !viewer.under_way.is_empty() => match answer {
                    Ok(answer) => answered(reply, answer),
                    Err(error) => reply.err(Error::from(error).into()),
                },
            }
        }
    }

    async fn on_command(&mut self, command: Command) {
        if self.server.stopping.is_cancelled() {
            return command.reply.err(Error::Stopping.into());
        }
        match command.name.as_str() {
            SET_CLIENT => self.set_client(command),
            FORWARD => self.forward(command).await,
            _ => command.reply.err(Error::UnknownCommand.into()),
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
        let remote = wanted
            .and_then(|wanted| Ok((self.server.remotes.get(&wanted.client_id)?, wanted.client_id)));
        match remote {
            Err(error) => command.reply.err(error.into()),
            Ok((remote, client_id)) => {
                for (agent, _) in std::mem::take(&mut self.follows) {
                    self.unfollow(&agent);
                }
                let set = ClientSet { client_id, message: "Client context set".to_owned() };
                self.outbox.event(CLIENT_SET, &set);
                command.reply.ok(&set);
                // The old one is let go first: both may be of this connection at the same remote.
                self.selected = None;
                self.selected = Some(remote.watch(&self.connection, &self.outbox));
            }
        }
    }

    fn unfollow(&mut self, agent: &AgentId) {
        for conversation in self.follows.remove(agent).unwrap_or_default() {
            self.outbox.send(Message::Unfollow(conversation));
        }
    }
}

/// Passes on the manager's acknowledgement. Who asked for none gets an error as an event.
fn answered(reply: Reply, answer: Box<RawValue>) {
    if reply.wants_ack() {
        return reply.answer(answer);
    }
    let answer = serde_json::from_str::<protocol::Ack<serde::de::IgnoredAny>>(answer.get());
    if let Some(error) = answer.ok().and_then(|answer| answer.into_result().err()) {
        reply.err(WireError { event: None, ..error });
    }
}
