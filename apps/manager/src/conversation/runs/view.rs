//! The open runs as people see them, and as a log that begins anew takes them over.

use std::sync::Arc;

use protocol::Timestamp;
use protocol::agents::{Queue, QueuedRun};
use store::{Change, NewEntry};

use super::{Lane, Run, Runs};
use crate::conversation::entries;

/// Characters of a message that are shown in the queue.
const SHOWN: usize = 200;

impl Runs {
    /// Grows when [`Self::queue`] changes.
    pub(in crate::conversation) fn version(&self) -> u64 {
        self.version
    }

    /// The open runs.
    pub(in crate::conversation) fn queue(&self) -> Queue {
        let running = self.current().map(|current| shown(&current.run, current.blocked));
        Queue {
            version: self.version,
            running: running.collect(),
            queued: self.waiting.iter().map(|run| shown(run, false)).collect(),
        }
    }

    /// Whether a run waits for an answer.
    pub(in crate::conversation) fn is_blocked(&self) -> bool {
        self.current().any(|current| current.blocked)
    }

    /// What is open, as the first entries of a new life of the log.
    pub(in crate::conversation) fn carried_over(&self, now: Timestamp) -> Vec<NewEntry> {
        let mut carried = Vec::new();
        for current in self.current() {
            let run = &current.run;
            carried.push(run.message.clone());
            carried.push(entries::started(&run.id, run.viewer(), Change::RunOpened, now));
        }
        for asked in &self.asked {
            carried.push(entries::asked(asked.run.as_ref(), &asked.body, &asked.asked_as, now));
        }
        for current in self.current().filter(|current| current.blocked) {
            carried.push(entries::waits(&current.run.id, current.run.viewer(), true, now));
        }
        let (mut queue, mut own) = (0, 0);
        for run in &self.waiting {
            let position = if run.lane == Lane::Queue { &mut queue } else { &mut own };
            *position += 1;
            carried.push(run.message.clone());
            carried.push(entries::queued(&run.id, run.viewer(), *position, now));
        }
        carried
    }
}

fn shown(run: &Arc<Run>, blocked: bool) -> QueuedRun {
    QueuedRun {
        run_id: run.id.clone(),
        text: run.text.chars().take(SHOWN).collect(),
        blocked,
        viewer_id: run.origin.viewer_id.clone(),
        user: run.origin.user.clone(),
    }
}
