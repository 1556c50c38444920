//! Sessions of browsers: what stands in for an access token, so that no page has to hold one.

use std::collections::HashSet;
use std::time::Duration;

use protocol::Timestamp;
use sqlx::Row;

use super::ControllerDb;
use crate::StoreError;
use crate::secret::hash_token;
use crate::writer::millis;

/// How long a session lasts when it is not used.
pub const SESSION_LIFE: Duration = Duration::from_hours(30 * 24);
/// A use is written down when the one before is this old: not every request is a write.
const USE: Duration = Duration::from_hours(1);
/// Sessions of one token. With more, the least recently used one goes.
const SESSIONS: i64 = 100;

/// Names a session without letting anybody in: the hash of its secret.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct SessionKey(pub(super) [u8; 32]);

impl SessionKey {
    /// That of the session with this secret, if there is one.
    #[must_use]
    pub fn of(secret: &str) -> Self {
        Self(hash_token(secret))
    }
}

/// A session that lets its owner in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BrowserSession {
    /// The name that its access token was given.
    pub user: String,
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
        session: SessionKey,
        now: Timestamp,
    ) -> Result<Option<BrowserSession>, StoreError> {
        let Some(user) = self.token_user(token).await? else { return Ok(None) };
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
        Ok(Some(BrowserSession { user, expires_at }))
    }

    /// A session that is in use at this moment, which makes it last. One that has expired is removed.
    ///
    /// # Errors
    /// The database cannot be read. That the use cannot be written is none: the session lasts shorter, and nobody is
    /// locked out by a full disk.
    pub async fn use_session(
        &self,
        session: SessionKey,
        now: Timestamp,
    ) -> Result<Option<BrowserSession>, StoreError> {
        let row = sqlx::query(
            "SELECT name, expires_at, last_used_at FROM sessions
             JOIN access_tokens ON access_tokens.hash = token_hash WHERE sessions.hash = ?",
        )
        .bind(session.0.as_slice())
        .fetch_optional(&self.readers)
        .await?;
        let Some(row) = row else { return Ok(None) };
        let time = |at: usize| Ok::<_, StoreError>(row.try_get::<i64, _>(at)?.unsigned_abs());
        let expires_at = Timestamp::from_millis(time(1)?);
        if expires_at <= now {
            // It has ended whether that is written down or not.
            if let Err(error) = self.close_session(session).await {
                tracing::warn!(%error, "an expired session was not removed");
            }
            return Ok(None);
        }
        let used = BrowserSession { user: row.try_get(0)?, expires_at };
        if after(Timestamp::from_millis(time(2)?), USE) > now {
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
    pub async fn close_session(&self, session: SessionKey) -> Result<(), StoreError> {
        let query = sqlx::query("DELETE FROM sessions WHERE hash = ?").bind(session.0.as_slice());
        query.execute(&self.writer).await?;
        Ok(())
    }

    /// Whether there is such a session, expired or not.
    ///
    /// # Errors
    /// The database cannot be read.
    pub async fn has_session(&self, session: SessionKey) -> Result<bool, StoreError> {
        let query = sqlx::query("SELECT 1 FROM sessions WHERE hash = ?");
        let found = query.bind(session.0.as_slice()).fetch_optional(&self.readers).await?;
        Ok(found.is_some())
    }

    /// How many sessions have not expired.
    ///
    /// # Errors
    /// The database cannot be read.
    pub async fn count_sessions(&self, now: Timestamp) -> Result<u64, StoreError> {
        let count = sqlx::query("SELECT count(*) FROM sessions WHERE expires_at > ?");
        let row = count.bind(millis(now)).fetch_one(&self.readers).await?;
        Ok(row.try_get::<i64, _>(0)?.unsigned_abs())
    }

    /// All sessions but those that have expired, which are removed as far as the database can be written.
    ///
    /// # Errors
    /// The database cannot be read.
    pub async fn open_sessions(&self, now: Timestamp) -> Result<HashSet<SessionKey>, StoreError> {
        let expired = sqlx::query("DELETE FROM sessions WHERE expires_at <= ?").bind(millis(now));
        if let Err(error) = expired.execute(&self.writer).await {
            tracing::warn!(%error, "expired sessions were not removed");
        }
        let open = sqlx::query("SELECT hash FROM sessions WHERE expires_at > ?").bind(millis(now));
        let rows = open.fetch_all(&self.readers).await?;
        let key = |hash: &[u8]| hash.try_into().map(SessionKey).map_err(|_| StoreError::NotFound);
        rows.iter().map(|row| key(row.try_get(0)?)).collect()
    }
}

fn after(time: Timestamp, span: Duration) -> Timestamp {
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
        db.add_token("ann", "ls_ann").await.unwrap();
        (directory, db)
    }

    fn at(days: u64) -> Timestamp {
        after(Timestamp::from_millis(1_000), DAY * u32::try_from(days).unwrap())
    }

    #[tokio::test]
    async fn a_session_lasts_thirty_days_from_its_last_use() {
        let (_directory, db) = open().await;
        let session = SessionKey::of(&token("lss_"));

        let opened = db.open_session("ls_ann", session, at(0)).await.unwrap().unwrap();
        assert_eq!(opened, BrowserSession { user: "ann".into(), expires_at: at(30) });
        assert_eq!(db.open_session("ls_bob", session, at(0)).await.unwrap(), None);

        let soon = after(at(0), USE.checked_sub(Duration::from_millis(1)).unwrap());
        assert_eq!(db.use_session(session, soon).await.unwrap().unwrap().expires_at, at(30));
        assert_eq!(db.use_session(session, at(20)).await.unwrap().unwrap().expires_at, at(50));
        assert!(db.use_session(session, after(at(49), DAY / 2)).await.unwrap().is_some());
        assert!(db.open_sessions(at(50)).await.unwrap().contains(&session));
        assert_eq!(db.use_session(session, at(80)).await.unwrap(), None);
        assert_eq!(db.use_session(session, at(50)).await.unwrap(), None, "it was removed");
    }

    #[tokio::test]
    async fn what_has_expired_is_removed_and_what_was_closed_is_gone() {
        let (_directory, db) = open().await;
        let [old, closed, new] = [(); 3].map(|()| SessionKey::of(&token("lss_")));
        for (session, day) in [(old, 0), (closed, 20), (new, 20)] {
            db.open_session("ls_ann", session, at(day)).await.unwrap();
        }

        db.close_session(closed).await.unwrap();
        db.close_session(closed).await.unwrap();

        assert_eq!(db.use_session(closed, at(20)).await.unwrap(), None);
        assert_eq!(db.count_sessions(at(30)).await.unwrap(), 1);
        assert!(db.has_session(new).await.unwrap() && !db.has_session(closed).await.unwrap());
        assert_eq!(db.open_sessions(at(30)).await.unwrap(), HashSet::from([new]));
    }

    #[tokio::test]
    async fn of_too_many_sessions_the_least_recently_used_goes() {
        let (_directory, db) = open().await;
        let sessions: Vec<_> = (0..=SESSIONS).map(|n| SessionKey::of(&n.to_string())).collect();
        let (last, first) = sessions.split_last().unwrap();
        for (session, hour) in first.iter().zip(0..) {
            let now = after(at(0), USE * hour);
            db.open_session("ls_ann", *session, now).await.unwrap();
        }
        db.use_session(sessions[0], at(5)).await.unwrap();

        db.open_session("ls_ann", *last, at(0)).await.unwrap();

        let open = db.open_sessions(at(5)).await.unwrap();
        let gone: Vec<_> = sessions.iter().filter(|session| !open.contains(session)).collect();
        assert_eq!(gone, [&sessions[1]]);
    }

    #[tokio::test]
    async fn sessions_outlive_a_token_that_is_given_again() {
        let (_directory, db) = open().await;
        let session = SessionKey::of("lss_x");
        db.open_session("ls_ann", session, at(0)).await.unwrap();

        db.add_token("anna", "ls_ann").await.unwrap();

        assert_eq!(db.use_session(session, at(0)).await.unwrap().unwrap().user, "anna");
    }
}
