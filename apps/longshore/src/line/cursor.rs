//! Where we are in a log: what was handed on is not handed on again, over any number of connections.

use protocol::{Epoch, Seq};

/// The newest entry that was handed on, and the life of the log that it is of.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Cursor {
    epoch: Option<Epoch>,
    seen: Seq,
}

impl Cursor {
    /// What to resume from; nothing before the first join.
    pub(super) fn resume(&self) -> Option<(Seq, Epoch)> {
        Some((self.seen, self.epoch.clone()?))
    }

    /// The log is joined. Whether it is another than the one that was followed.
    pub(super) fn joined(&mut self, epoch: &Epoch, head: Seq) -> bool {
        let another = self.epoch.as_ref().is_some_and(|known| known != epoch) || head < self.seen;
        if another {
            self.seen = Seq::ZERO;
        }
        self.epoch = Some(epoch.clone());
        another
    }

    /// Whether this entry is new; it counts as handed on from now on.
    pub(super) fn is_new(&mut self, seq: Seq) -> bool {
        let new = seq > self.seen;
        if new {
            self.seen = seq;
        }
        new
    }

    /// The replay is over.
    pub(super) fn replayed(&mut self, to: Seq) {
        self.seen = self.seen.max(to);
    }

    /// The log begins anew.
    pub(super) fn cleared(&mut self, epoch: Option<Epoch>) {
        *self = Self { epoch, seen: Seq::ZERO };
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn epoch(name: &str) -> Epoch {
        Epoch::new(name).unwrap()
    }

    #[test]
    fn an_entry_is_new_once() {
        let mut cursor = Cursor::default();
        assert_eq!(cursor.resume(), None);

        assert!(!cursor.joined(&epoch("e"), Seq(3)));

        assert!(cursor.is_new(Seq(2)) && cursor.is_new(Seq(3)));
        assert!(!cursor.joined(&epoch("e"), Seq(5)), "the same log");
        assert!(!cursor.is_new(Seq(3)) && cursor.is_new(Seq(4)));
        cursor.replayed(Seq(5));
        assert_eq!(cursor.resume(), Some((Seq(5), epoch("e"))));
    }

    #[test]
    fn another_life_begins_at_its_beginning() {
        let mut cursor = Cursor::default();
        cursor.joined(&epoch("e"), Seq(3));
        cursor.is_new(Seq(3));

        assert!(cursor.joined(&epoch("f"), Seq(3)));
        assert!(cursor.is_new(Seq(1)));
        cursor.cleared(Some(epoch("g")));
        assert!(cursor.is_new(Seq(1)));
        assert!(cursor.joined(&epoch("g"), Seq::ZERO), "a store that was put back");
    }
}
