//! The one task that writes the log: everything that waits goes into one transaction with one fsync.

mod append;
mod conversations;
mod environment;

use std::fs::File;

use protocol::{AgentId, ConversationId, Epoch, Seq, Timestamp};
use sqlx::sqlite::SqliteConnectOptions;
use sqlx::{ConnectOptions, Connection, SqliteConnection, SqlitePool};
use tokio::sync::{mpsc, oneshot, watch};
use tokio::task::JoinHandle;
use tokio::time::Instant;
use tracing::Instrument;

use crate::meters::Meters;
use crate::record::{AgentRecord, Appended, ConversationRecord, Keep, NewEntry, SealedEnvironment};
use crate::{StoreError, file, health};
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
    CreateAgent(Box<AgentRecord>, SealedEnvironment, Reply<()>),
    ChangeEnvironment(AgentId, SealedEnvironment, Vec<String>, Reply<()>),
    DeleteAgent(AgentId, Reply<bool>),
    SetStopped(AgentId, bool, Reply<()>),
    CreateConversation(Box<ConversationRecord>, Reply<()>),
    RenameConversation(ConversationId, String, Reply<()>),
    DeleteConversation(ConversationId, Reply<bool>),
    ClearConversation(ConversationId, Epoch, Vec<NewEntry>, Reply<Seq>),
    KeepSession(ConversationId, AgentId, String, Reply<()>),
    Prune(ConversationId, Keep, Reply<u64>),
    Probe(Reply<()>),
    Close,
}

/// Entries that are stored together or not at all.
pub(crate) struct Group {
    pub(crate) conversation: ConversationId,
    pub(crate) entries: Vec<NewEntry>,
    pub(crate) reply: Reply<Appended>,
}

impl Job {
    fn refuse(self, error: StoreError) {
        match self {
            Self::Append(Group { reply, .. }) => drop(reply.send(Err(error))),
            Self::DeleteAgent(_, reply) | Self::DeleteConversation(_, reply) => {
                drop(reply.send(Err(error)));
            }
            Self::CreateAgent(_, _, reply)
            | Self::ChangeEnvironment(_, _, _, reply)
            | Self::SetStopped(_, _, reply)
            | Self::CreateConversation(_, reply)
            | Self::RenameConversation(_, _, reply)
            | Self::KeepSession(_, _, _, reply)
            | Self::Probe(reply) => drop(reply.send(Err(error))),
            Self::ClearConversation(_, _, _, reply) => drop(reply.send(Err(error))),
            Self::Prune(_, _, reply) => drop(reply.send(Err(error))),
            Self::Close => {}
        }
    }
}

/// Starts the writer. It ends after [`Job::Close`], when the database is closed and the lock given back.
pub(crate) fn spawn(
    connection: SqliteConnection,
    options: SqliteConnectOptions,
    readers: SqlitePool,
    lock: File,
    meters: Meters,
) -> (mpsc::Sender<Job>, watch::Receiver<bool>, JoinHandle<()>) {
    let (sender, jobs) = mpsc::channel(QUEUE);
    let (works, told) = watch::channel(true);
    let connection = Some(connection);
    let writer = Writer { connection, options, heads: Heads::default(), works, meters };
    let work = async move {
        let connection = writer.run(jobs).await;
        file::close(connection, &readers).await;
        drop(lock);
    };
    let task = tokio::spawn(work.in_current_span());
    (sender, told, task)
}

struct Writer {
    /// None after an error, until it is needed again.
    connection: Option<SqliteConnection>,
    options: SqliteConnectOptions,
    heads: Heads,
    meters: Meters,
    /// Whether the last write could be made.
    works: watch::Sender<bool>,
}

impl Writer {
    async fn run(mut self, mut jobs: mpsc::Receiver<Job>) -> Option<SqliteConnection> {
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

    /// The connection, for one job.
    async fn take(&mut self) -> Result<SqliteConnection, StoreError> {
        match self.connection.take() {
            Some(connection) => Ok(connection),
            None => {
                let opened = self.options.connect().await;
                if opened.is_err() {
                    self.note(false);
                }
                Ok(opened?)
            }
        }
    }

    /// Whether writing works: told when it changes. A connection that could be opened again does not say so yet.
    fn note(&self, works: bool) {
        self.works.send_if_modified(|before| std::mem::replace(before, works) != works);
    }

    /// Keeps the connection for the next job, unless the disk has failed. SQLite ends a transaction by itself then, and
    /// sqlx goes on counting it as open: what was "committed" after that would be a part of it, and never be stored.
    ///
    /// <https://sqlite.org/lang_transaction.html#response_to_errors_within_a_transaction>
    fn keep<T>(&mut self, connection: SqliteConnection, result: &Result<T, StoreError>) {
        let works = !matches!(result, Err(StoreError::Unavailable(_)));
        self.note(works);
        if works {
            self.connection = Some(connection);
        } else {
            self.heads = Heads::default();
        }
    }

    /// Stores the groups and answers each. When the transaction fails they are tried one by one, so that one that cannot
    /// be stored does not fail the others.
    async fn append(&mut self, groups: Vec<Group>) {
        if groups.is_empty() {
            return;
        }
        match self.store(&groups).await {
            Ok(results) => answer(groups, results),
            Err(error) if groups.len() == 1 => answer(groups, vec![Err(error)]),
            Err(_) => {
                for group in groups {
                    let group = vec![group];
                    let result = self.store(&group).await;
                    answer(group, result.unwrap_or_else(|error| vec![Err(error)]));
                }
            }
        }
    }

    async fn store(
        &mut self,
        groups: &[Group],
    ) -> Result<Vec<Result<Appended, StoreError>>, StoreError> {
        let began = Instant::now();
        let mut connection = self.take().await.inspect_err(|_| self.meters.failed())?;
        let result = append::store(&mut connection, &mut self.heads, groups).await;
        self.keep(connection, &result);
        match &result {
            Ok(results) => {
                let stored = results.iter().zip(groups).filter(|(result, _)| is_stored(result));
                let entries = stored.map(|(_, group)| group.entries.len()).sum();
                self.meters.committed(groups.len(), entries, began.elapsed());
            }
            Err(_) => self.meters.failed(),
        }
        result
    }

    async fn other(&mut self, job: Job) {
        let mut taken = match self.take().await {
            Ok(connection) => connection,
            Err(error) => return job.refuse(error),
        };
        let connection = &mut taken;
        match job {
            Job::ChangeEnvironment(agent, set, remove, reply) => {
                let result = environment::change(connection, &agent, &set, &remove).await;
                self.done(taken, reply, result);
            }
            Job::CreateAgent(agent, environment, reply) => {
                let result = create_agent(connection, &agent, &environment).await;
                self.done(taken, reply, result);
            }
            Job::DeleteAgent(agent, reply) => {
                self.heads = Heads::default();
                let result = delete_agent(connection, &agent).await;
                self.done(taken, reply, result);
            }
            Job::SetStopped(agent, stopped, reply) => {
                let result = set_stopped(connection, &agent, stopped).await;
                self.done(taken, reply, result);
            }
            Job::CreateConversation(record, reply) => {
                let result = conversations::create(connection, &record).await;
                self.done(taken, reply, result);
            }
            Job::RenameConversation(conversation, name, reply) => {
                let result = conversations::rename(connection, &conversation, &name).await;
                self.done(taken, reply, result);
            }
            Job::DeleteConversation(conversation, reply) => {
                self.heads.forget(&conversation);
                let result = conversations::delete(connection, &conversation).await;
                self.done(taken, reply, result);
            }
            Job::ClearConversation(conversation, epoch, entries, reply) => {
                self.heads.forget(&conversation);
                let result =
                    conversations::clear(connection, &conversation, &epoch, &entries).await;
                self.done(taken, reply, result);
            }
            Job::KeepSession(conversation, agent, session, reply) => {
                let result =
                    conversations::keep_session(connection, &conversation, &agent, &session).await;
                self.done(taken, reply, result);
            }
            Job::Prune(conversation, keep, reply) => {
                let result = conversations::prune(connection, &conversation, keep).await;
                self.done(taken, reply, result);
            }
            Job::Probe(reply) => {
                let probed = sqlx::query(health::PROBE).execute(&mut *connection).await;
                let result = probed.map(drop).map_err(StoreError::from);
                self.done(taken, reply, result);
            }
            Job::Append(_) | Job::Close => self.connection = Some(taken),
        }
    }

    /// Whoever asked may have gone; the write counts all the same.
    fn done<T>(
        &mut self,
        connection: SqliteConnection,
        reply: Reply<T>,
        result: Result<T, StoreError>,
    ) {
        self.keep(connection, &result);
        drop(reply.send(result));
    }
}

fn is_stored(result: &Result<Appended, StoreError>) -> bool {
    matches!(result, Ok(Appended::Stored { .. }))
}

fn answer(groups: Vec<Group>, results: Vec<Result<Appended, StoreError>>) {
    for (group, result) in groups.into_iter().zip(results) {
        // Whoever asked may have gone; the entries are in the log all the same.
        group.reply.send(result).ok();
    }
}

async fn create_agent(
    connection: &mut SqliteConnection,
    agent: &AgentRecord,
    environment: &SealedEnvironment,
) -> Result<(), StoreError> {
    let spec = serde_json::to_string(&agent.spec).expect("a specification is JSON");
    let mut transaction = connection.begin().await?;
    sqlx::query("INSERT INTO agents (agent_id, name, spec, password_hash, stopped, created_at) VALUES (?, ?, ?, ?, ?, ?)")
        .bind(agent.agent_id.as_str())
        .bind(&agent.spec.name)
        .bind(spec)
        .bind(&agent.password_hash)
        .bind(agent.stopped)
        .bind(millis(agent.created_at))
        .execute(&mut *transaction)
        .await?;
    environment::insert(&mut transaction, &agent.agent_id, environment).await?;
    transaction.commit().await?;
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
