//! The newest part of a log, in memory: entries and live events in one order.

mod read;

use std::collections::VecDeque;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use protocol::limits::TAILS_BYTES;
use protocol::{AgentId, ConversationId, Epoch, RunId, Seq, ViewerId};

use crate::item::Item;
use crate::live::{Live, Taken};
pub use read::{Cursor, Read};

/// How much a tail keeps.
#[derive(Debug, Clone, Copy)]
pub struct Limits {
    /// Items, entries and live ones together.
    pub items: usize,
    /// Bytes of payload.
    pub bytes: usize,
}

/// What a tail keeps in any case, in bytes.
const SHARE: usize = 16 << 10;

/// All tails of this process.
static ALL: Budget = Budget::new(TAILS_BYTES);

/// Bytes that many tails may have together. While they have more, each that grows shrinks to its share.
#[derive(Debug)]
struct Budget {
    limit: usize,
    used: AtomicUsize,
}

impl Budget {
    const fn new(limit: usize) -> Self {
        Self { limit, used: AtomicUsize::new(0) }
    }

    fn is_over(&self) -> bool {
        self.used.load(Ordering::Relaxed) > self.limit
    }
}

/// A ring of items, bounded by [`Limits`], and beside it the text of open runs. Pure data: no locks, no tasks.
#[derive(Debug)]
pub struct Tail {
    epoch: Epoch,
    generation: u64,
    limits: Limits,
    slots: VecDeque<Slot>,
    bytes: usize,
    budget: &'static Budget,
    /// Offset of `slots[0]`; offsets count every item that was ever in the ring.
    first: u64,
    /// The entry before the first one that is here or announced.
    start: Seq,
    /// The newest entry that is here, or `start`.
    last: Seq,
    /// The newest entry of the log, which may still be on its way.
    head: Seq,
    live: Live,
    /// The newest sticky item and its number.
    sticky: Option<(u64, Arc<Item>)>,
    stuck: u64,
}

#[derive(Debug)]
struct Slot {
    item: Arc<Item>,
    /// The entry that it is, or the one before it.
    at: Seq,
    /// Of a piece of a run: who has the pieces before this number can make use of it.
    needs: Option<u64>,
    /// Whether it is the end of a run.
    ends_run: bool,
}

impl Tail {
    /// An empty tail: entries after `start` are going to be appended, and the log has got as far as `head`.
    #[must_use]
    pub fn new(
        agent: AgentId,
        conversation: ConversationId,
        epoch: Epoch,
        start: Seq,
        head: Seq,
        limits: Limits,
    ) -> Self {
        Self {
            epoch,
            generation: 0,
            limits,
            slots: VecDeque::new(),
            bytes: 0,
            budget: &ALL,
            first: 0,
            start,
            last: start,
            head: head.max(start),
            live: Live::new(agent, conversation),
            sticky: None,
            stuck: 0,
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

    /// Entries up to this one are not here.
    #[must_use]
    pub fn start(&self) -> Seq {
        self.start
    }

    /// What was to come up to `seq` does not: it is not in the log any more.
    pub fn skip(&mut self, seq: Seq) {
        if seq > self.last {
            self.clear(seq);
            self.head = self.head.max(seq);
        }
    }

    /// Open runs of that viewer.
    pub fn runs_of(&self, viewer: &ViewerId) -> impl Iterator<Item = &RunId> {
        self.live.runs_of(viewer)
    }

    /// Appends an item. An entry or a piece of a run that is here already is ignored; an entry beyond the next makes
    /// the tail begin with it. Of `queueUpdate` the newest is kept, outside the ring.
    ///
    /// Returns whether there is anything new.
    pub fn append(&mut self, item: Item) -> bool {
        if item.is_sticky() {
            self.stuck += 1;
            self.sticky = Some((self.stuck, Arc::new(item)));
            return true;
        }
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
        let taken = self.live.take(&item);
        let ends_run = taken == Taken::End;
        let needs = match taken {
            Taken::Again => return false,
            Taken::Piece(needs) => Some(needs),
            Taken::End | Taken::Other => None,
        };
        self.grow(item.payload.get().len());
        self.slots.push_back(Slot { item: Arc::new(item), at: self.last, needs, ends_run });
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
        self.live.clear();
        self.sticky = None;
    }

    fn end(&self) -> u64 {
        self.first + self.slots.len() as u64
    }

    fn clear(&mut self, start: Seq) {
        // One more, so that nobody's place stays valid who has read all that was here.
        self.first = self.end() + 1;
        self.slots.clear();
        self.shrink(self.bytes);
        self.start = start;
        self.last = start;
    }

    fn grow(&mut self, bytes: usize) {
        self.bytes += bytes;
        self.budget.used.fetch_add(bytes, Ordering::Relaxed);
    }

    fn shrink(&mut self, bytes: usize) {
        self.bytes -= bytes;
        self.budget.used.fetch_sub(bytes, Ordering::Relaxed);
    }

    /// The newest item always stays, whatever its size.
    fn evict(&mut self) {
        while self.slots.len() > 1
            && (self.slots.len() > self.limits.items
                || self.bytes > self.limits.bytes
                || (self.bytes > SHARE && self.budget.is_over()))
        {
            let Some(Slot { item, .. }) = self.slots.pop_front() else { return };
            self.first += 1;
            self.shrink(item.payload.get().len());
            if let Some(seq) = item.seq {
                self.start = seq;
            }
        }
    }
}

impl Drop for Tail {
    fn drop(&mut self) {
        self.shrink(self.bytes);
    }
}

#[cfg(test)]
mod tests;
