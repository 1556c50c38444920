//! What is due at a time.

use tokio::time::Instant;

use super::Worker;
use crate::conversation::runs::{Plan, Runs};

impl Worker {
    pub(super) async fn on_alarm(&mut self) {
        let now = Instant::now();
        let mut plan = Plan::default();
        self.runs.end_late(self.run_timeout, now, &mut plan);
        self.effects.extend(plan.effects);
        if self.queue_due.is_some_and(|due| due <= now) {
            self.show_queue();
        }
        if self.retry.is_some_and(|retry| retry > now) {
            return;
        }
        if self.retry.take().is_some() {
            let (next, plan) = self.decide(|next, means, plan| {
                next.close_lost(means, plan);
                next.start_next(means, plan);
            });
            self.store(next, plan).await;
        }
        if self.runs.answer_deadline().is_some_and(|deadline| deadline <= now) {
            let (next, plan) = self.decide(Runs::expire);
            self.store(next, plan).await;
        }
        self.on_absence(now).await;
    }

    /// The next time that something is due. What has to be stored waits while the store does not work.
    pub(super) fn alarm(&self) -> Option<Instant> {
        let stored = [
            self.runs.answer_deadline(),
            self.unseen_at(),
            self.expiry,
            self.creator_gone.map(|gone| gone + self.viewer_grace),
        ];
        let stored = stored.into_iter().flatten().min();
        let stored = stored.map(|at| self.retry.map_or(at, |retry| at.max(retry)));
        let timeout = self.runs.deadline(self.run_timeout);
        [timeout, self.retry, self.queue_due, stored].into_iter().flatten().min()
    }

    /// Shows the queue, unless runs have come and gone since it was shown empty.
    fn show_queue(&mut self) {
        self.queue_due = None;
        let queue = self.runs.queue();
        let is_empty = queue.running.is_empty() && queue.queued.is_empty();
        if !(is_empty && self.queue_was_empty) {
            self.publisher.queue(queue);
        }
        self.queue_was_empty = is_empty;
    }
}
