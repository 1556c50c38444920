//! Variables of an agent's environment. Their values go in and never come out.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::ids::AgentId;

/// `changeEnvironment`: from a controller only, for its REST interface.
#[derive(Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct ChangeEnvironment {
    /// The agent.
    pub agent_id: AgentId,
    /// Values by name. A name has 1 to 128 bytes without `=`, a value 64 KiB at most, and neither a NUL.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub set: BTreeMap<String, String>,
    /// Names of variables that are to be there no more.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub remove: Vec<String>,
}

impl std::fmt::Debug for ChangeEnvironment {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("ChangeEnvironment")
            .field("agent_id", &self.agent_id)
            .field("set", &self.set.keys())
            .field("remove", &self.remove)
            .finish()
    }
}

/// Acknowledgement of `changeEnvironment`, given when it is on disk. Programs that run keep the environment that they have.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Environment {
    /// The agent.
    pub agent_id: AgentId,
    /// The names of all its variables.
    pub names: Vec<String>,
}
