//! Copies of databases: of ones that a server has open, and what has to be done before one is put back.

use std::fs::{File, TryLockError};
use std::path::Path;
use std::time::Duration;

use protocol::Epoch;
use serde::{Deserialize, Serialize};
use sqlx::migrate::Migrator;
use sqlx::sqlite::{SqliteConnectOptions, SqliteJournalMode, SqliteSynchronous};
use sqlx::{AssertSqlSafe, ConnectOptions, Connection, Row, SqliteConnection};

use crate::StoreError;
use crate::file;

/// How long a reader waits for whoever writes. Readers of a write-ahead log hardly ever do.
const BUSY: Duration = Duration::from_secs(5);

static MANAGER: Migrator = sqlx::migrate!("../../migrations/manager");
static CONTROLLER: Migrator = sqlx::migrate!("../../migrations/controller");

/// Whose database it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Tier {
    /// Agents, conversations, the log.
    Manager,
    /// Registered managers, credentials, who may connect.
    Controller,
}

/// What is in a database.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Facts {
    /// The newest migration that was applied.
    pub schema: i64,
    /// Rows of the tables that people care about.
    pub counts: Vec<(String, u64)>,
}

/// Keeps servers away from a database for as long as it is held.
#[derive(Debug)]
pub struct Lock(#[expect(dead_code, reason = "held, not used")] File);

impl Lock {
    /// Locks the database at this path, which need not be there; its directory must.
    ///
    /// # Errors
    /// [`StoreError::Locked`] when a server has it.
    pub fn take(path: &Path) -> Result<Self, StoreError> {
        file::lock(path).map(Self)
    }

    /// Whether a server has the database. Nothing is made for the question, and the lock is had for no longer than
    /// the system takes to say.
    ///
    /// # Errors
    /// The file cannot be read.
    pub fn is_taken(path: &Path) -> Result<bool, StoreError> {
        let file = match File::open(file::lock_file(path)) {
            Ok(file) => file,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(false),
            Err(error) => return Err(error.into()),
        };
        match file.try_lock_shared() {
            Ok(()) => Ok(false),
            Err(TryLockError::WouldBlock) => Ok(true),
            Err(TryLockError::Error(error)) => Err(error.into()),
        }
    }
}

impl Tier {
    /// Both, in the order in which they are to be copied: credentials of an agent are stored after the agent was, so a copy of the
    /// controller that is the later one has those of all agents in the copy of the manager.
    pub const ALL: [Self; 2] = [Self::Manager, Self::Controller];

    /// The name of its database in a data directory.
    #[must_use]
    pub fn file_name(self) -> &'static str {
        match self {
            Self::Manager => "manager.db",
            Self::Controller => "controller.db",
        }
    }

    /// The newest schema that this program knows.
    #[must_use]
    pub fn newest_schema(self) -> i64 {
        self.migrator().iter().map(|migration| migration.version).max().unwrap_or(0)
    }

    pub(crate) fn migrator(self) -> &'static Migrator {
        match self {
            Self::Manager => &MANAGER,
            Self::Controller => &CONTROLLER,
        }
    }

    fn counted(self) -> &'static [&'static str] {
        match self {
            Self::Manager => &["agents", "conversations", "entries"],
            Self::Controller => &["clients", "credentials", "access_tokens"],
        }
    }

    /// Copies a database as it is at one moment, to a file that must not be there, while a server goes on writing it or not.
    ///
    /// # Errors
    /// It cannot be read, or the copy cannot be written; there may then be a part of one.
    pub async fn copy(self, from: &Path, to: &Path) -> Result<(), StoreError> {
        let mut connection = read_only(from).connect().await?;
        // One read transaction from beginning to end, of a connection that cannot write to the original.
        let copied =
            sqlx::query("VACUUM INTO ?").bind(text(to)?).execute(&mut connection).await.map(drop);
        connection.close().await?;
        copied?;
        // SQLite leaves that to whoever uses the copy.
        File::open(to)?.sync_all()?;
        Ok(())
    }

    /// How large a copy will be, in bytes, at most.
    ///
    /// # Errors
    /// The database cannot be read.
    pub async fn size(self, path: &Path) -> Result<u64, StoreError> {
        let mut connection = read_only(path).connect().await?;
        let pages = number(&mut connection, "PRAGMA page_count").await;
        let size = number(&mut connection, "PRAGMA page_size").await;
        connection.close().await?;
        Ok(pages?.saturating_mul(size?))
    }

    /// Looks through the whole database for damage, and says what is in it.
    ///
    /// # Errors
    /// It cannot be read, is damaged, or is none of this tier's.
    pub async fn inspect(self, path: &Path) -> Result<Facts, StoreError> {
        let mut connection = read_only(path).connect().await?;
        let facts = self.facts(&mut connection, "PRAGMA integrity_check(1)").await;
        connection.close().await?;
        facts
    }

    /// The same without comparing indexes with their tables, which takes long.
    ///
    /// # Errors
    /// As for [`Self::inspect`].
    pub async fn glance(self, path: &Path) -> Result<Facts, StoreError> {
        let mut connection = read_only(path).connect().await?;
        let facts = self.facts(&mut connection, "PRAGMA quick_check(1)").await;
        connection.close().await?;
        facts
    }

    async fn facts(
        self,
        connection: &mut SqliteConnection,
        check: &'static str,
    ) -> Result<Facts, StoreError> {
        let said: String = sqlx::query(check).fetch_one(&mut *connection).await?.try_get(0)?;
        if said != "ok" {
            return Err(StoreError::Unavailable(format!("it is damaged: {said}")));
        }
        let schema = number(connection, "SELECT max(version) FROM _sqlx_migrations").await?;
        let mut counts = Vec::new();
        for table in self.counted() {
            let count = number(connection, &format!("SELECT count(*) FROM {table}")).await?;
            counts.push(((*table).to_owned(), count));
        }
        Ok(Facts { schema: i64::try_from(schema).unwrap_or(i64::MAX), counts })
    }

    /// Makes a copy ready to be put back: every conversation begins a new life, so that viewers that have seen more than it has,
    /// or something else, start over. Gives the number of conversations.
    ///
    /// # Errors
    /// The copy cannot be written.
    pub async fn begin_anew(self, path: &Path) -> Result<u64, StoreError> {
        if self == Self::Controller {
            return Ok(0);
        }
        let options = SqliteConnectOptions::new()
            .filename(path)
            // Everything in the one file that is moved into place.
            .journal_mode(SqliteJournalMode::Delete)
            .synchronous(SqliteSynchronous::Full)
            .disable_statement_logging();
        let mut connection = options.connect().await?;
        let begun = renew_epochs(&mut connection).await;
        connection.close().await?;
        begun
    }
}

async fn renew_epochs(connection: &mut SqliteConnection) -> Result<u64, StoreError> {
    // One life, whose name nobody has seen, does for all: an epoch is compared within its conversation only.
    let query = sqlx::query("UPDATE conversations SET epoch = ?").bind(Epoch::random().to_string());
    Ok(query.execute(connection).await?.rows_affected())
}

fn read_only(path: &Path) -> SqliteConnectOptions {
    SqliteConnectOptions::new()
        .filename(path)
        .read_only(true)
        .busy_timeout(BUSY)
        .disable_statement_logging()
}

async fn number(connection: &mut SqliteConnection, query: &str) -> Result<u64, StoreError> {
    // Made of our own words alone.
    let row = sqlx::query(AssertSqlSafe(query)).fetch_one(connection).await?;
    Ok(row.try_get::<i64, _>(0)?.unsigned_abs())
}

fn text(path: &Path) -> Result<&str, StoreError> {
    path.to_str().ok_or_else(|| {
        StoreError::Unavailable(format!("the path {} is no Unicode", path.display()))
    })
}
