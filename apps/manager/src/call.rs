//! A command on its way through the manager, and the way back for its answer.

use std::sync::Arc;

use gateway::Command;
use protocol::agents::{Origin, RoutingHead};
use protocol::catalogue::{self, Namespace};
use protocol::{Ack, AgentId, ConnectionId, CorrelationId, MessageId, ViewerId, WireError};
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::value::RawValue;
use tokio::sync::OwnedSemaphorePermit;
use trace::{Kind, Span};

use crate::conversation::Answer;
use crate::error::Error;
use crate::memory::{self, Known};
use crate::server::Server;

/// A command and its origin. It is consumed by answering it.
#[derive(Debug)]
pub(crate) struct Call {
    command: Command,
    origin: Origin,
    /// Whether there is no controller in between.
    is_direct: bool,
    /// Where the answer is remembered, for when the command comes again.
    memory: Option<Remembered>,
    /// From here to the answer.
    span: Span,
    /// One of the commands that a connection may have under way.
    _place: OwnedSemaphorePermit,
}

/// A command whose answer is to be remembered. One that is dropped without an answer has not come.
#[derive(Debug)]
struct Remembered {
    server: Arc<Server>,
    id: MessageId,
}

impl Drop for Remembered {
    fn drop(&mut self) {
        for again in self.server.memory.forget(&self.id) {
            again.err(Error::Busy.into());
        }
    }
}

impl Call {
    /// Reads whom the command is for: the second argument, which only a controller gives and which is believed
    /// because it has shown the API key. What cannot be read is refused.
    /// One that was answered before is answered again.
    pub(crate) fn read(
        mut command: Command,
        place: OwnedSemaphorePermit,
        server: &Arc<Server>,
    ) -> Option<Self> {
        let origin = command
            .arguments
            .get(1)
            .map(|origin| serde_json::from_str::<Option<Origin>>(origin.get()));
        match origin.transpose() {
            Ok(origin) => {
                let origin = origin.flatten();
                let is_direct = origin.is_none();
                let mut origin = origin.unwrap_or_default();
                let span = begin(&command, &origin, server);
                // What the command begins is below it.
                origin.traceparent = span.context();
                command.reply.correlate(origin.correlation_id.clone());
                let id = origin.command_id.clone().filter(|_| memory::keeps(&command.name));
                let Some(id) = id else {
                    return Some(Self {
                        command,
                        origin,
                        is_direct,
                        memory: None,
                        span,
                        _place: place,
                    });
                };
                command.reply = match server.memory.begin(&id, command.reply) {
                    Known::New(reply) => reply,
                    Known::UnderWay => return None,
                    Known::Answered(reply, answer) => {
                        reply.answer(answer);
                        return None;
                    }
                };
                let memory = Some(Remembered { server: server.clone(), id });
                Some(Self { command, origin, is_direct, memory, span, _place: place })
            }
            Err(cause) => {
                command.reply.err(Error::InvalidPayload(format!("origin: {cause}")).into());
                None
            }
        }
    }

    /// What the lines about it have.
    pub(crate) fn lines(&self) -> tracing::Span {
        let origin = &self.origin;
        tracing::error_span!(
            "command",
            command = catalogue::label(&self.command.name),
            correlation = origin.correlation_id.as_ref().map(CorrelationId::as_str),
            viewer = origin.viewer_id.as_ref().map(ViewerId::as_str),
            conn = origin.connection_id.as_ref().map(ConnectionId::as_str),
        )
    }

    pub(crate) fn name(&self) -> &str {
        &self.command.name
    }

    pub(crate) fn origin(&self) -> &Origin {
        &self.origin
    }

    /// Whether whoever gave it may do such a thing. A controller looks before; this is for one that does not.
    pub(crate) fn is_allowed(&self) -> Result<(), Error> {
        match self.origin.role {
            Some(role) if !role.covers(catalogue::wants(Namespace::Agents, self.name())) => {
                Err(Error::Forbidden("Your role does not allow this"))
            }
            _ => Ok(()),
        }
    }

    pub(crate) fn is_direct(&self) -> bool {
        self.is_direct
    }

    /// The payload as the bytes that came.
    pub(crate) fn raw_payload(&self) -> Box<RawValue> {
        let empty = || RawValue::from_string("{}".to_owned()).expect("an object is JSON");
        self.command.arguments.first().cloned().unwrap_or_else(empty)
    }

    /// The payload, which is an empty object when there is none.
    pub(crate) fn payload<T: DeserializeOwned>(&self) -> Result<T, Error> {
        self.command.payload().map_err(|error| Error::InvalidPayload(error.message))
    }

    /// The agent that the command is for: the payload's, else the one that `forward` named.
    pub(crate) fn agent(&self) -> Result<AgentId, Error> {
        let invalid =
            |cause: &dyn std::fmt::Display| Error::InvalidPayload(format!("agentId: {cause}"));
        let head = RoutingHead::read(self.json()).map_err(|cause| invalid(&cause))?;
        match (head.agent_id, &self.origin.agent_id) {
            (Some(id), _) => AgentId::new(id).map_err(|cause| invalid(&cause)),
            (None, Some(id)) => Ok(id.clone()),
            (None, None) => Err(Error::AgentMissing),
        }
    }

    fn json(&self) -> &str {
        self.command.arguments.first().map_or("{}", |payload| payload.get())
    }

    /// Answers. An error goes out as event `error` when no acknowledgement was asked for.
    pub(crate) fn give<T: Serialize>(mut self, result: Result<T, Error>) {
        let correlation = self.origin.correlation_id.take();
        let wire = |error| WireError::from(error).correlated(correlation.as_ref());
        let result = result.map_err(wire).inspect_err(|error| self.span.fail(error.code.name()));
        match self.memory {
            None => self.command.reply.result(result),
            Some(remembered) => {
                let answer = gateway::raw(&Ack::from(result));
                let Remembered { server, id } = &remembered;
                for again in server.memory.keep(id.clone(), answer.clone()) {
                    again.answer(answer.clone());
                }
                self.command.reply.answer(answer);
            }
        }
    }

    pub(crate) fn refuse(self, error: Error) {
        self.give::<()>(Err(error));
    }

    /// Answers a refusal that an event of its own has told already.
    pub(crate) fn refuse_told(self, error: WireError) {
        self.command.reply.answer(gateway::raw(&Ack::<()>::from(Err(error))));
    }

    /// To be answered by somebody else.
    pub(crate) fn answer<T: Serialize + 'static>(self) -> Answer<T> {
        Answer::new(move |result| self.give(result))
    }
}

fn begin(command: &Command, origin: &Origin, server: &Server) -> Span {
    let name = catalogue::label(&command.name);
    let mut span = server.watch.tracer.begin(name, Kind::Server, origin.traceparent);
    span.set("longshore.tier", "manager");
    if let Some(correlation) = &origin.correlation_id {
        span.set("longshore.correlation", correlation.as_str());
    }
    span
}
