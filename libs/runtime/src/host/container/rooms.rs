//! The containers of an agent that run now, for what is done in them besides its sessions.

use std::time::Duration;

use bollard::query_parameters::StatsOptions;
use futures_util::StreamExt;
use protocol::AgentId;
use protocol::spec::Docker;
use tokio::time::timeout;

use super::Containers;
use super::engine::{Engine, EngineError, State};
use super::identity::{self, AGENT, MANAGER};

/// How long the engine may take to say whether a container runs, or what it uses.
const ANSWERING: Duration = Duration::from_secs(3);

/// A container that ran a moment ago.
#[derive(Debug, Clone)]
pub(crate) struct Room {
    pub(super) engine: Engine,
    pub(super) id: String,
}

/// What the processes in a container use.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Usage {
    /// Processor time since it was started.
    pub(crate) cpu: Duration,
    /// Bytes, without what the kernel keeps of files and can do without.
    pub(crate) memory: u64,
    /// Processes and threads.
    pub(crate) processes: u64,
}

impl Containers {
    /// The container of a session of an agent, if it runs.
    pub(crate) async fn room(
        &self,
        docker: &Docker,
        agent: &AgentId,
        session: &str,
    ) -> Result<Option<Room>, EngineError> {
        let engine = self.engine().await?;
        let manager = &self.0.rules.manager;
        let name = match &docker.container {
            Some(name) => name.clone(),
            None => identity::name(manager, agent, session),
        };
        let known = match engine.inspect_within(ANSWERING, &name).await {
            Err(EngineError::Missing(_)) => return Ok(None),
            known => known?,
        };
        let is_its = docker.container.is_some() || known.is_of(manager);
        let runs = is_its && known.state == State::Running;
        Ok(runs.then(|| Room { engine: engine.clone(), id: known.id }))
    }

    /// All containers of an agent that run.
    pub(crate) async fn rooms(
        &self,
        docker: &Docker,
        agent: &AgentId,
    ) -> Result<Vec<Room>, EngineError> {
        if docker.container.is_some() {
            return Ok(self.room(docker, agent, "").await?.into_iter().collect());
        }
        let engine = self.engine().await?;
        let labels = [(MANAGER, self.0.rules.manager.as_str()), (AGENT, agent.as_str())];
        let labels = labels.map(|(name, value)| identity::label(name, value)).to_vec();
        let found = timeout(ANSWERING, engine.list(labels)).await.map_err(|_| no_answer())??;
        let running = found.into_iter().filter(|found| found.running);
        Ok(running.map(|found| Room { engine: engine.clone(), id: found.id }).collect())
    }
}

impl Room {
    pub(crate) fn id(&self) -> &str {
        &self.id
    }

    /// What is used in it now; nothing when it does not run any more.
    pub(crate) async fn usage(&self) -> Result<Option<Usage>, EngineError> {
        // Once, and without waiting for a second look to compare with.
        let once = StatsOptions { stream: false, one_shot: true };
        let mut answers = Box::pin(self.engine.docker.stats(&self.id, Some(once)));
        let answer = timeout(ANSWERING, answers.next()).await.map_err(|_| no_answer())?;
        let Some(stats) = answer.transpose()? else { return Ok(None) };
        let memory = stats.memory_stats.unwrap_or_default();
        let cpu = stats.cpu_stats.and_then(|cpu| cpu.cpu_usage).unwrap_or_default();
        let processes = stats.pids_stats.unwrap_or_default().current.unwrap_or(0);
        let details = memory.stats.unwrap_or_default();
        // The second name is that of the first version of control groups.
        let files = ["inactive_file", "total_inactive_file"];
        let files = files.iter().filter_map(|name| details.get(*name)).max().copied();
        let usage = Usage {
            cpu: Duration::from_nanos(cpu.total_usage.unwrap_or(0)),
            memory: memory.usage.unwrap_or(0).saturating_sub(files.unwrap_or(0)),
            processes,
        };
        Ok((processes > 0).then_some(usage))
    }
}

pub(super) fn no_answer() -> EngineError {
    EngineError::Unreachable("no answer".to_owned())
}
