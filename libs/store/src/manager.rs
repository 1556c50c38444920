//! A manager's database.

use std::path::Path;
use std::str::FromStr;
use std::sync::{Arc, Mutex, PoisonError};

use futures_util::TryStreamExt;
use protocol::agents::{EntryHead, EntryKind};
use protocol::{AgentId, ConversationId, InvalidId, MessageId, RunId, Seq, Timestamp};
use sqlx::sqlite::SqliteRow;
use sqlx::{Row, SqlitePool};
use tokio::sync::{mpsc, oneshot};
use tokio::task::JoinHandle;

use crate::StoreError;
use crate::file::Database;
use crate::record::{AgentRecord, Appended, ConversationRecord, Entry, NewEntry, Page};
use crate::writer::{self, Group, Job};

/// A page ends early when its bodies are larger than this together, so that a page of large entries fits in memory.
const PAGE_BYTES: usize = 1 << 20;

/// Agents, conversations and the log. Cheap to clone.
#[derive(Debug, Clone)]
pub struct ManagerDb {
    jobs: mpsc::Sender<Job>,
    readers: SqlitePool,
    /// The writer's task; taken by whoever closes first.
    task: Arc<Mutex<Option<JoinHandle<()>>>>,
}

impl ManagerDb {
    /// Opens the file, making and migrating it as needed, and keeps every other process out until [`Self::close`].
    ///
    /// # Errors
    /// [`StoreError::Locked`] when another process has it, [`StoreError::Unavailable`] when it cannot be opened.
    pub async fn open(path: &Path) -> Result<Self, StoreError> {
        let database = Database::open(path, &sqlx::migrate!("../../migrations/manager")).await?;
        let readers = database.readers;
        let (jobs, task) = writer::spawn(database.writer, readers.clone(), database.lock);
        Ok(Self { jobs, readers, task: Arc::new(Mutex::new(Some(task))) })
    }

    /// Writes what waits, closes the file and gives back its lock. Later calls get [`StoreError::Closed`].
    pub async fn close(&self) {
        self.jobs.send(Job::Close).await.ok();
        let task = self.task.lock().unwrap_or_else(PoisonError::into_inner).take();
        if let Some(task) = task {
            task.await.ok();
        }
    }

    /// Whether it can be read.
    ///
    /// # Errors
    /// It cannot.
    pub async fn ready(&self) -> Result<(), StoreError> {
        sqlx::query("SELECT 1 FROM agents LIMIT 1").fetch_optional(&self.readers).await?;
        Ok(())
    }

    /// All agents, by name.
    ///
    /// # Errors
    /// The database cannot be read.
    pub async fn agents(&self) -> Result<Vec<AgentRecord>, StoreError> {
        let query =
            "SELECT agent_id, spec, password_hash, stopped, created_at FROM agents ORDER BY name";
        let rows = sqlx::query(query).fetch_all(&self.readers).await?;
        rows.iter().map(agent).collect()
    }

    /// Adds an agent.
    ///
    /// # Errors
    /// [`StoreError::Conflict`] when its name or id is taken.
    pub async fn create_agent(&self, agent: AgentRecord) -> Result<(), StoreError> {
        self.write(|reply| Job::CreateAgent(agent, reply)).await
    }

    /// Deletes an agent with its conversations; whether there was one.
    ///
    /// # Errors
    /// The database cannot be written.
    pub async fn delete_agent(&self, agent: &AgentId) -> Result<bool, StoreError> {
        self.write(|reply| Job::DeleteAgent(agent.clone(), reply)).await
    }

    /// Remembers whether an agent is stopped.
    ///
    /// # Errors
    /// [`StoreError::NotFound`] when there is no such agent.
    pub async fn set_agent_stopped(
        &self,
        agent: &AgentId,
        stopped: bool,
    ) -> Result<(), StoreError> {
        self.write(|reply| Job::SetStopped(agent.clone(), stopped, reply)).await
    }

    /// The agent's conversation of that name, made when there is none.
    ///
    /// # Errors
    /// [`StoreError::NotFound`] when there is no such agent.
    pub async fn conversation(
        &self,
        agent: &AgentId,
        name: &str,
    ) -> Result<ConversationRecord, StoreError> {
        if let Some(found) = self.find_conversation(agent, name).await? {
            return Ok(found);
        }
        self.write(|reply| Job::CreateConversation(agent.clone(), name.to_owned(), reply)).await?;
        self.find_conversation(agent, name).await?.ok_or(StoreError::NotFound)
    }

    async fn find_conversation(
        &self,
        agent: &AgentId,
        name: &str,
    ) -> Result<Option<ConversationRecord>, StoreError> {
        let query = "SELECT conversation_id, agent_id, name, epoch, head_seq FROM conversations
                     WHERE agent_id = ? AND name = ?";
        let row = sqlx::query(query)
            .bind(agent.as_str())
            .bind(name)
            .fetch_optional(&self.readers)
            .await?;
        row.as_ref().map(conversation).transpose()
    }

    /// The agent's conversations, oldest first.
    ///
    /// # Errors
    /// The database cannot be read.
    pub async fn conversations(
        &self,
        agent: &AgentId,
    ) -> Result<Vec<ConversationRecord>, StoreError> {
        let query = "SELECT conversation_id, agent_id, name, epoch, head_seq FROM conversations
                     WHERE agent_id = ? ORDER BY number";
        let rows = sqlx::query(query).bind(agent.as_str()).fetch_all(&self.readers).await?;
        rows.iter().map(conversation).collect()
    }

    /// Appends entries as one group: all or none. They are on disk when it returns.
    ///
    /// # Errors
    /// [`StoreError::NotFound`] without such a conversation; [`StoreError::Unavailable`] when nothing was stored.
    pub async fn append(
        &self,
        conversation: &ConversationId,
        entries: Vec<NewEntry>,
    ) -> Result<Appended, StoreError> {
        let conversation = conversation.clone();
        self.write(|reply| Job::Append(Group { conversation, entries, reply })).await
    }

    /// Entries after `after`, oldest first, at most `limit` and about 1 MiB.
    ///
    /// # Errors
    /// [`StoreError::NotFound`] without such a conversation.
    pub async fn entries_after(
        &self,
        conversation: &ConversationId,
        after: Seq,
        limit: u32,
    ) -> Result<Page, StoreError> {
        let query = "SELECT c.agent_id, c.epoch, c.head_seq, e.seq, e.kind, e.run_id, e.timestamp, e.body
                     FROM conversations c LEFT JOIN entries e ON e.conversation = c.number AND e.seq > ?
                     WHERE c.conversation_id = ? ORDER BY e.seq LIMIT ?";
        self.page(query, conversation, signed(after), limit).await
    }

    /// The newest entries before `before`, or the newest of all, oldest first, at most `limit` and about 1 MiB.
    ///
    /// # Errors
    /// [`StoreError::NotFound`] without such a conversation.
    pub async fn entries_before(
        &self,
        conversation: &ConversationId,
        before: Option<Seq>,
        limit: u32,
    ) -> Result<Page, StoreError> {
        let query = "SELECT c.agent_id, c.epoch, c.head_seq, e.seq, e.kind, e.run_id, e.timestamp, e.body
                     FROM conversations c LEFT JOIN entries e ON e.conversation = c.number AND e.seq < ?
                     WHERE c.conversation_id = ? ORDER BY e.seq DESC LIMIT ?";
        let mut page =
            self.page(query, conversation, before.map_or(i64::MAX, signed), limit).await?;
        page.entries.reverse();
        Ok(page)
    }

    /// Position of the entry that has the message id, if one has.
    ///
    /// # Errors
    /// The database cannot be read.
    pub async fn find_message(
        &self,
        conversation: &ConversationId,
        message: &MessageId,
    ) -> Result<Option<Seq>, StoreError> {
        let query = "SELECT e.seq FROM entries e JOIN conversations c ON c.number = e.conversation
                     WHERE c.conversation_id = ? AND e.message_id = ?";
        let query = sqlx::query(query).bind(conversation.as_str()).bind(message.as_str());
        query.fetch_optional(&self.readers).await?.map(|row| seq(&row, 0)).transpose()
    }

    /// One statement, so that entries, epoch and head are of one moment.
    async fn page(
        &self,
        query: &'static str,
        conversation: &ConversationId,
        bound: i64,
        limit: u32,
    ) -> Result<Page, StoreError> {
        let query =
            sqlx::query(query).bind(bound).bind(conversation.as_str()).bind(i64::from(limit) + 1);
        let mut rows = query.fetch(&self.readers);
        let mut page: Option<Page> = None;
        let mut bytes = 0;
        while let Some(row) = rows.try_next().await? {
            let page = match &mut page {
                Some(page) => page,
                None => page.insert(Page {
                    epoch: id(&row, 1)?,
                    head: seq(&row, 2)?,
                    entries: Vec::new(),
                    has_more: false,
                }),
            };
            if row.try_get::<Option<i64>, _>(3)?.is_none() {
                break;
            }
            if page.entries.len() == limit as usize || bytes > PAGE_BYTES {
                page.has_more = true;
                break;
            }
            let entry = entry(&row, conversation)?;
            bytes += entry.body.len();
            page.entries.push(entry);
        }
        page.ok_or(StoreError::NotFound)
    }

    /// Runs without a terminal entry.
    ///
    /// # Errors
    /// The database cannot be read.
    pub async fn open_runs(&self) -> Result<Vec<(ConversationId, RunId)>, StoreError> {
        let query = "SELECT c.conversation_id, r.run_id FROM open_runs r
                     JOIN conversations c ON c.number = r.conversation ORDER BY r.conversation";
        let rows = sqlx::query(query).fetch_all(&self.readers).await?;
        rows.iter().map(|row| Ok((id(row, 0)?, id(row, 1)?))).collect()
    }

    async fn write<T>(
        &self,
        job: impl FnOnce(oneshot::Sender<Result<T, StoreError>>) -> Job,
    ) -> Result<T, StoreError> {
        let (reply, result) = oneshot::channel();
        self.jobs.send(job(reply)).await.map_err(|_| StoreError::Closed)?;
        result.await.map_err(|_| StoreError::Closed)?
    }
}

fn agent(row: &SqliteRow) -> Result<AgentRecord, StoreError> {
    let spec: &str = row.try_get(1)?;
    Ok(AgentRecord {
        agent_id: id(row, 0)?,
        spec: serde_json::from_str(spec).map_err(|error| damaged(&error))?,
        password_hash: row.try_get(2)?,
        stopped: row.try_get(3)?,
        created_at: time(row, 4)?,
    })
}

fn conversation(row: &SqliteRow) -> Result<ConversationRecord, StoreError> {
    Ok(ConversationRecord {
        conversation_id: id(row, 0)?,
        agent_id: id(row, 1)?,
        name: row.try_get(2)?,
        epoch: id(row, 3)?,
        head: seq(row, 4)?,
    })
}

fn entry(row: &SqliteRow, conversation: &ConversationId) -> Result<Entry, StoreError> {
    let kind: &str = row.try_get(4)?;
    let run: Option<&str> = row.try_get(5)?;
    Ok(Entry {
        head: EntryHead {
            agent_id: id(row, 0)?,
            conversation_id: conversation.clone(),
            seq: seq(row, 3)?,
            run_id: run.map(RunId::new).transpose().map_err(|error| damaged(&error))?,
            timestamp: time(row, 6)?,
        },
        kind: EntryKind::parse(kind).ok_or_else(|| damaged(&kind))?,
        body: row.try_get(7)?,
    })
}

fn id<T: FromStr<Err = InvalidId>>(row: &SqliteRow, column: usize) -> Result<T, StoreError> {
    row.try_get::<&str, _>(column)?.parse().map_err(|error| damaged(&error))
}

fn seq(row: &SqliteRow, column: usize) -> Result<Seq, StoreError> {
    Ok(Seq(row.try_get::<i64, _>(column)?.unsigned_abs()))
}

fn time(row: &SqliteRow, column: usize) -> Result<Timestamp, StoreError> {
    Ok(Timestamp::from_millis(row.try_get::<i64, _>(column)?.unsigned_abs()))
}

/// As SQLite stores it; a cursor beyond what it can store is beyond every entry.
fn signed(seq: Seq) -> i64 {
    i64::try_from(seq.0).unwrap_or(i64::MAX)
}

fn damaged(what: &impl std::fmt::Display) -> StoreError {
    StoreError::Unavailable(format!("a row is damaged: {what}"))
}
