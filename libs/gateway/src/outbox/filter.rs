//! What a follower is shown who sees its own runs only.

use std::collections::VecDeque;

use protocol::limits::MAX_QUEUED_RUNS;
use protocol::names::agents as names;
use protocol::{RunId, ViewerId};

use crate::item::Item;

/// Own runs that are remembered, the newest. More than can be open at once; of a closed one nothing comes any more.
const OWN: usize = MAX_QUEUED_RUNS + 28;

/// Shows of what was said only what belongs to a viewer's own runs.
#[derive(Debug)]
pub(super) struct Filter {
    viewer: ViewerId,
    own: VecDeque<RunId>,
}

impl Filter {
    /// With the runs of the viewer that are open already.
    pub(super) fn new(viewer: ViewerId, open: impl Iterator<Item = RunId>) -> Self {
        Self { viewer, own: open.collect() }
    }

    /// Whether an item is to be told. Items are to be asked for in order, as own runs are learnt from them.
    pub(super) fn shows(&mut self, item: &Item) -> bool {
        let message = *item.event == *names::CHAT_MESSAGE;
        if message || *item.event == *names::RUN_EVENT {
            self.learn(item);
        }
        let said = message || *item.event == *names::CHAT_EVENT;
        !said || item.run.as_ref().is_some_and(|run| self.own.contains(run))
    }

    fn learn(&mut self, item: &Item) {
        let Some(run) = &item.run else { return };
        if item.viewer.as_ref() != Some(&self.viewer) || self.own.contains(run) {
            return;
        }
        if self.own.len() == OWN {
            self.own.pop_front();
        }
        self.own.push_back(run.clone());
    }
}
