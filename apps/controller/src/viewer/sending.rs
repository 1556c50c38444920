//! A command on its way to the manager and back: what is logged of it, and its spans.

use std::time::Instant;

use link::CallError;
use protocol::clients::Forward;
use protocol::names::agents::{CANCEL_RUN, CHAT, RESPOND_INTERACTION, START_RUN};
use protocol::{Ack, AgentId, TraceParent, catalogue};
use serde::de::IgnoredAny;
use serde_json::value::RawValue;
use trace::{Kind, Span, Tracer};

/// What people do to agents; all else is looking, typing and tidying up, and there is far more of that.
const DEEDS: [&str; 4] = [CHAT, START_RUN, CANCEL_RUN, RESPOND_INTERACTION];

/// A command that the manager has not answered yet.
pub(super) struct Sending {
    name: &'static str,
    agent: Option<AgentId>,
    since: Instant,
    /// The lines of the command.
    lines: tracing::Span,
    /// The way to the manager and back, within the command's own span. Dropped in this order.
    hop: Span,
    _command: Option<Span>,
}

impl Sending {
    pub(super) fn begin(
        command: Option<Span>,
        forward: &Forward,
        tracer: &Tracer,
        agent: Option<AgentId>,
    ) -> Self {
        let mut hop = tracer.begin("forward", Kind::Client, forward.traceparent);
        hop.set("longshore.tier", "controller");
        Self {
            name: catalogue::label(&forward.event),
            agent,
            since: Instant::now(),
            lines: tracing::Span::current(),
            hop,
            _command: command,
        }
    }

    /// What the manager's spans are below.
    pub(super) fn context(&self) -> Option<TraceParent> {
        self.hop.context()
    }

    /// Says in the log what became of it.
    pub(super) fn answered(mut self, answer: &Result<Box<RawValue>, CallError>) {
        let outcome = outcome(answer);
        if let Some(outcome) = &outcome {
            self.hop.fail(outcome.clone());
        }
        let outcome = outcome.as_deref().unwrap_or("ok");
        let agent = self.agent.as_ref().map(AgentId::as_str);
        let millis = u64::try_from(self.since.elapsed().as_millis()).unwrap_or(u64::MAX);
        self.lines.in_scope(|| {
            if DEEDS.contains(&self.name) {
                tracing::info!(agent, outcome, duration_ms = millis, "command answered");
            } else {
                tracing::debug!(agent, outcome, duration_ms = millis, "command answered");
            }
        });
    }
}

/// Why it was not done, in one word.
fn outcome(answer: &Result<Box<RawValue>, CallError>) -> Option<String> {
    match answer {
        // Most are; the rest is read.
        Ok(answer) if answer.get().starts_with(r#"{"success":true"#) => None,
        Ok(answer) => {
            let ack = serde_json::from_str::<Ack<IgnoredAny>>(answer.get()).map(Ack::into_result);
            let refused = ack.map(|ack| ack.err().map(|error| error.code.name()));
            refused.unwrap_or_else(|_| Some("NONSENSE".to_owned()))
        }
        Err(CallError::Unavailable { .. } | CallError::Closed) => Some("UNAVAILABLE".to_owned()),
        Err(CallError::QueueFull) => Some("QUEUE_FULL".to_owned()),
        Err(CallError::Timeout) => Some("TIMEOUT".to_owned()),
        Err(CallError::Lost) => Some("LOST".to_owned()),
    }
}
