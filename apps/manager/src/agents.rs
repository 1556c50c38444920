//! All agents of the manager.

use std::collections::HashMap;
use std::path::{Component, Path, PathBuf};
use std::sync::{Arc, PoisonError, RwLock};
use std::time::Duration;

use protocol::agents::{AgentInfo, RunReason};
use protocol::spec::{AgentSpec, Host};
use protocol::{AgentId, Timestamp};
use store::{AgentRecord, ManagerDb, StoreError};
use tokio::task::JoinSet;
use tokio::time::Instant;
use tokio_util::task::TaskTracker;

use crate::agent::Agent;
use crate::conversation::{Control, Conversation, Ending, Setting, ended};
use crate::error::Error;
use crate::open_runs::OpenRuns;
use crate::passwords::{self, Passwords};

/// The name of the conversation that every agent has.
const DEFAULT_CONVERSATION: &str = "default";

/// The agents: in the store, and running.
///
/// The map is behind a lock and not in a task, because it is read for every login and list and seldom
/// written; nothing is awaited under it.
#[derive(Debug)]
pub(crate) struct Agents {
    db: ManagerDb,
    passwords: Passwords,
    /// The agents' own directories are under it.
    directory: PathBuf,
    run_timeout: Duration,
    open_runs: OpenRuns,
    agents: RwLock<HashMap<AgentId, Arc<Agent>>>,
    conversations: TaskTracker,
}

impl Agents {
    /// Takes up the agents of the store. Runs that were open when the manager last ended are closed first.
    pub(crate) async fn load(
        db: ManagerDb,
        passwords: Passwords,
        directory: PathBuf,
        run_timeout: Duration,
    ) -> Result<Self, StoreError> {
        close_open_runs(&db).await?;
        let agents = Self {
            db,
            passwords,
            directory,
            run_timeout,
            open_runs: OpenRuns::default(),
            agents: RwLock::default(),
            conversations: TaskTracker::new(),
        };
        for record in agents.db.agents().await? {
            agents.take_up(record).await?;
        }
        Ok(agents)
    }

    pub(crate) fn open_runs(&self) -> &OpenRuns {
        &self.open_runs
    }

    pub(crate) fn get(&self, id: &AgentId) -> Option<Arc<Agent>> {
        self.agents.read().unwrap_or_else(PoisonError::into_inner).get(id).cloned()
    }

    fn find(&self, id: &AgentId) -> Result<Arc<Agent>, Error> {
        self.get(id).ok_or_else(|| Error::AgentNotFound(id.clone()))
    }

    /// All agents, by name.
    pub(crate) fn list(&self) -> Vec<AgentInfo> {
        let mut list: Vec<_> = self.all().iter().map(|agent| agent.info(&self.open_runs)).collect();
        list.sort_by(|one, other| one.name.cmp(&other.name));
        list
    }

    /// Adds an agent, and makes its password: told once, kept as a hash.
    pub(crate) async fn create(&self, spec: AgentSpec) -> Result<(AgentId, String), Error> {
        spec.check().map_err(|error| Error::InvalidPayload(error.to_string()))?;
        let password = passwords::generate();
        let record = AgentRecord {
            agent_id: AgentId::random(),
            spec,
            password_hash: self.passwords.hash(password.clone()).await?,
            stopped: false,
            created_at: Timestamp::now(),
        };
        let (id, name) = (record.agent_id.clone(), record.spec.name.clone());
        match self.db.create_agent(record.clone()).await {
            Ok(()) => {}
            Err(StoreError::Conflict) => return Err(Error::NameTaken(name)),
            Err(cause) => return Err(cause.into()),
        }
        self.take_up(record).await?;
        tracing::info!(agent = %id, name, "agent created");
        Ok((id, password))
    }

    /// The agent of that name; created when there is none, then with its password.
    pub(crate) async fn ensure(&self, spec: AgentSpec) -> Result<(AgentId, Option<String>), Error> {
        let known = self.all().into_iter().find(|agent| agent.spec.name == spec.name);
        match known {
            Some(agent) => Ok((agent.id.clone(), None)),
            None => self.create(spec).await.map(|(id, password)| (id, Some(password))),
        }
    }

    /// Removes an agent with its conversations. Its directory stays: what is in there is its user's.
    pub(crate) async fn delete(&self, id: &AgentId) -> Result<(), Error> {
        let agent = self.find(id)?;
        agent.control(Control::Stop).await?;
        if let Err(cause) = self.db.delete_agent(id).await {
            if !agent.is_stopped() {
                agent.control(Control::Start).await?;
            }
            return Err(cause.into());
        }
        self.agents.write().unwrap_or_else(PoisonError::into_inner).remove(id);
        agent.control(Control::Delete).await?;
        tracing::info!(agent = %id, "agent deleted");
        Ok(())
    }

    /// Lets a stopped agent take messages again.
    pub(crate) async fn start(&self, id: &AgentId) -> Result<(), Error> {
        let agent = self.find(id)?;
        self.db.set_agent_stopped(id, false).await?;
        agent.control(Control::Start).await?;
        agent.set_stopped(false);
        Ok(())
    }

    /// Ends the agent's runs and its program.
    pub(crate) async fn stop(&self, id: &AgentId) -> Result<(), Error> {
        let agent = self.find(id)?;
        self.db.set_agent_stopped(id, true).await?;
        agent.set_stopped(true);
        agent.control(Control::Stop).await
    }

    /// Ends the agent's run and its program; a stopped agent takes messages again.
    pub(crate) async fn restart(&self, id: &AgentId) -> Result<(), Error> {
        let agent = self.find(id)?;
        self.db.set_agent_stopped(id, false).await?;
        agent.control(Control::Restart).await?;
        agent.set_stopped(false);
        Ok(())
    }

    /// Ends all conversations: refuses new runs at once, cancels what still runs at `deadline`, and ends the
    /// agents' processes. Returns when that is done.
    pub(crate) async fn shutdown(&self, deadline: Instant) {
        let mut endings = JoinSet::new();
        for agent in self.all() {
            endings.spawn(async move { agent.control(Control::Shutdown { deadline }).await });
        }
        while endings.join_next().await.is_some() {}
        self.conversations.close();
        self.conversations.wait().await;
    }

    fn all(&self) -> Vec<Arc<Agent>> {
        self.agents.read().unwrap_or_else(PoisonError::into_inner).values().cloned().collect()
    }

    async fn take_up(&self, record: AgentRecord) -> Result<(), StoreError> {
        let conversation = self.db.conversation(&record.agent_id, DEFAULT_CONVERSATION).await?;
        let spec = Arc::new(record.spec);
        let setting = Setting {
            db: self.db.clone(),
            agent_id: record.agent_id.clone(),
            spec: spec.clone(),
            workdir: self.directory.join(record.agent_id.as_str()),
            run_timeout: self.run_timeout,
            stopped: record.stopped,
        };
        let conversation = Conversation::open(setting, conversation, &self.conversations);
        let hash = record.password_hash.into();
        let agent = Agent::new(record.agent_id.clone(), spec, hash, record.stopped, conversation);
        let mut agents = self.agents.write().unwrap_or_else(PoisonError::into_inner);
        agents.insert(record.agent_id, Arc::new(agent));
        Ok(())
    }
}

/// What runs when the manager dies is not taken up again: nobody can know how far it got.
async fn close_open_runs(db: &ManagerDb) -> Result<(), StoreError> {
    for (conversation, run) in db.open_runs().await? {
        let ending = Ending::failed(RunReason::ServerRestart, None);
        db.append(&conversation, vec![ended(&run, ending, Timestamp::now())]).await?;
        tracing::warn!(%conversation, %run, "run was open, closed");
    }
    Ok(())
}

/// Agents that come over the wire may only be given working directories below the agents' own.
pub(crate) fn check_working_directory(spec: &AgentSpec, allowed: &[PathBuf]) -> Result<(), Error> {
    let Some(Host::Process { cwd: Some(cwd), .. }) = &spec.host else { return Ok(()) };
    let plain = cwd.is_absolute() && !cwd.components().any(|part| part == Component::ParentDir);
    if plain && allowed.iter().any(|root: &PathBuf| cwd.starts_with(Path::new(root))) {
        return Ok(());
    }
    Err(Error::InvalidPayload(format!("working directory {} is not allowed", cwd.display())))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_working_directory_is_below_an_allowed_one() {
        let allowed = [PathBuf::from("/srv/agents")];
        let check = |cwd: &str| {
            let mut spec = AgentSpec::lines("a", "cat", Vec::new());
            let Some(Host::Process { cwd: directory, .. }) = &mut spec.host else { unreachable!() };
            *directory = Some(cwd.into());
            check_working_directory(&spec, &allowed).is_ok()
        };

        assert!(check("/srv/agents") && check("/srv/agents/one"));
        for bad in ["/", "/srv", "/srv/agents2", "/srv/agents/../..", "srv/agents", ""] {
            assert!(!check(bad), "{bad}");
        }
        assert!(check_working_directory(&AgentSpec::echo("a"), &allowed).is_ok());
    }
}
