//! The newest part of a log, in memory: entries and live deltas in one order.

use std::collections::VecDeque;
use std::sync::Arc;

use protocol::{Epoch, Seq};
use serde_json::value::RawValue;

/// One event of a conversation, shared by all who read it.
#[derive(Debug, Clone)]
pub struct Item {
    /// Its position in the log; a live delta has none.
    pub seq: Option<Seq>,
    /// Name of the event.
    pub event: Arc<str>,
    /// Payload, passed on as these bytes.
    pub payload: Arc<RawValue>,
}

/// How much a tail keeps.
#[derive(Debug, Clone, Copy)]
pub struct Limits {
    /// Items, entries and deltas together.
    pub items: usize,
    /// Bytes of payload.
    pub bytes: usize,
}

/// A reader's place: after which entry, and where in the ring that is.
#[derive(Debug, Clone)]
pub struct Cursor {
    /// The newest entry that the reader has.
    pub seq: Seq,
    /// The life of the tail that the place is in.
    generation: u64,
    /// The next item to read; unknown for one who has fallen out of the ring or was never in it.
    offset: Option<u64>,
    /// Deltas before this offset are older than the reader and not for it.
    joined: u64,
}

/// What a reader finds.
#[derive(Debug)]
pub enum Read {
    /// The next items, at least one.
    Items(Vec<Item>),
    /// What comes next is no longer in memory: entries after this one are to be had from history.
    Behind(Seq),
    /// Nothing new.
    Idle,
    /// The log began anew; the cursor has no meaning any more.
    Reset,
}

/// A ring of items, bounded by [`Limits`]. Pure data: no locks, no tasks.
#[derive(Debug)]
pub struct Tail {
    epoch: Epoch,
    generation: u64,
    limits: Limits,
    items: VecDeque<Item>,
    bytes: usize,
    /// Offset of `items[0]`; offsets count every item that was ever appended.
    first: u64,
    /// The entry before the first one that is here or announced.
    start: Seq,
    /// The newest entry that is here, or `start`.
    last: Seq,
    /// The newest entry of the log, which may still be on its way.
    head: Seq,
}

impl Tail {
    /// An empty tail: entries after `start` are going to be appended, and the log has got as far as `head`.
    #[must_use]
    pub fn new(epoch: Epoch, start: Seq, head: Seq, limits: Limits) -> Self {
        let items = VecDeque::new();
        Self {
            epoch,
            generation: 0,
            limits,
            items,
            bytes: 0,
            first: 0,
            start,
            last: start,
            head: head.max(start),
        }
    }

    /// The life of the log.
    #[must_use]
    pub fn epoch(&self) -> &Epoch {
        &self.epoch
    }

    /// The newest entry of the log.
    #[must_use]
    pub fn head(&self) -> Seq {
        self.head
    }

    /// The newest entry that was appended here.
    #[must_use]
    pub fn last(&self) -> Seq {
        self.last
    }

    /// Appends an item. An entry that is here already is ignored; one beyond the next makes the tail begin with it.
    ///
    /// Returns whether there is anything new.
    pub fn append(&mut self, item: Item) -> bool {
        if let Some(seq) = item.seq {
            if seq <= self.last {
                return false;
            }
            if seq != self.last.next() {
                self.clear(Seq(seq.0 - 1));
            }
            self.last = seq;
            self.head = self.head.max(seq);
        }
        self.bytes += item.payload.get().len();
        self.items.push_back(item);
        self.evict();
        true
    }

    /// The log is known to have got as far as `head`, although the entries are still on their way.
    pub fn announce(&mut self, head: Seq) {
        self.head = self.head.max(head);
    }

    /// The log begins anew. Every cursor is answered [`Read::Reset`] next.
    pub fn reset(&mut self, epoch: Epoch, start: Seq, head: Seq) {
        self.generation += 1;
        self.epoch = epoch;
        self.clear(start);
        self.head = head.max(start);
    }

    /// A place after `seq`, from now on.
    #[must_use]
    pub fn cursor(&self, seq: Seq) -> Cursor {
        Cursor { seq, generation: self.generation, offset: None, joined: self.end() }
    }

    /// Reads up to `max` items and moves the cursor behind them.
    pub fn read(&self, cursor: &mut Cursor, max: usize) -> Read {
        if cursor.generation != self.generation {
            return Read::Reset;
        }
        let offset = match cursor.offset {
            Some(offset) if offset >= self.first => offset,
            _ if cursor.seq < self.start => return Read::Behind(cursor.seq),
            _ => self.place(cursor.seq),
        };
        let index = usize::try_from(offset - self.first).expect("the ring is in memory");
        let mut items = Vec::new();
        let mut next = offset;
        for item in self.items.iter().skip(index) {
            if items.len() == max {
                break;
            }
            // An entry may be appended after the reader has asked for what follows it: a tail that is still being
            // filled is behind a reader who was here before.
            let stale = match item.seq {
                Some(seq) => seq <= cursor.seq,
                None => next < cursor.joined,
            };
            next += 1;
            if !stale {
                items.push(item.clone());
            }
        }
        cursor.offset = Some(next);
        if let Some(seq) = items.iter().rev().find_map(|item| item.seq) {
            cursor.seq = seq;
        }
        if items.is_empty() { Read::Idle } else { Read::Items(items) }
    }

    /// The offset behind the last item that a reader who has `seq` does not need.
    fn place(&self, seq: Seq) -> u64 {
        let known = self.items.iter().rposition(|item| item.seq.is_some_and(|of| of <= seq));
        self.first + known.map_or(0, |index| index as u64 + 1)
    }

    fn end(&self) -> u64 {
        self.first + self.items.len() as u64
    }

    fn clear(&mut self, start: Seq) {
        self.first = self.end();
        self.items.clear();
        self.bytes = 0;
        self.start = start;
        self.last = start;
    }

    /// The newest item always stays, whatever its size.
    fn evict(&mut self) {
        while self.items.len() > 1
            && (self.items.len() > self.limits.items || self.bytes > self.limits.bytes)
        {
            let Some(item) = self.items.pop_front() else { return };
            self.first += 1;
            self.bytes -= item.payload.get().len();
            if let Some(seq) = item.seq {
                self.start = seq;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn entry(seq: u64) -> Item {
        let payload = RawValue::from_string("{}".to_owned()).unwrap();
        Item { seq: Some(Seq(seq)), event: "chatMessage".into(), payload: payload.into() }
    }

    #[test]
    fn a_reader_ahead_of_a_tail_that_is_being_filled_gets_only_what_it_lacks() {
        let limits = Limits { items: 100, bytes: 10_000 };
        let mut tail = Tail::new(Epoch::random(), Seq::ZERO, Seq(5), limits);
        let mut cursor = tail.cursor(Seq(4));

        tail.append(entry(1));
        assert!(matches!(tail.read(&mut cursor, 10), Read::Idle));
        for seq in 2..=5 {
            tail.append(entry(seq));
        }
        let Read::Items(items) = tail.read(&mut cursor, 10) else { panic!("items") };

        assert_eq!(items.iter().map(|item| item.seq).collect::<Vec<_>>(), [Some(Seq(5))]);
        assert_eq!(cursor.seq, Seq(5));
    }
}
