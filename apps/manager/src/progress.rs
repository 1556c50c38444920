//! How one run fares: what is measured of it, told in the log, and traced. Nothing of what is said in it.

use std::sync::Arc;

use protocol::agents::{Origin, RunReason, RunState};
use protocol::{AgentId, ConversationId, RunId};
use tokio::time::Instant;
use trace::{Kind, Span, Tracer};

use crate::meters::Meters;

/// Where all runs are counted and traced.
#[derive(Debug, Clone, Default)]
pub(crate) struct Watch {
    pub(crate) meters: Meters,
    pub(crate) tracer: Tracer,
    pub(crate) programs: runtime::Meters,
}

/// One open run.
#[derive(Debug)]
pub(crate) struct Progress {
    meters: Meters,
    run: RunId,
    agent: AgentId,
    agent_name: Arc<str>,
    conversation: Option<ConversationId>,
    origin: Origin,
    asked: Instant,
    started: Option<Instant>,
    is_heard: bool,
    span: Span,
}

impl Watch {
    /// A run was accepted.
    pub(crate) fn accepted(
        &self,
        run: &RunId,
        (agent, agent_name): (&AgentId, &str),
        conversation: Option<&ConversationId>,
        origin: &Origin,
    ) -> Progress {
        let mut span = self.tracer.begin("run", Kind::Internal, origin.traceparent);
        span.set("longshore.tier", "manager");
        span.set("longshore.run", run.as_str());
        span.set("longshore.agent", agent.as_str());
        if let Some(conversation) = conversation {
            span.set("longshore.conversation", conversation.as_str());
        }
        if let Some(correlation) = &origin.correlation_id {
            span.set("longshore.correlation", correlation.as_str());
        }
        Progress {
            meters: self.meters.clone(),
            run: run.clone(),
            agent: agent.clone(),
            agent_name: agent_name.into(),
            conversation: conversation.cloned(),
            origin: origin.clone(),
            asked: Instant::now(),
            started: None,
            is_heard: false,
            span,
        }
    }
}

/// A line about a run, with all that is known of where it belongs.
macro_rules! line {
    ($level:ident, $progress:expr, $message:literal $(, $field:ident = $value:expr)*) => {{
        let progress = &$progress;
        let origin = &progress.origin;
        tracing::$level!(
            run = %progress.run,
            agent = %progress.agent,
            conversation = progress.conversation.as_ref().map(ConversationId::as_str),
            correlation = origin.correlation_id.as_ref().map(protocol::CorrelationId::as_str),
            viewer = origin.viewer_id.as_ref().map(protocol::ViewerId::as_str),
            conn = origin.connection_id.as_ref().map(protocol::ConnectionId::as_str),
            trace = progress.trace(),
            $($field = $value,)*
            $message
        );
    }};
}

impl Progress {
    /// The agent has it now.
    pub(crate) fn started(&mut self) {
        if self.started.is_some() {
            return;
        }
        let now = Instant::now();
        let waited = now - self.asked;
        self.started = Some(now);
        self.meters.started(waited);
        self.span.event("started");
        line!(info, self, "run started", queued_ms = millis(waited));
    }

    /// Whether the agent has it.
    pub(crate) fn is_started(&self) -> bool {
        self.started.is_some()
    }

    /// The agent has said something.
    pub(crate) fn heard(&mut self) {
        if let Some(started) = self.started
            && !std::mem::replace(&mut self.is_heard, true)
        {
            self.meters.heard(started.elapsed());
            self.span.event("first output");
        }
    }

    /// It waits for an answer, or goes on.
    pub(crate) fn note(&mut self, state: RunState) {
        match state {
            RunState::Blocked => self.span.event("blocked"),
            RunState::Resumed => self.span.event("resumed"),
            _ => {}
        }
    }

    /// It is over.
    pub(crate) fn ended(mut self, state: RunState, reason: Option<RunReason>) {
        let ran = self.started.map(|started| started.elapsed());
        let (outcome, reason) = (word(&state), reason.as_ref().map(word));
        self.meters.ended(
            &self.agent_name,
            outcome.clone(),
            reason.clone().unwrap_or_default(),
            ran,
        );
        self.span.set("longshore.outcome", &*outcome);
        if let (RunState::Failed, Some(reason)) = (state, &reason) {
            self.span.fail(reason.clone());
        }
        let duration = ran.map(millis);
        line!(info, self, "run ended", outcome = outcome, reason = reason, duration_ms = duration);
    }

    fn trace(&self) -> Option<String> {
        let context = self.span.context().or(self.origin.traceparent)?;
        Some(format!("{:032x}", context.trace))
    }
}

fn millis(duration: std::time::Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}

/// A state or a reason as on the wire.
fn word(value: &impl serde::Serialize) -> String {
    let json = serde_json::to_value(value).unwrap_or_default();
    json.as_str().unwrap_or_default().to_owned()
}
