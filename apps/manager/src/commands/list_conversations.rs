//! `listConversations`: newest activity first.

use protocol::agents::{ConversationInfo, Conversations, ListConversations};
use protocol::limits::MAX_LISTED;
use protocol::{ConversationId, Timestamp};

use super::check_limit;
use crate::call::Call;
use crate::connection::Connection;
use crate::error::Error;

pub(super) fn run(connection: &Connection, call: Call) {
    let listed = list(connection, &call);
    call.give(listed);
}

fn list(connection: &Connection, call: &Call) -> Result<Conversations, Error> {
    let payload: ListConversations = call.payload()?;
    check_limit(payload.limit, MAX_LISTED)?;
    let after = payload.cursor.as_deref().map(parse).transpose()?;
    let wanted = payload.name.unwrap_or_default().to_lowercase();
    let mut found: Vec<ConversationInfo> = connection
        .agents(call)?
        .iter()
        .flat_map(|agent| agent.conversations.list())
        .filter(|info| wanted.is_empty() || info.name.to_lowercase().contains(&wanted))
        .filter(|info| after.as_ref().is_none_or(|after| key(info) > *after))
        .collect();
    found.sort_by_cached_key(key);
    let limit = payload.limit.map_or(MAX_LISTED, |limit| limit as usize);
    let has_more = found.len() > limit;
    found.truncate(limit);
    let next = found.last().filter(|_| has_more).map(cursor);
    Ok(Conversations { conversations: found, next })
}

/// What the list is ordered by.
type Key = (std::cmp::Reverse<u64>, ConversationId);

fn key(info: &ConversationInfo) -> Key {
    (std::cmp::Reverse(info.last_activity_at.as_millis()), info.conversation_id.clone())
}

fn cursor(last: &ConversationInfo) -> String {
    format!("{}:{}", last.last_activity_at.as_millis(), last.conversation_id)
}

fn parse(cursor: &str) -> Result<Key, Error> {
    let invalid = || Error::InvalidPayload("cursor is not one of a list's next".to_owned());
    let (time, id) = cursor.split_once(':').ok_or_else(invalid)?;
    let time = time.parse().map(Timestamp::from_millis).map_err(|_| invalid())?;
    let id = ConversationId::new(id).map_err(|_| invalid())?;
    Ok((std::cmp::Reverse(time.as_millis()), id))
}
