//! What was told already: a manager repeats itself after a reconnect.

use std::collections::{HashSet, VecDeque};

use super::occasion::Key;

/// Occasions that are remembered.
const MOST: usize = 1_000;

/// The newest occasions.
#[derive(Debug, Default)]
pub(super) struct Seen {
    order: VecDeque<Key>,
    keys: HashSet<Key>,
}

impl Seen {
    /// Notes an occasion; whether it is new.
    pub(super) fn note(&mut self, key: Key) -> bool {
        if !self.keys.insert(key.clone()) {
            return false;
        }
        self.order.push_back(key);
        if self.order.len() > MOST
            && let Some(oldest) = self.order.pop_front()
        {
            self.keys.remove(&oldest);
        }
        true
    }
}

#[cfg(test)]
mod tests {
    use protocol::NotificationKind::{Done, NeedsYou};

    use super::super::tests::occasion;
    use super::*;

    #[test]
    fn an_occasion_is_new_once_until_a_thousand_newer_ones_came() {
        let mut seen = Seen::default();
        let key = |run: usize, kind| occasion(&format!("run_{run}"), kind).key();

        assert!(seen.note(key(0, NeedsYou)));
        assert!(!seen.note(key(0, NeedsYou)));
        assert!(seen.note(key(0, Done)), "another kind");
        let mut other = occasion("run_0", NeedsYou);
        other.interaction_id = None;
        assert!(seen.note(other.key()), "another question");
        for run in 1..MOST - 2 {
            assert!(seen.note(key(run, Done)));
        }

        assert!(!seen.note(key(0, NeedsYou)), "the thousandth");
        assert!(seen.note(key(MOST, Done)));
        assert!(seen.note(key(0, NeedsYou)), "forgotten");
        assert_eq!((seen.order.len(), seen.keys.len()), (MOST, MOST));
    }
}
