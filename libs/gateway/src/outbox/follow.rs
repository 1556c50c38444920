//! One conversation that a connection follows.

use std::sync::Arc;
use std::time::Duration;

use protocol::agents::HistoryEnd;
use protocol::{Epoch, Seq};
use tokio::time::Instant;

use super::Start;
use super::filter::Filter;
use crate::feed::Following;
use crate::item::Item;
use crate::tail::{Cursor, Read, Tail};

/// A cursor into a feed, and how far its replay is.
#[derive(Debug)]
pub(super) struct Follow {
    pub(super) following: Following,
    /// Tells this follow's pages from those of one before it.
    pub(super) number: u64,
    /// The life of the log that the cursor is in.
    epoch: Epoch,
    cursor: Cursor,
    replay: Option<Replay>,
    filter: Option<Filter>,
    /// A page is under way; the tail began here when it was asked for.
    pub(super) fetching: Option<Seq>,
}

/// What `historyEnd` is going to say.
#[derive(Debug)]
struct Replay {
    epoch: Epoch,
    from: Seq,
    count: u64,
    has_more: bool,
    recovered: bool,
    since: Instant,
}

impl Replay {
    fn of(tail: &Tail, has_more: bool, recovered: bool) -> Self {
        let (epoch, since) = (tail.epoch().clone(), Instant::now());
        Self { epoch, from: Seq::ZERO, count: 0, has_more, recovered, since }
    }
}

impl Follow {
    pub(super) fn new(following: Following, number: u64, start: Start) -> Self {
        let (epoch, cursor, replay, filter) = following.feed().with_tail(|tail| {
            let head = tail.head();
            let asked = start.after.as_ref();
            let known = asked.filter(|(seq, epoch)| {
                *seq <= head && epoch.as_ref().is_none_or(|epoch| epoch == tail.epoch())
            });
            let after = known.map_or(Seq::ZERO, |(seq, _)| *seq);
            let oldest = Seq(start.limit.map_or(0, |limit| head.0.saturating_sub(limit)));
            let replay = Replay::of(tail, oldest > after, known.is_some() || asked.is_none());
            let filter = start.filter.map(|viewer| {
                let open: Vec<_> = tail.runs_of(&viewer).cloned().collect();
                Filter::new(viewer, open.into_iter())
            });
            (tail.epoch().clone(), tail.cursor(after.max(oldest)), Some(replay), filter)
        });
        Self { following, number, epoch, cursor, replay, filter, fetching: None }
    }

    /// The tail began anew. If the log did not, the reader goes on where it is; else it begins with the first entry.
    pub(super) fn start_over(&mut self) {
        let (epoch, seq) = (&self.epoch, self.cursor.seq);
        let (goes_on, cursor, replay) = self.following.feed().with_tail(|tail| {
            let goes_on = tail.epoch() == epoch && seq <= tail.head();
            let after = if goes_on { seq } else { Seq::ZERO };
            (goes_on, tail.cursor(after), Replay::of(tail, false, false))
        });
        self.cursor = cursor;
        self.fetching = None;
        self.number += 1 << 32;
        if !goes_on {
            self.epoch = replay.epoch.clone();
            self.replay = Some(replay);
        }
    }

    pub(super) fn read(&mut self, max: usize) -> Read {
        self.following.heard();
        self.following.feed().read(&mut self.cursor, max)
    }

    /// Entries of a page that the cursor has not passed yet; moves it behind them.
    pub(super) fn take(&mut self, items: Vec<Item>) -> Vec<Arc<Item>> {
        let after = self.cursor.seq;
        let items = items.into_iter().filter(|item| item.seq.is_some_and(|seq| seq > after));
        let new: Vec<_> = items.map(Arc::new).collect();
        if let Some(seq) = new.last().and_then(|item| item.seq) {
            self.cursor.seq = seq;
        }
        new
    }

    /// Goes to where the tail began when a page was asked for that has nothing: there is nothing before that any more.
    pub(super) fn skip(&mut self, start: Seq) {
        self.cursor.seq = self.cursor.seq.max(start);
    }

    /// Whether an item is for this follower.
    pub(super) fn shows(&mut self, item: &Item) -> bool {
        self.filter.as_mut().is_none_or(|filter| filter.shows(item))
    }

    /// Goes past an item. Returns `historyEnd`, and how long the replay took, when it was the last one of it.
    pub(super) fn passed(&mut self, item: &Item, shown: bool) -> Option<(HistoryEnd, Duration)> {
        let (replay, seq) = (self.replay.as_mut()?, item.seq?);
        if shown && seq <= self.cursor.until {
            replay.count += 1;
            if replay.count == 1 {
                replay.from = seq;
            }
        }
        self.ended(seq)
    }

    /// `historyEnd`, if the replay has nothing more to tell.
    pub(super) fn idle(&mut self) -> Option<(HistoryEnd, Duration)> {
        self.ended(self.cursor.seq)
    }

    fn ended(&mut self, seq: Seq) -> Option<(HistoryEnd, Duration)> {
        let until = self.cursor.until;
        let replay = self.replay.take_if(|_| seq >= until)?;
        let feed = self.following.feed();
        let end = HistoryEnd {
            agent_id: feed.agent().clone(),
            conversation_id: feed.conversation().clone(),
            epoch: replay.epoch,
            from_seq: replay.from,
            to_seq: seq,
            count: replay.count,
            has_more: replay.has_more,
            recovered: replay.recovered,
        };
        Some((end, replay.since.elapsed()))
    }
}
