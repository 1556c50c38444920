//! Access tokens: who is let in, as what, to which clients and until when.

use std::time::Duration;

use protocol::{Clients, Role, Timestamp, TokenId};
use sqlx::Row;
use sqlx::sqlite::SqliteRow;

use super::ControllerDb;
use super::sessions::{AccessKey, after};
use crate::StoreError;
use crate::record::name_key;
use crate::secret::hash_token;
use crate::writer::millis;

/// A use is written down when the one before is this old: not every request is a write.
const USE: Duration = Duration::from_mins(1);
/// How long a token that has expired can still be seen in the list, with when it was used last.
const MEMORY: Duration = Duration::from_hours(30 * 24);
/// How long the tokens that were made at each start are good, once one is kept instead.
const STALE: Duration = Duration::from_hours(30 * 24);

/// The columns that [`token_of`] reads.
pub(super) const COLUMNS: &str = "token_id, name, role, clients, access_tokens.created_at, access_tokens.expires_at, access_tokens.last_used_at,
    is_owner";

/// Those that a start made before one was kept, which came with the fifth migration, and that have not been given an end since.
const OF_A_START: &str = "name = ? AND role = 'admin' AND is_owner = 0 AND expires_at IS NULL AND created_at <
    (SELECT 1000 * CAST(strftime('%s', installed_on) AS INTEGER) FROM _sqlx_migrations WHERE version = 5)";

/// An access token, without its secret, which is nowhere.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AccessToken {
    /// The token.
    pub token_id: TokenId,
    /// The name of whoever has it.
    pub name: String,
    /// What they may do.
    pub role: Role,
    /// Which clients they may see.
    pub clients: Clients,
    /// When it was made.
    pub created_at: Timestamp,
    /// When it ends.
    pub expires_at: Option<Timestamp>,
    /// When it let somebody in, as of a minute before.
    pub last_used_at: Option<Timestamp>,
    /// Whether the server keeps it itself, for whoever started it.
    pub is_owner: bool,
}

impl AccessToken {
    /// A new one that does not end.
    #[must_use]
    pub fn new(name: &str, role: Role, clients: Clients) -> Self {
        Self {
            token_id: TokenId::random(),
            name: name.to_owned(),
            role,
            clients,
            created_at: Timestamp::now(),
            expires_at: None,
            last_used_at: None,
            is_owner: false,
        }
    }

    pub(super) fn is_good(&self, now: Timestamp) -> bool {
        self.expires_at.is_none_or(|end| end > now)
    }
}

/// A token that is no more.
#[derive(Debug)]
pub struct Revoked {
    /// As it was.
    pub token: AccessToken,
    /// By what those are known who came in with it: its own key, and those of its sessions.
    pub keys: Vec<AccessKey>,
}

impl ControllerDb {
    /// Lets whoever has `secret` in from now on. Only a hash is stored. Whether there was room: `most` tokens are enough.
    ///
    /// # Errors
    /// [`StoreError::Conflict`] when another token has this name and has not expired, or the database cannot be written.
    pub async fn add_token(
        &self,
        token: &AccessToken,
        secret: &str,
        most: usize,
    ) -> Result<bool, StoreError> {
        let mut changes = self.writer.begin().await?;
        let rows = sqlx::query("SELECT name, expires_at FROM access_tokens");
        let rows = rows.fetch_all(&mut *changes).await?;
        if rows.len() >= most {
            return Ok(false);
        }
        let key = name_key(&token.name);
        for row in rows {
            let ended = time(&row, 1)?.is_some_and(|end| end <= token.created_at);
            if !ended && name_key(row.try_get(0)?) == key {
                return Err(StoreError::Conflict);
            }
        }
        insert(token, secret).execute(&mut *changes).await?;
        changes.commit().await?;
        Ok(true)
    }

    /// Lets whoever has `secret` in as an admin, also where it was something else before. Sessions of a token that was there stay.
    ///
    /// # Errors
    /// The database cannot be written.
    pub async fn accept_token(&self, name: &str, secret: &str) -> Result<(), StoreError> {
        let changed = sqlx::query(
            "UPDATE access_tokens SET name = ?, role = 'admin', clients = NULL, expires_at = NULL WHERE hash = ?",
        );
        let changed = changed.bind(name).bind(hash_token(secret).to_vec());
        if changed.execute(&self.writer).await?.rows_affected() == 0 {
            let token = AccessToken::new(name, Role::Admin, Clients::All);
            insert(&token, secret).execute(&self.writer).await?;
        }
        Ok(())
    }

    /// Whether this is the secret of the owner's token, and lets its owner in.
    ///
    /// # Errors
    /// The database cannot be read.
    pub async fn is_owner(&self, secret: &str) -> Result<bool, StoreError> {
        let query = sqlx::query(
            "SELECT 1 FROM access_tokens WHERE hash = ? AND is_owner = 1 AND expires_at IS NULL",
        );
        let found = query.bind(hash_token(secret).to_vec()).fetch_optional(&self.readers).await?;
        Ok(found.is_some())
    }

    /// Puts a new token in the place of the owner's, which is forgotten with its sessions. Before there was one, each start
    /// made a token of this name: their sessions go on as the new one's, and they themselves end in 30 days. That is done once;
    /// tokens of this name that administrators have made since then are theirs.
    ///
    /// # Errors
    /// The database cannot be written.
    pub async fn replace_owner(
        &self,
        name: &str,
        secret: &str,
        now: Timestamp,
    ) -> Result<(), StoreError> {
        let mut changes = self.writer.begin().await?;
        sqlx::query("DELETE FROM access_tokens WHERE is_owner = 1").execute(&mut *changes).await?;
        insert(&AccessToken::new(name, Role::Admin, Clients::All), secret)
            .execute(&mut *changes)
            .await?;
        let hash = hash_token(secret);
        sqlx::query("UPDATE access_tokens SET is_owner = 1 WHERE hash = ?")
            .bind(hash.as_slice())
            .execute(&mut *changes)
            .await?;
        let moved = format!(
            "UPDATE sessions SET token_hash = ? WHERE token_hash IN (SELECT hash FROM access_tokens WHERE {OF_A_START})"
        );
        sqlx::query(sqlx::AssertSqlSafe(moved))
            .bind(hash.as_slice())
            .bind(name)
            .execute(&mut *changes)
            .await?;
        let ended = format!("UPDATE access_tokens SET expires_at = ? WHERE {OF_A_START}");
        sqlx::query(sqlx::AssertSqlSafe(ended))
            .bind(millis(after(now, STALE)))
            .bind(name)
            .execute(&mut *changes)
            .await?;
        changes.commit().await?;
        Ok(())
    }

    /// The token with this secret, if it lets anybody in at this moment; that it was used is written down.
    ///
    /// # Errors
    /// The database cannot be read. That the use cannot be written is none: nobody is locked out by a full disk.
    pub async fn use_token(
        &self,
        secret: &str,
        now: Timestamp,
    ) -> Result<Option<AccessToken>, StoreError> {
        let query = format!("SELECT {COLUMNS} FROM access_tokens WHERE hash = ?");
        let query = sqlx::query(sqlx::AssertSqlSafe(query)).bind(hash_token(secret).to_vec());
        let row = query.fetch_optional(&self.readers).await?;
        let token = row.as_ref().map(token_of).transpose()?.filter(|token| token.is_good(now));
        if let Some(token) = &token {
            self.note_use(token, now).await;
        }
        Ok(token)
    }

    /// Keeps when a token was used, now and again.
    pub(super) async fn note_use(&self, token: &AccessToken, now: Timestamp) {
        let is_recent = |used: Timestamp| after(used, USE) > now;
        if token.last_used_at.is_some_and(is_recent) {
            return;
        }
        // Of many at a time one writes.
        let written = sqlx::query(
            "UPDATE access_tokens SET last_used_at = ?1 WHERE token_id = ?2 AND coalesce(last_used_at, 0) < ?1",
        )
        .bind(millis(now))
        .bind(token.token_id.as_str())
        .execute(&self.writer)
        .await;
        if let Err(error) = written {
            tracing::warn!(%error, "the use of a token was not written");
        }
    }

    /// All tokens, the oldest first; those that have expired for 30 days.
    ///
    /// # Errors
    /// The database cannot be read.
    pub async fn tokens(&self) -> Result<Vec<AccessToken>, StoreError> {
        let query = format!("SELECT {COLUMNS} FROM access_tokens ORDER BY created_at, token_id");
        let rows = sqlx::query(sqlx::AssertSqlSafe(query)).fetch_all(&self.readers).await?;
        rows.iter().map(token_of).collect()
    }

    /// Removes a token with its sessions and what is pushed to them.
    ///
    /// # Errors
    /// [`StoreError::NotFound`] without such a token, [`StoreError::LastAdmin`] when no other admin could come in.
    pub async fn revoke_token(&self, id: &TokenId, now: Timestamp) -> Result<Revoked, StoreError> {
        let mut changes = self.writer.begin().await?;
        let query = format!("SELECT {COLUMNS}, hash FROM access_tokens WHERE token_id = ?");
        let query = sqlx::query(sqlx::AssertSqlSafe(query)).bind(id.as_str());
        let row = query.fetch_optional(&mut *changes).await?.ok_or(StoreError::NotFound)?;
        let (token, own) = (token_of(&row)?, AccessKey::from_hash(row.try_get("hash")?)?);
        if token.role == Role::Admin && token.is_good(now) {
            let others = sqlx::query(
                "SELECT 1 FROM access_tokens WHERE role = 'admin' AND token_id <> ? AND (expires_at IS NULL OR expires_at > ?)",
            )
            .bind(id.as_str())
            .bind(millis(now));
            others.fetch_optional(&mut *changes).await?.ok_or(StoreError::LastAdmin)?;
        }
        let sessions = sqlx::query("SELECT hash FROM sessions WHERE token_hash = ?");
        let sessions = sessions.bind(own.0.as_slice()).fetch_all(&mut *changes).await?;
        let keys = sessions.iter().map(|row| AccessKey::from_hash(row.try_get(0)?));
        let keys = std::iter::once(Ok(own)).chain(keys).collect::<Result<_, StoreError>>()?;
        sqlx::query("DELETE FROM access_tokens WHERE token_id = ?")
            .bind(id.as_str())
            .execute(&mut *changes)
            .await?;
        changes.commit().await?;
        Ok(Revoked { token, keys })
    }

    /// Removes tokens that have expired so long ago that nobody asks any more.
    pub(super) async fn forget_tokens(&self, now: Timestamp) {
        let oldest = now.as_millis().saturating_sub(MEMORY.as_millis().try_into().unwrap_or(0));
        let old = sqlx::query("DELETE FROM access_tokens WHERE expires_at <= ?");
        let old = old.bind(millis(Timestamp::from_millis(oldest)));
        if let Err(error) = old.execute(&self.writer).await {
            tracing::warn!(%error, "expired tokens were not removed");
        }
    }
}

type Insert = sqlx::query::Query<'static, sqlx::Sqlite, sqlx::sqlite::SqliteArguments>;

fn insert(token: &AccessToken, secret: &str) -> Insert {
    sqlx::query(
        "INSERT INTO access_tokens (hash, token_id, name, role, clients, created_at, expires_at)
         VALUES (?, ?, ?, ?, ?, ?, ?)",
    )
    .bind(hash_token(secret).to_vec())
    .bind(token.token_id.to_string())
    .bind(token.name.clone())
    .bind(token.role.name())
    .bind(clients_text(&token.clients))
    .bind(millis(token.created_at))
    .bind(token.expires_at.map(millis))
}

/// Reads [`COLUMNS`]. What cannot be read lets nobody in.
pub(super) fn token_of(row: &SqliteRow) -> Result<AccessToken, StoreError> {
    let unreadable = |_| StoreError::NotFound;
    Ok(AccessToken {
        token_id: TokenId::new(row.try_get::<&str, _>(0)?).map_err(|_| StoreError::NotFound)?,
        name: row.try_get(1)?,
        role: row.try_get::<&str, _>(2)?.parse().map_err(|_| StoreError::NotFound)?,
        clients: clients_of(row.try_get(3)?).map_err(unreadable)?,
        created_at: time(row, 4)?.unwrap_or(Timestamp::from_millis(0)),
        expires_at: time(row, 5)?,
        last_used_at: time(row, 6)?,
        is_owner: row.try_get(7)?,
    })
}

pub(super) fn clients_of(text: Option<&str>) -> Result<Clients, serde_json::Error> {
    text.map_or(Ok(Clients::All), serde_json::from_str)
}

fn clients_text(clients: &Clients) -> Option<String> {
    let some = (!clients.are_all()).then_some(clients)?;
    Some(serde_json::to_string(some).expect("ids are JSON"))
}

fn time(row: &SqliteRow, at: usize) -> Result<Option<Timestamp>, StoreError> {
    let millis: Option<i64> = row.try_get(at)?;
    Ok(millis.map(|millis| Timestamp::from_millis(millis.unsigned_abs())))
}

#[cfg(test)]
mod tests;
