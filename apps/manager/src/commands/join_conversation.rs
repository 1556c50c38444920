//! `joinConversation`, `leaveConversation`, `presence`: who is in a conversation.

use gateway::Start;
use protocol::agents::{
    Attendee, Done, ForConversation, JoinConversation, Joined, Origin, Presence,
};

use crate::call::Call;
use crate::connection::Connection;
use crate::conversation::{Conversation, Key};
use crate::error::Error;

/// Longest client type that is kept, in characters.
const MAX_CLIENT_TYPE: usize = 64;

/// The acknowledgement goes out before what follows from it: the replay.
pub(super) fn join(connection: &mut Connection, call: Call) {
    match prepare(connection, &call) {
        Err(error) => call.refuse(error),
        Ok((agent, conversation, payload)) => {
            let origin = call.origin().clone();
            let attendee = attendee(connection, &origin, payload.client_type);
            let joined = joined(&conversation, &connection.key(&origin));
            call.give(Ok(joined));
            let Ok(member) = connection.member_mut(&agent.id) else { return };
            member.come(&conversation, origin.connection_id, attendee, false);
            if !member.is_following(conversation.id()) {
                let after = payload.after_seq.map(|seq| (seq, payload.epoch));
                let filter = origin.viewer_id.filter(|_| payload.filter);
                let start = Start { after, limit: payload.limit, filter };
                connection.follow(&agent, &conversation, start);
            }
        }
    }
}

type Prepared = (std::sync::Arc<crate::agent::Agent>, Conversation, JoinConversation);

fn prepare(connection: &Connection, call: &Call) -> Result<Prepared, Error> {
    let payload: JoinConversation = call.payload()?;
    let (agent, conversation) = connection.conversation(call, payload.conversation_id.as_ref())?;
    let member = connection.member(&agent.id)?;
    // A controller knows where its viewers are, and asks again when it has not heard the answer.
    if call.is_direct() && member.is_present(&conversation, None) {
        return Err(Error::AlreadyJoined(conversation.id().clone()));
    }
    Ok((agent, conversation, payload))
}

fn joined(conversation: &Conversation, caller: &Key) -> Joined {
    let (epoch, head_seq) = conversation.feed().head();
    let card = conversation.card();
    let state = card.state();
    Joined {
        conversation_id: conversation.id().clone(),
        agent_id: conversation.agent_id().clone(),
        name: state.name.clone(),
        epoch,
        head_seq,
        read_only: card.read_only,
        queue: state.queue.clone(),
        interactions: state.interactions.clone(),
        present: conversation.others(caller),
    }
}

fn attendee(connection: &Connection, origin: &Origin, client_type: Option<String>) -> Attendee {
    let connection_id = origin.connection_id.clone();
    Attendee {
        connection_id: connection_id.unwrap_or_else(|| connection.id().clone()),
        viewer_id: origin.viewer_id.clone(),
        user: origin.user.clone(),
        client_type: client_type.map(|kind| kind.chars().take(MAX_CLIENT_TYPE).collect()),
    }
}

pub(super) fn leave(connection: &mut Connection, call: Call) {
    let left = go(connection, &call);
    call.give(left);
}

fn go(connection: &mut Connection, call: &Call) -> Result<Done, Error> {
    let ForConversation { conversation_id, .. } = call.payload()?;
    let agent = connection.agent_of(call, &conversation_id)?;
    let behind = call.origin().connection_id.as_ref();
    if connection.member_mut(&agent.id)?.go(&conversation_id, behind)? {
        connection.unfollow(conversation_id);
    }
    Ok(Done {})
}

pub(super) fn presence(connection: &mut Connection, call: Call) {
    let restored = restore(connection, &call);
    call.give(restored);
}

fn restore(connection: &mut Connection, call: &Call) -> Result<Done, Error> {
    let payload: Presence = call.payload()?;
    let member = connection.member_mut(&payload.agent_id)?;
    let conversation = member.agent().conversations.get(Some(&payload.conversation_id))?;
    member.restore(&conversation, payload.viewers);
    Ok(Done {})
}
