//! One session at a time has a container: the next waits until the one before has ended with it.

use std::collections::HashSet;
use std::sync::{Arc, Mutex, PoisonError};

use tokio::sync::Notify;

/// The names of containers that sessions have. Behind a lock that is held to look and never across an await.
#[derive(Debug, Clone, Default)]
pub(super) struct Claims(Arc<Taken>);

#[derive(Debug, Default)]
struct Taken {
    names: Mutex<HashSet<String>>,
    freed: Notify,
}

/// A name that nobody else has. Dropping it gives it back.
#[derive(Debug)]
pub(super) struct Claim {
    claims: Claims,
    name: String,
}

impl Claims {
    /// Waits until nobody has that name. Cancel safe.
    pub(super) async fn claim(&self, name: &str) -> Claim {
        loop {
            // Waited for from before the look, so that nothing is missed in between.
            let freed = self.0.freed.notified();
            if self.names().insert(name.to_owned()) {
                return Claim { claims: self.clone(), name: name.to_owned() };
            }
            freed.await;
        }
    }

    fn names(&self) -> std::sync::MutexGuard<'_, HashSet<String>> {
        self.0.names.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Claim {
    fn drop(&mut self) {
        self.claims.names().remove(&self.name);
        self.claims.0.freed.notify_waiters();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn who_comes_second_waits_for_the_first() {
        let claims = Claims::default();
        let first = claims.claim("a").await;
        claims.claim("b").await;

        let waiting = tokio::spawn({
            let claims = claims.clone();
            async move { claims.claim("a").await }
        });
        tokio::task::yield_now().await;
        assert!(!waiting.is_finished());
        drop(first);

        waiting.await.unwrap();
    }
}
