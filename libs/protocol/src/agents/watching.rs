//! What a connection is told because it asked for it.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::ids::AgentId;
use crate::time::Timestamp;

/// `subscribe`: be told exactly these topics about an agent from now on. Without any, nothing more. Without an agent: about
/// all of them.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Subscribe {
    /// The agent, with `containerStats`; may be left to `forward`. `activity` is of all agents and has none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub agent_id: Option<AgentId>,
    /// What about.
    pub topics: Vec<Topic>,
}

/// Something to be told about.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub enum Topic {
    /// What the agent's programs use, as `containerStats`.
    ContainerStats,
    /// What all agents of the manager are doing, as `agentUpdate`, `conversationActivity`, `runActivity` and
    /// `conversationUpdate`.
    Activity,
}

/// Acknowledgement of `subscribe`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Subscribed {
    /// The agent; absent when it is about all of them.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub agent_id: Option<AgentId>,
    /// What about, from now on.
    pub topics: Vec<Topic>,
}

/// `containerStats`: what the agent's programs use, those in its terminals included.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct ContainerStats {
    /// The agent.
    pub agent_id: AgentId,
    /// Whether there is anything to measure.
    pub status: ContainerStatus,
    /// What it uses; absent when nothing runs.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub stats: Option<Stats>,
    /// When it was measured.
    pub timestamp: Timestamp,
}

/// Whether an agent has programs that run.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct ContainerStatus {
    /// At least one does.
    pub running: bool,
}

/// What programs use.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Stats {
    /// Processor time since the measurement before, as percent of one processor; absent in the first.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cpu_percent: Option<f64>,
    /// Memory that is resident, in bytes. What processes share is counted for each, but not in containers.
    pub memory_bytes: u64,
    /// How much they may use, in bytes, where that is limited.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub memory_limit_bytes: Option<u64>,
    /// How many processes there are; in containers, processes and threads.
    pub processes: u32,
}
