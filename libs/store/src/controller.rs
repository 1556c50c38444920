//! A controller's database.

mod audit;
pub(crate) mod push;
mod sessions;
mod tokens;

use std::fs::File;
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};

use protocol::{AgentId, ClientId, Timestamp};
use sqlx::sqlite::{SqlitePoolOptions, SqliteRow};
use sqlx::{Connection, Row, SqlitePool};

use crate::StoreError;
use crate::copy::Tier;
use crate::file::Database;
use crate::health::{PROBE, Probe};
use crate::secret::SecretKey;
use crate::writer::millis;
pub use audit::{AuditEntry, AuditPage, AuditShelf};
pub use sessions::{AccessKey, BrowserSession, SESSION_LIFE};
pub use tokens::{AccessToken, Revoked};

/// A registered manager.
#[derive(Clone)]
pub struct ClientRecord {
    /// The client.
    pub client_id: ClientId,
    /// Shown to people; unique.
    pub name: String,
    /// `http` or `https` address of the manager.
    pub endpoint: String,
    /// The manager's API key.
    pub api_key: String,
    /// When it was registered.
    pub created_at: Timestamp,
}

impl std::fmt::Debug for ClientRecord {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("ClientRecord")
            .field("client_id", &self.client_id)
            .field("name", &self.name)
            .field("endpoint", &self.endpoint)
            .field("api_key", &"***")
            .finish_non_exhaustive()
    }
}

/// How to log in to an agent.
#[derive(Clone, PartialEq, Eq)]
pub struct Credentials {
    /// Its password.
    pub password: String,
    /// From the last login.
    pub resume_token: Option<String>,
}

impl std::fmt::Debug for Credentials {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Credentials(***)")
    }
}

/// Clients, credentials, access tokens and sessions. Cheap to clone. Written seldom, so there is no batching: one connection
/// takes one statement at a time, each a transaction.
#[derive(Debug, Clone)]
pub struct ControllerDb {
    writer: SqlitePool,
    readers: SqlitePool,
    key: SecretKey,
    /// Held until closed.
    lock: Arc<Mutex<Option<File>>>,
    probe: Probe,
}

impl ControllerDb {
    /// Opens the file, making and migrating it as needed, and keeps every other process out until [`Self::close`].
    ///
    /// # Errors
    /// [`StoreError::Locked`] when another process has it, [`StoreError::Unavailable`] when it cannot be opened.
    pub async fn open(path: &Path, key: SecretKey) -> Result<Self, StoreError> {
        let database = Database::open(path, Tier::Controller.migrator()).await?;
        database.writer.close().await?;
        let options = crate::file::options(path);
        let writer = SqlitePoolOptions::new().max_connections(1).connect_with(options).await?;
        let lock = Arc::new(Mutex::new(Some(database.lock)));
        Ok(Self { writer, readers: database.readers, key, lock, probe: Probe::default() })
    }

    /// Closes the file and gives back its lock.
    pub async fn close(&self) {
        self.readers.close().await;
        self.writer.close().await;
        self.lock.lock().unwrap_or_else(PoisonError::into_inner).take();
    }

    /// Whether it can be read and written now.
    ///
    /// # Errors
    /// Why not, for everybody to read.
    pub async fn ready(&self) -> Result<(), String> {
        let write = async {
            sqlx::query("SELECT 1 FROM clients LIMIT 1").fetch_optional(&self.readers).await?;
            sqlx::query(PROBE).execute(&self.writer).await?;
            Ok(())
        };
        self.probe.ask(write).await
    }

    /// All clients, by name.
    ///
    /// # Errors
    /// The database cannot be read, or was sealed with another key.
    pub async fn clients(&self) -> Result<Vec<ClientRecord>, StoreError> {
        let query =
            "SELECT client_id, name, endpoint, api_key, created_at FROM clients ORDER BY name";
        let rows = sqlx::query(query).fetch_all(&self.readers).await?;
        rows.iter().map(|row| self.client_of(row)).collect()
    }

    /// One client.
    ///
    /// # Errors
    /// The database cannot be read, or was sealed with another key.
    pub async fn client(&self, client: &ClientId) -> Result<Option<ClientRecord>, StoreError> {
        let query = "SELECT client_id, name, endpoint, api_key, created_at FROM clients WHERE client_id = ?";
        let row = sqlx::query(query).bind(client.as_str()).fetch_optional(&self.readers).await?;
        row.as_ref().map(|row| self.client_of(row)).transpose()
    }

    fn client_of(&self, row: &SqliteRow) -> Result<ClientRecord, StoreError> {
        let client_id =
            ClientId::new(row.try_get::<&str, _>(0)?).map_err(|_| StoreError::NotFound)?;
        let api_key = self.open_text(&api_key_context(&client_id), row.try_get(3)?)?;
        Ok(ClientRecord {
            name: row.try_get(1)?,
            endpoint: row.try_get(2)?,
            api_key,
            created_at: Timestamp::from_millis(row.try_get::<i64, _>(4)?.unsigned_abs()),
            client_id,
        })
    }

    /// Adds a client.
    ///
    /// # Errors
    /// [`StoreError::Conflict`] when its name or id is taken.
    pub async fn add_client(&self, client: &ClientRecord) -> Result<(), StoreError> {
        sqlx::query("INSERT INTO clients (client_id, name, endpoint, api_key, created_at) VALUES (?, ?, ?, ?, ?)")
            .bind(client.client_id.as_str())
            .bind(&client.name)
            .bind(&client.endpoint)
            .bind(self.key.seal(&api_key_context(&client.client_id), client.api_key.as_bytes()))
            .bind(millis(client.created_at))
            .execute(&self.writer)
            .await?;
        Ok(())
    }

    /// Changes a client's name, endpoint and API key.
    ///
    /// # Errors
    /// [`StoreError::NotFound`] without such a client, [`StoreError::Conflict`] when the name is taken.
    pub async fn update_client(&self, client: &ClientRecord) -> Result<(), StoreError> {
        let done = sqlx::query(
            "UPDATE clients SET name = ?, endpoint = ?, api_key = ? WHERE client_id = ?",
        )
        .bind(&client.name)
        .bind(&client.endpoint)
        .bind(self.key.seal(&api_key_context(&client.client_id), client.api_key.as_bytes()))
        .bind(client.client_id.as_str())
        .execute(&self.writer)
        .await?;
        if done.rows_affected() == 0 { Err(StoreError::NotFound) } else { Ok(()) }
    }

    /// Deletes a client with its credentials; whether there was one.
    ///
    /// # Errors
    /// The database cannot be written.
    pub async fn delete_client(&self, client: &ClientId) -> Result<bool, StoreError> {
        let query = sqlx::query("DELETE FROM clients WHERE client_id = ?").bind(client.as_str());
        Ok(query.execute(&self.writer).await?.rows_affected() > 0)
    }

    /// How to log in to an agent, if that is known.
    ///
    /// # Errors
    /// The database cannot be read, or was sealed with another key.
    pub async fn credentials(
        &self,
        client: &ClientId,
        agent: &AgentId,
    ) -> Result<Option<Credentials>, StoreError> {
        let query =
            "SELECT password, resume_token FROM credentials WHERE client_id = ? AND agent_id = ?";
        let query = sqlx::query(query).bind(client.as_str()).bind(agent.as_str());
        let Some(row) = query.fetch_optional(&self.readers).await? else { return Ok(None) };
        let token: Option<&[u8]> = row.try_get(1)?;
        let token = token.map(|sealed| self.open_text(&resume_context(client, agent), sealed));
        Ok(Some(Credentials {
            password: self.open_text(&password_context(client, agent), row.try_get(0)?)?,
            // A token that cannot be opened costs a login with the password, nothing more.
            resume_token: token.and_then(Result::ok),
        }))
    }

    /// Stores an agent's password; a resume token of an older one is forgotten.
    ///
    /// # Errors
    /// [`StoreError::NotFound`] without such a client.
    pub async fn set_credentials(
        &self,
        client: &ClientId,
        agent: &AgentId,
        password: &str,
    ) -> Result<(), StoreError> {
        sqlx::query(
            "INSERT INTO credentials (client_id, agent_id, password) VALUES (?, ?, ?)
             ON CONFLICT DO UPDATE SET password = excluded.password, resume_token = NULL",
        )
        .bind(client.as_str())
        .bind(agent.as_str())
        .bind(self.key.seal(&password_context(client, agent), password.as_bytes()))
        .execute(&self.writer)
        .await?;
        Ok(())
    }

    /// Stores what logs in again without the password, or forgets it.
    ///
    /// # Errors
    /// The database cannot be written.
    pub async fn set_resume_token(
        &self,
        client: &ClientId,
        agent: &AgentId,
        token: Option<&str>,
    ) -> Result<(), StoreError> {
        let sealed =
            token.map(|token| self.key.seal(&resume_context(client, agent), token.as_bytes()));
        sqlx::query("UPDATE credentials SET resume_token = ? WHERE client_id = ? AND agent_id = ?")
            .bind(sealed)
            .bind(client.as_str())
            .bind(agent.as_str())
            .execute(&self.writer)
            .await?;
        Ok(())
    }

    /// Forgets how to log in to an agent.
    ///
    /// # Errors
    /// The database cannot be written.
    pub async fn delete_credentials(
        &self,
        client: &ClientId,
        agent: &AgentId,
    ) -> Result<(), StoreError> {
        sqlx::query("DELETE FROM credentials WHERE client_id = ? AND agent_id = ?")
            .bind(client.as_str())
            .bind(agent.as_str())
            .execute(&self.writer)
            .await?;
        Ok(())
    }

    fn open_text(&self, context: &str, sealed: &[u8]) -> Result<String, StoreError> {
        String::from_utf8(self.key.open(context, sealed)?).map_err(|_| StoreError::Unsealed)
    }
}

fn api_key_context(client: &ClientId) -> String {
    format!("clients/{client}/api_key")
}

fn password_context(client: &ClientId, agent: &AgentId) -> String {
    format!("credentials/{client}/{agent}/password")
}

fn resume_context(client: &ClientId, agent: &AgentId) -> String {
    format!("credentials/{client}/{agent}/resume_token")
}
