//! Sessions of browsers: what stands in for an access token, so that no page has to hold one.

use std::collections::HashSet;
use std::time::Duration;

use protocol::{Timestamp, TokenId};
use sqlx::Row;

use super::ControllerDb;
use super::tokens::{AccessToken, COLUMNS, token_of};
use crate::StoreError;
use crate::secret::hash_token;
use crate::writer::millis;

/// How long a session lasts when it is not used.
pub const SESSION_LIFE: Duration = Duration::from_hours(30 * 24);
/// A use is written down when the one before is this old: not every request is a write.
const USE: Duration = Duration::from_hours(1);
/// Sessions of one token. With more, the least recently used one goes.
const SESSIONS: i64 = 100;

/// Names a session or an access token without letting anybody in: the hash of its secret.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct AccessKey(pub(super) [u8; 32]);

impl AccessKey {
    /// That of the session or the token with this secret, if there is one.
    #[must_use]
    pub fn of(secret: &str) -> Self {
        Self(hash_token(secret))
    }

    pub(super) fn from_hash(hash: &[u8]) -> Result<Self, StoreError> {
        hash.try_into().map(Self).map_err(|_| StoreError::NotFound)
    }
}

/// A session that lets its owner in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BrowserSession {
    /// The access token that it stands in for.
    pub token: AccessToken,
    /// When it ends, if it is not used until then.
    pub expires_at: Timestamp,
}

impl ControllerDb {
    /// Opens a session for whoever has that access token; none without.
    ///
    /// # Errors
    /// The database cannot be read or written.
    pub async fn open_session(
        &self,
        token: &str,
        session: AccessKey,
        now: Timestamp,
    ) -> Result<Option<BrowserSession>, StoreError> {
        let Some(shown) = self.use_token(token, now).await? else { return Ok(None) };
        let token = hash_token(token);
        let expires_at = after(now, SESSION_LIFE);
        let mut transaction = self.writer.begin().await?;
        sqlx::query(
            "INSERT INTO sessions (hash, token_hash, created_at, expires_at, last_used_at) VALUES (?, ?, ?, ?, ?)",
        )
        .bind(session.0.as_slice())
        .bind(token.as_slice())
        .bind(millis(now))
        .bind(millis(expires_at))
        .bind(millis(now))
        .execute(&mut *transaction)
        .await?;
        // The new one stays, even where the clock was set back.
        sqlx::query(
            "DELETE FROM sessions WHERE hash IN (SELECT hash FROM sessions WHERE token_hash = ? AND hash <> ?
             ORDER BY last_used_at DESC, created_at DESC LIMIT -1 OFFSET ?)",
        )
        .bind(token.as_slice())
        .bind(session.0.as_slice())
        .bind(SESSIONS - 1)
        .execute(&mut *transaction)
        .await?;
        transaction.commit().await?;
        Ok(Some(BrowserSession { token: shown, expires_at }))
    }

    /// A session that is in use at this moment, which makes it last. One that has expired is removed.
    ///
    /// # Errors
    /// The database cannot be read. That the use cannot be written is none: the session lasts shorter, and nobody is
    /// locked out by a full disk.
    pub async fn use_session(
        &self,
        session: AccessKey,
        now: Timestamp,
    ) -> Result<Option<BrowserSession>, StoreError> {
        let query = format!(
            "SELECT {COLUMNS}, sessions.expires_at, sessions.last_used_at FROM sessions
             JOIN access_tokens ON access_tokens.hash = token_hash WHERE sessions.hash = ?"
        );
        let query = sqlx::query(sqlx::AssertSqlSafe(query)).bind(session.0.as_slice());
        let Some(row) = query.fetch_optional(&self.readers).await? else { return Ok(None) };
        let time = |at: usize| Ok::<_, StoreError>(row.try_get::<i64, _>(at)?.unsigned_abs());
        let (token, expires_at) = (token_of(&row)?, Timestamp::from_millis(time(8)?));
        if expires_at <= now || !token.is_good(now) {
            // It has ended whether that is written down or not.
            if let Err(error) = self.close_session(session).await {
                tracing::warn!(%error, "an expired session was not removed");
            }
            return Ok(None);
        }
        self.note_use(&token, now).await;
        let used = BrowserSession { token, expires_at };
        if after(Timestamp::from_millis(time(9)?), USE) > now {
            return Ok(Some(used));
        }
        let extended = BrowserSession { expires_at: after(now, SESSION_LIFE), ..used.clone() };
        let written =
            sqlx::query("UPDATE sessions SET expires_at = ?, last_used_at = ? WHERE hash = ?")
                .bind(millis(extended.expires_at))
                .bind(millis(now))
                .bind(session.0.as_slice())
                .execute(&self.writer)
                .await;
        match written {
            // It was closed in between.
            Ok(done) if done.rows_affected() == 0 => Ok(None),
            Ok(_) => Ok(Some(extended)),
            Err(error) => {
                tracing::warn!(%error, "the use of a session was not written");
                Ok(Some(used))
            }
        }
    }

    /// Ends a session. That there is none is as good.
    ///
    /// # Errors
    /// The database cannot be written.
    pub async fn close_session(&self, session: AccessKey) -> Result<(), StoreError> {
        let query = sqlx::query("DELETE FROM sessions WHERE hash = ?").bind(session.0.as_slice());
        query.execute(&self.writer).await?;
        Ok(())
    }

    /// Whether there is such a session, expired or not.
    ///
    /// # Errors
    /// The database cannot be read.
    pub async fn has_session(&self, session: AccessKey) -> Result<bool, StoreError> {
        let query = sqlx::query("SELECT 1 FROM sessions WHERE hash = ?");
        let found = query.bind(session.0.as_slice()).fetch_optional(&self.readers).await?;
        Ok(found.is_some())
    }

    /// How many sessions have not expired; of one token only, where it is named.
    ///
    /// # Errors
    /// The database cannot be read.
    pub async fn count_sessions(
        &self,
        of: Option<&TokenId>,
        now: Timestamp,
    ) -> Result<u64, StoreError> {
        let count = sqlx::query(
            "SELECT count(*) FROM sessions JOIN access_tokens ON access_tokens.hash = token_hash
             WHERE sessions.expires_at > ?1 AND (?2 IS NULL OR token_id = ?2)",
        );
        let count = count.bind(millis(now)).bind(of.map(TokenId::as_str));
        Ok(count.fetch_one(&self.readers).await?.try_get::<i64, _>(0)?.unsigned_abs())
    }

    /// The keys of all sessions and tokens but those that have expired, which are removed as far as the database can be
    /// written.
    ///
    /// # Errors
    /// The database cannot be read.
    pub async fn open_keys(&self, now: Timestamp) -> Result<HashSet<AccessKey>, StoreError> {
        let expired = sqlx::query(
            "DELETE FROM sessions WHERE expires_at <= ?1 OR token_hash IN
             (SELECT hash FROM access_tokens WHERE expires_at <= ?1)",
        );
        if let Err(error) = expired.bind(millis(now)).execute(&self.writer).await {
            tracing::warn!(%error, "expired sessions were not removed");
        }
        self.forget_tokens(now).await;
        let open = sqlx::query(
            "SELECT sessions.hash FROM sessions JOIN access_tokens ON access_tokens.hash = token_hash
             WHERE sessions.expires_at > ?1 AND coalesce(access_tokens.expires_at > ?1, 1)
             UNION ALL SELECT hash FROM access_tokens WHERE coalesce(expires_at > ?1, 1)",
        );
        let rows = open.bind(millis(now)).fetch_all(&self.readers).await?;
        rows.iter().map(|row| AccessKey::from_hash(row.try_get(0)?)).collect()
    }
}

pub(super) fn after(time: Timestamp, span: Duration) -> Timestamp {
    let span = u64::try_from(span.as_millis()).unwrap_or(u64::MAX);
    Timestamp::from_millis(time.as_millis().saturating_add(span))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::secret::{SecretKey, token};

    const DAY: Duration = Duration::from_hours(24);

    async fn open() -> (tempfile::TempDir, ControllerDb) {
        let directory = tempfile::tempdir().unwrap();
        let key = SecretKey::load_or_create(&directory.path().join("secret.key"), None).unwrap();
        let db = ControllerDb::open(&directory.path().join("controller.db"), key).await.unwrap();
        db.accept_token("ann", "ls_ann").await.unwrap();
        (directory, db)
    }

    fn at(days: u64) -> Timestamp {
        after(Timestamp::from_millis(1_000), DAY * u32::try_from(days).unwrap())
    }

    #[tokio::test]
    async fn a_session_lasts_thirty_days_from_its_last_use() {
        let (_directory, db) = open().await;
        let session = AccessKey::of(&token("lss_"));

        let opened = db.open_session("ls_ann", session, at(0)).await.unwrap().unwrap();
        assert_eq!((opened.token.name.as_str(), opened.expires_at), ("ann", at(30)));
        assert_eq!(db.open_session("ls_bob", session, at(0)).await.unwrap(), None);

        let soon = after(at(0), USE.checked_sub(Duration::from_millis(1)).unwrap());
        assert_eq!(db.use_session(session, soon).await.unwrap().unwrap().expires_at, at(30));
        assert_eq!(db.use_session(session, at(20)).await.unwrap().unwrap().expires_at, at(50));
        assert!(db.use_session(session, after(at(49), DAY / 2)).await.unwrap().is_some());
        assert!(db.open_keys(at(50)).await.unwrap().contains(&session));
        assert_eq!(db.use_session(session, at(80)).await.unwrap(), None);
        assert_eq!(db.use_session(session, at(50)).await.unwrap(), None, "it was removed");
    }

    #[tokio::test]
    async fn what_has_expired_is_removed_and_what_was_closed_is_gone() {
        let (_directory, db) = open().await;
        let [old, closed, new] = [(); 3].map(|()| AccessKey::of(&token("lss_")));
        for (session, day) in [(old, 0), (closed, 20), (new, 20)] {
            db.open_session("ls_ann", session, at(day)).await.unwrap();
        }

        db.close_session(closed).await.unwrap();
        db.close_session(closed).await.unwrap();

        assert_eq!(db.use_session(closed, at(20)).await.unwrap(), None);
        assert_eq!(db.count_sessions(None, at(30)).await.unwrap(), 1);
        assert!(db.has_session(new).await.unwrap() && !db.has_session(closed).await.unwrap());
        let open = db.open_keys(at(30)).await.unwrap();
        assert_eq!(open, HashSet::from([new, AccessKey::of("ls_ann")]));
    }

    #[tokio::test]
    async fn of_too_many_sessions_the_least_recently_used_goes() {
        let (_directory, db) = open().await;
        let sessions: Vec<_> = (0..=SESSIONS).map(|n| AccessKey::of(&n.to_string())).collect();
        let (last, first) = sessions.split_last().unwrap();
        for (session, hour) in first.iter().zip(0..) {
            let now = after(at(0), USE * hour);
            db.open_session("ls_ann", *session, now).await.unwrap();
        }
        db.use_session(sessions[0], at(5)).await.unwrap();

        db.open_session("ls_ann", *last, at(0)).await.unwrap();

        let open = db.open_keys(at(5)).await.unwrap();
        let gone: Vec<_> = sessions.iter().filter(|session| !open.contains(session)).collect();
        assert_eq!(gone, [&sessions[1]]);
    }

    #[tokio::test]
    async fn sessions_outlive_a_token_that_is_given_again() {
        let (_directory, db) = open().await;
        let session = AccessKey::of("lss_x");
        db.open_session("ls_ann", session, at(0)).await.unwrap();

        db.accept_token("anna", "ls_ann").await.unwrap();

        assert_eq!(db.use_session(session, at(0)).await.unwrap().unwrap().token.name, "anna");
    }
}
