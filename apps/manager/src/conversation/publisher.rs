//! Shows followers what has been stored.

use std::sync::Arc;

use gateway::{Feed, Item, raw};
use protocol::agents::{EntryHead, EntryKind, LiveEvent, LiveEventBody};
use protocol::{RunId, Seq, Timestamp};
use store::{Entry, NewEntry};

use super::runs::Output;
use crate::error::Error;
use crate::history;

/// Writes outputs as events and appends them to the feed.
#[derive(Debug)]
pub(super) struct Publisher {
    feed: Arc<Feed>,
}

impl Publisher {
    pub(super) fn new(feed: Arc<Feed>) -> Self {
        Self { feed }
    }

    pub(super) fn feed(&self) -> &Feed {
        &self.feed
    }

    /// Shows outputs whose entries have been stored from `first` on.
    pub(super) fn show(&self, outputs: Vec<Output>, first: Seq) {
        let mut seq = first;
        let items = outputs.into_iter().filter_map(|output| match output {
            Output::Entry(entry) => {
                let item = self.entry(entry, seq);
                seq = seq.next();
                item.ok()
            }
            Output::Delta { run, sequence, text } => Some(self.delta(run, sequence, text)),
        });
        // Written before the feed's lock is taken, so that nobody waits for it.
        self.feed.append(items.collect::<Vec<_>>());
    }

    /// The event of an entry, as it will come from the store.
    fn entry(&self, entry: NewEntry, seq: Seq) -> Result<Item, Error> {
        let head = EntryHead {
            agent_id: self.feed.agent().clone(),
            conversation_id: self.feed.conversation().clone(),
            seq,
            run_id: entry.run_id,
            timestamp: entry.timestamp,
        };
        history::item(&Entry { head, kind: entry.kind, body: entry.body })
    }

    fn delta(&self, run_id: RunId, sequence: u64, delta: String) -> Item {
        let event = LiveEvent {
            agent_id: self.feed.agent().clone(),
            conversation_id: self.feed.conversation().clone(),
            run_id,
            timestamp: Timestamp::now(),
            sequence,
            body: LiveEventBody::AssistantDelta { delta },
        };
        Item { seq: None, event: EntryKind::ChatEvent.as_str().into(), payload: raw(&event).into() }
    }
}
