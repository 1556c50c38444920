//! `createConversation`, `renameConversation`, `deleteConversation`, `clearHistory`, `insertHistory`.

use std::collections::HashSet;
use std::sync::Arc;

use protocol::Timestamp;
use protocol::agents::{
    ConversationInfo, CreateConversation, Done, ForConversation, InsertHistory, InsertedMessage,
    Origin, RenameConversation, Role,
};
use protocol::limits::MAX_INSERTED;
use store::NewEntry;

use super::chat::check;
use crate::agent::Agent;
use crate::call::Call;
use crate::connection::Connection;
use crate::conversation::{Creator, Edit, agent_message, user_message};
use crate::conversations::Wanted;
use crate::error::Error;

pub(super) fn create(connection: &mut Connection, call: Call) {
    match prepare_create(connection, &call) {
        Err(error) => call.refuse(error),
        Ok((agent, wanted)) => connection.spawn(async move {
            let created = agent.conversations.create(wanted, call.origin()).await;
            call.give::<ConversationInfo>(created);
        }),
    }
}

fn prepare_create(connection: &Connection, call: &Call) -> Result<(Arc<Agent>, Wanted), Error> {
    let payload: CreateConversation = call.payload()?;
    let agent = connection.agent(call)?;
    let origin = call.origin();
    let creator = || match &origin.viewer_id {
        Some(viewer) => Creator::Viewer(viewer.clone()),
        None => Creator::Connection(connection.key(origin)),
    };
    let wanted = Wanted {
        name: payload.name,
        on_collision: payload.on_name_collision.unwrap_or_default(),
        read_only: payload.read_only,
        creator: payload.ephemeral.then(creator),
    };
    Ok((agent, wanted))
}

pub(super) fn rename(connection: &mut Connection, call: Call) {
    let prepared = call.payload::<RenameConversation>().and_then(|payload| {
        let agent = connection.agent_of(&call, &payload.conversation_id)?;
        Ok((agent, payload))
    });
    match prepared {
        Err(error) => call.refuse(error),
        Ok((agent, payload)) => connection.spawn(async move {
            let collision = payload.on_name_collision.unwrap_or_default();
            let (id, name) = (&payload.conversation_id, &payload.new_name);
            let renamed = agent.conversations.rename(id, name, collision, call.origin()).await;
            call.give(renamed);
        }),
    }
}

pub(super) fn delete(connection: &mut Connection, call: Call) {
    let prepared = call.payload::<ForConversation>().and_then(|payload| {
        let agent = connection.agent_of(&call, &payload.conversation_id)?;
        Ok((agent, payload.conversation_id))
    });
    match prepared {
        Err(error) => call.refuse(error),
        Ok((agent, id)) => connection.spawn(async move {
            let deleted = agent.conversations.delete(&id, call.origin()).await;
            call.give(deleted.map(|()| Done {}));
        }),
    }
}

/// Answered by the conversation.
pub(super) fn clear(connection: &Connection, call: Call) {
    let found = call.payload::<ForConversation>().and_then(|payload| {
        let agent = connection.agent_of(&call, &payload.conversation_id)?;
        agent.conversations.get(Some(&payload.conversation_id))
    });
    match found {
        Err(error) => call.refuse(error),
        Ok(conversation) => {
            let origin = call.origin().clone();
            conversation.edit(Edit::Clear(origin, call.answer()));
        }
    }
}

/// Answered by the conversation.
pub(super) fn insert(connection: &Connection, call: Call) {
    let prepared = call.payload::<InsertHistory>().and_then(|payload| {
        let agent = connection.agent_of(&call, &payload.conversation_id)?;
        let conversation = agent.conversations.get(Some(&payload.conversation_id))?;
        Ok((conversation, messages(&agent, payload.messages, call.origin())?))
    });
    match prepared {
        Err(error) => call.refuse(error),
        Ok((conversation, entries)) => conversation.edit(Edit::Insert(entries, call.answer())),
    }
}

fn messages(
    agent: &Agent,
    messages: Vec<InsertedMessage>,
    origin: &Origin,
) -> Result<Vec<NewEntry>, Error> {
    if !(1..=MAX_INSERTED).contains(&messages.len()) {
        return Err(Error::InvalidPayload(format!("messages are 1 to {MAX_INSERTED}")));
    }
    let mut ids = HashSet::new();
    if let Some(id) = messages
        .iter()
        .filter_map(|message| message.message_id.as_ref())
        .find(|id| !ids.insert(*id))
    {
        return Err(Error::InvalidPayload(format!("messageId {id} is given twice")));
    }
    let name = &agent.spec().name;
    let entry = |message: InsertedMessage| {
        check(&message.text, "text")?;
        let now = message.timestamp.unwrap_or_else(Timestamp::now);
        let entry = match message.from {
            Role::User => user_message(None, &message.text.into(), None, origin, now),
            Role::Agent => agent_message(None, name, message.text, now),
        };
        Ok(NewEntry { message_id: message.message_id, ..entry })
    };
    messages.into_iter().map(entry).collect()
}
