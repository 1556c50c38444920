//! A manager's database.

mod conversations;
mod log;
mod rows;
mod search;

pub(crate) use search::SEQ_BITS;

use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};

use protocol::AgentId;
use sqlx::{Row, SqlitePool};
use tokio::sync::{mpsc, oneshot, watch};
use tokio::task::JoinHandle;

use crate::StoreError;
use crate::copy::Tier;
use crate::file::Database;
use crate::health::Probe;
use crate::meters::Meters;
use crate::record::{AgentRecord, SealedEnvironment};
use crate::writer::{self, Job};

/// Agents, conversations and the log. Cheap to clone.
#[derive(Debug, Clone)]
pub struct ManagerDb {
    jobs: mpsc::Sender<Job>,
    readers: SqlitePool,
    /// One connection for all searches: however long they take, pages are read beside them.
    searcher: SqlitePool,
    works: watch::Receiver<bool>,
    /// The writer's task; taken by whoever closes first.
    task: Arc<Mutex<Option<JoinHandle<()>>>>,
    meters: Meters,
    probe: Probe,
}

impl ManagerDb {
    /// Opens the file, making and migrating it as needed, and keeps every other process out until [`Self::close`].
    ///
    /// # Errors
    /// [`StoreError::Locked`] when another process has it, [`StoreError::Unavailable`] when it cannot be opened.
    pub async fn open(path: &Path) -> Result<Self, StoreError> {
        let database = Database::open(path, Tier::Manager.migrator()).await?;
        let (readers, searcher) = (database.readers, database.searcher);
        let meters = Meters::default();
        let (jobs, works, task) = writer::spawn(
            database.writer,
            database.options,
            readers.clone(),
            database.lock,
            meters.clone(),
        );
        let (task, probe) = (Arc::new(Mutex::new(Some(task))), Probe::default());
        Ok(Self { jobs, readers, searcher, works, task, meters, probe })
    }

    /// Writes what waits, closes the file and gives back its lock. Later calls get [`StoreError::Closed`].
    pub async fn close(&self) {
        self.searcher.close().await;
        self.jobs.send(Job::Close).await.ok();
        let task = self.task.lock().unwrap_or_else(PoisonError::into_inner).take();
        if let Some(task) = task {
            task.await.ok();
        }
    }

    /// What is counted of it.
    #[must_use]
    pub fn meters(&self) -> &Meters {
        &self.meters
    }

    /// Writes that wait for the one that is being made.
    #[must_use]
    pub fn waiting(&self) -> usize {
        self.jobs.max_capacity() - self.jobs.capacity()
    }

    /// Whether the last write could be made, as far as that was up to the disk. Told when it changes.
    #[must_use]
    pub fn works(&self) -> watch::Receiver<bool> {
        self.works.clone()
    }

    /// Whether it can be read and written now.
    ///
    /// # Errors
    /// Why not, for everybody to read.
    pub async fn ready(&self) -> Result<(), String> {
        let write = async {
            sqlx::query("SELECT 1 FROM agents LIMIT 1").fetch_optional(&self.readers).await?;
            self.write(Job::Probe).await
        };
        self.probe.ask(write).await
    }

    /// All agents, by name.
    ///
    /// # Errors
    /// The database cannot be read.
    pub async fn agents(&self) -> Result<Vec<AgentRecord>, StoreError> {
        let query =
            "SELECT agent_id, spec, password_hash, stopped, created_at FROM agents ORDER BY name";
        let agents = sqlx::query(query).fetch_all(&self.readers).await?;
        agents.iter().map(rows::agent).collect()
    }

    /// Adds an agent, with the variables of its environment that are not to be in its specification.
    ///
    /// # Errors
    /// [`StoreError::Conflict`] when its name or id is taken.
    pub async fn create_agent(
        &self,
        agent: AgentRecord,
        environment: SealedEnvironment,
    ) -> Result<(), StoreError> {
        self.write(|reply| Job::CreateAgent(Box::new(agent), environment, reply)).await
    }

    /// The variables of an agent's environment.
    ///
    /// # Errors
    /// The database cannot be read.
    pub async fn environment(&self, agent: &AgentId) -> Result<SealedEnvironment, StoreError> {
        let rows = sqlx::query("SELECT name, value FROM environment WHERE agent_id = ?")
            .bind(agent.as_str())
            .fetch_all(&self.readers)
            .await?;
        rows.iter().map(|row| Ok((row.try_get(0)?, row.try_get(1)?))).collect()
    }

    /// Sets and removes variables of an agent's environment. Its specification has none from then on: they must be among
    /// those that are set, or are gone.
    ///
    /// # Errors
    /// [`StoreError::NotFound`] when there is no such agent.
    pub async fn change_environment(
        &self,
        agent: &AgentId,
        set: SealedEnvironment,
        remove: Vec<String>,
    ) -> Result<(), StoreError> {
        self.write(|reply| Job::ChangeEnvironment(agent.clone(), set, remove, reply)).await
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

    async fn write<T>(
        &self,
        job: impl FnOnce(oneshot::Sender<Result<T, StoreError>>) -> Job,
    ) -> Result<T, StoreError> {
        let (reply, result) = oneshot::channel();
        self.jobs.send(job(reply)).await.map_err(|_| StoreError::Closed)?;
        result.await.map_err(|_| StoreError::Closed)?
    }
}
