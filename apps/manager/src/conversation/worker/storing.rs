//! Storing what was decided, and then showing it.

use std::time::Duration;

use protocol::Seq;
use protocol::agents::{EntryHead, EntryKind, InteractionRequest};
use store::{Appended, Change, NewEntry, StoreError};
use tokio::time::Instant;

use super::Worker;
use crate::conversation::runs::{Output, Plan, Runs, Seat};
use crate::conversation::telling::Stored;
use crate::error::report;

/// How long until what could not be stored is tried to be stored again.
const STORE_RETRY: Duration = Duration::from_secs(1);
/// How often the queue is shown, at most. A run that is over by then is never shown in it.
const QUEUE_PERIOD: Duration = Duration::from_millis(100);

impl Worker {
    /// Stores and shows what was decided, or tries again later. Whether it was stored.
    pub(in crate::conversation) async fn store(&mut self, next: Runs, plan: Plan) -> bool {
        match self.append(&plan).await {
            Ok(stored) => {
                self.runs = next;
                self.carry_out(plan, first_of(stored));
                true
            }
            Err(cause) => {
                report(&cause);
                self.retry = Some(Instant::now() + STORE_RETRY);
                false
            }
        }
    }

    /// Stores and shows what a session did. When it cannot be stored its run is lost: it ends as failed as soon
    /// as that can be stored. `over` says that the agent is through with the run. Whether it was stored.
    pub(super) async fn settle(&mut self, seat: &Seat, next: Runs, plan: Plan, over: bool) -> bool {
        match self.append(&plan).await {
            Ok(stored) => {
                self.runs = next;
                self.carry_out(plan, first_of(stored));
                true
            }
            Err(cause) => {
                report(&cause);
                self.effects.extend(self.runs.lose_output(seat, over));
                self.retry = self.runs.is_stuck().then(|| Instant::now() + STORE_RETRY);
                false
            }
        }
    }

    /// Stores the entries of a plan, all or none.
    pub(in crate::conversation) async fn append(
        &self,
        plan: &Plan,
    ) -> Result<Appended, StoreError> {
        let entries: Vec<NewEntry> =
            plan.outputs.iter().filter_map(Output::entry).cloned().collect();
        if entries.is_empty() {
            return Ok(Appended::Stored { first: Seq::ZERO });
        }
        self.db.append(self.id(), entries).await
    }

    /// Shows what has been stored, and notes what the agent is to be told.
    pub(in crate::conversation) fn carry_out(&mut self, plan: Plan, first: Seq) {
        self.open.stored(&self.card, &plan.outputs);
        self.note(&plan.outputs, first);
        self.publisher.show(plan.outputs, first);
        self.effects.extend(plan.effects);
    }

    /// Keeps the card up to date with what has been stored from `first` on.
    pub(in crate::conversation) fn note(&mut self, outputs: &[Output], first: Seq) {
        let changed = self.card.state().queue.version != self.runs.version();
        let queue = changed.then(|| self.runs.queue());
        let (before, after, queue_before);
        {
            let mut state = self.card.state();
            before = state.doing();
            for entry in outputs.iter().filter_map(Output::entry) {
                state.last_activity = state.last_activity.max(entry.timestamp);
                state.messages += u64::from(entry.kind == EntryKind::ChatMessage);
                if let Change::AgentChanged(agent) = &entry.change {
                    state.active = Some(agent.clone());
                }
            }
            let entries = outputs.iter().filter_map(Output::entry).count() as u64;
            if entries > 0 {
                state.head = state.head.max(Seq(first.0 + entries - 1));
            }
            (state.open, state.blocked) = (self.runs.has_open(), self.runs.is_blocked());
            queue_before = queue.map(|queue| std::mem::replace(&mut state.queue, queue));
            after = state.doing();
        }
        if changed {
            self.queue_due.get_or_insert_with(|| Instant::now() + QUEUE_PERIOD);
        }
        self.note_interactions(outputs, first);
        let queue = &queue_before.unwrap_or_default();
        self.telling.stored(&self.card, &Stored { outputs, first, doing: (before, after), queue });
    }

    /// Keeps the list of what waits for an answer.
    pub(in crate::conversation) fn note_interactions(&self, outputs: &[Output], first: Seq) {
        for (nth, entry) in outputs.iter().filter_map(Output::entry).enumerate() {
            match &entry.change {
                Change::Asked { .. } => {
                    let Ok(body) = serde_json::from_str(&entry.body) else { continue };
                    let head = EntryHead {
                        agent_id: self.card.agent_id.clone(),
                        conversation_id: self.card.id.clone(),
                        seq: Seq(first.0 + nth as u64),
                        run_id: entry.run_id.clone(),
                        timestamp: entry.timestamp,
                    };
                    self.card.state().interactions.push(InteractionRequest { head, body });
                }
                Change::Answered(id) => {
                    let mut state = self.card.state();
                    state.interactions.retain(|asked| asked.body.interaction_id != *id);
                }
                _ => {}
            }
        }
    }
}

/// Without a message id in the group nothing of it can be a repetition.
pub(super) fn first_of(stored: Appended) -> Seq {
    match stored {
        Appended::Stored { first } => first,
        Appended::Duplicate { seq } => seq,
    }
}
