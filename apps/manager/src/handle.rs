//! What can be changed of a manager while it serves, by whoever started it.

use std::sync::Arc;

use anyhow::Context;
use protocol::AgentId;
use protocol::spec::AgentSpec;

use crate::agents::Agents;

/// A manager, to whoever started it and lets it serve. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Handle {
    agents: Arc<Agents>,
}

impl Handle {
    pub(crate) fn new(agents: Arc<Agents>) -> Self {
        Self { agents }
    }

    /// The agent of that name. When there is none it is created, and its password is told this once.
    ///
    /// # Errors
    /// The configuration is wrong, or the store refused.
    pub async fn ensure_agent(&self, spec: AgentSpec) -> anyhow::Result<(AgentId, Option<String>)> {
        let name = spec.name.clone();
        self.agents.ensure(spec).await.with_context(|| format!("agent \"{name}\""))
    }
}
