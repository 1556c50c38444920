//! Samples about what all agents are doing.

use super::clients::client;
use super::{agent, at, conversation, epoch, id, raw, run, viewer};
use crate::agents::{
    ActivityState, AgentAction, AgentState, AgentSummary, AgentUpdate, ConversationActivity,
    ConversationInfo, ConversationUpdate, RunActivity, RunReason,
};
use crate::catalogue::shape::Sampled;
use crate::clients::{
    ClientAction, ClientEvent, ClientUpdate, Heartbeat, ServerStats, SubscribeTopics,
    SubscribedTopics, ViewerTopic,
};
use crate::ids::Seq;
use crate::names::agents as names;

fn summary() -> AgentSummary {
    AgentSummary {
        agent_id: agent(),
        name: "bc".into(),
        codec: "lines".into(),
        program: Some("bc".into()),
        state: AgentState::Running,
    }
}

impl Sampled for AgentUpdate {
    fn samples() -> Vec<(&'static str, Self)> {
        let current = Self { agent: summary(), action: AgentAction::Current, timestamp: at(1_000) };
        let made = AgentSummary {
            codec: "echo".into(),
            program: None,
            state: AgentState::Idle,
            ..summary()
        };
        let created = Self { agent: made, action: AgentAction::Created, ..current.clone() };
        vec![("is there", current), ("was made", created)]
    }
}

impl Sampled for ConversationActivity {
    fn samples() -> Vec<(&'static str, Self)> {
        let (_, conversation_info) = ConversationInfo::samples().remove(0);
        let running = Self {
            agent_id: agent(),
            conversation_id: conversation(),
            conversation: ConversationInfo { running: true, ..conversation_info },
            epoch: epoch(),
            head_seq: Seq(7),
            blocked: false,
            timestamp: at(1_000),
        };
        let blocked = Self { blocked: true, ..running.clone() };
        vec![("a run is open", running), ("and waits", blocked)]
    }
}

impl Sampled for RunActivity {
    fn samples() -> Vec<(&'static str, Self)> {
        let done = Self {
            agent_id: agent(),
            conversation_id: conversation(),
            conversation_name: "default".into(),
            run_id: run(),
            seq: Seq(4),
            state: ActivityState::Done,
            reason: None,
            error: None,
            duration_ms: Some(12),
            viewer_id: Some(viewer()),
            user: Some("ann".into()),
            interaction_id: None,
            message: Some("2".into()),
            timestamp: at(1_000),
        };
        let blocked = Self {
            state: ActivityState::Blocked,
            duration_ms: None,
            interaction_id: Some(id("in_5d0c7b1e9a34f2866d01")),
            message: Some("May I?".into()),
            ..done.clone()
        };
        let failed = Self {
            state: ActivityState::Failed,
            reason: Some(RunReason::AgentExited),
            error: Some("exit status 1".into()),
            message: None,
            ..done.clone()
        };
        vec![("done", done), ("needs an answer", blocked), ("failed", failed)]
    }
}

impl Sampled for SubscribeTopics {
    fn samples() -> Vec<(&'static str, Self)> {
        let activity = Self { topics: vec![ViewerTopic::Activity], interval_ms: None };
        let all = Self {
            topics: vec![ViewerTopic::Activity, ViewerTopic::Stats, ViewerTopic::Heartbeat],
            interval_ms: Some(1_000),
        };
        let nothing = Self { topics: Vec::new(), interval_ms: None };
        vec![("all agents", activity), ("all there is", all), ("nothing more", nothing)]
    }
}

impl Sampled for SubscribedTopics {
    fn samples() -> Vec<(&'static str, Self)> {
        let activity = Self { topics: vec![ViewerTopic::Activity], interval_ms: 5_000 };
        vec![("subscribed", activity)]
    }
}

impl Sampled for Heartbeat {
    fn samples() -> Vec<(&'static str, Self)> {
        vec![("there", Self { time: at(5_000) })]
    }
}

impl Sampled for ServerStats {
    fn samples() -> Vec<(&'static str, Self)> {
        let stats =
            Self { cpu: 1.5, memory: 18_874_368, connections: 3, runs: 1, timestamp: at(5_000) };
        vec![("three viewers", stats)]
    }
}

impl Sampled for ClientUpdate {
    fn samples() -> Vec<(&'static str, Self)> {
        let connected = Self {
            client_id: client(),
            name: "workshop".into(),
            action: ClientAction::Connected,
            connected: true,
            agents: vec![summary()],
            attempt: None,
            retry_at: None,
            error: None,
            timestamp: at(2_000),
        };
        let retrying = Self {
            action: ClientAction::Retrying,
            connected: false,
            attempt: Some(3),
            retry_at: Some(at(3_740)),
            error: Some("connection refused".into()),
            ..connected.clone()
        };
        vec![("connected", connected), ("away", retrying)]
    }
}

impl Sampled for ClientEvent {
    fn samples() -> Vec<(&'static str, Self)> {
        let event =
            |event: &str, payload| Self { client_id: client(), event: event.into(), payload };
        let agents = AgentUpdate::samples()
            .into_iter()
            .map(|(name, payload)| (name, event(names::AGENT_UPDATE, raw(&payload))));
        let runs = RunActivity::samples()
            .into_iter()
            .map(|(name, payload)| (name, event(names::RUN_ACTIVITY, raw(&payload))));
        let conversations = ConversationActivity::samples()
            .into_iter()
            .map(|(name, payload)| (name, event(names::CONVERSATION_ACTIVITY, raw(&payload))));
        let updates = ConversationUpdate::samples()
            .into_iter()
            .take(1)
            .map(|(name, payload)| (name, event(names::CONVERSATION_UPDATE, raw(&payload))));
        agents.chain(conversations).chain(runs).chain(updates).collect()
    }
}
