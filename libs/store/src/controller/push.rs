//! Browsers that are pushed to, and the key pair that they know the controller by.

use protocol::{Clients, NotificationKind, SubscriptionId, Timestamp, ViewerId};
use sqlx::Row;
use sqlx::sqlite::SqliteRow;

use super::sessions::AccessKey;
use super::tokens::clients_of;
use crate::secret::hash_token;
use crate::writer::millis;
use crate::{ControllerDb, StoreError};

/// What the key pair is sealed for.
const KEY_CONTEXT: &str = "push_key";
/// Subscriptions of those who may come in at this moment; the columns are in the order of [`ControllerDb::subscription_of`].
const SOME: &str = "SELECT subscription_id, user, device, label, kinds, private, viewer_id,
    push_subscriptions.created_at, last_delivered_at, last_error, clients FROM push_subscriptions
    JOIN sessions ON sessions.hash = session_hash
    JOIN access_tokens ON access_tokens.hash = token_hash
    WHERE coalesce(access_tokens.expires_at > ?, 1)";

/// A browser that is pushed to.
#[derive(Clone)]
pub struct PushRecord {
    /// The subscription.
    pub subscription_id: SubscriptionId,
    /// Whose it is.
    pub user: String,
    /// How it is reached and what to encrypt with; kept sealed.
    pub device: String,
    /// Which clients its user may see, as the access token says: not kept here.
    pub clients: Clients,
    /// What its user calls it.
    pub label: String,
    /// What it is told of.
    pub kinds: Vec<NotificationKind>,
    /// Whether it is told without what was said.
    pub private: bool,
    /// The viewer in this browser.
    pub viewer_id: Option<ViewerId>,
    /// When it was subscribed.
    pub created_at: Timestamp,
    /// When its push service last took something.
    pub last_delivered_at: Option<Timestamp>,
    /// Why it has not since.
    pub last_error: Option<String>,
}

impl std::fmt::Debug for PushRecord {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("PushRecord")
            .field("subscription_id", &self.subscription_id)
            .field("user", &self.user)
            .field("device", &"***")
            .finish_non_exhaustive()
    }
}

impl ControllerDb {
    /// The key pair that messages are signed with. The first call keeps the one that `make` gives.
    ///
    /// # Errors
    /// The database cannot be read or written, or was sealed with another key.
    pub async fn push_key(&self, make: impl FnOnce() -> Vec<u8>) -> Result<Vec<u8>, StoreError> {
        let kept = sqlx::query("SELECT key FROM push_key").fetch_optional(&self.writer).await?;
        if let Some(row) = kept {
            return self.key.open(KEY_CONTEXT, row.try_get(0)?);
        }
        let made = make();
        let sealed = self.key.seal(KEY_CONTEXT, &made);
        let insert = sqlx::query("INSERT OR IGNORE INTO push_key (id, key) VALUES (1, ?)");
        if insert.bind(sealed).execute(&self.writer).await?.rows_affected() > 0 {
            return Ok(made);
        }
        // Somebody else was first.
        let row = sqlx::query("SELECT key FROM push_key").fetch_one(&self.writer).await?;
        self.key.open(KEY_CONTEXT, row.try_get(0)?)
    }

    /// Keeps a subscription under the hash of its endpoint, and gives its id. The same endpoint again takes the place of the
    /// first, also if that was another user's: there is one person at a browser. `None` when the user has `most` others. When
    /// the session goes, so does the subscription.
    ///
    /// # Errors
    /// The database cannot be written, or there is no such session.
    pub async fn put_subscription(
        &self,
        record: &PushRecord,
        endpoint: &str,
        session: AccessKey,
        most: u32,
    ) -> Result<Option<SubscriptionId>, StoreError> {
        let endpoint = hash_token(endpoint);
        let mut changes = self.writer.begin().await?;
        let before = sqlx::query(
            "SELECT subscription_id FROM push_subscriptions WHERE endpoint = ? AND user = ?",
        )
        .bind(endpoint.as_slice())
        .bind(&record.user)
        .fetch_optional(&mut *changes)
        .await?;
        let id = match before {
            Some(row) => id_of(row.try_get(0)?)?,
            None => record.subscription_id.clone(),
        };
        sqlx::query("DELETE FROM push_subscriptions WHERE endpoint = ?")
            .bind(endpoint.as_slice())
            .execute(&mut *changes)
            .await?;
        let put = sqlx::query(
            "INSERT INTO push_subscriptions (subscription_id, user, device, label, kinds, private, viewer_id, created_at, endpoint, session_hash)
             SELECT ?, ?, ?, ?, ?, ?, ?, ?, ?, ? WHERE (SELECT count(*) FROM push_subscriptions WHERE user = ?) < ?",
        )
        .bind(id.as_str())
        .bind(&record.user)
        .bind(self.key.seal(&device_context(&id), record.device.as_bytes()))
        .bind(&record.label)
        .bind(kinds_text(&record.kinds))
        .bind(record.private)
        .bind(record.viewer_id.as_ref().map(ViewerId::as_str))
        .bind(millis(record.created_at))
        .bind(endpoint.as_slice())
        .bind(session.0.as_slice())
        .bind(&record.user)
        .bind(most)
        .execute(&mut *changes)
        .await?;
        if put.rows_affected() == 0 {
            return Ok(None); // and what was deleted comes back
        }
        changes.commit().await?;
        Ok(Some(id))
    }

    /// All subscriptions that can be read, the oldest first: one that was sealed with another key keeps none of the others from
    /// being told.
    ///
    /// # Errors
    /// The database cannot be read.
    pub async fn subscriptions(&self) -> Result<Vec<PushRecord>, StoreError> {
        let all = sqlx::query(sqlx::AssertSqlSafe(format!(
            "{SOME} ORDER BY push_subscriptions.created_at, subscription_id"
        )))
        .bind(millis(Timestamp::now()));
        let rows = all.fetch_all(&self.readers).await?;
        let read = |row: &SqliteRow| {
            self.subscription_of(row)
                .inspect_err(|error| tracing::warn!(%error, "a subscription cannot be read"))
                .ok()
        };
        Ok(rows.iter().filter_map(read).collect())
    }

    /// A subscription.
    ///
    /// # Errors
    /// The database cannot be read, or was sealed with another key.
    pub async fn subscription(
        &self,
        id: &SubscriptionId,
    ) -> Result<Option<PushRecord>, StoreError> {
        let query = format!("{SOME} AND subscription_id = ?");
        let query = sqlx::query(sqlx::AssertSqlSafe(query)).bind(millis(Timestamp::now()));
        let row = query.bind(id.as_str()).fetch_optional(&self.readers).await?;
        row.as_ref().map(|row| self.subscription_of(row)).transpose()
    }

    fn subscription_of(&self, row: &SqliteRow) -> Result<PushRecord, StoreError> {
        let subscription_id = id_of(row.try_get(0)?)?;
        let viewer: Option<&str> = row.try_get(6)?;
        let time = |millis: i64| Timestamp::from_millis(millis.unsigned_abs());
        Ok(PushRecord {
            user: row.try_get(1)?,
            device: self.open_text(&device_context(&subscription_id), row.try_get(2)?)?,
            clients: clients_of(row.try_get(10)?).map_err(|_| StoreError::NotFound)?,
            label: row.try_get(3)?,
            kinds: serde_json::from_str(row.try_get(4)?).unwrap_or_default(),
            private: row.try_get(5)?,
            viewer_id: viewer.and_then(|viewer| ViewerId::new(viewer).ok()),
            created_at: time(row.try_get(7)?),
            last_delivered_at: row.try_get::<Option<i64>, _>(8)?.map(time),
            last_error: row.try_get(9)?,
            subscription_id,
        })
    }

    /// Changes what a subscription is called and told.
    ///
    /// # Errors
    /// [`StoreError::NotFound`] without such a subscription.
    pub async fn update_subscription(&self, record: &PushRecord) -> Result<(), StoreError> {
        let done = sqlx::query(
            "UPDATE push_subscriptions SET label = ?, kinds = ?, private = ? WHERE subscription_id = ?",
        )
        .bind(&record.label)
        .bind(kinds_text(&record.kinds))
        .bind(record.private)
        .bind(record.subscription_id.as_str())
        .execute(&self.writer)
        .await?;
        if done.rows_affected() == 0 { Err(StoreError::NotFound) } else { Ok(()) }
    }

    /// Notes how the last delivery ended: with an error, or well and now.
    ///
    /// # Errors
    /// The database cannot be written.
    pub async fn note_delivery(
        &self,
        id: &SubscriptionId,
        error: Option<&str>,
    ) -> Result<(), StoreError> {
        let delivered = error.is_none().then(|| millis(Timestamp::now()));
        sqlx::query(
            "UPDATE push_subscriptions SET last_error = ?, last_delivered_at = coalesce(?, last_delivered_at)
             WHERE subscription_id = ?",
        )
        .bind(error)
        .bind(delivered)
        .bind(id.as_str())
        .execute(&self.writer)
        .await?;
        Ok(())
    }

    /// Forgets a subscription; that it is gone already is as good.
    ///
    /// # Errors
    /// The database cannot be written.
    pub async fn delete_subscription(&self, id: &SubscriptionId) -> Result<(), StoreError> {
        let query = sqlx::query("DELETE FROM push_subscriptions WHERE subscription_id = ?");
        query.bind(id.as_str()).execute(&self.writer).await?;
        Ok(())
    }
}

fn id_of(text: &str) -> Result<SubscriptionId, StoreError> {
    SubscriptionId::new(text).map_err(|_| StoreError::NotFound)
}

fn kinds_text(kinds: &[NotificationKind]) -> String {
    serde_json::to_string(kinds).expect("names are JSON")
}

fn device_context(id: &SubscriptionId) -> String {
    format!("push_subscriptions/{id}/device")
}
