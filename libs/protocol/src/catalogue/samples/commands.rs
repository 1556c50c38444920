//! Samples of the commands of namespace `/agents`, and of their answers.

use super::{agent, conversation, epoch, id, raw, run};
use crate::agents::{
    AgentAbility, AgentCheck, AgentCreated, AgentInfo, AgentState, Agents, CancelKind, CancelRun,
    Chat, ChatAccepted, ChatMessage, CreateAgent, Done, ForAgent, GetHistory, History,
    HistoryEvent, ListAgents, LoggedIn, Login, LoginSuccess, PromoteRun, ResponseMode,
    RunCancelled, RunPromoted, RunState, StartRun,
};
use crate::catalogue::relayed::ForwardLogin;
use crate::catalogue::shape::Sampled;
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
            observe: false,
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

impl Sampled for LoggedIn {
    fn samples() -> Vec<(&'static str, Self)> {
        let with_token = |success| Self { success, resume_token: "h0sR2vQ8nYw3pT6bK1mZ".into() };
        LoginSuccess::samples()
            .into_iter()
            .map(|(name, success)| (name, with_token(success)))
            .collect()
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
            interrupt: false,
            ephemeral: false,
            response_mode: None,
        };
        let now = Self { interrupt: true, ..chat.clone() };
        let private =
            Self { ephemeral: true, response_mode: Some(ResponseMode::Single), ..chat.clone() };
        vec![("a question", chat), ("at once", now), ("off the record", private)]
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

impl Sampled for StartRun {
    fn samples() -> Vec<(&'static str, Self)> {
        let start = Self {
            agent_id: None,
            run_id: Some(run()),
            message: "1 + 1".into(),
            conversation_id: None,
            cancel_on_disconnect: true,
        };
        vec![("start", start)]
    }
}

impl Sampled for PromoteRun {
    fn samples() -> Vec<(&'static str, Self)> {
        vec![("promote", Self { run_id: run(), agent_id: None })]
    }
}

impl Sampled for RunPromoted {
    fn samples() -> Vec<(&'static str, Self)> {
        vec![("the next one", Self { position: 1 })]
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
            role: None,
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

impl Sampled for AgentCheck {
    fn samples() -> Vec<(&'static str, Self)> {
        let well = Self {
            agent_id: agent(),
            codec: "claude".into(),
            program: Some("claude".into()),
            version: Some("2.1.197 (Claude Code)".into()),
            problem: None,
            duration_ms: 612,
            can: vec![AgentAbility::Stream, AgentAbility::Approvals, AgentAbility::Resume],
        };
        let problem = Some("there is no program claude".into());
        let missing = Self { version: None, problem, duration_ms: 0, ..well.clone() };
        vec![("well", well), ("missing", missing)]
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
