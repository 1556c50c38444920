//! Samples of the events of namespace `/agents`.

use super::{agent, at, conversation, epoch, head, id, run, viewer};
use crate::agents::{
    AgentChanged, AgentChangedBody, AgentEvent, AgentEventBody, AgentResponse, ChatEvent,
    ChatEventBody, ChatMessage, ChatMessageBody, FilterDirection, FilterStatus, HistoryEnd,
    LiveEvent, LiveEventBody, LoginError, LoginSuccess, LogoutSuccess, MessageFilterResult,
    MessageFilterResultBody, OutputStream, PlanStatus, PlanStep, RunEvent, RunEventBody, RunReason,
    RunState, Usage,
};
use crate::catalogue::shape::Sampled;
use crate::error::ErrorCode;
use crate::ids::Seq;

impl Sampled for LoginSuccess {
    fn samples() -> Vec<(&'static str, Self)> {
        let success = Self {
            message: "Welcome, bc!".into(),
            agent_id: agent(),
            agent_name: "bc".into(),
            conversation_id: conversation(),
            epoch: epoch(),
            head_seq: Seq(4),
        };
        vec![("welcome", success)]
    }
}

impl Sampled for LoginError {
    fn samples() -> Vec<(&'static str, Self)> {
        let wrong = Self {
            agent_id: Some(agent()),
            code: ErrorCode::InvalidCredentials,
            message: "Invalid credentials".into(),
            retry_after_ms: None,
        };
        let often = Self {
            code: ErrorCode::RateLimited,
            message: "Too many attempts. Try again later.".into(),
            retry_after_ms: Some(60_000),
            ..wrong.clone()
        };
        vec![("refused", wrong), ("too often", often)]
    }
}

impl Sampled for LogoutSuccess {
    fn samples() -> Vec<(&'static str, Self)> {
        vec![("logged out", Self { agent_id: agent() })]
    }
}

impl Sampled for ChatMessage {
    fn samples() -> Vec<(&'static str, Self)> {
        let question = ChatMessageBody::User {
            id: id("en_8d2c5e0b7f1a4936c2d4"),
            text: "1 + 1".into(),
            message_id: Some(id("msg_3f8a61d0c5b7e294aa01")),
            viewer_id: Some(viewer()),
            user: Some("ada".into()),
        };
        let answer = ChatMessageBody::Agent {
            id: id("en_17e9f3a46b0c8d25e5b8"),
            agent_name: "bc".into(),
            response: AgentResponse::Text { result: "2".into() },
        };
        vec![
            ("from a person", Self { head: head(1, 0), body: question }),
            ("from the agent", Self { head: head(3, 304), body: answer }),
        ]
    }
}

impl Sampled for RunEvent {
    fn samples() -> Vec<(&'static str, Self)> {
        let body = |state| RunEventBody { viewer_id: Some(viewer()), ..RunEventBody::new(state) };
        let queued = RunEventBody { position: Some(1), ..body(RunState::Queued) };
        let usage = Usage { input_tokens: Some(12), output_tokens: Some(1), ..Usage::default() };
        let done =
            RunEventBody { duration_ms: Some(304), usage: Some(usage), ..body(RunState::Done) };
        let failed = RunEventBody {
            reason: Some(RunReason::AgentExited),
            error: Some("bc ended with status 1".into()),
            duration_ms: Some(17),
            ..body(RunState::Failed)
        };
        vec![
            ("queued", Self { head: head(2, 0), body: queued }),
            ("started", Self { head: head(2, 0), body: body(RunState::Started) }),
            ("blocked", Self { head: head(4, 40), body: body(RunState::Blocked) }),
            ("resumed", Self { head: head(4, 80), body: body(RunState::Resumed) }),
            ("done", Self { head: head(4, 304), body: done }),
            ("failed", Self { head: head(4, 17), body: failed }),
        ]
    }
}

impl Sampled for ChatEvent {
    fn samples() -> Vec<(&'static str, Self)> {
        let status = ChatEventBody::Status { message: "bc was restarted".into() };
        let raw = |text: &str, bytes: Option<u64>| ChatEventBody::Raw {
            stream: OutputStream::Stderr,
            text: text.into(),
            truncated: bytes.is_some(),
            bytes,
        };
        let call = ChatEventBody::ToolCall {
            id: "call-1".into(),
            name: "bc".into(),
            title: Some("Add".into()),
            input: Some(serde_json::json!({ "line": "1 + 1" })),
        };
        let result = ChatEventBody::ToolResult {
            id: "call-1".into(),
            is_error: false,
            output: Some("2".into()),
        };
        let thought = ChatEventBody::Thinking { text: "A sum.".into() };
        let step = PlanStep { content: "Add".into(), status: PlanStatus::InProgress };
        let plan = ChatEventBody::Plan { steps: vec![step] };
        let question = ChatEventBody::Question { message: "In decimal?".into() };
        let usage = Usage { cost_usd: Some(0.25), ..Usage::default() };
        vec![
            ("status", Self { head: head(3, 12), body: status }),
            ("raw output", Self { head: head(3, 12), body: raw("Math error: divide by 0", None) }),
            (
                "the head of a long line",
                Self { head: head(3, 12), body: raw("0000", Some(104_857_600)) },
            ),
            ("a tool is used", Self { head: head(3, 12), body: call }),
            ("what the tool gave back", Self { head: head(3, 14), body: result }),
            ("a thought", Self { head: head(3, 12), body: thought }),
            ("a plan", Self { head: head(3, 12), body: plan }),
            ("a question by the way", Self { head: head(3, 12), body: question }),
            ("what it has cost", Self { head: head(3, 12), body: ChatEventBody::Usage(usage) }),
        ]
    }
}

impl Sampled for LiveEvent {
    fn samples() -> Vec<(&'static str, Self)> {
        let delta = Self {
            agent_id: agent(),
            conversation_id: conversation(),
            run_id: run(),
            timestamp: at(4),
            sequence: 0,
            connection_id: None,
            body: LiveEventBody::AssistantDelta { delta: "2".into(), truncated: false },
        };
        let snapshot = Self {
            body: LiveEventBody::AssistantSnapshot { text: "2".into(), truncated: false },
            ..delta.clone()
        };
        let private = Self { connection_id: Some(super::connection()), ..delta.clone() };
        vec![
            ("a piece of an answer", delta),
            ("the answer so far", snapshot),
            ("a piece of an ephemeral one", private),
        ]
    }
}

impl Sampled for HistoryEnd {
    fn samples() -> Vec<(&'static str, Self)> {
        let whole = Self {
            agent_id: agent(),
            conversation_id: conversation(),
            epoch: epoch(),
            from_seq: Seq(1),
            to_seq: Seq(4),
            count: 4,
            has_more: false,
            recovered: true,
        };
        let rest = Self { from_seq: Seq(0), count: 0, ..whole.clone() };
        let other =
            Self { epoch: id("ep_40aa97c1d2e85b3f6094"), recovered: false, ..whole.clone() };
        vec![("the whole history", whole), ("nothing new", rest), ("a new life of the log", other)]
    }
}

impl Sampled for AgentEvent {
    fn samples() -> Vec<(&'static str, Self)> {
        let body = AgentEventBody {
            topic: "progress".into(),
            payload: serde_json::json!({ "percent": 50 }),
        };
        vec![("progress", Self { head: head(3, 12), body })]
    }
}

impl Sampled for AgentChanged {
    fn samples() -> Vec<(&'static str, Self)> {
        let body = AgentChangedBody {
            active_agent_id: id("ag_c4071e8f2b9d63a5507c"),
            agent_name: "echo".into(),
            previous_agent_id: agent(),
            reason: Some("no number".into()),
        };
        vec![("handed over", Self { head: head(3, 12), body })]
    }
}

impl Sampled for MessageFilterResult {
    fn samples() -> Vec<(&'static str, Self)> {
        let body = MessageFilterResultBody {
            direction: FilterDirection::Outgoing,
            status: FilterStatus::Filtered,
            applied_filters: vec!["card numbers".into()],
            viewer_id: None,
        };
        vec![("something was replaced", Self { head: head(3, 12), body })]
    }
}
