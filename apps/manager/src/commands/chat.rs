//! `chat` and `startRun`: say something to an agent.

use std::sync::Arc;

use protocol::agents::{Chat as Payload, ChatAccepted, ResponseMode, RunState, StartRun};
use protocol::limits::MAX_MESSAGE;
use protocol::{RunId, Seq};

use crate::agent::Agent;
use crate::call::Call;
use crate::connection::Connection;
use crate::conversation::{Ask, Chat, Conversation, Lane, Place};
use crate::error::Error;
use crate::filters::Stream;
use crate::isolated::{self, Order, Private};

/// Answered by the conversation, once the message is on disk.
pub(super) fn run(connection: &Connection, call: Call) {
    match prepare(connection, &call) {
        Ok(Prepared::Stored(conversation, chat)) => {
            conversation.ask(Ask::Chat(chat, call.answer()));
        }
        Ok(Prepared::Private(accepted, begin)) => {
            call.give(Ok(accepted));
            begin();
        }
        Err(error) => call.refuse(error),
    }
}

/// The same, in a session of its own.
pub(super) fn start_run(connection: &Connection, call: Call) {
    match prepare_start(connection, &call) {
        Ok((conversation, chat)) => conversation.ask(Ask::Chat(chat, call.answer())),
        Err(error) => call.refuse(error),
    }
}

enum Prepared {
    Stored(Conversation, Box<Chat>),
    Private(ChatAccepted, Box<dyn FnOnce()>),
}

fn prepare(connection: &Connection, call: &Call) -> Result<Prepared, Error> {
    let payload: Payload = call.payload()?;
    check(&payload.message, "message")?;
    let (agent, conversation) = connection.conversation(call, payload.conversation_id.as_ref())?;
    if conversation.card().read_only {
        return Err(Error::ReadOnly);
    }
    if payload.ephemeral {
        return private(connection, call, &agent, &conversation, payload);
    }
    let run_id = payload.run_id.unwrap_or_else(RunId::random);
    // Taken here and not by the conversation, so that a cancel that comes right behind finds the run.
    let claim = claim(connection, &run_id, &conversation);
    let chat = Chat {
        message: payload.message.into(),
        message_id: payload.message_id,
        run_id,
        claim,
        origin: call.origin().clone(),
        lane: Lane::Queue,
        interrupt: payload.interrupt,
        streams: payload.response_mode != Some(ResponseMode::Single),
        owner: connection.key(call.origin()),
        ends_with_owner: false,
    };
    Ok(Prepared::Stored(conversation, Box::new(chat)))
}

fn prepare_start(connection: &Connection, call: &Call) -> Result<(Conversation, Box<Chat>), Error> {
    let payload: StartRun = call.payload()?;
    let run_id =
        payload.run_id.ok_or_else(|| Error::InvalidPayload("run_id is required".to_owned()))?;
    check(&payload.message, "message")?;
    let (_, conversation) = connection.conversation(call, payload.conversation_id.as_ref())?;
    if conversation.card().read_only {
        return Err(Error::ReadOnly);
    }
    let owner = connection.key(call.origin());
    if payload.cancel_on_disconnect && !conversation.has(&owner) {
        // Nobody would notice that it is gone.
        return Err(Error::NotJoined(conversation.id().clone()));
    }
    let claim = claim(connection, &run_id, &conversation);
    let chat = Chat {
        message: payload.message.into(),
        // The run's id may be used again; the command is the same only if it is this one.
        message_id: call.origin().command_id.clone(),
        run_id,
        claim,
        origin: call.origin().clone(),
        lane: Lane::Own,
        interrupt: false,
        streams: true,
        owner,
        ends_with_owner: payload.cancel_on_disconnect,
    };
    Ok((conversation, Box::new(chat)))
}

fn claim(
    connection: &Connection,
    run: &RunId,
    conversation: &Conversation,
) -> Option<Arc<crate::conversation::RunClaim>> {
    let place = Place::Conversation(conversation.clone());
    connection.server().agents.runs().claim(run, place).map(Arc::new)
}

/// Prepares a run of which nothing is stored. It begins once its acknowledgement is on the way.
fn private(
    connection: &Connection,
    call: &Call,
    agent: &Arc<Agent>,
    conversation: &Conversation,
    payload: Payload,
) -> Result<Prepared, Error> {
    let text = isolated::filter(&agent.filters, &payload.message.into())?;
    let run_id = payload.run_id.unwrap_or_else(RunId::random);
    let accepted = ChatAccepted {
        conversation_id: conversation.id().clone(),
        run_id: run_id.clone(),
        seq: Seq::ZERO,
        state: RunState::Started,
        position: None,
    };
    let listener = Private {
        outbox: connection.outbox().clone(),
        agent_id: agent.id.clone(),
        agent_name: agent.spec().name.clone(),
        conversation_id: conversation.id().clone(),
        run_id: run_id.clone(),
        origin: call.origin().clone(),
        filters: agent.filters.clone(),
        streams: payload.response_mode != Some(ResponseMode::Single),
        stream: Stream::default(),
        deltas: 0,
    };
    let agents = connection.server().agents.clone();
    let order = Order {
        run: run_id,
        text: text.clone(),
        timeout: agents.run_timeout(),
        origin: call.origin().clone(),
    };
    let ready = isolated::prepare(&agents, agent, order, connection.outbox())?;
    let begin = Box::new(move || {
        listener.asked(&text);
        ready.begin(&agents, listener);
    });
    Ok(Prepared::Private(accepted, begin))
}

/// Whether it is a text that an agent can be given.
pub(super) fn check(text: &str, field: &str) -> Result<(), Error> {
    if text.trim().is_empty() {
        return Err(Error::InvalidPayload(format!("{field} is required")));
    }
    if text.len() > MAX_MESSAGE {
        return Err(Error::PayloadTooLarge(format!("{field} is larger than {MAX_MESSAGE} bytes")));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_message_has_text_and_at_most_a_mebibyte() {
        let check = |text: &str| check(text, "message");
        assert!(matches!(check(""), Err(Error::InvalidPayload(_))));
        assert!(matches!(check(" \n\t"), Err(Error::InvalidPayload(_))));
        assert!(check(&"x".repeat(MAX_MESSAGE)).is_ok());
        assert!(matches!(check(&"x".repeat(MAX_MESSAGE + 1)), Err(Error::PayloadTooLarge(_))));
    }
}
