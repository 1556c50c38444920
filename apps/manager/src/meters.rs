//! What is counted at a manager. What there is of something is looked up when it is asked for.

use std::collections::HashSet;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::histogram::Histogram;
use prometheus_client::registry::{Registry, Unit};
use protocol::agents::AgentState;

use crate::server::Server;

/// From a program that answers at once to a run's timeout.
const RUN: [f64; 13] =
    [0.01, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 15.0, 60.0, 300.0, 900.0, 3_600.0];
/// What people take to answer.
const PEOPLE: [f64; 8] = [1.0, 5.0, 15.0, 60.0, 300.0, 900.0, 3_600.0, 86_400.0];
/// Around the 14 ms of a password.
const PASSWORD: [f64; 8] = [0.005, 0.01, 0.02, 0.05, 0.1, 0.5, 1.0, 5.0];

/// Agents that have a label of their own. Administrators make them, so there are few; but a script may make and delete any
/// number, and each label stays until the manager is restarted.
const AGENTS: usize = 100;
/// The label of the others.
const OTHERS: &str = "others";

/// Handles of what is counted. Cheap to clone.
#[derive(Debug, Clone, Default)]
pub(crate) struct Meters(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    /// Names that have a label. Behind a lock that is held to look and to note.
    named: Mutex<HashSet<Arc<str>>>,
    ended: Family<Ended, Counter>,
    queued: Histogram,
    first: Histogram,
    ran: Histogram,
    answered: Histogram,
    passwords: Gauge,
    password: Histogram,
    agents: Family<State, Gauge>,
    runs: Family<State, Gauge>,
    conversations: Family<State, Gauge>,
    interactions: Gauge,
    terminals: Gauge,
    writes: Gauge,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Ended {
    agent: Arc<str>,
    outcome: String,
    reason: String,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct State {
    state: &'static str,
}

impl Default for Inner {
    fn default() -> Self {
        Self {
            named: Mutex::default(),
            ended: Family::default(),
            queued: Histogram::new(RUN),
            first: Histogram::new(RUN),
            ran: Histogram::new(RUN),
            answered: Histogram::new(PEOPLE),
            passwords: Gauge::default(),
            password: Histogram::new(PASSWORD),
            agents: Family::default(),
            runs: Family::default(),
            conversations: Family::default(),
            interactions: Gauge::default(),
            terminals: Gauge::default(),
            writes: Gauge::default(),
        }
    }
}

impl Meters {
    /// Has them told with the rest of the registry.
    pub(crate) fn register(&self, registry: &mut Registry) {
        let Inner { ended, queued, first, ran, answered, passwords, password, .. } = &*self.0;
        registry.register("runs_ended", "Runs that have ended, by how and why", ended.clone());
        let help = "Time that runs have waited for their agent";
        registry.register_with_unit("run_queue", help, Unit::Seconds, queued.clone());
        let help = "Time from giving a run to its agent to the first that it says";
        registry.register_with_unit("run_first_output", help, Unit::Seconds, first.clone());
        registry.register_with_unit("run", "Time that agents took", Unit::Seconds, ran.clone());
        let help = "Time that interactions waited for an answer";
        registry.register_with_unit("interaction", help, Unit::Seconds, answered.clone());
        let help = "Passwords that wait to be computed or are being computed";
        registry.register("passwords_waiting", help, passwords.clone());
        let help = "Time to compute a password, without waiting";
        registry.register_with_unit("password", help, Unit::Seconds, password.clone());
        let Inner { agents, runs, conversations, interactions, terminals, writes, .. } = &*self.0;
        registry.register("agents", "Agents, by what they are doing", agents.clone());
        registry.register("runs", "Open runs", runs.clone());
        let help = "Conversations, in memory with a task or only by name";
        registry.register("conversations", help, conversations.clone());
        registry.register(
            "interactions",
            "Interactions that wait for an answer",
            interactions.clone(),
        );
        registry.register("terminals", "Open terminals", terminals.clone());
        registry.register("writes_waiting", "Writes that wait for the store", writes.clone());
    }

    /// A run has ended.
    pub(crate) fn ended(
        &self,
        agent: &str,
        outcome: String,
        reason: String,
        ran: Option<Duration>,
    ) {
        let agent = self.label(agent);
        self.0.ended.get_or_create(&Ended { agent, outcome, reason }).inc();
        if let Some(ran) = ran {
            self.0.ran.observe(ran.as_secs_f64());
        }
    }

    /// An agent has got a run.
    pub(crate) fn started(&self, waited: Duration) {
        self.0.queued.observe(waited.as_secs_f64());
    }

    /// It said something.
    pub(crate) fn heard(&self, after: Duration) {
        self.0.first.observe(after.as_secs_f64());
    }

    /// An interaction has ended.
    pub(crate) fn answered(&self, after: Duration) {
        self.0.answered.observe(after.as_secs_f64());
    }

    /// A password waits until this is dropped.
    pub(crate) fn password(&self) -> Waiting {
        self.0.passwords.inc();
        Waiting(self.clone())
    }

    /// It was computed.
    pub(crate) fn computed(&self, took: Duration) {
        self.0.password.observe(took.as_secs_f64());
    }

    fn label(&self, agent: &str) -> Arc<str> {
        let mut named = self.0.named.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(known) = named.get(agent) {
            return known.clone();
        }
        if named.len() >= AGENTS {
            return OTHERS.into();
        }
        let name: Arc<str> = agent.into();
        named.insert(name.clone());
        name
    }

    /// Looks up what there is now.
    pub(crate) fn look(&self, server: &Server) {
        let (mut states, mut runs, mut interactions) = ([0; 4], [0; 3], 0);
        let (mut live, mut asleep) = (0, 0);
        for agent in server.agents.all() {
            states[agent.state() as usize] += 1;
            let counts = agent.conversations.counts();
            let (running, queued, blocked) = counts.runs;
            (runs[0], runs[1], runs[2]) = (runs[0] + running, runs[1] + queued, runs[2] + blocked);
            interactions += counts.interactions;
            live += counts.live;
            asleep += counts.all - counts.live;
        }
        let Inner { agents, conversations, writes, terminals, .. } = &*self.0;
        for state in
            [AgentState::Stopped, AgentState::Idle, AgentState::Running, AgentState::Blocked]
        {
            let name = match state {
                AgentState::Stopped => "stopped",
                AgentState::Idle => "idle",
                AgentState::Running => "running",
                AgentState::Blocked => "blocked",
            };
            agents.get_or_create(&State { state: name }).set(states[state as usize]);
        }
        for (state, count) in ["running", "queued", "blocked"].into_iter().zip(runs) {
            self.0.runs.get_or_create(&State { state }).set(whole(count));
        }
        conversations.get_or_create(&State { state: "live" }).set(whole(live));
        conversations.get_or_create(&State { state: "asleep" }).set(whole(asleep));
        self.0.interactions.set(whole(interactions));
        terminals.set(whole(server.agents.terminals().count()));
        writes.set(whole(server.db.waiting()));
    }
}

fn whole(count: usize) -> i64 {
    i64::try_from(count).unwrap_or(i64::MAX)
}

/// A password that waits.
#[derive(Debug)]
pub(crate) struct Waiting(Meters);

impl Drop for Waiting {
    fn drop(&mut self) {
        self.0.0.passwords.dec();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn agents_have_labels_up_to_a_bound() {
        let meters = Meters::default();

        for number in 0..AGENTS + 5 {
            let agent = format!("agent-{number}");
            meters.ended(&agent, "done".into(), String::new(), None);
            meters.ended(&agent, "done".into(), String::new(), None);
        }

        let of = |agent: &str| {
            let labels =
                Ended { agent: agent.into(), outcome: "done".into(), reason: String::new() };
            meters.0.ended.get(&labels).map(|counter| counter.get())
        };
        assert_eq!((of("agent-7"), of(OTHERS), of("agent-104")), (Some(2), Some(10), None));
    }
}
