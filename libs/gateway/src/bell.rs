//! How a connection that follows many things learns which of them have news.

use std::collections::VecDeque;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use tokio::sync::Notify;

/// A connection's list of things with news, by their keys. Each is in it at most once, so it is as long as what is followed.
#[derive(Debug)]
pub(crate) struct Bell<K> {
    ready: Mutex<VecDeque<K>>,
    notify: Notify,
}

impl<K> Default for Bell<K> {
    fn default() -> Self {
        Self { ready: Mutex::default(), notify: Notify::new() }
    }
}

impl<K> Bell<K> {
    fn ring(&self, key: K) {
        self.ready.lock().unwrap_or_else(PoisonError::into_inner).push_back(key);
        self.notify.notify_one();
    }

    /// The next thing with news. Cancel safe.
    pub(crate) async fn next(&self) -> K {
        loop {
            let next = self.ready.lock().unwrap_or_else(PoisonError::into_inner).pop_front();
            match next {
                Some(key) => return key,
                None => self.notify.notified().await,
            }
        }
    }
}

/// One thing that a connection follows.
#[derive(Debug)]
pub(crate) struct Follower<K> {
    key: K,
    rung: AtomicBool,
    bell: Arc<Bell<K>>,
}

impl<K: Clone> Follower<K> {
    pub(crate) fn new(key: K, bell: &Arc<Bell<K>>) -> Arc<Self> {
        Arc::new(Self { key, rung: AtomicBool::new(false), bell: Arc::clone(bell) })
    }

    /// There is news.
    pub(crate) fn ring(&self) {
        if !self.rung.swap(true, Ordering::SeqCst) {
            self.bell.ring(self.key.clone());
        }
    }

    /// Says that the ring was heard: the next news rings again. To be called before looking.
    pub(crate) fn heard(&self) {
        self.rung.store(false, Ordering::SeqCst);
    }
}
