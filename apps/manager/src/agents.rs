//! All agents of the manager.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::path::{Component, Path, PathBuf};
use std::pin::pin;
use std::sync::atomic::AtomicBool;
use std::sync::{Arc, Mutex, PoisonError, RwLock, Weak};
use std::time::Duration;

use protocol::agents::{AgentInfo, Origin, RunReason, TerminalEnd};
use protocol::limits::MAX_QUEUED_RUNS;
use protocol::spec::{AgentSpec, Host};
use protocol::{AgentId, ConversationId, Timestamp};
use runtime::{Containers, Fate, Unsupported};
use store::{AgentRecord, ManagerDb, OpenInteraction, SecretKey, StoreError};
use tokio::sync::{Semaphore, mpsc};
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::activity::Activity;
use crate::agent::Agent;
use crate::audience::Audience;
use crate::config::Config;
use crate::conversation::{
    AgentName, Control, Ending, InteractionClaims, Roster, RunClaims, Setting, Target, ended,
};
use crate::conversations::Conversations;
use crate::environment::Environment;
use crate::error::Error;
use crate::filters::Filters;
use crate::pace::Rate;
use crate::passwords::{self, Passwords};
use crate::progress::Watch;
use crate::terminals::Terminals;

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
    containers: Containers,
    times: Times,
    runs: RunClaims,
    interactions: InteractionClaims,
    agents: RwLock<HashMap<AgentId, Arc<Agent>>>,
    tasks: TaskTracker,
    terminals: Arc<Terminals>,
    activity: Arc<Activity>,
    /// What is done with files at once.
    files: Arc<Semaphore>,
    /// Seals the values of agents' environments.
    key: SecretKey,
    watch: Watch,
    expired: mpsc::UnboundedSender<(AgentId, ConversationId)>,
    /// The server goes down: nothing new is begun.
    stopping: CancellationToken,
    /// What still runs then is out of time.
    cut: CancellationToken,
    /// Itself, for conversations to find other agents.
    me: Weak<Self>,
}

/// What is done with files at once, of all agents: each takes one of the threads that may wait for the disk.
const FILES: usize = 8;
/// Changes to an agent's files and terminals in a second, on average and at once: everybody who is logged in to it is
/// told of each, and who does not read must have gone before that is too much to wait.
const CHANGES: u32 = 100;
const CHANGES_AT_ONCE: u32 = 500;

/// How long what may take.
#[derive(Debug, Clone, Copy)]
struct Times {
    run_timeout: Duration,
    viewer_grace: Duration,
    idle: Duration,
}

impl Agents {
    /// Takes up the agents of the store. Runs that were open when the manager last ended are closed first.
    pub(crate) async fn load(
        db: ManagerDb,
        passwords: Passwords,
        directory: PathBuf,
        containers: Containers,
        key: SecretKey,
        watch: Watch,
        config: &Config,
    ) -> Result<Arc<Self>, StoreError> {
        let interrupted = close_open_runs(&db).await?;
        let times = Times {
            run_timeout: config.run_timeout,
            viewer_grace: config.viewer_grace,
            idle: config.idle_eviction,
        };
        let tasks = TaskTracker::new();
        let terminals = Arc::new(Terminals::new(times.viewer_grace, tasks.clone()));
        let (expired, janitor) = mpsc::unbounded_channel();
        let agents = Arc::new_cyclic(|me| Self {
            db,
            passwords,
            directory,
            containers,
            times,
            runs: RunClaims::default(),
            interactions: InteractionClaims::default(),
            agents: RwLock::default(),
            tasks,
            terminals,
            activity: Arc::default(),
            files: Arc::new(Semaphore::new(FILES)),
            key,
            watch,
            expired,
            stopping: CancellationToken::new(),
            cut: CancellationToken::new(),
            me: me.clone(),
        });
        for mut record in agents.db.agents().await? {
            let environment = agents.environment(&mut record).await?;
            agents.take_up(record, environment).await?;
        }
        agents.resume().await?;
        let fate = |agent: &str, session: &str| agents.fate(agent, session, &interrupted);
        let stopping = agents.containers.tidy(fate).await;
        agents.tasks.spawn(stopping.done());
        tokio::spawn(crate::janitor::run(Arc::downgrade(&agents), janitor, times.idle));
        Ok(agents)
    }

    /// Waits on for the answers that were waited for when the manager ended.
    async fn resume(&self) -> Result<(), StoreError> {
        let mut asked: HashMap<(AgentId, ConversationId), Vec<OpenInteraction>> = HashMap::new();
        for open in self.db.open_interactions().await? {
            let head = &open.entry.head;
            let key = (head.agent_id.clone(), head.conversation_id.clone());
            asked.entry(key).or_default().push(open);
        }
        for ((agent, conversation), asked) in asked {
            if let Some(agent) = self.get(&agent) {
                agent.conversations.resume(&conversation, asked);
            }
        }
        Ok(())
    }

    /// What becomes of a container of that agent and session. One that was given a turn in a conversation that was
    /// `interrupted` may still be at it, and what it says to it would be taken for something else.
    fn fate(&self, agent: &str, session: &str, interrupted: &HashSet<ConversationId>) -> Fate {
        let Ok(conversation) = ConversationId::new(session) else { return Fate::Goes };
        let all = self.all();
        let mut of_agent = all.iter().filter(|known| known.id.as_str() == agent);
        let belongs = of_agent.any(|known| matches!(known.spec().host, Some(Host::Docker(_))))
            && all.iter().any(|known| known.conversations.knows(&conversation));
        match (belongs, interrupted.contains(&conversation)) {
            (false, _) => Fate::Goes,
            (true, true) => Fate::Stops,
            (true, false) => Fate::Stays,
        }
    }

    pub(crate) fn db(&self) -> &ManagerDb {
        &self.db
    }

    /// The open runs.
    pub(crate) fn runs(&self) -> &RunClaims {
        &self.runs
    }

    /// The open interactions.
    pub(crate) fn interactions(&self) -> &InteractionClaims {
        &self.interactions
    }

    /// Cancelled when the server goes down.
    pub(crate) fn stopping(&self) -> &CancellationToken {
        &self.stopping
    }

    /// Cancelled when what still runs while the server goes down is out of time.
    pub(crate) fn cut(&self) -> &CancellationToken {
        &self.cut
    }

    pub(crate) fn terminals(&self) -> &Arc<Terminals> {
        &self.terminals
    }

    /// Who wants to know what all agents are doing.
    pub(crate) fn activity(&self) -> &Arc<Activity> {
        &self.activity
    }

    /// What bounds how much is done with files at once.
    pub(crate) fn files(&self) -> &Arc<Semaphore> {
        &self.files
    }

    /// Where runs are counted and traced.
    pub(crate) fn watch(&self) -> &Watch {
        &self.watch
    }

    pub(crate) fn run_timeout(&self) -> Duration {
        self.times.run_timeout
    }

    /// What is done beside the conversations and has to end before the manager does.
    pub(crate) fn tasks(&self) -> &TaskTracker {
        &self.tasks
    }

    pub(crate) fn get(&self, id: &AgentId) -> Option<Arc<Agent>> {
        self.agents.read().unwrap_or_else(PoisonError::into_inner).get(id).cloned()
    }

    pub(crate) fn find(&self, id: &AgentId) -> Result<Arc<Agent>, Error> {
        self.get(id).ok_or_else(|| Error::AgentNotFound(id.clone()))
    }

    /// All agents, by name.
    pub(crate) fn list(&self) -> Vec<AgentInfo> {
        let mut list: Vec<_> = self.all().iter().map(|agent| agent.info()).collect();
        list.sort_by(|one, other| one.name.cmp(&other.name));
        list
    }

    /// Adds an agent, and makes its password: told once, kept as a hash.
    pub(crate) async fn create(&self, spec: AgentSpec) -> Result<(AgentId, String), Error> {
        spec.check().map_err(|error| Error::InvalidPayload(error.to_string()))?;
        self.check_container(&spec).await?;
        let mut spec = spec;
        let variables =
            spec.host.as_mut().map(|host| std::mem::take(host.env_mut())).unwrap_or_default();
        let environment = Environment::new(variables);
        environment.check()?;
        let password = passwords::generate();
        let record = AgentRecord {
            agent_id: AgentId::random(),
            spec,
            password_hash: self.passwords.hash(password.clone()).await?,
            stopped: false,
            created_at: Timestamp::now(),
        };
        let (id, name) = (record.agent_id.clone(), record.spec.name.clone());
        let sealed = environment.sealed(&self.key, &id);
        match self.db.create_agent(record.clone(), sealed).await {
            Ok(()) => {}
            Err(StoreError::Conflict) => return Err(Error::NameTaken(name)),
            Err(cause) => return Err(cause.into()),
        }
        self.take_up(record, environment).await?;
        self.activity.created(&id);
        tracing::info!(agent = %id, name, "agent created");
        Ok((id, password))
    }

    /// Whether the agent's container, if it is to have one, is allowed.
    async fn check_container(&self, spec: &AgentSpec) -> Result<(), Error> {
        let (containers, spec) = (self.containers.clone(), spec.clone());
        // Off the async workers: it looks at the disk.
        let checked = tokio::task::spawn_blocking(move || containers.check(&spec)).await;
        let checked = checked.map_err(|error| Error::from(anyhow::Error::from(error)))?;
        checked.map_err(|error| Error::InvalidPayload(error.to_string()))
    }

    /// The agent of that name; created when there is none, then with its password.
    pub(crate) async fn ensure(&self, spec: AgentSpec) -> Result<(AgentId, Option<String>), Error> {
        let known = self.all().into_iter().find(|agent| agent.spec().name == spec.name);
        match known {
            Some(agent) => Ok((agent.id.clone(), None)),
            None => self.create(spec).await.map(|(id, password)| (id, Some(password))),
        }
    }

    /// Removes an agent with its conversations. Its directory stays: what is in there is its user's.
    pub(crate) async fn delete(&self, id: &AgentId) -> Result<(), Error> {
        let agent = self.find(id)?;
        let _turn = agent.controlling.lock().await;
        let was_stopped = agent.is_stopped();
        agent.set_stopped(true);
        agent.end_isolated();
        let stopped = agent.conversations.control(Control::Stop(RunReason::AgentStopped)).await;
        let deleted = match stopped {
            Ok(()) => self.db.delete_agent(id).await.map_err(Error::from),
            Err(error) => Err(error),
        };
        if let Err(error) = deleted {
            if !was_stopped {
                agent.set_stopped(false);
                agent.conversations.control(Control::Start).await?;
            }
            return Err(error);
        }
        self.agents.write().unwrap_or_else(PoisonError::into_inner).remove(id);
        agent.conversations.forget();
        self.activity.deleted(&agent.summary());
        self.terminals.close(Some(id), TerminalEnd::AgentDeleted).await;
        agent.watchers.close();
        self.dismiss(id);
        // One that has ended by itself need not be told.
        agent.conversations.control(Control::Delete).await.ok();
        self.containers.remove(Some(id), None).await;
        tracing::info!(agent = %id, "agent deleted");
        Ok(())
    }

    /// Sets and removes variables of an agent's environment; the names of all that there are then.
    pub(crate) async fn change_environment(
        &self,
        id: &AgentId,
        set: BTreeMap<String, String>,
        remove: Vec<String>,
    ) -> Result<Vec<String>, Error> {
        let agent = self.find(id)?;
        let _turn = agent.controlling.lock().await;
        if agent.spec().host.is_none() {
            return Err(Unsupported::BuiltIn.into());
        }
        let environment = &agent.target.environment;
        let set = Environment::new(set);
        set.check()?;
        let changed = environment.changed(&set, &remove);
        changed.check()?;
        self.db.change_environment(id, set.sealed(&self.key, id), remove).await?;
        environment.replace(changed);
        Ok(environment.names())
    }

    /// The variables of an agent's environment. A manager before this one had them in the specification, in the clear: they
    /// are sealed now.
    async fn environment(&self, record: &mut AgentRecord) -> Result<Environment, StoreError> {
        let id = &record.agent_id;
        let sealed = self.db.environment(id).await?;
        let environment = Environment::open(&self.key, id, &sealed)?;
        let plain = record.spec.host.as_mut().map(|host| std::mem::take(host.env_mut()));
        let Some(plain) = plain.filter(|plain| !plain.is_empty()) else { return Ok(environment) };
        let plain = Environment::new(plain);
        self.db.change_environment(id, plain.sealed(&self.key, id), Vec::new()).await?;
        Ok(environment.changed(&plain, &[]))
    }

    /// Lets a stopped agent take messages again.
    pub(crate) async fn start(&self, id: &AgentId) -> Result<(), Error> {
        let agent = self.find(id)?;
        let _turn = agent.controlling.lock().await;
        self.db.set_agent_stopped(id, false).await?;
        agent.conversations.control(Control::Start).await?;
        agent.set_stopped(false);
        Ok(())
    }

    /// Ends the agent's runs and its programs.
    pub(crate) async fn stop(&self, id: &AgentId) -> Result<(), Error> {
        let agent = self.find(id)?;
        let _turn = agent.controlling.lock().await;
        self.db.set_agent_stopped(id, true).await?;
        agent.set_stopped(true);
        agent.end_isolated();
        agent.conversations.control(Control::Stop(RunReason::AgentStopped)).await?;
        self.dismiss(id);
        Ok(())
    }

    /// Ends what an agent does in conversations of others, which have handed it the turn.
    fn dismiss(&self, id: &AgentId) {
        for agent in self.all().iter().filter(|agent| agent.id != *id) {
            agent.conversations.dismiss(id);
        }
    }

    /// Ends the agent's current runs and its programs; a stopped agent takes messages again.
    pub(crate) async fn restart(&self, id: &AgentId) -> Result<(), Error> {
        let agent = self.find(id)?;
        let _turn = agent.controlling.lock().await;
        self.db.set_agent_stopped(id, false).await?;
        agent.end_isolated();
        agent.conversations.control(Control::Restart).await?;
        agent.set_stopped(false);
        Ok(())
    }

    /// Deletes a conversation that has ended with who made it.
    pub(crate) async fn expire(&self, agent: &AgentId, conversation: &ConversationId) {
        let Some(agent) = self.get(agent) else { return };
        if let Err(error) = agent.conversations.delete(conversation, &Origin::default()).await {
            tracing::warn!(%conversation, %error, "an ephemeral conversation was not deleted");
        }
    }

    /// Ends all conversations: refuses new runs at once, cancels what still runs at the `deadline`, and ends the
    /// agents' processes and terminals. Returns when that is done.
    pub(crate) async fn shutdown(&self, deadline: impl Future<Output = ()>) {
        self.stopping.cancel();
        let running = async {
            self.all_conversations(Control::Shutdown).await;
            self.isolated_runs().await;
        };
        let mut running = pin!(running);
        tokio::select! {
            // Looked at first, as the deadline may be over already: conversations hear of the shutdown before the cut.
            biased;
            () = &mut running => {}
            () = deadline => {
                self.cut.cancel();
                self.all_conversations(Control::Cut).await;
                running.await;
            }
        }
        self.terminals.close(None, TerminalEnd::ServerStopping).await;
        self.tasks.close();
        self.tasks.wait().await;
    }

    /// Has all conversations of all agents do the same. Those that have ended need not.
    async fn all_conversations(&self, control: Control) {
        let mut controlled = JoinSet::new();
        for agent in self.all() {
            controlled.spawn(async move { agent.conversations.control(control).await });
        }
        while controlled.join_next().await.is_some() {}
    }

    /// Waits for the runs that are beside conversations.
    async fn isolated_runs(&self) {
        for agent in self.all() {
            // Each run has one, and no more is begun.
            agent.isolated.acquire_many(MAX_QUEUED_RUNS as u32).await.ok();
        }
    }

    /// Whether anything goes on that a stop would end: a run, a question that waits, a terminal.
    pub(crate) fn are_at_work(&self) -> bool {
        self.runs.are_there() || self.interactions.are_there() || self.terminals.are_there()
    }

    /// Stops the containers that no session has: those that a manager before has left, and those that ended too late.
    pub(crate) async fn stop_containers(&self, grace: Duration) {
        self.containers.stop(grace).await;
    }

    pub(crate) fn all(&self) -> Vec<Arc<Agent>> {
        self.agents.read().unwrap_or_else(PoisonError::into_inner).values().cloned().collect()
    }

    async fn take_up(
        &self,
        record: AgentRecord,
        environment: Environment,
    ) -> Result<(), StoreError> {
        let AgentRecord { agent_id: id, spec, password_hash, stopped, .. } = record;
        let workdir = self.directory.join(id.as_str());
        let name = AgentName { id: id.clone(), name: spec.name.clone() };
        let filters = Arc::new(Filters::new(&spec.filters));
        let permits = Arc::new(Semaphore::new(spec.parallel as usize));
        let (spec, containers) = (Arc::new(spec), self.containers.clone());
        let programs = self.watch.programs.clone();
        let target = Target { name, spec, workdir, environment, containers, programs };
        let audience = Arc::new(Audience::new(self.activity.clone()));
        let setting = Setting {
            db: self.db.clone(),
            home: target.clone(),
            filters: filters.clone(),
            permits: permits.clone(),
            roster: self.me.clone(),
            audience: audience.clone(),
            activity: self.activity.clone(),
            interactions: self.interactions.clone(),
            expired: self.expired.clone(),
            watch: self.watch.clone(),
            run_timeout: self.times.run_timeout,
            viewer_grace: self.times.viewer_grace,
        };
        let conversations = Conversations::load(setting, self.tasks.clone(), stopped).await?;
        let agent = Agent {
            id: id.clone(),
            password_hash: password_hash.into(),
            target,
            filters,
            permits,
            isolated: Arc::new(Semaphore::new(MAX_QUEUED_RUNS)),
            conversations,
            audience,
            activity: self.activity.clone(),
            stopped: AtomicBool::new(stopped),
            halt: Mutex::default(),
            changes: Rate::new(CHANGES, CHANGES_AT_ONCE),
            writing: tokio::sync::Mutex::default(),
            terminals: self.terminals.clone(),
            watchers: Arc::default(),
            controlling: tokio::sync::Mutex::default(),
        };
        let mut agents = self.agents.write().unwrap_or_else(PoisonError::into_inner);
        agents.insert(id, Arc::new(agent));
        Ok(())
    }
}

impl Roster for Agents {
    fn find(&self, id_or_name: &str) -> Option<Target> {
        let all = self.all();
        let by_id = all.iter().find(|agent| agent.id.as_str() == id_or_name);
        let found = by_id.or_else(|| all.iter().find(|agent| agent.spec().name == id_or_name));
        found.filter(|agent| !agent.is_stopped()).map(|agent| agent.target.clone())
    }
}

/// What runs when the manager dies is not taken up again: nobody can know how far it got. Gives the conversations.
async fn close_open_runs(db: &ManagerDb) -> Result<HashSet<ConversationId>, StoreError> {
    let mut interrupted = HashSet::new();
    for (conversation, run) in db.open_runs().await? {
        let ending = Ending::failed(RunReason::ServerRestart, None);
        db.append(&conversation, vec![ended(&run, None, ending, Timestamp::now())]).await?;
        tracing::warn!(%conversation, %run, "run was open, closed");
        interrupted.insert(conversation);
    }
    Ok(interrupted)
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
