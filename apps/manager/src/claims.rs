//! Which ids are in use, and where what they stand for is.

use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::hash::Hash;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// Ids of the whole manager that are in use: so that one is used once at a time, and a command that has only the id
/// finds the place.
///
/// A mutex and not a task: each use is one look-up, and nothing is awaited under it.
#[derive(Debug)]
pub(crate) struct Claims<K, V>(Arc<Mutex<HashMap<K, V>>>);

/// A hold on an id. Dropping it frees the id.
#[derive(Debug)]
pub(crate) struct Claim<K: Hash + Eq, V> {
    id: K,
    claims: Claims<K, V>,
}

impl<K, V> Clone for Claims<K, V> {
    fn clone(&self) -> Self {
        Self(Arc::clone(&self.0))
    }
}

impl<K, V> Default for Claims<K, V> {
    fn default() -> Self {
        Self(Arc::default())
    }
}

impl<K: Hash + Eq + Clone, V: Clone> Claims<K, V> {
    /// Takes the id for something at that place, unless it is in use.
    pub(crate) fn claim(&self, id: &K, place: V) -> Option<Claim<K, V>> {
        match self.lock().entry(id.clone()) {
            Entry::Occupied(_) => None,
            Entry::Vacant(free) => {
                free.insert(place);
                Some(Claim { id: id.clone(), claims: self.clone() })
            }
        }
    }

    /// Whether any id is in use.
    pub(crate) fn are_there(&self) -> bool {
        !self.lock().is_empty()
    }

    /// Where what has the id is.
    pub(crate) fn find(&self, id: &K) -> Option<V> {
        self.lock().get(id).cloned()
    }
}

impl<K: Hash + Eq, V> Claims<K, V> {
    fn lock(&self) -> MutexGuard<'_, HashMap<K, V>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl<K: Hash + Eq, V> Drop for Claim<K, V> {
    fn drop(&mut self) {
        // The place may end with its last claim, and claims with it: not under the lock.
        let place = self.claims.lock().remove(&self.id);
        drop(place);
    }
}
