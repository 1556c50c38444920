//! Shows followers what has been stored.

use std::sync::Arc;

use gateway::{Feed, Item, raw};
use protocol::agents::{
    ConversationUpdate, EntryHead, EntryKind, LiveEvent, LiveEventBody, Queue, QueueUpdate,
};
use protocol::names::agents::{CONVERSATION_UPDATE, QUEUE_UPDATE};
use protocol::{Epoch, RunId, Seq, Timestamp};
use serde::Serialize;
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

    /// The log begins anew with these entries, which have been stored. `tell` says so: what comes before it is of the
    /// old life, and what comes after it of the new one.
    pub(super) fn begin_anew(&self, epoch: &Epoch, entries: Vec<NewEntry>, tell: impl FnOnce()) {
        self.feed.reset_and(epoch.clone(), Seq::ZERO, Seq(entries.len() as u64), tell);
        self.show(entries.into_iter().map(Output::Entry).collect(), Seq(1));
    }

    /// Shows the open runs; the newest such event counts.
    pub(super) fn queue(&self, queue: Queue) {
        let update = QueueUpdate {
            agent_id: self.feed.agent().clone(),
            conversation_id: self.feed.conversation().clone(),
            queue,
        };
        self.feed.append([event(QUEUE_UPDATE, &update)]);
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
            run_id: run_id.clone(),
            timestamp: Timestamp::now(),
            sequence,
            connection_id: None,
            body: LiveEventBody::AssistantDelta { delta, truncated: false },
        };
        Item {
            seq: None,
            event: EntryKind::ChatEvent.as_str().into(),
            payload: raw(&event).into(),
            run: Some(run_id),
            sequence: Some(sequence),
            viewer: None,
        }
    }
}

/// Tells those who follow a conversation that somebody came or went.
pub(super) fn tell_attendance(feed: &Feed, update: &ConversationUpdate) {
    feed.append([event(CONVERSATION_UPDATE, update)]);
}

fn event(name: &str, payload: &impl Serialize) -> Item {
    Item {
        seq: None,
        event: name.into(),
        payload: raw(payload).into(),
        run: None,
        sequence: None,
        viewer: None,
    }
}
