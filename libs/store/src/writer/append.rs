//! Appending many groups to many logs in one transaction.

use std::collections::HashMap;

use protocol::{ConversationId, MessageId, Seq};
use sqlx::{Connection, QueryBuilder, Row, Sqlite, SqliteConnection};

use super::{Group, millis};
use crate::StoreError;
use crate::record::{Appended, NewEntry, RunChange};

/// Rows in one INSERT: with seven values each, well below SQLite's 32,766 variables.
const ROWS: usize = 1_000;

/// Number and newest entry of the conversations that were written to, so that they are not asked for each time.
#[derive(Default)]
pub(super) struct Heads(HashMap<ConversationId, Head>);

#[derive(Clone, Copy)]
struct Head {
    number: i64,
    seq: Seq,
}

/// Stores the groups and answers each. When the transaction fails they are tried one by one, so that one that cannot be
/// stored does not fail the others.
pub(super) async fn append(
    connection: &mut SqliteConnection,
    heads: &mut Heads,
    groups: Vec<Group>,
) {
    if groups.is_empty() {
        return;
    }
    match store(connection, heads, &groups).await {
        Ok(results) => answer(groups, results),
        Err(error) if groups.len() == 1 => answer(groups, vec![Err(error)]),
        Err(_) => {
            for group in groups {
                let group = vec![group];
                let result = store(connection, heads, &group).await;
                answer(group, result.unwrap_or_else(|error| vec![Err(error)]));
            }
        }
    }
}

fn answer(groups: Vec<Group>, results: Vec<Result<Appended, StoreError>>) {
    for (group, result) in groups.into_iter().zip(results) {
        // Whoever asked may have gone; the entries are in the log all the same.
        group.reply.send(result).ok();
    }
}

/// One row to be.
struct Placed<'a> {
    number: i64,
    seq: Seq,
    entry: &'a NewEntry,
}

async fn store(
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
    insert(&mut transaction, &placed).await?;
    advance(&mut transaction, advanced.values()).await?;
    note_runs(&mut transaction, &placed).await?;
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

async fn advance(
    connection: &mut SqliteConnection,
    heads: impl Iterator<Item = &Head>,
) -> Result<(), StoreError> {
    let heads: Vec<&Head> = heads.collect();
    if heads.is_empty() {
        return Ok(());
    }
    let mut query =
        QueryBuilder::<Sqlite>::new("UPDATE conversations SET head_seq = v.column2 FROM (");
    query.push_values(heads, |mut row, head| {
        row.push_bind(head.number).push_bind(head.seq.0.cast_signed());
    });
    query.push(") v WHERE conversations.number = v.column1");
    query.build().execute(connection).await?;
    Ok(())
}

/// Keeps the list of open runs. A run that is opened and closed within one batch is inserted before it is deleted.
async fn note_runs(
    connection: &mut SqliteConnection,
    placed: &[Placed<'_>],
) -> Result<(), StoreError> {
    let runs = |change: RunChange| -> Vec<(i64, &str)> {
        let rows = placed.iter().filter(|placed| placed.entry.run == change);
        rows.filter_map(|row| Some((row.number, row.entry.run_id.as_ref()?.as_str()))).collect()
    };
    for opened in runs(RunChange::Opened).chunks(ROWS) {
        let mut query =
            QueryBuilder::<Sqlite>::new("INSERT OR REPLACE INTO open_runs (conversation, run_id) ");
        query.push_values(opened, |mut row, (number, run)| {
            row.push_bind(*number).push_bind(*run);
        });
        query.build().execute(&mut *connection).await?;
    }
    for closed in runs(RunChange::Closed).chunks(ROWS) {
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
