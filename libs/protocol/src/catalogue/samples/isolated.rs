//! Samples about runs of which nothing is stored.

use super::{agent, at, connection, conversation, id, run};
use crate::agents::{
    ChatEnhanceResult, ChatEvent, ChatMessage, EnhanceChat, EphemeralChatEvent, EphemeralHead,
    EphemeralMessage, EphemeralRunEvent, GenerateTicketBody, HelperAccepted, HelperError,
    HelperHead, RunEvent, TicketBodyResult,
};
use crate::catalogue::shape::Sampled;
use crate::error::ErrorCode;
use crate::ids::CorrelationId;

fn correlation() -> CorrelationId {
    id("co_5b0f73e1c94a28d6ff07")
}

fn head() -> EphemeralHead {
    EphemeralHead {
        agent_id: agent(),
        conversation_id: conversation(),
        run_id: run(),
        connection_id: Some(connection()),
        timestamp: at(12),
    }
}

impl Sampled for EphemeralMessage {
    fn samples() -> Vec<(&'static str, Self)> {
        let said = ChatMessage::samples().into_iter();
        said.map(|(name, said)| (name, Self { head: head(), body: said.body })).collect()
    }
}

impl Sampled for EphemeralRunEvent {
    fn samples() -> Vec<(&'static str, Self)> {
        let event = RunEvent::samples().into_iter().filter(|(name, _)| *name == "done");
        event.map(|(name, event)| (name, Self { head: head(), body: event.body })).collect()
    }
}

impl Sampled for EphemeralChatEvent {
    fn samples() -> Vec<(&'static str, Self)> {
        let event = ChatEvent::samples().into_iter().filter(|(name, _)| *name == "a thought");
        event.map(|(name, event)| (name, Self { head: head(), body: event.body })).collect()
    }
}

impl Sampled for EnhanceChat {
    fn samples() -> Vec<(&'static str, Self)> {
        let enhance =
            Self { agent_id: None, message: "sum 1 1 pls".into(), correlation_id: correlation() };
        vec![("enhance", enhance)]
    }
}

impl Sampled for GenerateTicketBody {
    fn samples() -> Vec<(&'static str, Self)> {
        let ticket = Self {
            agent_id: None,
            title: "Sums are wrong".into(),
            hierarchy_context: Some("Project: calculator".into()),
            correlation_id: correlation(),
        };
        vec![("ticket", ticket)]
    }
}

impl Sampled for HelperAccepted {
    fn samples() -> Vec<(&'static str, Self)> {
        vec![("accepted", Self { correlation_id: correlation(), run_id: run() })]
    }
}

fn helper(error: Option<HelperError>) -> HelperHead {
    HelperHead {
        agent_id: agent(),
        correlation_id: correlation(),
        run_id: run(),
        connection_id: Some(connection()),
        timestamp: at(304),
        success: error.is_none(),
        error,
    }
}

impl Sampled for ChatEnhanceResult {
    fn samples() -> Vec<(&'static str, Self)> {
        let error = HelperError {
            code: ErrorCode::AgentUnavailable,
            message: "Enhancement timed out".into(),
        };
        let text = Some("What is the sum of one and one?".into());
        vec![
            ("enhanced", Self { head: helper(None), enhanced_text: text }),
            ("timed out", Self { head: helper(Some(error)), enhanced_text: None }),
        ]
    }
}

impl Sampled for TicketBodyResult {
    fn samples() -> Vec<(&'static str, Self)> {
        let body = Some("Steps: ask for 1 + 1. Expected: 2.".into());
        vec![("written", Self { head: helper(None), body })]
    }
}
