//! Samples of namespace `/agents`.

use super::{agent, at, conversation, epoch, head, id, raw, run};
use crate::agents::{
    AgentCreated, AgentInfo, AgentResponse, AgentState, Agents, CancelKind, CancelRun, Chat,
    ChatAccepted, ChatEvent, ChatEventBody, ChatMessage, ChatMessageBody, CreateAgent, Done,
    ForAgent, GetHistory, History, HistoryEnd, HistoryEvent, ListAgents, LiveEvent, LiveEventBody,
    LoggedIn, Login, LoginError, LoginSuccess, LogoutSuccess, OutputStream, RunCancelled, RunEvent,
    RunEventBody, RunReason, RunState,
};
use crate::catalogue::relayed::ForwardLogin;
use crate::catalogue::shape::Sampled;
use crate::error::ErrorCode;
use crate::ids::Seq;
use crate::spec::AgentSpec;

impl Sampled for Login {
    fn samples() -> Vec<(&'static str, Self)> {
        let first = Self {
            agent_id: agent(),
            password: Some("correct horse battery staple".into()),
            resume_token: None,
            conversation_id: None,
            after_seq: None,
            epoch: None,
            limit: None,
        };
        let again = Self {
            password: None,
            resume_token: Some("h0sR2vQ8nYw3pT6bK1mZ".into()),
            conversation_id: Some(conversation()),
            after_seq: Some(Seq(4)),
            epoch: Some(epoch()),
            ..first.clone()
        };
        vec![("with the password", first), ("again, from a cursor", again)]
    }
}

impl Sampled for ForwardLogin {
    fn samples() -> Vec<(&'static str, Self)> {
        vec![(
            "from a cursor",
            Self { after_seq: Some(Seq(4)), epoch: Some(epoch()), ..Self::default() },
        )]
    }
}

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

impl Sampled for LoggedIn {
    fn samples() -> Vec<(&'static str, Self)> {
        let with_token = |success| Self { success, resume_token: "h0sR2vQ8nYw3pT6bK1mZ".into() };
        LoginSuccess::samples()
            .into_iter()
            .map(|(name, success)| (name, with_token(success)))
            .collect()
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
            message: "Too many attempts".into(),
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

impl Sampled for ForAgent {
    fn samples() -> Vec<(&'static str, Self)> {
        vec![("one agent", Self { agent_id: agent() })]
    }
}

impl Sampled for Done {
    fn samples() -> Vec<(&'static str, Self)> {
        vec![("done", Self {})]
    }
}

impl Sampled for Chat {
    fn samples() -> Vec<(&'static str, Self)> {
        let chat = Self {
            agent_id: None,
            message: "1 + 1".into(),
            conversation_id: None,
            message_id: Some(id("msg_3f8a61d0c5b7e294aa01")),
            run_id: None,
        };
        vec![("a question", chat)]
    }
}

impl Sampled for ChatAccepted {
    fn samples() -> Vec<(&'static str, Self)> {
        let started = Self {
            conversation_id: conversation(),
            run_id: run(),
            seq: Seq(1),
            state: RunState::Started,
            position: None,
        };
        let queued =
            Self { seq: Seq(3), state: RunState::Queued, position: Some(1), ..started.clone() };
        vec![("begun at once", started), ("the next one", queued)]
    }
}

impl Sampled for CancelRun {
    fn samples() -> Vec<(&'static str, Self)> {
        vec![("cancel", Self { run_id: run(), agent_id: None })]
    }
}

impl Sampled for RunCancelled {
    fn samples() -> Vec<(&'static str, Self)> {
        vec![("it ran", Self { kind: CancelKind::CancelledRunning })]
    }
}

impl Sampled for GetHistory {
    fn samples() -> Vec<(&'static str, Self)> {
        let newest = Self {
            agent_id: None,
            conversation_id: None,
            before_seq: None,
            after_seq: None,
            limit: Some(100),
        };
        let older = Self {
            conversation_id: Some(conversation()),
            before_seq: Some(Seq(3)),
            ..newest.clone()
        };
        vec![("the newest", newest), ("older ones", older)]
    }
}

impl Sampled for History {
    fn samples() -> Vec<(&'static str, Self)> {
        let said = ChatMessage::samples()
            .into_iter()
            .map(|(_, said)| HistoryEvent { event: "chatMessage".into(), payload: raw(&said) });
        let page =
            Self { epoch: epoch(), head_seq: Seq(4), events: said.collect(), has_more: true };
        vec![("two entries", page)]
    }
}

impl Sampled for ListAgents {
    fn samples() -> Vec<(&'static str, Self)> {
        vec![("all", Self {})]
    }
}

impl Sampled for Agents {
    fn samples() -> Vec<(&'static str, Self)> {
        let bc = AgentInfo {
            agent_id: agent(),
            name: "bc".into(),
            state: AgentState::Running,
            client_count: 1,
        };
        let echo = AgentInfo {
            agent_id: id("ag_c4071e8f2b9d63a5507c"),
            name: "echo".into(),
            state: AgentState::Idle,
            client_count: 0,
        };
        vec![("two agents", Self { agents: vec![bc, echo] })]
    }
}

impl Sampled for CreateAgent {
    fn samples() -> Vec<(&'static str, Self)> {
        let program = AgentSpec::lines("bc", "bc", vec!["-l".into(), "-q".into()]);
        vec![
            ("a program", Self { spec: program }),
            ("built in", Self { spec: AgentSpec::echo("echo") }),
        ]
    }
}

impl Sampled for AgentCreated {
    fn samples() -> Vec<(&'static str, Self)> {
        vec![(
            "created",
            Self { agent_id: agent(), password: "wN4cR7tY0pL2sK9dF6gH3jB8vX1zQ5mE".into() },
        )]
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
            recovered: false,
        };
        let rest = Self { from_seq: Seq(0), count: 0, recovered: true, ..whole.clone() };
        vec![("the whole history", whole), ("nothing new", rest)]
    }
}
