//! Appending many groups to many logs in one transaction.

use std::collections::HashMap;

use protocol::agents::EntryKind;
use protocol::{ConversationId, InteractionId, MessageId, Seq};
use sqlx::{Connection, QueryBuilder, Row, Sqlite, SqliteConnection};

use super::{Group, millis};
use crate::StoreError;
use crate::manager::SEQ_BITS;
use crate::record::{Appended, Change, NewEntry};

/// Rows in one INSERT: with seven values each, well below SQLite's 32,766 variables.
const ROWS: usize = 1_000;

/// Number and newest entry of the conversations that were written to, so that they are not asked for each time.
#[derive(Default)]
pub(super) struct Heads(HashMap<ConversationId, Head>);

impl Heads {
    /// It is about to be changed otherwise than by appending.
    pub(super) fn forget(&mut self, conversation: &ConversationId) {
        self.0.remove(conversation);
    }
}

#[derive(Clone, Copy)]
struct Head {
    number: i64,
    seq: Seq,
}

/// One row to be.
pub(super) struct Placed<'a> {
    pub(super) number: i64,
    pub(super) seq: Seq,
    pub(super) entry: &'a NewEntry,
}

/// Stores the groups in one transaction. Each has a result of its own: one for a log that is not there does not fail the others.
pub(super) async fn store(
    connection: &mut SqliteConnection,
    heads: &mut Heads,
    groups: &[Group],
) -> Result<Vec<Result<Appended, StoreError>>, StoreError> {
    let mut transaction = connection.begin().await?;
    for group in groups {
        load(&mut transaction, heads, &group.conversation).await?;
    }
    let mut known = messages(&mut transaction, heads, groups).await?;
    // Advanced aside: the heads are what is committed.
    let mut advanced: HashMap<&ConversationId, Head> = HashMap::new();
    let mut placed = Vec::new();
    let mut results = Vec::with_capacity(groups.len());
    for group in groups {
        let head = advanced.get(&group.conversation).or_else(|| heads.0.get(&group.conversation));
        let Some(mut head) = head.copied() else {
            results.push(Err(StoreError::NotFound));
            continue;
        };
        if let Some(seq) = duplicate(&known, head.number, &group.entries) {
            results.push(Ok(Appended::Duplicate { seq }));
            continue;
        }
        results.push(Ok(Appended::Stored { first: head.seq.next() }));
        for entry in &group.entries {
            head.seq = head.seq.next();
            if let Some(message) = &entry.message_id {
                known.insert((head.number, message.clone()), head.seq);
            }
            placed.push(Placed { number: head.number, seq: head.seq, entry });
        }
        advanced.insert(&group.conversation, head);
    }
    write(&mut transaction, &placed).await?;
    transaction.commit().await?;
    for (conversation, head) in advanced {
        heads.0.insert(conversation.clone(), head);
    }
    Ok(results)
}

fn duplicate(
    known: &HashMap<(i64, MessageId), Seq>,
    number: i64,
    entries: &[NewEntry],
) -> Option<Seq> {
    let ids = entries.iter().filter_map(|entry| entry.message_id.clone());
    ids.filter_map(|message| known.get(&(number, message)).copied()).next()
}

async fn load(
    connection: &mut SqliteConnection,
    heads: &mut Heads,
    conversation: &ConversationId,
) -> Result<(), StoreError> {
    if heads.0.contains_key(conversation) {
        return Ok(());
    }
    let row = sqlx::query("SELECT number, head_seq FROM conversations WHERE conversation_id = ?")
        .bind(conversation.as_str())
        .fetch_optional(connection)
        .await?;
    if let Some(row) = row {
        let head =
            Head { number: row.try_get(0)?, seq: Seq(row.try_get::<i64, _>(1)?.unsigned_abs()) };
        heads.0.insert(conversation.clone(), head);
    }
    Ok(())
}

/// Which of the groups' message ids are in the log, and where: one query for all.
async fn messages(
    connection: &mut SqliteConnection,
    heads: &Heads,
    groups: &[Group],
) -> Result<HashMap<(i64, MessageId), Seq>, StoreError> {
    let mut asked = Vec::new();
    for group in groups {
        let Some(head) = heads.0.get(&group.conversation) else { continue };
        asked.extend(
            group
                .entries
                .iter()
                .filter_map(|entry| Some((head.number, entry.message_id.as_ref()?))),
        );
    }
    let mut known = HashMap::new();
    for asked in asked.chunks(ROWS) {
        let mut query =
            QueryBuilder::<Sqlite>::new("SELECT e.conversation, e.message_id, e.seq FROM (");
        query.push_values(asked, |mut row, (number, message)| {
            row.push_bind(*number).push_bind(message.as_str());
        });
        query.push(
            ") v JOIN entries e ON e.conversation = v.column1 AND e.message_id = v.column2
               AND e.message_id IS NOT NULL",
        );
        for row in query.build().fetch_all(&mut *connection).await? {
            let message =
                MessageId::new(row.try_get::<&str, _>(1)?).map_err(|_| StoreError::NotFound)?;
            known.insert((row.try_get(0)?, message), Seq(row.try_get::<i64, _>(2)?.unsigned_abs()));
        }
    }
    Ok(known)
}

/// Writes entries and all that follows from them.
pub(super) async fn write(
    connection: &mut SqliteConnection,
    placed: &[Placed<'_>],
) -> Result<(), StoreError> {
    insert(connection, placed).await?;
    advance(connection, placed).await?;
    index(connection, placed).await?;
    note_runs(connection, placed).await?;
    note_interactions(connection, placed).await
}

async fn insert(
    connection: &mut SqliteConnection,
    placed: &[Placed<'_>],
) -> Result<(), StoreError> {
    for placed in placed.chunks(ROWS) {
        let mut query = QueryBuilder::<Sqlite>::new(
            "INSERT INTO entries (conversation, seq, kind, run_id, message_id, timestamp, body) ",
        );
        query.push_values(placed, |mut row, Placed { number, seq, entry }| {
            row.push_bind(*number)
                .push_bind(seq.0.cast_signed())
                .push_bind(entry.kind.as_str())
                .push_bind(entry.run_id.as_ref().map(protocol::RunId::as_str))
                .push_bind(entry.message_id.as_ref().map(MessageId::as_str))
                .push_bind(millis(entry.timestamp))
                .push_bind(entry.body.as_str());
        });
        query.build().execute(&mut *connection).await?;
    }
    Ok(())
}

/// What a batch does to one conversation.
#[derive(Default)]
struct Growth<'a> {
    head: Seq,
    messages: i64,
    last_activity: i64,
    active_agent: Option<&'a str>,
}

/// Moves the heads, and what lists show.
async fn advance(
    connection: &mut SqliteConnection,
    placed: &[Placed<'_>],
) -> Result<(), StoreError> {
    let mut growth: HashMap<i64, Growth<'_>> = HashMap::new();
    for Placed { number, seq, entry } in placed {
        let of = growth.entry(*number).or_default();
        of.head = of.head.max(*seq);
        of.messages += i64::from(entry.kind == EntryKind::ChatMessage);
        of.last_activity = of.last_activity.max(millis(entry.timestamp));
        if let Change::AgentChanged(agent) = &entry.change {
            of.active_agent = Some(agent.as_str());
        }
    }
    if growth.is_empty() {
        return Ok(());
    }
    let mut query = QueryBuilder::<Sqlite>::new(
        "UPDATE conversations SET head_seq = v.column2, messages = messages + v.column3,
             last_activity = max(last_activity, v.column4), active_agent = coalesce(v.column5, active_agent) FROM (",
    );
    query.push_values(growth, |mut row, (number, of)| {
        row.push_bind(number)
            .push_bind(of.head.0.cast_signed())
            .push_bind(of.messages)
            .push_bind(of.last_activity)
            .push_bind(of.active_agent);
    });
    query.push(") v WHERE conversations.number = v.column1");
    query.build().execute(connection).await?;
    Ok(())
}

/// What can be searched for.
async fn index(connection: &mut SqliteConnection, placed: &[Placed<'_>]) -> Result<(), StoreError> {
    let texts = placed.iter().filter_map(|placed| Some((placed, placed.entry.text.as_deref()?)));
    let texts: Vec<_> = texts.collect();
    for texts in texts.chunks(ROWS) {
        let mut query = QueryBuilder::<Sqlite>::new("INSERT INTO texts (rowid, text) ");
        query.push_values(texts, |mut row, (placed, text)| {
            row.push_bind(placed.number << SEQ_BITS | placed.seq.0.cast_signed()).push_bind(*text);
        });
        query.build().execute(&mut *connection).await?;
    }
    Ok(())
}

/// Keeps the list of interactions. Few come at once.
async fn note_interactions(
    connection: &mut SqliteConnection,
    placed: &[Placed<'_>],
) -> Result<(), StoreError> {
    for Placed { number, seq, entry } in placed {
        match &entry.change {
            Change::Asked { interaction, asked_as } => {
                sqlx::query("INSERT INTO interactions VALUES (?, ?, ?, ?, 1)")
                    .bind(interaction.as_str())
                    .bind(number)
                    .bind(seq.0.cast_signed())
                    .bind(asked_as.as_str())
                    .execute(&mut *connection)
                    .await?;
            }
            Change::Answered(interaction) => close_interaction(connection, interaction).await?,
            _ => {}
        }
    }
    Ok(())
}

async fn close_interaction(
    connection: &mut SqliteConnection,
    interaction: &InteractionId,
) -> Result<(), StoreError> {
    sqlx::query("UPDATE interactions SET open = 0 WHERE interaction_id = ?")
        .bind(interaction.as_str())
        .execute(connection)
        .await?;
    Ok(())
}

/// Keeps the list of open runs. A run that is opened and closed within one batch is inserted before it is deleted.
async fn note_runs(
    connection: &mut SqliteConnection,
    placed: &[Placed<'_>],
) -> Result<(), StoreError> {
    let runs = |change: &Change| -> Vec<(i64, &str)> {
        let rows = placed.iter().filter(|placed| placed.entry.change == *change);
        rows.filter_map(|row| Some((row.number, row.entry.run_id.as_ref()?.as_str()))).collect()
    };
    for opened in runs(&Change::RunOpened).chunks(ROWS) {
        let mut query =
            QueryBuilder::<Sqlite>::new("INSERT OR REPLACE INTO open_runs (conversation, run_id) ");
        query.push_values(opened, |mut row, (number, run)| {
            row.push_bind(*number).push_bind(*run);
        });
        query.build().execute(&mut *connection).await?;
    }
    for closed in runs(&Change::RunClosed).chunks(ROWS) {
        let mut query =
            QueryBuilder::<Sqlite>::new("DELETE FROM open_runs WHERE (conversation, run_id) IN (");
        query.push_values(closed, |mut row, (number, run)| {
            row.push_bind(*number).push_bind(*run);
        });
        query.push(")");
        query.build().execute(&mut *connection).await?;
    }
    Ok(())
}
