//! Conversations made, named, cleared and deleted. The search index follows by hand: it has no foreign keys.

use protocol::{AgentId, ConversationId, Epoch, Seq};
use sqlx::{Connection, Row, SqliteConnection};

use super::append::{self, Placed};
use super::millis;
use crate::StoreError;
use crate::record::{ConversationRecord, Keep, NewEntry, name_key};

pub(super) async fn create(
    connection: &mut SqliteConnection,
    record: &ConversationRecord,
) -> Result<(), StoreError> {
    let mut transaction = connection.begin().await?;
    let created = sqlx::query(
        "INSERT INTO conversations (conversation_id, agent_id, name, name_key, epoch, created_at, last_activity, ephemeral,
                                    read_only)
         VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)",
    )
    .bind(record.conversation_id.as_str())
    .bind(record.agent_id.as_str())
    .bind(&record.name)
    .bind(name_key(&record.name))
    .bind(record.epoch.as_str())
    .bind(millis(record.created_at))
    .bind(millis(record.last_activity))
    .bind(record.ephemeral)
    .bind(record.read_only)
    .execute(&mut *transaction)
    .await?;
    index_name(&mut transaction, created.last_insert_rowid(), &record.name).await?;
    transaction.commit().await?;
    Ok(())
}

pub(super) async fn rename(
    connection: &mut SqliteConnection,
    conversation: &ConversationId,
    name: &str,
) -> Result<(), StoreError> {
    let mut transaction = connection.begin().await?;
    let number = number(&mut transaction, conversation).await?.ok_or(StoreError::NotFound)?;
    sqlx::query("UPDATE conversations SET name = ?, name_key = ? WHERE number = ?")
        .bind(name)
        .bind(name_key(name))
        .bind(number)
        .execute(&mut *transaction)
        .await?;
    sqlx::query("DELETE FROM texts WHERE rowid = ? << 40")
        .bind(number)
        .execute(&mut *transaction)
        .await?;
    index_name(&mut transaction, number, name).await?;
    transaction.commit().await?;
    Ok(())
}

pub(super) async fn keep_session(
    connection: &mut SqliteConnection,
    conversation: &ConversationId,
    agent: &AgentId,
    session: &str,
) -> Result<(), StoreError> {
    let mut transaction = connection.begin().await?;
    let number = number(&mut transaction, conversation).await?.ok_or(StoreError::NotFound)?;
    let query =
        "INSERT OR REPLACE INTO agent_sessions (conversation, agent_id, session) VALUES (?, ?, ?)";
    let query = sqlx::query(query).bind(number).bind(agent.as_str()).bind(session);
    query.execute(&mut *transaction).await?;
    transaction.commit().await?;
    Ok(())
}

pub(super) async fn delete(
    connection: &mut SqliteConnection,
    conversation: &ConversationId,
) -> Result<bool, StoreError> {
    let mut transaction = connection.begin().await?;
    let Some(number) = number(&mut transaction, conversation).await? else { return Ok(false) };
    forget_texts(&mut transaction, number, 0, i64::MAX).await?;
    sqlx::query("DELETE FROM conversations WHERE number = ?")
        .bind(number)
        .execute(&mut *transaction)
        .await?;
    transaction.commit().await?;
    Ok(true)
}

/// Removes what can be searched for of all conversations of an agent.
pub(super) async fn forget_texts_of(
    connection: &mut SqliteConnection,
    agent: &AgentId,
) -> Result<(), StoreError> {
    let numbers = sqlx::query("SELECT number FROM conversations WHERE agent_id = ?")
        .bind(agent.as_str())
        .fetch_all(&mut *connection)
        .await?;
    for row in numbers {
        forget_texts(connection, row.try_get(0)?, 0, i64::MAX).await?;
    }
    Ok(())
}

pub(super) async fn clear(
    connection: &mut SqliteConnection,
    conversation: &ConversationId,
    epoch: &Epoch,
    entries: &[NewEntry],
) -> Result<Seq, StoreError> {
    let mut transaction = connection.begin().await?;
    let number = number(&mut transaction, conversation).await?.ok_or(StoreError::NotFound)?;
    forget_texts(&mut transaction, number, 1, i64::MAX).await?;
    for table in [
        "DELETE FROM entries WHERE conversation = ?",
        "DELETE FROM open_runs WHERE conversation = ?",
        "DELETE FROM interactions WHERE conversation = ?",
    ] {
        sqlx::query(table).bind(number).execute(&mut *transaction).await?;
    }
    sqlx::query(
        "UPDATE conversations SET epoch = ?, head_seq = 0, messages = 0, active_agent = NULL WHERE number = ?",
    )
    .bind(epoch.as_str())
    .bind(number)
    .execute(&mut *transaction)
    .await?;
    let mut seq = Seq::ZERO;
    let place = |entry| {
        seq = seq.next();
        Placed { number, seq, entry }
    };
    let placed: Vec<_> = entries.iter().map(place).collect();
    append::write(&mut transaction, &placed).await?;
    transaction.commit().await?;
    Ok(seq)
}

/// What is open, and all after it, stays: its end refers to its beginning.
pub(super) async fn prune(
    connection: &mut SqliteConnection,
    conversation: &ConversationId,
    keep: Keep,
) -> Result<u64, StoreError> {
    let mut transaction = connection.begin().await?;
    let row = sqlx::query(
        "SELECT number, head_seq,
                (SELECT min(seq) FROM entries e JOIN open_runs r ON r.conversation = number AND r.run_id = e.run_id
                 WHERE e.conversation = number),
                (SELECT min(seq) FROM interactions i WHERE i.conversation = number AND i.open),
                (SELECT min(seq) FROM entries e WHERE e.conversation = number AND e.timestamp >= ?)
         FROM conversations WHERE conversation_id = ?",
    )
    .bind(keep.since.map_or(0, millis))
    .bind(conversation.as_str())
    .fetch_optional(&mut *transaction)
    .await?;
    let Some(row) = row else { return Ok(0) };
    let (number, head): (i64, i64) = (row.try_get(0)?, row.try_get(1)?);
    let open: [Option<i64>; 2] = [row.try_get(2)?, row.try_get(3)?];
    // What was inserted may be older than what was before it, and clocks are set: only what is before all that is young.
    let young: Option<i64> = row.try_get(4)?;
    let old = keep.since.map(|_| young.map_or(head, |seq| seq - 1));
    let many = keep.newest.map(|newest| head.saturating_sub_unsigned(newest));
    let until = open.into_iter().flatten().map(|seq| seq - 1).fold(head, i64::min);
    let until = until.min(old.max(many).unwrap_or(0));
    if until <= 0 {
        return Ok(0);
    }
    forget_texts(&mut transaction, number, 1, until).await?;
    let query = sqlx::query("DELETE FROM entries WHERE conversation = ? AND seq <= ?");
    let pruned = query.bind(number).bind(until).execute(&mut *transaction).await?.rows_affected();
    transaction.commit().await?;
    Ok(pruned)
}

async fn number(
    connection: &mut SqliteConnection,
    conversation: &ConversationId,
) -> Result<Option<i64>, StoreError> {
    let row = sqlx::query("SELECT number FROM conversations WHERE conversation_id = ?")
        .bind(conversation.as_str())
        .fetch_optional(connection)
        .await?;
    Ok(row.map(|row| row.try_get(0)).transpose()?)
}

async fn index_name(
    connection: &mut SqliteConnection,
    number: i64,
    name: &str,
) -> Result<(), StoreError> {
    sqlx::query("INSERT INTO texts (rowid, text) VALUES (? << 40, ?)")
        .bind(number)
        .bind(name)
        .execute(connection)
        .await?;
    Ok(())
}

/// Removes what can be searched for of a conversation: the name is 0, entries are from 1 on.
async fn forget_texts(
    connection: &mut SqliteConnection,
    number: i64,
    from: i64,
    until: i64,
) -> Result<(), StoreError> {
    let last = until.min((1 << 40) - 1);
    sqlx::query("DELETE FROM texts WHERE rowid BETWEEN (? << 40) + ? AND (? << 40) + ?")
        .bind(number)
        .bind(from)
        .bind(number)
        .bind(last)
        .execute(connection)
        .await?;
    Ok(())
}
