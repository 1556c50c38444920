//! Which run ids are in use, and where their runs are.

use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::sync::{Arc, Mutex, PoisonError};

use protocol::{AgentId, RunId};

use crate::conversation::Conversation;

/// The open runs of the whole manager, by id: so that an id is used once at a time, and `cancelRun` finds it.
///
/// A mutex and not a task: each use is one look-up, and nothing is awaited under it.
#[derive(Debug, Clone, Default)]
pub(crate) struct OpenRuns {
    runs: Arc<Mutex<HashMap<RunId, Conversation>>>,
}

/// A run's hold on its id. Dropping it frees the id.
#[derive(Debug)]
pub(crate) struct Claim {
    run: RunId,
    runs: OpenRuns,
}

impl OpenRuns {
    /// Takes the id for a run of that conversation, unless an open run has it.
    pub(crate) fn claim(&self, run: &RunId, conversation: &Conversation) -> Option<Claim> {
        match self.lock().entry(run.clone()) {
            Entry::Occupied(_) => None,
            Entry::Vacant(free) => {
                free.insert(conversation.clone());
                Some(Claim { run: run.clone(), runs: self.clone() })
            }
        }
    }

    /// The conversation that the open run of that id is in.
    pub(crate) fn find(&self, run: &RunId) -> Option<Conversation> {
        self.lock().get(run).cloned()
    }

    /// Whether a run of that agent is open.
    pub(crate) fn any_of(&self, agent: &AgentId) -> bool {
        self.lock().values().any(|conversation| conversation.agent_id() == agent)
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, HashMap<RunId, Conversation>> {
        self.runs.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Claim {
    fn drop(&mut self) {
        self.runs.lock().remove(&self.run);
    }
}
