//! Rows as records.

use std::str::FromStr;

use protocol::agents::{EntryHead, EntryKind};
use protocol::{ConversationId, InvalidId, Seq, Timestamp};
use sqlx::Row;
use sqlx::sqlite::SqliteRow;

use crate::StoreError;
use crate::record::{AgentRecord, ConversationRecord, Entry};

/// The columns of [`conversation`].
macro_rules! conversation_columns {
    () => {
        "c.conversation_id, c.agent_id, c.name, c.epoch, c.head_seq, c.created_at, c.last_activity, c.messages,
         c.ephemeral, c.read_only, c.active_agent"
    };
}
pub(super) use conversation_columns;

pub(super) fn agent(row: &SqliteRow) -> Result<AgentRecord, StoreError> {
    let spec: &str = row.try_get(1)?;
    Ok(AgentRecord {
        agent_id: id(row, 0)?,
        spec: serde_json::from_str(spec).map_err(|error| damaged(&error))?,
        password_hash: row.try_get(2)?,
        stopped: row.try_get(3)?,
        created_at: time(row, 4)?,
    })
}

pub(super) fn conversation(row: &SqliteRow) -> Result<ConversationRecord, StoreError> {
    Ok(ConversationRecord {
        conversation_id: id(row, 0)?,
        agent_id: id(row, 1)?,
        name: row.try_get(2)?,
        epoch: id(row, 3)?,
        head: seq(row, 4)?,
        created_at: time(row, 5)?,
        last_activity: time(row, 6)?,
        messages: row.try_get::<i64, _>(7)?.unsigned_abs(),
        ephemeral: row.try_get(8)?,
        read_only: row.try_get(9)?,
        active_agent: optional_id(row, 10)?,
    })
}

/// A row of a page.
pub(super) fn entry(row: &SqliteRow, conversation: &ConversationId) -> Result<Entry, StoreError> {
    let kind: &str = row.try_get(4)?;
    Ok(Entry {
        head: EntryHead {
            agent_id: id(row, 0)?,
            conversation_id: conversation.clone(),
            seq: seq(row, 3)?,
            run_id: optional_id(row, 5)?,
            timestamp: time(row, 6)?,
        },
        kind: EntryKind::parse(kind).ok_or_else(|| damaged(&kind))?,
        body: row.try_get(7)?,
    })
}

pub(super) fn id<T: FromStr<Err = InvalidId>>(
    row: &SqliteRow,
    column: usize,
) -> Result<T, StoreError> {
    row.try_get::<&str, _>(column)?.parse().map_err(|error| damaged(&error))
}

fn optional_id<T: FromStr<Err = InvalidId>>(
    row: &SqliteRow,
    column: usize,
) -> Result<Option<T>, StoreError> {
    let text: Option<&str> = row.try_get(column)?;
    text.map(str::parse).transpose().map_err(|error| damaged(&error))
}

pub(super) fn seq(row: &SqliteRow, column: usize) -> Result<Seq, StoreError> {
    Ok(Seq(row.try_get::<i64, _>(column)?.unsigned_abs()))
}

fn time(row: &SqliteRow, column: usize) -> Result<Timestamp, StoreError> {
    Ok(Timestamp::from_millis(row.try_get::<i64, _>(column)?.unsigned_abs()))
}

/// As SQLite stores it; a cursor beyond what it can store is beyond every entry.
pub(super) fn signed(seq: Seq) -> i64 {
    i64::try_from(seq.0).unwrap_or(i64::MAX)
}

pub(super) fn damaged(what: &impl std::fmt::Display) -> StoreError {
    StoreError::Unavailable(format!("a row is damaged: {what}"))
}
