//! What can go wrong with a store.

use std::path::PathBuf;

/// An error of the store. A variant exists because a caller does something different.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// Another process has the database open.
    #[error("{} is in use by another process", path.display())]
    Locked {
        /// The database.
        path: PathBuf,
    },
    /// It cannot be read or written now: disk full, read-only, gone. Nothing was changed.
    #[error("the database is not available: {0}")]
    Unavailable(String),
    /// The name is taken.
    #[error("the name is taken")]
    Conflict,
    /// There is no such agent, conversation or client.
    #[error("there is no such row")]
    NotFound,
    /// Without this token, no admin could come in any more.
    #[error("it is the last token of an admin")]
    LastAdmin,
    /// It was closed.
    #[error("the database is closed")]
    Closed,
    /// Sealed with another key, for another place, or damaged.
    #[error("a sealed value cannot be opened: wrong key or damaged")]
    Unsealed,
}

impl From<sqlx::Error> for StoreError {
    fn from(error: sqlx::Error) -> Self {
        match &error {
            sqlx::Error::Database(cause) if cause.is_unique_violation() => Self::Conflict,
            sqlx::Error::Database(cause) if cause.is_foreign_key_violation() => Self::NotFound,
            sqlx::Error::RowNotFound => Self::NotFound,
            sqlx::Error::PoolClosed => Self::Closed,
            _ => Self::Unavailable(error.to_string()),
        }
    }
}

impl From<sqlx::migrate::MigrateError> for StoreError {
    fn from(error: sqlx::migrate::MigrateError) -> Self {
        Self::Unavailable(error.to_string())
    }
}

impl From<std::io::Error> for StoreError {
    fn from(error: std::io::Error) -> Self {
        Self::Unavailable(error.to_string())
    }
}
