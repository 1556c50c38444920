//! Tells those who want to know what all agents are doing.

use std::collections::HashMap;
use std::sync::Arc;

use protocol::agents::{ActivityState, EntryKind, Queue, Role, RunActivity, RunEventBody};
use protocol::limits::MAX_EXCERPT;
use protocol::{RunId, Seq};
use serde::Deserialize;
use store::{Change, NewEntry};

use super::card::Card;
use super::runs::Output;
use crate::activity::Activity;

/// What a conversation is doing, as far as its agent's state depends on it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Doing {
    pub(super) running: bool,
    pub(super) blocked: bool,
}

/// What has been stored, and what it changed.
#[derive(Debug)]
pub(super) struct Stored<'a> {
    pub(super) outputs: &'a [Output],
    /// Position of the first of them that is an entry.
    pub(super) first: Seq,
    /// What the conversation was doing before it, and does now.
    pub(super) doing: (Doing, Doing),
    /// The open runs before it.
    pub(super) queue: &'a Queue,
}

/// The conversation's side of it. While nobody wants to know, it does nothing.
#[derive(Debug)]
pub(super) struct Telling {
    activity: Arc<Activity>,
    /// The beginning of what the agent has said last in each open run.
    answers: HashMap<RunId, String>,
}

impl Telling {
    pub(super) fn new(activity: Arc<Activity>) -> Self {
        Self { activity, answers: HashMap::new() }
    }

    /// The log began anew.
    pub(super) fn cleared(&self, card: &Card) {
        self.activity.moved(&card.agent_id, &card.id);
    }

    /// Entries have been stored, or the runs are others.
    pub(super) fn stored(&mut self, card: &Card, stored: &Stored<'_>) {
        if !self.activity.is_heard() {
            self.answers.clear();
            return;
        }
        let mut said = false;
        let entries = stored.outputs.iter().filter_map(Output::entry);
        for (entry, nth) in entries.clone().zip(0..) {
            match entry.kind {
                EntryKind::ChatMessage => {
                    said = true;
                    self.keep_answer(entry);
                }
                EntryKind::RunEvent => {
                    let seq = Seq(stored.first.0 + nth);
                    if let Some(activity) = self.run_end(card, stored, entry, seq) {
                        self.activity.run(&activity);
                    }
                }
                // Each, not only the one that blocks the run: whoever has answered that one has to be told of the next.
                EntryKind::InteractionRequest => {
                    let seq = Seq(stored.first.0 + nth);
                    let asked = card.waiting().into_iter().find(|asked| asked.seq == seq);
                    if let Some(activity) = asked {
                        self.activity.run(&activity);
                    }
                }
                _ => {}
            }
            if let (Change::RunClosed, Some(run)) = (&entry.change, &entry.run_id) {
                self.answers.remove(run);
            }
        }
        let (before, after) = stored.doing;
        if said || before != after {
            self.activity.moved(&card.agent_id, &card.id);
        }
        if before != after {
            self.activity.touched(&card.agent_id);
        }
    }

    fn keep_answer(&mut self, entry: &NewEntry) {
        #[derive(Deserialize)]
        struct Said {
            from: Role,
        }

        let (Some(run), Some(text)) = (&entry.run_id, &entry.text) else { return };
        if serde_json::from_str::<Said>(&entry.body).is_ok_and(|said| said.from == Role::Agent) {
            self.answers.insert(run.clone(), excerpt(text));
        }
    }

    fn run_end(
        &self,
        card: &Card,
        stored: &Stored<'_>,
        entry: &NewEntry,
        seq: Seq,
    ) -> Option<RunActivity> {
        let run_id = entry.run_id.clone()?;
        let body: RunEventBody = serde_json::from_str(&entry.body).ok()?;
        // That it is blocked is told with what is asked.
        let state =
            ActivityState::of(body.state).filter(|state| *state != ActivityState::Blocked)?;
        let mut open = stored.queue.running.iter().chain(&stored.queue.queued);
        let user = open.find(|run| run.run_id == run_id).and_then(|run| run.user.clone());
        let is_done = state == ActivityState::Done;
        let message = self.answers.get(&run_id).filter(|_| is_done).cloned();
        Some(RunActivity {
            agent_id: card.agent_id.clone(),
            conversation_id: card.id.clone(),
            conversation_name: card.state().name.clone(),
            run_id,
            seq,
            state,
            reason: body.reason,
            error: body.error.as_deref().map(excerpt),
            duration_ms: body.duration_ms,
            viewer_id: body.viewer_id,
            user,
            interaction_id: None,
            message,
            timestamp: entry.timestamp,
        })
    }
}

/// The beginning of a text.
pub(super) fn excerpt(text: &str) -> String {
    text.trim().chars().take(MAX_EXCERPT).collect()
}
