//! How a reader goes through a tail.

use std::ops::Range;
use std::sync::Arc;

use protocol::{RunId, Seq};

use super::{Slot, Tail};
use crate::item::Item;

/// A reader's place: after which entry, and where in the ring that is.
#[derive(Debug, Clone)]
pub struct Cursor {
    /// The newest entry that the reader has.
    pub seq: Seq,
    /// Until it has this entry the reader is told entries and no text of open runs.
    pub until: Seq,
    /// The life of the tail that the place is in.
    generation: u64,
    /// The next item to read; unknown for one who has fallen out of the ring or was never in it.
    offset: Option<u64>,
    /// Live items before this offset are older than the reader and not for it.
    joined: u64,
    /// Pieces before this offset reach the reader together, after the entries among them.
    pieces: u64,
    /// Of open runs, the first piece that the reader lacks, if that is not 0.
    pub(super) runs: Vec<(RunId, u64)>,
    /// The sticky item that the reader has; 0 before the first.
    sticky: u64,
}

/// What a reader finds.
#[derive(Debug)]
pub enum Read {
    /// The next items, at least one.
    Items(Vec<Arc<Item>>),
    /// What comes next is no longer in memory: entries after this one are to be had from history.
    Behind(Seq),
    /// Nothing new.
    Idle,
    /// The log began anew; the cursor has no meaning any more.
    Reset,
    /// The log is gone.
    Closed,
}

impl Tail {
    /// A place after `seq`, from now on. Text of open runs comes after what the log has now.
    #[must_use]
    pub fn cursor(&self, seq: Seq) -> Cursor {
        Cursor {
            seq,
            until: self.head,
            generation: self.generation,
            offset: None,
            joined: self.end(),
            pieces: self.end(),
            runs: Vec::new(),
            sticky: 0,
        }
    }

    /// Reads up to `max` items and moves the cursor behind them. Text of open runs that the reader lacks comes on top.
    pub fn read(&self, cursor: &mut Cursor, max: usize) -> Read {
        if cursor.generation != self.generation {
            return Read::Reset;
        }
        let offset = match cursor.offset {
            Some(offset) if offset >= self.first => offset,
            _ if cursor.seq < self.start => return Read::Behind(cursor.seq),
            fallen => {
                if fallen.is_some() {
                    cursor.pieces = self.end();
                }
                self.place(cursor.seq)
            }
        };
        let index = usize::try_from(offset - self.first).expect("the ring is in memory");
        let mut items = Vec::new();
        let mut next = offset;
        for slot in self.slots.iter().skip(index) {
            if items.len() >= max {
                break;
            }
            self.visit(slot, next, cursor, &mut items);
            next += 1;
        }
        cursor.offset = Some(next);
        if next == self.end() && items.len() < max {
            self.catch_up(cursor, &mut items);
        }
        if items.is_empty() { Read::Idle } else { Read::Items(items) }
    }

    /// Tells one item of the ring, if it is for the reader.
    fn visit(&self, slot: &Slot, offset: u64, cursor: &mut Cursor, items: &mut Vec<Arc<Item>>) {
        match (slot.item.seq, &slot.item.run, slot.item.sequence, slot.needs) {
            // An entry may be appended after the reader has asked for what follows it: a tail that is still being
            // filled is behind a reader who was here before.
            (Some(seq), ..) if seq <= cursor.seq => return,
            (Some(seq), ..) => {
                cursor.seq = seq;
                // The id of a run that has ended may be used again.
                if let Some(run) = slot.item.run.as_ref().filter(|_| slot.ends_run) {
                    cursor.runs.retain(|(known, _)| known != run);
                }
            }
            (None, Some(run), Some(sequence), Some(needs)) => {
                let superseded = slot.at < cursor.seq;
                if offset < cursor.pieces || superseded || cursor.seq < cursor.until {
                    return;
                }
                let next = cursor.next(run);
                if sequence < next || !self.bridge(run, sequence, next..needs, items) {
                    return;
                }
                cursor.set(run, sequence + 1);
            }
            _ if offset < cursor.joined => return,
            _ => {}
        }
        items.push(Arc::clone(&slot.item));
    }

    /// Tells what the reader lacks before a piece. Not possible if that is superseded, and so the piece.
    fn bridge(
        &self,
        run: &RunId,
        sequence: u64,
        lacks: Range<u64>,
        items: &mut Vec<Arc<Item>>,
    ) -> bool {
        if lacks.is_empty() {
            return true;
        }
        let Some(run) = self.live.run(run).filter(|run| run.reaches(sequence)) else {
            return false;
        };
        items.extend(self.live.missing(run, lacks).map(Arc::new));
        true
    }

    /// At the end of the ring: tells what else the reader lacks.
    fn catch_up(&self, cursor: &mut Cursor, items: &mut Vec<Arc<Item>>) {
        // A reader may be ahead of a tail that is still being filled: the text here may be superseded.
        if cursor.seq < cursor.until || cursor.seq > self.last {
            return;
        }
        for run in self.live.runs() {
            if let Some(item) = self.live.missing(run, cursor.next(&run.id)..run.next) {
                items.push(Arc::new(item));
                cursor.set(&run.id, run.next);
            }
        }
        cursor.runs.retain(|(run, _)| self.live.run(run).is_some());
        if let Some((number, item)) = self.sticky.as_ref().filter(|(n, _)| *n != cursor.sticky) {
            cursor.sticky = *number;
            items.push(Arc::clone(item));
        }
    }

    /// The offset behind the last item that a reader who has `seq` does not need.
    fn place(&self, seq: Seq) -> u64 {
        let known = self.slots.iter().rposition(|slot| slot.item.seq.is_some_and(|of| of <= seq));
        self.first + known.map_or(0, |index| index as u64 + 1)
    }
}

impl Cursor {
    /// The first piece of a run that the reader lacks.
    fn next(&self, run: &RunId) -> u64 {
        self.runs.iter().find(|(id, _)| id == run).map_or(0, |(_, next)| *next)
    }

    fn set(&mut self, run: &RunId, next: u64) {
        match self.runs.iter_mut().find(|(id, _)| id == run) {
            Some(known) => known.1 = next,
            None => self.runs.push((run.clone(), next)),
        }
    }
}
