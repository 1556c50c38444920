//! How many are here.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use protocol::ViewerId;

/// The open connections, by whose they are. Behind a lock that is held to count.
#[derive(Debug, Clone, Default)]
pub(crate) struct Audience(Arc<Mutex<HashMap<ViewerId, usize>>>);

/// A connection that is counted; dropping it ends that.
#[derive(Debug)]
pub(crate) struct Attending {
    audience: Audience,
    viewer: ViewerId,
}

impl Audience {
    /// Counts a connection.
    pub(crate) fn enter(&self, viewer: &ViewerId) -> Attending {
        *self.lock().entry(viewer.clone()).or_default() += 1;
        Attending { audience: self.clone(), viewer: viewer.clone() }
    }

    /// Connections, and viewers that have them.
    pub(crate) fn count(&self) -> (usize, usize) {
        let viewers = self.lock();
        (viewers.values().sum(), viewers.len())
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<ViewerId, usize>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Attending {
    fn drop(&mut self) {
        let mut viewers = self.audience.lock();
        if let Some(connections) = viewers.get_mut(&self.viewer) {
            *connections -= 1;
            if *connections == 0 {
                viewers.remove(&self.viewer);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_viewer_with_two_connections_is_one() {
        let audience = Audience::default();
        let [ann, bob] = ["ann", "bob"].map(|name| ViewerId::new(name).unwrap());
        let seats = [&ann, &ann, &bob].map(|viewer| audience.enter(viewer));

        assert_eq!(audience.count(), (3, 2));
        drop(seats);
        assert_eq!(audience.count(), (0, 0));
    }
}
