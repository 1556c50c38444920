//! Opening a database file: the lock against a second process, the settings, the migrations.

use std::fs::{File, TryLockError};
use std::path::{Path, PathBuf};
use std::time::Duration;

use sqlx::migrate::Migrator;
use sqlx::sqlite::{SqliteConnectOptions, SqliteJournalMode, SqlitePoolOptions, SqliteSynchronous};
use sqlx::{ConnectOptions, Connection, SqliteConnection, SqlitePool};

use crate::StoreError;

/// Readers at once. More do not help two cores; fewer would queue replays behind each other.
const READERS: u32 = 3;

/// An open, migrated database: its one writing connection, its readers, and the lock that keeps others out.
pub(crate) struct Database {
    pub(crate) writer: SqliteConnection,
    /// How to open it again.
    pub(crate) options: SqliteConnectOptions,
    pub(crate) readers: SqlitePool,
    /// One more reader, for what may take long.
    pub(crate) searcher: SqlitePool,
    pub(crate) lock: File,
}

impl Database {
    pub(crate) async fn open(path: &Path, migrations: &Migrator) -> Result<Self, StoreError> {
        if let Some(directory) = path.parent() {
            std::fs::create_dir_all(directory)?;
        }
        let lock = lock(path)?;
        let options = options(path);
        // By way of a pool, although only one connection is wanted: with a borrowed connection the compiler
        // cannot prove that opening may be spawned.
        let pool =
            SqlitePoolOptions::new().max_connections(1).connect_with(options.clone()).await?;
        migrations.run(&pool).await?;
        let writer = pool.acquire().await?.detach();
        let read_only = options.clone().read_only(true);
        let pool = |size| SqlitePoolOptions::new().max_connections(size);
        let readers = pool(READERS).connect_with(read_only.clone()).await?;
        let searcher = pool(1).connect_lazy_with(read_only);
        // A file that is away is not made anew.
        let options = options.create_if_missing(false);
        Ok(Self { writer, options, readers, searcher, lock })
    }
}

/// How every connection is opened.
pub(crate) fn options(path: &Path) -> SqliteConnectOptions {
    SqliteConnectOptions::new()
        .filename(path)
        .create_if_missing(true)
        .journal_mode(SqliteJournalMode::Wal)
        // An fsync of the log at every commit: what is acknowledged survives a power cut.
        .synchronous(SqliteSynchronous::Full)
        .busy_timeout(Duration::from_secs(5))
        .foreign_keys(true)
        .disable_statement_logging()
}

/// Ends the writing connection; SQLite folds its log into the database when the last connection closes.
pub(crate) async fn close(writer: Option<SqliteConnection>, readers: &SqlitePool) {
    readers.close().await;
    if let Some(writer) = writer
        && let Err(error) = writer.close().await
    {
        tracing::warn!(%error, "the database was not closed cleanly");
    }
}

/// The file whose lock says that a database is in use.
pub(crate) fn lock_file(path: &Path) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(".lock");
    name.into()
}

pub(crate) fn lock(path: &Path) -> Result<File, StoreError> {
    let file = File::options().create(true).truncate(false).write(true).open(lock_file(path))?;
    match file.try_lock() {
        Ok(()) => Ok(file),
        Err(TryLockError::WouldBlock) => Err(StoreError::Locked { path: path.to_owned() }),
        Err(TryLockError::Error(error)) => Err(error.into()),
    }
}
