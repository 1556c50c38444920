//! `chat`: say something to an agent.

use std::sync::Arc;

use protocol::RunId;
use protocol::limits::MAX_MESSAGE;

use crate::call::Call;
use crate::connection::Connection;
use crate::conversation::{Ask, Chat, Conversation};
use crate::error::Error;

/// Answered by the conversation, once the message is on disk.
pub(super) fn run(connection: &Connection, call: Call) {
    match prepare(connection, &call) {
        Ok((conversation, chat)) => conversation.ask(Ask::Chat(chat, call.answer())),
        Err(error) => call.refuse(error),
    }
}

fn prepare(connection: &Connection, call: &Call) -> Result<(Conversation, Chat), Error> {
    let payload: protocol::agents::Chat = call.payload()?;
    check(&payload.message)?;
    let member = connection.member(&call.agent()?)?;
    let conversation = member.agent().conversation(payload.conversation_id.as_ref())?;
    let run_id = payload.run_id.unwrap_or_else(RunId::random);
    // Taken here and not by the conversation, so that a cancel that comes right behind finds the run.
    let claim = connection.server().agents.open_runs().claim(&run_id, conversation);
    let chat = Chat {
        message: payload.message.into(),
        message_id: payload.message_id,
        run_id,
        claim: claim.map(Arc::new),
        origin: call.origin().clone(),
    };
    Ok((conversation.clone(), chat))
}

fn check(message: &str) -> Result<(), Error> {
    if message.trim().is_empty() {
        return Err(Error::InvalidPayload("message is required".to_owned()));
    }
    if message.len() > MAX_MESSAGE {
        return Err(Error::PayloadTooLarge(format!("message is larger than {MAX_MESSAGE} bytes")));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_message_has_text_and_at_most_a_mebibyte() {
        assert!(matches!(check(""), Err(Error::InvalidPayload(_))));
        assert!(matches!(check(" \n\t"), Err(Error::InvalidPayload(_))));
        assert!(check(&"x".repeat(MAX_MESSAGE)).is_ok());
        assert!(matches!(check(&"x".repeat(MAX_MESSAGE + 1)), Err(Error::PayloadTooLarge(_))));
    }
}
