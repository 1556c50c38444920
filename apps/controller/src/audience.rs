//! How many are here.

use std::collections::{HashMap, HashSet};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use protocol::{TokenId, ViewerId};

/// The open connections, by whose they are. Behind a lock that is held to count.
#[derive(Debug, Clone, Default)]
pub(crate) struct Audience(Arc<Mutex<HashMap<Whose, usize>>>);

/// A viewer, and the access token that it came in with.
type Whose = (ViewerId, TokenId);

/// A connection that is counted; dropping it ends that.
#[derive(Debug)]
pub(crate) struct Attending {
    audience: Audience,
    whose: Whose,
}

impl Audience {
    /// Counts a connection.
    pub(crate) fn enter(&self, viewer: &ViewerId, token: &TokenId) -> Attending {
        let whose = (viewer.clone(), token.clone());
        *self.lock().entry(whose.clone()).or_default() += 1;
        Attending { audience: self.clone(), whose }
    }

    /// Connections, and viewers that have them; of one token only, where it is named.
    pub(crate) fn count(&self, of: Option<&TokenId>) -> (usize, usize) {
        let all = self.lock();
        let some = all.iter().filter(|((_, token), _)| of.is_none_or(|of| of == token));
        let (connections, viewers): (Vec<usize>, HashSet<&ViewerId>) =
            some.map(|((viewer, _), count)| (*count, viewer)).unzip();
        (connections.iter().sum(), viewers.len())
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<Whose, usize>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Attending {
    fn drop(&mut self) {
        let mut viewers = self.audience.lock();
        if let Some(connections) = viewers.get_mut(&self.whose) {
            *connections -= 1;
            if *connections == 0 {
                viewers.remove(&self.whose);
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
        let [one, two] = ["one", "two"].map(|name| TokenId::new(name).unwrap());
        let seats =
            [(&ann, &one), (&ann, &two), (&bob, &two)].map(|(who, by)| audience.enter(who, by));

        assert_eq!(audience.count(None), (3, 2));
        assert_eq!(audience.count(Some(&one)), (1, 1));
        assert_eq!(audience.count(Some(&two)), (2, 2));
        drop(seats);
        assert_eq!(audience.count(None), (0, 0));
    }
}
