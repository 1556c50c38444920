//! The audit log: entries are added and never changed, and the oldest go when there are too many.

use std::time::Duration;

use protocol::Timestamp;
use sqlx::Row;
use sqlx::sqlite::SqliteRow;

use super::ControllerDb;
use crate::StoreError;
use crate::writer::millis;

/// How long an entry is kept.
const AGE: Duration = Duration::from_hours(90 * 24);

/// What is kept together, so that many of one kind do not push out another: 100,000 entries in all.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AuditShelf {
    /// Who was not let in, or not allowed.
    Refusals,
    /// Who came and went.
    Visits,
    /// What was changed or approved.
    Changes,
}

impl AuditShelf {
    const ALL: [Self; 3] = [Self::Refusals, Self::Visits, Self::Changes];

    /// How many entries there is room for.
    fn room(self) -> i64 {
        match self {
            Self::Refusals => 20_000,
            Self::Visits => 30_000,
            Self::Changes => 50_000,
        }
    }
}

/// An entry.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AuditEntry {
    /// Rises with time; given when it is stored.
    pub id: u64,
    /// When it happened.
    pub time: Timestamp,
    /// The name of whoever did it, if they were let in.
    pub user: Option<String>,
    /// The access token that they came in with.
    pub token_id: Option<String>,
    /// Where they came from.
    pub address: Option<String>,
    /// Their connection, if it was one.
    pub connection_id: Option<String>,
    /// What they did.
    pub action: String,
    /// To what.
    pub target: Option<String>,
    /// `ok`, or the code of the error.
    pub outcome: String,
}

/// Which entries are wanted.
#[derive(Debug, Clone, Copy)]
pub enum AuditPage {
    /// The newest.
    Newest,
    /// The newest of those before that one.
    Before(u64),
    /// The oldest of those after that one, in the order in which they came.
    After(u64),
}

impl ControllerDb {
    /// Adds entries, all or none. Their ids are given here.
    ///
    /// # Errors
    /// The database cannot be written.
    pub async fn add_audit(&self, entries: &[(AuditShelf, AuditEntry)]) -> Result<(), StoreError> {
        let mut changes = self.writer.begin().await?;
        for (shelf, entry) in entries {
            sqlx::query(
                "INSERT INTO audit (time, shelf, user, token_id, address, connection_id, action, target, outcome)
                 VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)",
            )
            .bind(millis(entry.time))
            .bind(*shelf as i64)
            .bind(&entry.user)
            .bind(&entry.token_id)
            .bind(&entry.address)
            .bind(&entry.connection_id)
            .bind(&entry.action)
            .bind(&entry.target)
            .bind(&entry.outcome)
            .execute(&mut *changes)
            .await?;
        }
        changes.commit().await?;
        Ok(())
    }

    /// At most so many entries.
    ///
    /// # Errors
    /// The database cannot be read.
    pub async fn audit(&self, page: AuditPage, limit: u32) -> Result<Vec<AuditEntry>, StoreError> {
        const BEFORE: &str =
            "SELECT id, time, user, token_id, address, connection_id, action, target, outcome
             FROM audit WHERE id < ? ORDER BY id DESC LIMIT ?";
        const AFTER: &str =
            "SELECT id, time, user, token_id, address, connection_id, action, target, outcome
             FROM audit WHERE id > ? ORDER BY id LIMIT ?";
        let (query, from) = match page {
            AuditPage::Newest => (BEFORE, i64::MAX),
            AuditPage::Before(id) => (BEFORE, i64::try_from(id).unwrap_or(i64::MAX)),
            AuditPage::After(id) => (AFTER, i64::try_from(id).unwrap_or(i64::MAX)),
        };
        let rows = sqlx::query(query).bind(from).bind(limit).fetch_all(&self.readers).await?;
        rows.iter().map(entry_of).collect()
    }

    /// Removes the entries that are too old, and the oldest of what there is too much of.
    ///
    /// # Errors
    /// The database cannot be written.
    pub async fn prune_audit(&self, now: Timestamp) -> Result<(), StoreError> {
        let age = u64::try_from(AGE.as_millis()).unwrap_or(u64::MAX);
        let oldest = Timestamp::from_millis(now.as_millis().saturating_sub(age));
        let old = sqlx::query("DELETE FROM audit WHERE time < ?").bind(millis(oldest));
        old.execute(&self.writer).await?;
        for shelf in AuditShelf::ALL {
            sqlx::query(
                "DELETE FROM audit WHERE shelf = ?1 AND id <=
                 (SELECT id FROM audit WHERE shelf = ?1 ORDER BY id DESC LIMIT 1 OFFSET ?2)",
            )
            .bind(shelf as i64)
            .bind(shelf.room())
            .execute(&self.writer)
            .await?;
        }
        Ok(())
    }
}

fn entry_of(row: &SqliteRow) -> Result<AuditEntry, StoreError> {
    Ok(AuditEntry {
        id: row.try_get::<i64, _>(0)?.unsigned_abs(),
        time: Timestamp::from_millis(row.try_get::<i64, _>(1)?.unsigned_abs()),
        user: row.try_get(2)?,
        token_id: row.try_get(3)?,
        address: row.try_get(4)?,
        connection_id: row.try_get(5)?,
        action: row.try_get(6)?,
        target: row.try_get(7)?,
        outcome: row.try_get(8)?,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::secret::SecretKey;

    fn entry(time: u64, action: &str) -> AuditEntry {
        AuditEntry {
            id: 0,
            time: Timestamp::from_millis(time),
            user: Some("ann".into()),
            token_id: None,
            address: Some("127.0.0.1".into()),
            connection_id: None,
            action: action.into(),
            target: None,
            outcome: "ok".into(),
        }
    }

    async fn open() -> (tempfile::TempDir, ControllerDb) {
        let directory = tempfile::tempdir().unwrap();
        let key = SecretKey::load_or_create(&directory.path().join("secret.key"), None).unwrap();
        let db = ControllerDb::open(&directory.path().join("controller.db"), key).await.unwrap();
        (directory, db)
    }

    async fn actions(db: &ControllerDb, page: AuditPage, limit: u32) -> Vec<(u64, String)> {
        let entries = db.audit(page, limit).await.unwrap();
        entries.into_iter().map(|entry| (entry.id, entry.action)).collect()
    }

    #[tokio::test]
    async fn entries_come_in_pages_from_either_end_and_are_not_changed() {
        let (_directory, db) = open().await;
        let made: Vec<_> =
            ["a", "b", "c", "d"].map(|name| (AuditShelf::Visits, entry(5, name))).into();
        db.add_audit(&made).await.unwrap();

        let page = |items: &[(u64, &str)]| -> Vec<(u64, String)> {
            items.iter().map(|(id, name)| (*id, (*name).to_owned())).collect()
        };
        assert_eq!(actions(&db, AuditPage::Newest, 2).await, page(&[(4, "d"), (3, "c")]));
        assert_eq!(actions(&db, AuditPage::Before(3), 9).await, page(&[(2, "b"), (1, "a")]));
        assert_eq!(actions(&db, AuditPage::After(2), 1).await, page(&[(3, "c")]));
        assert_eq!(actions(&db, AuditPage::After(u64::MAX), 1).await, []);
        let change = sqlx::query("UPDATE audit SET user = 'eve'").execute(&db.writer).await;
        assert!(change.unwrap_err().to_string().contains("not changed"));
    }

    #[tokio::test]
    async fn the_oldest_go_and_refusals_push_out_nothing_else() {
        let (_directory, db) = open().await;
        let age = u64::try_from(AGE.as_millis()).unwrap();
        db.add_audit(&[(AuditShelf::Changes, entry(4, "old"))]).await.unwrap();
        db.add_audit(&[(AuditShelf::Changes, entry(5, "change"))]).await.unwrap();
        let room = usize::try_from(AuditShelf::Refusals.room()).unwrap();
        let many = vec![(AuditShelf::Refusals, entry(6, "guess")); room + 3];
        db.add_audit(&many).await.unwrap();

        db.prune_audit(Timestamp::from_millis(age + 5)).await.unwrap();

        let left = actions(&db, AuditPage::After(0), 100_000).await;
        assert_eq!(left[0], (2, "change".to_owned()));
        assert_eq!(left[1].0, 6, "the oldest three are gone");
        assert_eq!(left.len(), 1 + room);
    }
}
