//! One conversation that a connection follows.

use protocol::Seq;
use protocol::agents::HistoryEnd;

use super::Start;
use crate::feed::Following;
use crate::tail::{Cursor, Item, Read};

/// A cursor into a feed, and how far its replay is.
#[derive(Debug)]
pub(super) struct Follow {
    pub(super) following: Following,
    /// Tells this follow's pages from those of one before it.
    pub(super) number: u64,
    cursor: Cursor,
    replay: Option<Replay>,
    pub(super) fetching: bool,
}

#[derive(Debug)]
struct Replay {
    until: Seq,
    from: Seq,
    count: u64,
    has_more: bool,
    recovered: bool,
}

impl Follow {
    pub(super) fn new(following: Following, number: u64, start: &Start) -> Self {
        let (cursor, replay) = following.feed().with_tail(|tail| {
            let head = tail.head();
            let asked = start.after.as_ref();
            let known = asked.filter(|(seq, epoch)| {
                *seq <= head && epoch.as_ref().is_none_or(|epoch| epoch == tail.epoch())
            });
            let after = known.map_or(Seq::ZERO, |(seq, _)| *seq);
            let oldest = Seq(start.limit.map_or(0, |limit| head.0.saturating_sub(limit)));
            let replay = Replay {
                until: head,
                from: Seq::ZERO,
                count: 0,
                has_more: oldest > after,
                recovered: known.is_some() || asked.is_none(),
            };
            (tail.cursor(after.max(oldest)), replay)
        });
        Self { following, number, cursor, replay: Some(replay), fetching: false }
    }

    /// Begins again from the first entry, because the log did.
    pub(super) fn start_over(&mut self) {
        let (cursor, until) =
            self.following.feed().with_tail(|tail| (tail.cursor(Seq::ZERO), tail.head()));
        self.cursor = cursor;
        self.fetching = false;
        self.number += 1 << 32;
        self.replay =
            Some(Replay { until, from: Seq::ZERO, count: 0, has_more: false, recovered: false });
    }

    pub(super) fn read(&mut self, max: usize) -> Read {
        self.following.heard();
        self.following.feed().read(&mut self.cursor, max)
    }

    /// Entries of a page that the cursor has not passed yet; moves it behind them.
    pub(super) fn take(&mut self, items: Vec<Item>) -> Vec<Item> {
        let after = self.cursor.seq;
        let new: Vec<Item> =
            items.into_iter().filter(|item| item.seq.is_some_and(|seq| seq > after)).collect();
        if let Some(seq) = new.last().and_then(|item| item.seq) {
            self.cursor.seq = seq;
        }
        new
    }

    /// Counts an item that was told. Returns `historyEnd` when it was the last one of the replay.
    pub(super) fn told(&mut self, item: &Item) -> Option<HistoryEnd> {
        let (replay, seq) = (self.replay.as_mut()?, item.seq?);
        if seq > replay.until {
            return None;
        }
        replay.count += 1;
        if replay.count == 1 {
            replay.from = seq;
        }
        self.ended(seq)
    }

    /// `historyEnd`, if the replay has nothing more to tell.
    pub(super) fn idle(&mut self) -> Option<HistoryEnd> {
        self.ended(self.cursor.seq)
    }

    fn ended(&mut self, seq: Seq) -> Option<HistoryEnd> {
        let replay = self.replay.take_if(|replay| seq >= replay.until)?;
        let feed = self.following.feed();
        Some(HistoryEnd {
            agent_id: feed.agent().clone(),
            conversation_id: feed.conversation().clone(),
            epoch: feed.head().0,
            from_seq: replay.from,
            to_seq: seq,
            count: replay.count,
            has_more: replay.has_more,
            recovered: replay.recovered,
        })
    }
}
