//! Who looks at a page now, and need not be told outside of it.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use store::PushRecord;
use tokio::time::Instant;

/// How long a page counts as visible after it said so. It says so every 30 s; a browser that dies says nothing.
const LEASE: Duration = Duration::from_secs(45);

/// Visible pages of a browser that are known. Few screens show two.
const PAGES: usize = 16;

/// Leases of visible pages, by user and viewer, or subscription where the viewer is not known. In memory only: after a
/// restart a page says it again.
#[derive(Debug, Default)]
pub(crate) struct Presence {
    // Short and synchronous.
    until: Mutex<HashMap<(String, String), Pages>>,
}

/// When the leases of a browser's pages end, by what the pages call themselves.
type Pages = HashMap<String, Instant>;

impl Presence {
    /// A page of this browser is visible, or not any more. Another may be.
    pub(crate) fn set(&self, record: &PushRecord, page: &str, is_visible: bool) {
        let now = Instant::now();
        let mut until = self.until.lock().unwrap_or_else(PoisonError::into_inner);
        until.retain(|_, pages| {
            pages.retain(|_, end| *end > now);
            !pages.is_empty()
        });
        if is_visible {
            let pages = until.entry(key(record)).or_default();
            if pages.len() < PAGES || pages.contains_key(page) {
                pages.insert(page.to_owned(), now + LEASE);
            }
        } else if let Some(pages) = until.get_mut(&key(record)) {
            pages.remove(page);
        }
    }

    /// Whether somebody looks at a page of this browser.
    pub(super) fn is_visible(&self, record: &PushRecord) -> bool {
        let until = self.until.lock().unwrap_or_else(PoisonError::into_inner);
        let now = Instant::now();
        until.get(&key(record)).is_some_and(|pages| pages.values().any(|end| *end > now))
    }
}

/// A browser that was subscribed anew is the same viewer.
fn key(record: &PushRecord) -> (String, String) {
    let place = record.viewer_id.as_ref().map_or(record.subscription_id.as_str(), |id| id.as_str());
    (record.user.clone(), place.to_owned())
}

#[cfg(test)]
mod tests {
    use protocol::{Clients, SubscriptionId, Timestamp, ViewerId};

    use super::*;

    fn record(user: &str, viewer: Option<&str>) -> PushRecord {
        PushRecord {
            subscription_id: SubscriptionId::random(),
            user: user.into(),
            device: String::new(),
            clients: Clients::All,
            label: String::new(),
            kinds: Vec::new(),
            private: false,
            viewer_id: viewer.map(|viewer| ViewerId::new(viewer).unwrap()),
            created_at: Timestamp::from_millis(0),
            last_delivered_at: None,
            last_error: None,
        }
    }

    #[tokio::test(start_paused = true)]
    async fn a_page_is_visible_until_it_says_otherwise_or_nothing() {
        let presence = Presence::default();
        let (phone, laptop) = (record("ada", None), record("ada", None));

        presence.set(&phone, "p", true);
        assert!(presence.is_visible(&phone) && !presence.is_visible(&laptop));
        tokio::time::advance(Duration::from_secs(44)).await;
        presence.set(&phone, "p", true);
        tokio::time::advance(Duration::from_secs(44)).await;
        assert!(presence.is_visible(&phone), "it was said again");
        tokio::time::advance(Duration::from_secs(1)).await;
        assert!(!presence.is_visible(&phone));

        presence.set(&laptop, "p", true);
        assert_eq!(presence.until.lock().unwrap().len(), 1, "what has ended is forgotten");
        presence.set(&laptop, "p", false);
        assert!(!presence.is_visible(&laptop));
    }

    #[test]
    fn a_viewer_is_one_however_often_it_was_subscribed() {
        let presence = Presence::default();

        presence.set(&record("ada", Some("me")), "p", true);

        assert!(presence.is_visible(&record("ada", Some("me"))));
        assert!(!presence.is_visible(&record("ada", Some("other"))));
        assert!(!presence.is_visible(&record("bob", Some("me"))));
    }

    #[tokio::test(start_paused = true)]
    async fn a_browser_is_looked_at_as_long_as_one_of_its_pages_is() {
        let (presence, browser) = (Presence::default(), record("ada", Some("me")));

        presence.set(&browser, "a", true);
        presence.set(&browser, "b", true);
        presence.set(&browser, "b", false);
        presence.set(&browser, "b", false);
        assert!(presence.is_visible(&browser));
        presence.set(&browser, "a", false);
        assert!(!presence.is_visible(&browser));

        for page in 0..=PAGES {
            presence.set(&browser, &page.to_string(), true);
        }
        assert_eq!(presence.until.lock().unwrap()[&key(&browser)].len(), PAGES);
    }
}
