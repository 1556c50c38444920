//! The one task that writes the log: everything that waits goes into one transaction with one fsync.

mod append;
mod conversations;

use std::fs::File;

use protocol::{AgentId, ConversationId, Epoch, Seq, Timestamp};
use sqlx::{Connection, SqliteConnection, SqlitePool};
use tokio::sync::{mpsc, oneshot};
use tokio::task::JoinHandle;

use crate::record::{AgentRecord, Appended, ConversationRecord, Keep, NewEntry};
use crate::{StoreError, file};
use append::Heads;

/// Writes that may wait; whoever brings the next one waits. As many as four full batches.
const QUEUE: usize = 1_024;
/// Writes in one transaction. Beyond this the fsync is spread thin enough (`rust-stack` measured 16 times one by one).
const BATCH: usize = 256;

/// Where a write's result goes.
type Reply<T> = oneshot::Sender<Result<T, StoreError>>;

/// A write.
pub(crate) enum Job {
    Append(Group),
    CreateAgent(Box<AgentRecord>, Reply<()>),
    DeleteAgent(AgentId, Reply<bool>),
    SetStopped(AgentId, bool, Reply<()>),
    CreateConversation(Box<ConversationRecord>, Reply<()>),
    RenameConversation(ConversationId, String, Reply<()>),
    DeleteConversation(ConversationId, Reply<bool>),
    ClearConversation(ConversationId, Epoch, Vec<NewEntry>, Reply<Seq>),
    Prune(ConversationId, Keep, Reply<u64>),
    Close,
}

/// Entries that are stored together or not at all.
pub(crate) struct Group {
    pub(crate) conversation: ConversationId,
    pub(crate) entries: Vec<NewEntry>,
    pub(crate) reply: Reply<Appended>,
}

/// Starts the writer. It ends after [`Job::Close`], when the database is closed and the lock given back.
pub(crate) fn spawn(
    connection: SqliteConnection,
    readers: SqlitePool,
    lock: File,
) -> (mpsc::Sender<Job>, JoinHandle<()>) {
    let (sender, jobs) = mpsc::channel(QUEUE);
    let writer = Writer { connection, heads: Heads::default() };
    let task = tokio::spawn(async move {
        let connection = writer.run(jobs).await;
        file::close(connection, &readers).await;
        drop(lock);
    });
    (sender, task)
}

struct Writer {
    connection: SqliteConnection,
    heads: Heads,
}

impl Writer {
    async fn run(mut self, mut jobs: mpsc::Receiver<Job>) -> SqliteConnection {
        let mut waiting = Vec::with_capacity(BATCH);
        while jobs.recv_many(&mut waiting, BATCH).await > 0 {
            let mut groups = Vec::new();
            for job in waiting.drain(..) {
                match job {
                    Job::Append(group) => groups.push(group),
                    Job::Close => {
                        self.append(std::mem::take(&mut groups)).await;
                        jobs.close();
                    }
                    other => {
                        self.append(std::mem::take(&mut groups)).await;
                        self.other(other).await;
                    }
                }
            }
            self.append(groups).await;
        }
        self.connection
    }

    async fn append(&mut self, groups: Vec<Group>) {
        append::append(&mut self.connection, &mut self.heads, groups).await;
    }

    /// Whoever asked may have gone; the write counts all the same.
    async fn other(&mut self, job: Job) {
        let connection = &mut self.connection;
        match job {
            Job::CreateAgent(agent, reply) => {
                drop(reply.send(create_agent(connection, &agent).await));
            }
            Job::DeleteAgent(agent, reply) => {
                self.heads = Heads::default();
                drop(reply.send(delete_agent(connection, &agent).await));
            }
            Job::SetStopped(agent, stopped, reply) => {
                drop(reply.send(set_stopped(connection, &agent, stopped).await));
            }
            Job::CreateConversation(record, reply) => {
                drop(reply.send(conversations::create(connection, &record).await));
            }
            Job::RenameConversation(conversation, name, reply) => {
                drop(reply.send(conversations::rename(connection, &conversation, &name).await));
            }
            Job::DeleteConversation(conversation, reply) => {
                self.heads.forget(&conversation);
                drop(reply.send(conversations::delete(connection, &conversation).await));
            }
            Job::ClearConversation(conversation, epoch, entries, reply) => {
                self.heads.forget(&conversation);
                let cleared =
                    conversations::clear(connection, &conversation, &epoch, &entries).await;
                drop(reply.send(cleared));
            }
            Job::Prune(conversation, keep, reply) => {
                drop(reply.send(conversations::prune(connection, &conversation, keep).await));
            }
            Job::Append(_) | Job::Close => {}
        }
    }
}

async fn create_agent(
    connection: &mut SqliteConnection,
    agent: &AgentRecord,
) -> Result<(), StoreError> {
    let spec = serde_json::to_string(&agent.spec).expect("a specification is JSON");
    sqlx::query("INSERT INTO agents (agent_id, name, spec, password_hash, stopped, created_at) VALUES (?, ?, ?, ?, ?, ?)")
        .bind(agent.agent_id.as_str())
        .bind(&agent.spec.name)
        .bind(spec)
        .bind(&agent.password_hash)
        .bind(agent.stopped)
        .bind(millis(agent.created_at))
        .execute(connection)
        .await?;
    Ok(())
}

async fn delete_agent(
    connection: &mut SqliteConnection,
    agent: &AgentId,
) -> Result<bool, StoreError> {
    let mut transaction = connection.begin().await?;
    conversations::forget_texts_of(&mut transaction, agent).await?;
    let query = sqlx::query("DELETE FROM agents WHERE agent_id = ?").bind(agent.as_str());
    let deleted = query.execute(&mut *transaction).await?.rows_affected() > 0;
    transaction.commit().await?;
    Ok(deleted)
}

async fn set_stopped(
    connection: &mut SqliteConnection,
    agent: &AgentId,
    stopped: bool,
) -> Result<(), StoreError> {
    let query = sqlx::query("UPDATE agents SET stopped = ? WHERE agent_id = ?")
        .bind(stopped)
        .bind(agent.as_str());
    match query.execute(connection).await?.rows_affected() {
        0 => Err(StoreError::NotFound),
        _ => Ok(()),
    }
}

/// As SQLite stores it. A timestamp ends with year 9999, far below the largest `i64`.
pub(crate) fn millis(time: Timestamp) -> i64 {
    i64::try_from(time.as_millis()).unwrap_or(i64::MAX)
}
