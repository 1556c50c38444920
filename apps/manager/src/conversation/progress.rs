//! How the open runs of a conversation fare, by what is stored of them.

use std::collections::HashMap;

use protocol::RunId;
use protocol::agents::{EntryKind, RunEventBody, RunState};
use store::{Change, NewEntry};

use super::card::Card;
use super::entries::AgentName;
use super::request::Chat;
use super::runs::Output;
use crate::progress::{Progress, Watch};

/// The open runs.
#[derive(Debug)]
pub(super) struct Open {
    watch: Watch,
    runs: HashMap<RunId, Progress>,
    /// The run that was heard last: pieces of an answer are many, and only the first is of interest.
    last: Option<RunId>,
}

impl Open {
    pub(super) fn new(watch: Watch) -> Self {
        Self { watch, runs: HashMap::new(), last: None }
    }

    /// A run was accepted and is on disk.
    pub(super) fn accepted(&mut self, card: &Card, agent: &AgentName, chat: &Chat) {
        let agent = (&agent.id, agent.name.as_str());
        let progress = self.watch.accepted(&chat.run_id, agent, Some(&card.id), &chat.origin);
        self.runs.insert(chat.run_id.clone(), progress);
    }

    /// This is on disk.
    pub(super) fn stored(&mut self, card: &Card, outputs: &[Output]) {
        for output in outputs {
            match output {
                Output::Delta { run, .. } if self.last.as_ref() == Some(run) => {}
                Output::Delta { run, .. } => self.heard(run),
                Output::Entry(entry) => self.entry(card, entry),
            }
        }
    }

    fn heard(&mut self, run: &RunId) {
        if let Some(progress) = self.runs.get_mut(run) {
            progress.heard();
            self.last = Some(run.clone());
        }
    }

    fn entry(&mut self, card: &Card, entry: &NewEntry) {
        if let Change::Answered(id) = &entry.change {
            let state = card.state();
            let asked = state.interactions.iter().find(|asked| asked.body.interaction_id == *id);
            if let Some(asked) = asked {
                let waited =
                    entry.timestamp.as_millis().saturating_sub(asked.head.timestamp.as_millis());
                self.watch.meters.answered(std::time::Duration::from_millis(waited));
            }
        }
        let Some(run) = &entry.run_id else { return };
        match entry.kind {
            // What comes before it was started is the message to it.
            EntryKind::ChatMessage if self.runs.get(run).is_some_and(Progress::is_started) => {
                self.heard(run);
            }
            EntryKind::RunEvent => {
                let Ok(body) = serde_json::from_str::<RunEventBody>(&entry.body) else { return };
                self.event(run, &body);
            }
            _ => {}
        }
    }

    fn event(&mut self, run: &RunId, body: &RunEventBody) {
        match body.state {
            RunState::Started => {
                if let Some(progress) = self.runs.get_mut(run) {
                    progress.started();
                }
            }
            RunState::Done | RunState::Cancelled | RunState::Failed => {
                if let Some(progress) = self.runs.remove(run) {
                    progress.ended(body.state, body.reason);
                }
                self.last.take_if(|last| last == run);
            }
            state => {
                if let Some(progress) = self.runs.get_mut(run) {
                    progress.note(state);
                }
            }
        }
    }
}
