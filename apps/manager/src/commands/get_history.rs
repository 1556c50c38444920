//! `getHistory`: a page of a conversation's log.

use protocol::Seq;
use protocol::agents::{GetHistory, History, HistoryEvent};
use protocol::limits::PAGE;
use serde_json::value::RawValue;
use store::{Entry, ManagerDb, Page};

use super::check_limit;
use crate::call::Call;
use crate::connection::Connection;
use crate::conversation::Conversation;
use crate::error::Error;

/// Entries in a page when the caller does not say. The store sees to it that a page fits a websocket message.
const DEFAULT_LIMIT: u32 = 100;

pub(super) fn run(connection: &mut Connection, call: Call) {
    let db = connection.server().db.clone();
    match prepare(connection, &call) {
        Ok((conversation, payload)) => connection.spawn(async move {
            let page = read(&db, &conversation, &payload).await;
            call.give(page);
        }),
        Err(error) => call.refuse(error),
    }
}

fn prepare(connection: &Connection, call: &Call) -> Result<(Conversation, GetHistory), Error> {
    let payload: GetHistory = call.payload()?;
    check_limit(payload.limit, PAGE)?;
    let (_, conversation) = connection.conversation(call, payload.conversation_id.as_ref())?;
    Ok((conversation, payload))
}

async fn read(
    db: &ManagerDb,
    conversation: &Conversation,
    ask: &GetHistory,
) -> Result<History, Error> {
    let limit = ask.limit.unwrap_or(DEFAULT_LIMIT);
    let page = match ask.after_seq {
        Some(after) => {
            let page = db.entries_after(conversation.id(), after, limit, ask.role).await?;
            until(page, ask.before_seq)
        }
        None => db.entries_before(conversation.id(), ask.before_seq, limit, ask.role).await?,
    };
    let events = page.entries.iter().map(event).collect::<Result<_, Error>>()?;
    Ok(History { epoch: page.epoch, head_seq: page.head, events, has_more: page.has_more })
}

/// Without the entries from `before` on; what is left out was not asked for, so there is no more of it.
fn until(mut page: Page, before: Option<Seq>) -> Page {
    if let Some(before) = before {
        let asked = page.entries.iter().take_while(|entry| entry.head.seq < before).count();
        page.has_more &= asked == page.entries.len();
        page.entries.truncate(asked);
    }
    page
}

fn event(entry: &Entry) -> Result<HistoryEvent, Error> {
    let payload = RawValue::from_string(entry.payload()).map_err(anyhow::Error::from)?;
    Ok(HistoryEvent { event: entry.kind.as_str().to_owned(), payload })
}
