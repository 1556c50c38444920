//! Logins that are tried again, by the reconnect law.

use std::collections::{HashMap, HashSet};
use std::future::pending;
use std::time::Duration;

use futures_util::StreamExt;
use futures_util::stream::FuturesUnordered;
use gateway::BoxFuture;
use link::backoff::Backoff;
use tokio::time::sleep;

use super::follows::Key;

/// Logins that failed although the link is up, or that may have been to a connection before.
#[derive(Default)]
pub(super) struct Retries {
    backoffs: HashMap<Key, Backoff>,
    pauses: FuturesUnordered<BoxFuture<Key>>,
    /// Those that have a pause: one is enough, however often somebody asks meanwhile and is refused.
    pausing: HashSet<Key>,
}

impl Retries {
    /// Has a login be looked at again, no sooner than in `at_least`.
    pub(super) fn later(&mut self, key: Key, at_least: Duration) {
        if !self.pausing.insert(key.clone()) {
            return;
        }
        let backoff = self.backoffs.entry(key.clone()).or_default();
        let pause = backoff.next(random()).max(at_least);
        self.pauses.push(Box::pin(async move {
            sleep(pause).await;
            key
        }));
    }

    /// It works: the next pause is a short one.
    pub(super) fn succeeded(&mut self, key: &Key) {
        self.backoffs.remove(key);
    }

    /// The next login whose pause is over. Cancel safe.
    pub(super) async fn next(&mut self) -> Key {
        let Some(key) = self.pauses.next().await else { return pending().await };
        self.pausing.remove(&key);
        key
    }
}

/// For a pause. Without randomness all would come back at once; a fixed number is as good as any then.
pub(super) fn random() -> u64 {
    let mut random = [0; 8];
    getrandom::fill(&mut random).unwrap_or_default();
    u64::from_ne_bytes(random)
}
