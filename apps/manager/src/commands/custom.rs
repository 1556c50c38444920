//! Commands of an agent's own, which it is given as they come.

use protocol::ConversationId;
use protocol::agents::Done;
use serde::Deserialize;

use crate::call::Call;
use crate::connection::Connection;
use crate::conversation::{Answer, Conversation, Edit};
use crate::error::Error;

/// What of a payload says which conversation it is for.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Address {
    conversation_id: Option<ConversationId>,
}

/// Answered when the agent has been told, or refused as unknown when it does not list the command.
pub(super) fn run(connection: &Connection, call: Call) {
    match prepare(connection, &call) {
        Err(error) => call.refuse(error),
        Ok(conversation) => {
            let (name, payload) = (call.name().to_owned(), call.raw_payload());
            let answer = Answer::new(move |told| call.give(told.map(|()| Done {})));
            conversation.edit(Edit::Command(name, payload, answer));
        }
    }
}

fn prepare(connection: &Connection, call: &Call) -> Result<Conversation, Error> {
    let unknown = || Error::UnknownCommand(call.name().to_owned());
    let id = call.agent().map_err(|_| unknown())?;
    let agent = connection.member(&id).map_err(|_| unknown())?.agent();
    if !agent.spec().commands.iter().any(|command| command == call.name()) {
        return Err(unknown());
    }
    let address: Address = call.payload()?;
    let conversation = agent.conversations.get(address.conversation_id.as_ref())?;
    if conversation.card().read_only {
        return Err(Error::ReadOnly);
    }
    if agent.is_stopped() {
        return Err(Error::AgentStopped);
    }
    Ok(conversation)
}
