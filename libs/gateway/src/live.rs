//! What open runs have said so far, so that a reader who comes late or lags behind lacks no piece of it.

use std::ops::Range;

use protocol::agents::RunState;
use protocol::limits::{MAX_ENTRY, MAX_QUEUED_RUNS};
use protocol::names::agents as names;
use protocol::{AgentId, ConversationId, RunId, Timestamp, ViewerId};
use serde::Deserialize;
use serde_json::value::RawValue;

use crate::item::Item;

/// Open runs that are known at once; beyond, the oldest is forgotten. Room for a full queue and what is worked on.
const MAX_RUNS: usize = MAX_QUEUED_RUNS + 28;

/// The open runs of one conversation. Pure data.
#[derive(Debug)]
pub(crate) struct Live {
    agent: AgentId,
    conversation: ConversationId,
    /// Few, the oldest first.
    runs: Vec<Run>,
}

/// An open run.
#[derive(Debug)]
pub(crate) struct Run {
    pub(crate) id: RunId,
    owner: Option<ViewerId>,
    /// The text since the run began or its last `chatMessage`, as it stands in JSON between the quotes.
    text: String,
    /// The pieces that the text is made of.
    pieces: Vec<Piece>,
    /// The text is made of pieces from this number on; the ones before it are superseded.
    base: u64,
    /// One more than the number of the newest piece.
    pub(crate) next: u64,
    /// The first piece that is not, or not wholly, in the text, because it was too long.
    cut: Option<u64>,
}

/// What an item is to the open runs.
#[derive(Debug, PartialEq)]
pub(crate) enum Taken {
    /// A piece of a run that is here already.
    Again,
    /// A piece of a run, of use to a reader who has the pieces before this number.
    Piece(u64),
    /// The end of a run.
    End,
    /// Anything else.
    Other,
}

#[derive(Debug)]
struct Piece {
    sequence: u64,
    /// Where its text ends.
    end: usize,
}

#[derive(Deserialize)]
struct Event<'a> {
    kind: Kind,
    #[serde(borrow)]
    payload: Payload<'a>,
}

#[derive(Deserialize, Clone, Copy, PartialEq)]
#[serde(rename_all = "camelCase")]
enum Kind {
    AssistantDelta,
    AssistantSnapshot,
}

#[derive(Deserialize)]
struct Payload<'a> {
    #[serde(borrow, alias = "delta")]
    text: &'a RawValue,
    #[serde(default)]
    truncated: bool,
}

#[derive(Deserialize)]
struct State {
    state: RunState,
}

impl Live {
    pub(crate) fn new(agent: AgentId, conversation: ConversationId) -> Self {
        Self { agent, conversation, runs: Vec::new() }
    }

    /// The open runs.
    pub(crate) fn runs(&self) -> &[Run] {
        &self.runs
    }

    /// The run, if it is open.
    pub(crate) fn run(&self, id: &RunId) -> Option<&Run> {
        self.runs.iter().find(|run| run.id == *id)
    }

    /// Open runs of that viewer.
    pub(crate) fn runs_of(&self, viewer: &ViewerId) -> impl Iterator<Item = &RunId> {
        let own = self.runs.iter().filter(|run| run.owner.as_ref() == Some(viewer));
        own.map(|run| &run.id)
    }

    /// Forgets all of them.
    pub(crate) fn clear(&mut self) {
        self.runs.clear();
    }

    /// Learns from an item.
    pub(crate) fn take(&mut self, item: &Item) -> Taken {
        let Some(id) = &item.run else { return Taken::Other };
        match (&*item.event, item.sequence) {
            (names::CHAT_EVENT, Some(sequence)) => return self.piece(id, sequence, item),
            (names::CHAT_MESSAGE, _) => {
                if let Some(run) = self.runs.iter_mut().find(|run| run.id == *id) {
                    run.supersede(run.next);
                }
            }
            (names::RUN_EVENT, _) => return self.state(id, item),
            _ => {}
        }
        Taken::Other
    }

    fn state(&mut self, id: &RunId, item: &Item) -> Taken {
        match serde_json::from_str(item.payload.get()).map(|State { state }| state) {
            Ok(RunState::Queued | RunState::Started) => {
                let run = self.open(id);
                run.owner = item.viewer.clone().or(run.owner.take());
            }
            Ok(state) if state.is_terminal() => {
                self.runs.retain(|run| run.id != *id);
                return Taken::End;
            }
            _ => {}
        }
        Taken::Other
    }

    fn piece(&mut self, id: &RunId, sequence: u64, item: &Item) -> Taken {
        let Ok(event) = serde_json::from_str::<Event<'_>>(item.payload.get()) else {
            return Taken::Other;
        };
        let run = self.open(id);
        if sequence < run.next {
            return Taken::Again;
        }
        if event.kind == Kind::AssistantSnapshot {
            run.supersede(sequence);
        }
        // Nothing before the first piece is needed.
        let from = if run.pieces.is_empty() && run.cut.is_none() { 0 } else { run.next };
        run.push(sequence, &event.payload);
        Taken::Piece(from)
    }

    fn open(&mut self, id: &RunId) -> &mut Run {
        let index = self.runs.iter().position(|run| run.id == *id).unwrap_or_else(|| {
            if self.runs.len() == MAX_RUNS {
                self.runs.remove(0);
            }
            self.runs.push(Run::new(id.clone()));
            self.runs.len() - 1
        });
        &mut self.runs[index]
    }

    /// What a reader who has the pieces before `has.start` lacks of those before `has.end`, as one event. Nothing if
    /// they have no text.
    pub(crate) fn missing(&self, run: &Run, lacks: Range<u64>) -> Option<Item> {
        let text = &run.text[run.end_before(lacks.start)..run.end_before(lacks.end)];
        let truncated = run.cut.is_some_and(|cut| cut < lacks.end);
        if lacks.is_empty() || (text.is_empty() && !truncated) {
            return None;
        }
        let (kind, field) = if lacks.start <= run.base {
            ("assistantSnapshot", "text")
        } else {
            ("assistantDelta", "delta")
        };
        let sequence = lacks.end - 1;
        let json = format!(
            r#"{{"agentId":"{}","conversationId":"{}","runId":"{}","timestamp":"{}","sequence":{sequence},"kind":"{kind}","payload":{{"{field}":"{text}"{}}}}}"#,
            self.agent,
            self.conversation,
            run.id,
            Timestamp::now(),
            if truncated { r#","truncated":true"# } else { "" },
        );
        let payload = RawValue::from_string(json).expect("strings joined are a string");
        Some(Item {
            seq: None,
            event: names::CHAT_EVENT.into(),
            payload: payload.into(),
            run: Some(run.id.clone()),
            sequence: Some(sequence),
            viewer: None,
        })
    }
}

impl Run {
    fn new(id: RunId) -> Self {
        Self {
            id,
            owner: None,
            text: String::new(),
            pieces: Vec::new(),
            base: 0,
            next: 0,
            cut: None,
        }
    }

    /// Whether what came before that piece is here, as far as it is not superseded.
    pub(crate) fn reaches(&self, sequence: u64) -> bool {
        sequence >= self.base
    }

    fn supersede(&mut self, base: u64) {
        self.base = base;
        self.text.clear();
        self.pieces.clear();
        self.cut = None;
    }

    fn push(&mut self, sequence: u64, payload: &Payload<'_>) {
        self.next = sequence + 1;
        let text = payload.text.get().strip_prefix('"').and_then(|text| text.strip_suffix('"'));
        let text = text.unwrap_or_default();
        if self.cut.is_some() {
            return;
        }
        if self.text.len() + text.len() > MAX_ENTRY {
            self.cut = Some(sequence);
            return;
        }
        if payload.truncated {
            self.cut = Some(sequence);
        }
        if !text.is_empty() {
            self.text.push_str(text);
            self.pieces.push(Piece { sequence, end: self.text.len() });
        }
    }

    /// Where the text of the pieces before that number ends.
    fn end_before(&self, sequence: u64) -> usize {
        let count = self.pieces.partition_point(|piece| piece.sequence < sequence);
        count.checked_sub(1).map_or(0, |last| self.pieces[last].end)
    }
}

#[cfg(test)]
mod tests;
