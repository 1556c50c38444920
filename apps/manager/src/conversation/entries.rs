//! What goes into the log, as the store takes it.

use std::sync::Arc;

use protocol::agents::{
    AgentChangedBody, AgentEventBody, AgentResponse, ChatEventBody, ChatMessageBody, EntryKind,
    InteractionRequestBody, InteractionUpdateBody, MessageFilterResultBody, Origin, RunEventBody,
    RunReason, RunState, Usage,
};
use protocol::{AgentId, EntryId, InteractionId, MessageId, RunId, Timestamp, ViewerId};
use serde::Serialize;
use store::{Change, NewEntry};

/// A person's message. Without a run it was said elsewhere.
pub(crate) fn user(
    run: Option<&RunId>,
    text: &Arc<str>,
    message_id: Option<&MessageId>,
    origin: &Origin,
    now: Timestamp,
) -> NewEntry {
    let body = ChatMessageBody::User {
        id: EntryId::random(),
        text: text.to_string(),
        message_id: message_id.cloned(),
        viewer_id: origin.viewer_id.clone(),
        user: origin.user.clone(),
    };
    NewEntry {
        message_id: message_id.cloned(),
        text: Some(text.clone()),
        ..entry(EntryKind::ChatMessage, run, &body, now)
    }
}

/// What the agent said. The runtime sees to it that it fits an entry.
pub(crate) fn agent(run: Option<&RunId>, name: &str, text: String, now: Timestamp) -> NewEntry {
    let searchable = Some(text.as_str().into());
    let body = said(name, text);
    NewEntry { text: searchable, ..entry(EntryKind::ChatMessage, run, &body, now) }
}

/// The body of what an agent said.
pub(crate) fn said(name: &str, text: String) -> ChatMessageBody {
    ChatMessageBody::Agent {
        id: EntryId::random(),
        agent_name: name.to_owned(),
        response: AgentResponse::Text { result: text },
    }
}

/// Something that happened in a turn, or between turns.
pub(super) fn note(run: Option<&RunId>, body: &ChatEventBody, now: Timestamp) -> NewEntry {
    entry(EntryKind::ChatEvent, run, body, now)
}

/// Something of the agent's own.
pub(super) fn event(run: Option<&RunId>, body: &AgentEventBody, now: Timestamp) -> NewEntry {
    entry(EntryKind::AgentEvent, run, body, now)
}

/// Another agent answers.
pub(super) fn agent_changed(run: &RunId, body: &AgentChangedBody, now: Timestamp) -> NewEntry {
    let change = Change::AgentChanged(body.active_agent_id.clone());
    NewEntry { change, ..entry(EntryKind::AgentChanged, Some(run), body, now) }
}

/// A filter found something.
pub(super) fn filtered(
    run: Option<&RunId>,
    body: &MessageFilterResultBody,
    now: Timestamp,
) -> NewEntry {
    entry(EntryKind::MessageFilterResult, run, body, now)
}

/// The agent asks.
pub(super) fn asked(
    run: Option<&RunId>,
    body: &InteractionRequestBody,
    asked_as: &InteractionId,
    now: Timestamp,
) -> NewEntry {
    let change =
        Change::Asked { interaction: body.interaction_id.clone(), asked_as: asked_as.clone() };
    NewEntry { change, ..entry(EntryKind::InteractionRequest, run, body, now) }
}

/// An interaction has ended.
pub(super) fn answered(
    run: Option<&RunId>,
    body: &InteractionUpdateBody,
    now: Timestamp,
) -> NewEntry {
    let change = Change::Answered(body.interaction_id.clone());
    NewEntry { change, ..entry(EntryKind::InteractionUpdate, run, body, now) }
}

/// A run's way to the agent.
pub(super) fn queued(
    run: &RunId,
    viewer: Option<&ViewerId>,
    position: u32,
    now: Timestamp,
) -> NewEntry {
    let body = RunEventBody { position: Some(position), ..state(RunState::Queued, viewer) };
    NewEntry { change: Change::RunOpened, ..entry(EntryKind::RunEvent, Some(run), &body, now) }
}

/// The agent gets the run now. `change` says whether the run is new, or was queued before.
pub(super) fn started(
    run: &RunId,
    viewer: Option<&ViewerId>,
    change: Change,
    now: Timestamp,
) -> NewEntry {
    let body = state(RunState::Started, viewer);
    NewEntry { change, ..entry(EntryKind::RunEvent, Some(run), &body, now) }
}

/// The run waits for an answer, or goes on with it.
pub(super) fn waits(
    run: &RunId,
    viewer: Option<&ViewerId>,
    blocked: bool,
    now: Timestamp,
) -> NewEntry {
    let state = state(if blocked { RunState::Blocked } else { RunState::Resumed }, viewer);
    entry(EntryKind::RunEvent, Some(run), &state, now)
}

/// The one terminal entry of a run.
pub(crate) fn ended(
    run: &RunId,
    viewer: Option<&ViewerId>,
    ending: Ending,
    now: Timestamp,
) -> NewEntry {
    let body = ending.body(viewer);
    NewEntry { change: Change::RunClosed, ..entry(EntryKind::RunEvent, Some(run), &body, now) }
}

/// How a run ended.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Ending {
    state: RunState,
    reason: Option<RunReason>,
    error: Option<String>,
    duration_ms: Option<u64>,
    usage: Option<Usage>,
}

impl Ending {
    pub(crate) fn done() -> Self {
        Self { state: RunState::Done, reason: None, error: None, duration_ms: None, usage: None }
    }

    pub(crate) fn cancelled(reason: RunReason) -> Self {
        Self { state: RunState::Cancelled, reason: Some(reason), ..Self::done() }
    }

    pub(crate) fn failed(reason: RunReason, error: Option<String>) -> Self {
        Self { state: RunState::Failed, reason: Some(reason), error, ..Self::done() }
    }

    /// The terminal state that fits the reason a run was ended for.
    pub(crate) fn because(reason: RunReason) -> Self {
        match reason {
            RunReason::User
            | RunReason::Interrupted
            | RunReason::Disconnect
            | RunReason::NoClients
            | RunReason::ConversationDeleted
            | RunReason::ServerStopping
            | RunReason::AgentStopped => Self::cancelled(reason),
            _ => Self::failed(reason, None),
        }
    }

    pub(crate) fn state(&self) -> RunState {
        self.state
    }

    pub(crate) fn reason(&self) -> Option<RunReason> {
        self.reason
    }

    pub(crate) fn after(self, duration: std::time::Duration) -> Self {
        let millis = u64::try_from(duration.as_millis()).unwrap_or(u64::MAX);
        Self { duration_ms: Some(millis), ..self }
    }

    pub(crate) fn costing(self, usage: Option<Usage>) -> Self {
        Self { usage, ..self }
    }

    /// The event of it.
    pub(crate) fn body(self, viewer: Option<&ViewerId>) -> RunEventBody {
        RunEventBody {
            reason: self.reason,
            error: self.error,
            duration_ms: self.duration_ms,
            usage: self.usage,
            ..state(self.state, viewer)
        }
    }
}

fn state(state: RunState, viewer: Option<&ViewerId>) -> RunEventBody {
    RunEventBody { viewer_id: viewer.cloned(), ..RunEventBody::new(state) }
}

fn entry(kind: EntryKind, run: Option<&RunId>, body: &impl Serialize, now: Timestamp) -> NewEntry {
    NewEntry {
        kind,
        run_id: run.cloned(),
        timestamp: now,
        body: serde_json::to_string(body).expect("a body has only strings and numbers"),
        message_id: None,
        text: None,
        change: Change::None,
    }
}

/// Whose conversation an agent answers in, by id and by name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct AgentName {
    pub(crate) id: AgentId,
    pub(crate) name: String,
}
