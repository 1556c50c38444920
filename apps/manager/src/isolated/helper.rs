//! `enhanceChat` and `generateTicketBody`: the agent as a helper for texts.

use std::sync::Arc;
use std::time::Duration;

use gateway::Outbox;
use protocol::agents::{
    ChatEnhanceResult, HelperError, HelperHead, RunReason, RunState, TicketBodyResult,
};
use protocol::limits::MAX_MESSAGE;
use protocol::names::agents::{CHAT_ENHANCE_RESULT, TICKET_BODY_RESULT};
use protocol::{AgentId, ConnectionId, CorrelationId, ErrorCode, RunId, Timestamp};
use runtime::AgentEvent;

use super::Listener;
use crate::conversation::Ending;
use crate::filters::{Filters, Findings};

/// How long a helper run may take.
pub(crate) const TIMEOUT: Duration = Duration::from_secs(120);

/// What is wanted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    Enhance,
    Ticket,
}

/// Collects the answer, and tells it to the connection that asked.
pub(crate) struct Helper {
    pub(crate) kind: Kind,
    pub(crate) outbox: Outbox,
    pub(crate) agent_id: AgentId,
    pub(crate) run_id: RunId,
    pub(crate) correlation_id: CorrelationId,
    pub(crate) connection_id: Option<ConnectionId>,
    pub(crate) filters: Arc<Filters>,
    pub(crate) answer: String,
    /// More was said than is wanted.
    pub(crate) is_too_long: bool,
}

/// What an agent is told to word a message better.
pub(crate) fn enhance(message: &str) -> String {
    format!(
        "Rewrite the message below so that an AI agent can act on it: clear, complete, in the same language and with the \
         same meaning. Reply with the rewritten message only.\n\n{message}"
    )
}

/// What an agent is told to write a ticket.
pub(crate) fn ticket(title: &str, context: Option<&str>) -> String {
    let context =
        context.map(|context| format!("\n\nIt belongs to:\n{context}")).unwrap_or_default();
    format!(
        "Write the description of a ticket in Markdown: the situation, what is to be done, and how to tell that it is done. \
         Reply with the description only.\n\nTitle: {title}{context}"
    )
}

impl Listener for Helper {
    fn heard(&mut self, event: AgentEvent) {
        if let AgentEvent::Message { text, .. } = event {
            // What is longer is no text for a field.
            if self.answer.len() + text.len() > MAX_MESSAGE {
                self.is_too_long = true;
                return;
            }
            if !self.answer.is_empty() {
                self.answer.push('\n');
            }
            self.answer.push_str(&self.filters.outgoing(&text, &mut Findings::default()).0);
        }
    }

    fn ended(self, ending: Ending) {
        let answer = self.answer.trim();
        let error = self.problem(&ending, answer.is_empty());
        let text = error.is_none().then(|| answer.to_owned());
        let head = HelperHead {
            agent_id: self.agent_id,
            correlation_id: self.correlation_id,
            run_id: self.run_id,
            connection_id: self.connection_id,
            timestamp: Timestamp::now(),
            success: error.is_none(),
            error,
        };
        match self.kind {
            Kind::Enhance => {
                let result = ChatEnhanceResult { head, enhanced_text: text };
                self.outbox.event(CHAT_ENHANCE_RESULT, &result);
            }
            Kind::Ticket => {
                self.outbox.event(TICKET_BODY_RESULT, &TicketBodyResult { head, body: text });
            }
        }
    }
}

impl Helper {
    fn problem(&self, ending: &Ending, empty: bool) -> Option<HelperError> {
        let body = ending.clone().body(None);
        let (what, result) = match self.kind {
            Kind::Enhance => ("Enhancement", "enhancement result"),
            Kind::Ticket => ("Ticket body generation", "ticket body"),
        };
        let message = match (body.state, body.reason) {
            (RunState::Done, _) if self.is_too_long => format!("The {result} is too long"),
            (RunState::Done, _) if empty => format!("Could not parse {result} from agent"),
            (RunState::Done, _) => return None,
            (_, Some(RunReason::Timeout)) => format!("{what} timed out"),
            (RunState::Cancelled, _) => format!("{what} was cancelled"),
            _ => body.error.unwrap_or_else(|| format!("{what} failed")),
        };
        Some(HelperError { code: ErrorCode::AgentUnavailable, message })
    }
}
