//! Who is present in a conversation.

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use protocol::agents::Attendee;
use protocol::{ConnectionId, ViewerId};
use tokio::sync::Notify;
use tokio::time::Instant;

/// A connection that may be present: a connection to the manager, and behind a controller's the viewer's own.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(crate) struct Key {
    /// The connection to the manager.
    pub(crate) link: ConnectionId,
    /// The viewer's connection to the controller.
    pub(crate) behind: Option<ConnectionId>,
}

/// Those who are present. A mutex and not the worker's: coming and going is told at once, and the worker hears of what
/// follows from it by [`Attendance::changed`].
#[derive(Debug)]
pub(crate) struct Attendance {
    inner: Mutex<Inner>,
    changed: Notify,
    grace: Duration,
}

#[derive(Debug)]
struct Inner {
    present: HashMap<Key, Present>,
    /// Since when nobody is there.
    nobody_since: Option<Instant>,
}

#[derive(Debug)]
struct Present {
    attendee: Attendee,
    /// The connection to the controller was lost then; it may come back.
    lost: Option<Instant>,
}

/// What the worker has to know.
#[derive(Debug, Default)]
pub(crate) struct News {
    /// Those who were lost and have not come back: the others have to be told.
    pub(crate) expired: Vec<Attendee>,
    /// Since when nobody is there.
    pub(crate) nobody_since: Option<Instant>,
    /// When to ask again.
    pub(crate) next: Option<Instant>,
}

impl Attendance {
    /// Nobody is present. Who is lost is waited for during `grace`.
    pub(crate) fn new(grace: Duration) -> Self {
        let inner = Inner { present: HashMap::new(), nobody_since: Some(Instant::now()) };
        Self { inner: Mutex::new(inner), changed: Notify::new(), grace }
    }

    /// Somebody comes. Whether that is news: not for one who is there by a connection that is not noticed to be lost yet,
    /// nor for one who was lost and is back.
    pub(crate) fn enter(&self, key: Key, attendee: Attendee) -> bool {
        let mut inner = self.lock();
        let back = inner.take_former(&key, attendee.viewer_id.as_ref());
        let known = inner.present.insert(key, Present { attendee, lost: None }).is_some();
        inner.nobody_since = None;
        self.changed.notify_one();
        !known && !back
    }

    /// Somebody goes.
    pub(crate) fn leave(&self, key: &Key) -> Option<Attendee> {
        let mut inner = self.lock();
        let present = inner.present.remove(key)?;
        inner.count();
        self.changed.notify_one();
        Some(present.attendee)
    }

    /// The connection to the manager is gone, and with it all who were behind it; they may be back soon.
    pub(crate) fn lose(&self, key: &Key) {
        let mut inner = self.lock();
        if let Some(present) = inner.present.get_mut(key) {
            present.lost = Some(Instant::now());
        }
        inner.count();
        self.changed.notify_one();
    }

    /// How many are there.
    pub(crate) fn count(&self) -> usize {
        self.lock().here()
    }

    /// Who is there but for one, at most so many.
    pub(crate) fn others(&self, than: &Key, most: usize) -> Vec<Attendee> {
        let inner = self.lock();
        let here =
            inner.present.iter().filter(|(key, present)| *key != than && present.lost.is_none());
        here.take(most).map(|(_, present)| present.attendee.clone()).collect()
    }

    /// The connections that are there.
    pub(crate) fn keys(&self) -> Vec<Key> {
        let inner = self.lock();
        let here = inner.present.iter().filter(|(_, present)| present.lost.is_none());
        here.map(|(key, _)| key.clone()).collect()
    }

    pub(crate) fn has(&self, key: &Key) -> bool {
        self.lock().present.contains_key(key)
    }

    /// Whether that connection is there or may be back, whichever link it is behind.
    pub(crate) fn has_anywhere(&self, key: &Key) -> bool {
        let inner = self.lock();
        inner.present.contains_key(key)
            || (key.behind.is_some()
                && inner.present.keys().any(|other| other.behind == key.behind))
    }

    /// Whether a viewer is there or may be back, on whatever connection.
    pub(crate) fn has_viewer(&self, viewer: &ViewerId) -> bool {
        let inner = self.lock();
        inner.present.values().any(|present| present.attendee.viewer_id.as_ref() == Some(viewer))
    }

    /// Resolves when somebody has come or gone. Cancel safe.
    pub(crate) async fn changed(&self) {
        self.changed.notified().await;
    }

    /// What has happened since the last time.
    pub(crate) fn news(&self, now: Instant) -> News {
        let mut inner = self.lock();
        let mut news = News::default();
        let late = inner
            .present
            .iter()
            .filter(|(_, present)| present.lost.is_some_and(|lost| lost + self.grace <= now));
        let late: Vec<Key> = late.map(|(key, _)| key.clone()).collect();
        for key in late {
            news.expired.extend(inner.present.remove(&key).map(|present| present.attendee));
        }
        news.nobody_since = inner.nobody_since;
        news.next =
            inner.present.values().filter_map(|present| Some(present.lost? + self.grace)).min();
        news
    }

    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Inner {
    fn here(&self) -> usize {
        self.present.values().filter(|present| present.lost.is_none()).count()
    }

    fn count(&mut self) {
        if self.here() == 0 {
            self.nobody_since.get_or_insert_with(Instant::now);
        }
    }

    /// Forgets one whose place is taken: the same connection behind another link, else a lost one of the same viewer.
    fn take_former(&mut self, key: &Key, viewer: Option<&ViewerId>) -> bool {
        let same = |other: &Key| other != key && key.behind.is_some() && other.behind == key.behind;
        let viewers = |present: &Present| {
            present.lost.is_some()
                && viewer.is_some()
                && present.attendee.viewer_id.as_ref() == viewer
        };
        let mut all = self.present.iter();
        let found = all.find(|(other, _)| same(other)).or_else(|| {
            self.present.iter().find(|(other, present)| *other != key && viewers(present))
        });
        let found = found.map(|(key, _)| key.clone());
        found.is_some_and(|key| self.present.remove(&key).is_some())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key(link: &str, behind: &str) -> Key {
        let id = |text| ConnectionId::new(text).unwrap();
        Key { link: id(link), behind: Some(id(behind)) }
    }

    fn attendee(viewer: &str) -> Attendee {
        Attendee {
            connection_id: ConnectionId::random(),
            viewer_id: Some(ViewerId::new(viewer).unwrap()),
            user: None,
            client_type: None,
        }
    }

    #[tokio::test(start_paused = true)]
    async fn who_is_lost_and_comes_back_is_no_news() {
        let attendance = Attendance::new(Duration::from_secs(30));
        assert!(attendance.enter(key("l1", "c1"), attendee("ada")));
        assert!(attendance.enter(key("l1", "c2"), attendee("bob")));

        attendance.lose(&key("l1", "c1"));
        attendance.lose(&key("l1", "c2"));
        assert_eq!(attendance.count(), 0);
        assert!(!attendance.enter(key("l2", "c9"), attendee("ada")));
        tokio::time::advance(Duration::from_secs(31)).await;
        let news = attendance.news(Instant::now());

        assert_eq!(news.expired.len(), 1);
        assert!(!attendance.has(&key("l1", "c2")));
        assert_eq!((attendance.count(), news.nobody_since), (1, None));
        assert!(attendance.leave(&key("l2", "c9")).is_some());
        let news = attendance.news(Instant::now());
        assert!(news.nobody_since.is_some());
        assert!(attendance.leave(&key("l2", "c9")).is_none());
    }

    #[tokio::test(start_paused = true)]
    async fn a_connection_takes_its_own_place_behind_another_link() {
        let attendance = Attendance::new(Duration::from_secs(30));
        for tab in ["c1", "c2"] {
            attendance.enter(key("l1", tab), attendee("ada"));
        }
        let (first, second) = (key("l1", "c1"), key("l1", "c2"));

        // The old link's end has not been noticed yet.
        assert!(!attendance.enter(key("l2", "c1"), attendee("ada")));
        assert_eq!(attendance.count(), 2);
        attendance.lose(&first);
        attendance.lose(&second);
        assert!(!attendance.enter(key("l2", "c2"), attendee("ada")));

        assert_eq!(attendance.count(), 2);
        assert!(attendance.has_anywhere(&first) && attendance.has_anywhere(&second));
        attendance.leave(&key("l2", "c1"));
        assert!(!attendance.has_anywhere(&first) && attendance.has_anywhere(&second));
    }
}
