//! Samples about what a connection has asked to be told.

use super::{agent, at};
use crate::agents::{ContainerStats, ContainerStatus, Stats, Subscribe, Subscribed, Topic};
use crate::catalogue::shape::Sampled;

impl Sampled for Subscribe {
    fn samples() -> Vec<(&'static str, Self)> {
        let stats = Self { agent_id: Some(agent()), topics: vec![Topic::ContainerStats] };
        let nothing = Self { topics: Vec::new(), ..stats.clone() };
        let activity = Self { agent_id: None, topics: vec![Topic::Activity] };
        vec![("what it uses", stats), ("nothing more", nothing), ("all agents", activity)]
    }
}

impl Sampled for Subscribed {
    fn samples() -> Vec<(&'static str, Self)> {
        let stats = Self { agent_id: Some(agent()), topics: vec![Topic::ContainerStats] };
        let activity = Self { agent_id: None, topics: vec![Topic::Activity] };
        vec![("subscribed", stats), ("all agents", activity)]
    }
}

impl Sampled for ContainerStats {
    fn samples() -> Vec<(&'static str, Self)> {
        let stats = Stats {
            cpu_percent: Some(12.5),
            memory_bytes: 3_452_928,
            memory_limit_bytes: None,
            processes: 2,
        };
        let running = Self {
            agent_id: agent(),
            status: ContainerStatus { running: true },
            stats: Some(stats),
            timestamp: at(5_000),
        };
        let idle =
            Self { status: ContainerStatus { running: false }, stats: None, ..running.clone() };
        vec![("two processes", running), ("nothing runs", idle)]
    }
}
