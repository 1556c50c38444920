//! `respondInteraction`: answer a question of an agent.

use protocol::agents::{InteractionEnded, RespondInteraction};

use crate::call::Call;
use crate::connection::Connection;
use crate::conversation::{Answer, Ask, Conversation, Response};
use crate::error::Error;
use crate::server::Server;

/// Answered by the conversation, once the answer is on disk.
pub(super) fn run(connection: &mut Connection, call: Call) {
    let (payload, value) = match read(&call) {
        Ok(read) => read,
        Err(error) => return call.refuse(error),
    };
    match find(connection, &payload) {
        Some(conversation) => {
            let origin = call.origin().clone();
            let response = Response { interaction: payload.interaction_id, value, origin };
            let answer =
                Answer::new(move |done| call.give(done.map(|state| InteractionEnded { state })));
            conversation.ask(Ask::Respond(Box::new(response), answer));
        }
        None => {
            let (server, members) = (connection.server().clone(), connection.agents(&call));
            let members =
                members.unwrap_or_default().iter().map(|agent| agent.id.clone()).collect();
            connection.spawn(async move {
                call.refuse(refusal(&server, members, payload).await);
            });
        }
    }
}

fn read(call: &Call) -> Result<(RespondInteraction, Option<serde_json::Value>), Error> {
    let mut payload: RespondInteraction = call.payload()?;
    match (payload.value.take(), payload.cancel) {
        (Some(value), false) => Ok((payload, Some(value))),
        (None, true) => Ok((payload, None)),
        _ => Err(Error::InvalidPayload("one of value and cancel is required".to_owned())),
    }
}

/// Where it is open. For who is not logged in to the agent it does not exist.
fn find(connection: &Connection, payload: &RespondInteraction) -> Option<Conversation> {
    let found = connection.server().agents.interactions().find(&payload.interaction_id)?;
    connection.member(found.agent_id()).ok()?;
    Some(found)
}

/// It is not open: it has ended, or there was none.
async fn refusal(
    server: &Server,
    members: Vec<protocol::AgentId>,
    payload: RespondInteraction,
) -> Error {
    let id = payload.interaction_id;
    match server.db.interaction(&id).await {
        Err(cause) => cause.into(),
        Ok(Some(conversation)) => {
            let known = members.iter().filter_map(|member| server.agents.get(member));
            if known.into_iter().any(|agent| agent.conversations.knows(&conversation)) {
                Error::AlreadyAnswered
            } else {
                Error::InteractionNotFound(id)
            }
        }
        Ok(None) => Error::InteractionNotFound(id),
    }
}
