//! Tells those who want to know what all agents are doing.

use std::collections::HashMap;
use std::sync::Arc;

use protocol::agents::{
    ActivityState, EntryKind, InteractionRequestBody, Queue, Role, RunActivity, RunEventBody,
};
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
                    if let Some(activity) = self.run_activity(card, stored, entry, seq) {
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

    fn run_activity(
        &self,
        card: &Card,
        stored: &Stored<'_>,
        entry: &NewEntry,
        seq: Seq,
    ) -> Option<RunActivity> {
        let run_id = entry.run_id.clone()?;
        let body: RunEventBody = serde_json::from_str(&entry.body).ok()?;
        let state = ActivityState::of(body.state)?;
        let mut open = stored.queue.running.iter().chain(&stored.queue.queued);
        let user = open.find(|run| run.run_id == run_id).and_then(|run| run.user.clone());
        let asked = (state == ActivityState::Blocked).then(|| asked(stored.outputs, &run_id));
        let asked = asked.flatten();
        let message = match (&asked, state) {
            (Some(asked), _) => Some(excerpt(&asked.message)),
            (None, ActivityState::Done) => self.answers.get(&run_id).cloned(),
            _ => None,
        };
        Some(RunActivity {
            agent_id: card.agent_id.clone(),
            conversation_id: card.id.clone(),
            conversation_name: card.state().name.clone(),
            run_id,
            seq,
            state,
            reason: body.reason,
            error: body.error,
            duration_ms: body.duration_ms,
            viewer_id: body.viewer_id,
            user,
            interaction_id: asked.map(|asked| asked.interaction_id),
            message,
            timestamp: entry.timestamp,
        })
    }
}

/// What the agent asks in a run, which is stored together with the run's being blocked.
fn asked(outputs: &[Output], run: &RunId) -> Option<InteractionRequestBody> {
    let mut entries = outputs.iter().filter_map(Output::entry);
    let asked = entries.find(|entry| {
        entry.kind == EntryKind::InteractionRequest && entry.run_id.as_ref() == Some(run)
    })?;
    serde_json::from_str(&asked.body).ok()
}

/// The beginning of a text.
fn excerpt(text: &str) -> String {
    text.trim().chars().take(MAX_EXCERPT).collect()
}
