//! What an agent does, as its conversation hears of it.

use protocol::agents::{ChatEventBody, OutputStream, RunReason};
use protocol::{InteractionId, RunId};

use serde_json::Value;

use crate::control::{Ask, Control, is_reserved};
use crate::framing::Line;
use crate::size;

/// Something that an agent did.
#[derive(Debug, Clone, PartialEq)]
pub enum AgentEvent {
    /// More of an answer, while it is being given. The deltas of a turn, one after the other,
    /// are its answer; whoever missed some has it from the [`AgentEvent::Message`].
    Delta {
        /// The turn that it belongs to.
        run: RunId,
        /// What came.
        text: String,
    },
    /// An answer, whole. One that is too long for one entry comes in several messages.
    Message {
        /// The turn that it ends; none for what an agent says without being asked.
        run: Option<RunId>,
        /// The answer, without the newline at its end.
        text: String,
    },
    /// Something beside the answer.
    Note {
        /// The turn that it fell into, if any.
        run: Option<RunId>,
        /// What it was.
        body: ChatEventBody,
    },
    /// The agent asks, and waits for the answer: [`Session::answer`](crate::Session::answer).
    Asked {
        /// The turn that it asks in, if any.
        run: Option<RunId>,
        /// What it asks.
        ask: Ask,
    },
    /// The agent does not wait for the answer any more.
    Withdrawn {
        /// The agent's own id for the question.
        interaction_id: InteractionId,
    },
    /// The agent is in a session of its own, which it can take up after a restart of anything.
    Session {
        /// The agent's id for it, 1 to 256 visible characters, the first no hyphen.
        id: String,
    },
    /// Something of the agent's own.
    Event {
        /// The turn that it fell into, if any.
        run: Option<RunId>,
        /// A name that is none of longshore's own.
        topic: String,
        /// What the agent says about it.
        payload: Value,
    },
    /// Another agent is to go on with the turn, once this one has ended it.
    Handoff {
        /// The turn.
        run: RunId,
        /// The other agent's id or name.
        agent: String,
        /// What the other agent is told; without it, what this one was.
        message: Option<String>,
        /// Why.
        reason: Option<String>,
    },
    /// A turn ended. The last event of its turn, exactly once, unless the session is stopped.
    Ended {
        /// The turn.
        run: RunId,
        /// How.
        outcome: Outcome,
    },
}

/// Longest text about an agent, in bytes: what is longer is cut.
const MAX_STATUS: usize = 16 << 10;

/// What an event takes in memory beside its text, about.
const OVERHEAD: usize = 256;

impl AgentEvent {
    /// About how many bytes it takes.
    pub(crate) fn weight(&self) -> usize {
        OVERHEAD
            + match self {
                Self::Delta { text, .. }
                | Self::Message { text, .. }
                | Self::Note { body: ChatEventBody::Raw { text, .. }, .. } => text.len(),
                Self::Note { body, .. } => serde_json::to_string(body).map_or(0, |json| json.len()),
                // A line at most, of which little is kept.
                Self::Asked { .. }
                | Self::Withdrawn { .. }
                | Self::Session { .. }
                | Self::Ended { .. } => 0,
                Self::Event { payload, .. } => payload.to_string().len(),
                Self::Handoff { message, .. } => message.as_ref().map_or(0, String::len),
            }
    }

    /// What a control message says, in that turn or in none.
    pub(crate) fn control(run: Option<&RunId>, control: Control) -> Self {
        let run = run.cloned();
        match control {
            Control::Ask(ask) => Self::Asked { run, ask },
            Control::Event { topic, .. } if is_reserved(&topic) => {
                Self::status(run.as_ref(), format!("event \"{topic}\" is reserved"))
            }
            Control::Event { topic, payload } => Self::Event { run, topic, payload },
            Control::Handoff { agent, message, reason } => match run {
                Some(run) => Self::Handoff { run, agent, message, reason },
                None => Self::status(None, format!("hand-off to \"{agent}\" outside of a turn")),
            },
            Control::Note(body) => Self::Note { run, body },
        }
    }

    /// A note for people.
    pub(crate) fn status(run: Option<&RunId>, mut message: String) -> Self {
        message.truncate(message.floor_char_boundary(MAX_STATUS));
        Self::Note { run: run.cloned(), body: ChatEventBody::Status { message } }
    }

    /// A line that is no part of an answer. One that is too long for an entry is cut here, too:
    /// control characters grow when they are written as JSON.
    pub(crate) fn raw(run: Option<&RunId>, stream: OutputStream, line: Line) -> Self {
        let kept = size::prefix_that_fits(&line.text, size::MAX_TEXT).len();
        let truncated = line.is_cut() || kept < line.text.len();
        let mut text = line.text;
        text.truncate(kept);
        let bytes = truncated.then_some(line.bytes);
        Self::Note {
            run: run.cloned(),
            body: ChatEventBody::Raw { stream, text, truncated, bytes },
        }
    }
}

/// How a turn ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Outcome {
    /// Well.
    Done,
    /// Because somebody said so.
    Cancelled,
    /// Badly.
    Failed {
        /// Why, for programs.
        reason: RunReason,
        /// Why, for people.
        error: String,
    },
}

impl Outcome {
    pub(crate) fn failed(reason: RunReason, error: impl Into<String>) -> Self {
        let mut error = error.into();
        error.truncate(error.floor_char_boundary(MAX_STATUS));
        Self::Failed { reason, error }
    }
}
