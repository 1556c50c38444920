//! What goes into the log, as the store takes it.

use protocol::agents::{
    AgentResponse, ChatEventBody, ChatMessageBody, EntryKind, Origin, RunEventBody, RunReason,
    RunState,
};
use protocol::{EntryId, MessageId, RunId, Timestamp};
use serde::Serialize;
use store::{NewEntry, RunChange};

/// A person's message.
pub(super) fn user(
    run: &RunId,
    text: &str,
    message_id: Option<&MessageId>,
    origin: &Origin,
    now: Timestamp,
) -> NewEntry {
    let body = ChatMessageBody::User {
        id: EntryId::random(),
        text: text.to_owned(),
        message_id: message_id.cloned(),
        viewer_id: origin.viewer_id.clone(),
        user: origin.user.clone(),
    };
    NewEntry {
        message_id: message_id.cloned(),
        ..entry(EntryKind::ChatMessage, Some(run), &body, now)
    }
}

/// What the agent said. The runtime sees to it that it fits an entry.
pub(super) fn agent(run: Option<&RunId>, name: &str, text: String, now: Timestamp) -> NewEntry {
    let body = ChatMessageBody::Agent {
        id: EntryId::random(),
        agent_name: name.to_owned(),
        response: AgentResponse::Text { result: text },
    };
    entry(EntryKind::ChatMessage, run, &body, now)
}

/// Something that happened in a turn, or between turns.
pub(super) fn note(run: Option<&RunId>, body: &ChatEventBody, now: Timestamp) -> NewEntry {
    entry(EntryKind::ChatEvent, run, body, now)
}

/// A run's way to the agent.
pub(super) fn queued(run: &RunId, position: u32, now: Timestamp) -> NewEntry {
    let body = RunEventBody { position: Some(position), ..state(RunState::Queued) };
    NewEntry { run: RunChange::Opened, ..entry(EntryKind::RunEvent, Some(run), &body, now) }
}

/// The agent gets the run now. `change` says whether the run is new, or was queued before.
pub(super) fn started(run: &RunId, change: RunChange, now: Timestamp) -> NewEntry {
    let body = state(RunState::Started);
    NewEntry { run: change, ..entry(EntryKind::RunEvent, Some(run), &body, now) }
}

/// The one terminal entry of a run.
pub(crate) fn ended(run: &RunId, ending: Ending, now: Timestamp) -> NewEntry {
    let body = RunEventBody {
        reason: ending.reason,
        error: ending.error,
        duration_ms: ending.duration_ms,
        ..state(ending.state)
    };
    NewEntry { run: RunChange::Closed, ..entry(EntryKind::RunEvent, Some(run), &body, now) }
}

/// How a run ended.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Ending {
    state: RunState,
    reason: Option<RunReason>,
    error: Option<String>,
    duration_ms: Option<u64>,
}

impl Ending {
    pub(crate) fn done() -> Self {
        Self { state: RunState::Done, reason: None, error: None, duration_ms: None }
    }

    pub(crate) fn cancelled(reason: RunReason) -> Self {
        Self { state: RunState::Cancelled, reason: Some(reason), ..Self::done() }
    }

    pub(crate) fn failed(reason: RunReason, error: Option<String>) -> Self {
        Self { state: RunState::Failed, reason: Some(reason), error, ..Self::done() }
    }

    pub(super) fn after(self, duration: std::time::Duration) -> Self {
        let millis = u64::try_from(duration.as_millis()).unwrap_or(u64::MAX);
        Self { duration_ms: Some(millis), ..self }
    }
}

fn state(state: RunState) -> RunEventBody {
    RunEventBody { state, position: None, reason: None, error: None, duration_ms: None }
}

fn entry(kind: EntryKind, run: Option<&RunId>, body: &impl Serialize, now: Timestamp) -> NewEntry {
    NewEntry {
        kind,
        run_id: run.cloned(),
        timestamp: now,
        body: serde_json::to_string(body).expect("a body has only strings and numbers"),
        message_id: None,
        run: RunChange::None,
    }
}
