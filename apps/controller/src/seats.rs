//! Access tokens and sessions of browsers that are in use now, and how their connections learn that they have ended.

use std::collections::{HashMap, HashSet};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::time::Duration;

use protocol::Timestamp;
use store::{AccessKey, ControllerDb};
use tokio::time::{MissedTickBehavior, interval};
use tokio_util::sync::CancellationToken;

/// How often what has expired is looked for: so long a connection may outlive its session.
const SWEEP: Duration = Duration::from_secs(30);

/// What is in use, by its key. Behind a lock that is held to look one up.
#[derive(Debug, Clone, Default)]
pub(crate) struct Seats(Arc<Mutex<HashMap<AccessKey, Weak<Shared>>>>);

/// A place of whoever came in with a token or in a session. That is in use for as long as there is one.
#[derive(Debug, Clone)]
pub(crate) struct Seat(Arc<Shared>);

#[derive(Debug)]
struct Shared {
    key: AccessKey,
    ended: CancellationToken,
    seats: Seats,
}

impl Seat {
    /// Resolves when it has ended.
    pub(crate) async fn ended(&self) {
        self.0.ended.cancelled().await;
    }

    pub(crate) fn has_ended(&self) -> bool {
        self.0.ended.is_cancelled()
    }
}

impl Drop for Shared {
    fn drop(&mut self) {
        let mut in_use = self.seats.lock();
        // Another may have come meanwhile.
        if in_use.get(&self.key).is_some_and(|shared| shared.strong_count() == 0) {
            in_use.remove(&self.key);
        }
    }
}

impl Seats {
    /// Takes a place, whether there is such a token or session or not.
    pub(crate) fn enter(&self, key: AccessKey) -> Seat {
        let mut in_use = self.lock();
        if let Some(shared) = in_use.get(&key).and_then(Weak::upgrade) {
            return Seat(shared);
        }
        let ended = CancellationToken::new();
        let shared = Arc::new(Shared { key, ended, seats: self.clone() });
        in_use.insert(key, Arc::downgrade(&shared));
        Seat(shared)
    }

    /// Tells all who have a place there that it has ended.
    pub(crate) fn end(&self, key: AccessKey) {
        // Bound to a name: the lock must be free when the last place is given up.
        let shared = self.lock().remove(&key);
        if let Some(shared) = shared.and_then(|shared| shared.upgrade()) {
            shared.ended.cancel();
        }
    }

    /// Ends what has expired, now and again, for as long as it is polled.
    pub(crate) async fn watch_over(&self, db: &ControllerDb) {
        let mut sweep = interval(SWEEP);
        sweep.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            sweep.tick().await;
            self.sweep(db, Timestamp::now()).await;
        }
    }

    /// Ends those in use that are no more.
    async fn sweep(&self, db: &ControllerDb, now: Timestamp) {
        // Before the database is asked: one that is opened meanwhile is none of these.
        let in_use: HashSet<AccessKey> = self.lock().keys().copied().collect();
        match db.open_keys(now).await {
            Ok(open) => in_use.difference(&open).for_each(|key| self.end(*key)),
            Err(error) => {
                tracing::error!(%error, "expired tokens and sessions could not be looked for");
            }
        }
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<AccessKey, Weak<Shared>>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use store::{SESSION_LIFE, SecretKey};

    use super::*;

    #[test]
    fn a_session_ends_for_all_who_are_in_it_and_for_nobody_else() {
        let sessions = Seats::default();
        let (ours, theirs) = (AccessKey::of("a"), AccessKey::of("b"));
        let seats = [sessions.enter(ours), sessions.enter(ours)];
        let other = sessions.enter(theirs);

        sessions.end(ours);
        sessions.end(ours);

        assert!(seats.iter().all(Seat::has_ended));
        assert!(!other.has_ended());
        let again = sessions.enter(ours);
        drop(seats);
        assert!(!again.has_ended());
        assert_eq!(sessions.lock().len(), 2);
        drop((again, other));
        assert!(sessions.lock().is_empty());
    }

    #[tokio::test]
    async fn expiry_ends_what_is_in_use() {
        let directory = tempfile::tempdir().unwrap();
        let key = SecretKey::load_or_create(&directory.path().join("secret.key"), None).unwrap();
        let db = ControllerDb::open(&directory.path().join("controller.db"), key).await.unwrap();
        db.accept_token("ann", "ls_ann").await.unwrap();
        let (sessions, [early, late]) = (Seats::default(), ["a", "b"].map(AccessKey::of));
        let life = u64::try_from(SESSION_LIFE.as_millis()).unwrap();
        let seats = [early, late].map(|session| sessions.enter(session));
        for (session, at) in [(early, 0), (late, 5)] {
            db.open_session("ls_ann", session, Timestamp::from_millis(at)).await.unwrap();
        }

        sessions.sweep(&db, Timestamp::from_millis(life - 1)).await;
        assert!(!seats.iter().any(Seat::has_ended));
        sessions.sweep(&db, Timestamp::from_millis(life)).await;

        assert_eq!(seats.each_ref().map(Seat::has_ended), [true, false]);
    }
}
