//! Samples of the events of namespace `/agents`.

use super::{agent, at, conversation, epoch, head, id, run};
use crate::agents::{
    AgentResponse, ChatEvent, ChatEventBody, ChatMessage, ChatMessageBody, HistoryEnd, LiveEvent,
    LiveEventBody, LoginError, LoginSuccess, LogoutSuccess, OutputStream, RunEvent, RunEventBody,
    RunReason, RunState,
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
            viewer_id: Some(id("vw_e47c0a518d3b92f6c7d0")),
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
        let body = |state| RunEventBody {
            state,
            position: None,
            reason: None,
            error: None,
            duration_ms: None,
        };
        let queued = RunEventBody { position: Some(1), ..body(RunState::Queued) };
        let done = RunEventBody { duration_ms: Some(304), ..body(RunState::Done) };
        let failed = RunEventBody {
            reason: Some(RunReason::AgentExited),
            error: Some("bc ended with status 1".into()),
            duration_ms: Some(17),
            ..body(RunState::Failed)
        };
        vec![
            ("queued", Self { head: head(2, 0), body: queued }),
            ("started", Self { head: head(2, 0), body: body(RunState::Started) }),
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
        vec![
            ("status", Self { head: head(3, 12), body: status }),
            ("raw output", Self { head: head(3, 12), body: raw("Math error: divide by 0", None) }),
            (
                "the head of a long line",
                Self { head: head(3, 12), body: raw("0000", Some(104_857_600)) },
            ),
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
            body: LiveEventBody::AssistantDelta { delta: "2".into() },
        };
        vec![("a piece of an answer", delta)]
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
