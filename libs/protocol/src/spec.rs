//! What an agent is: where it runs (host) and what its stdin and stdout mean (codec).

use std::collections::BTreeMap;
use std::path::PathBuf;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// An agent's configuration, as in the configuration file, over REST and in the store.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct AgentSpec {
    /// Shown to people; unique within a manager, 1 to 128 characters.
    pub name: String,
    /// What its stdin and stdout mean.
    pub codec: Codec,
    /// Where its program runs. Absent only for a codec that is built in.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub host: Option<Host>,
}

/// What an agent's stdin and stdout mean.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(
    tag = "type",
    rename_all = "camelCase",
    rename_all_fields = "camelCase",
    deny_unknown_fields
)]
pub enum Codec {
    /// Built in: answers what it is told, for trying longshore and for tests.
    Echo,
    /// Any program: a message is written as lines, what it prints until the turn ends is the answer.
    Lines {
        /// The turn ends at output that this pattern matches (a line, or a prompt without newline).
        #[serde(default, skip_serializing_if = "Option::is_none")]
        sentinel: Option<String>,
        /// The turn ends after its first line.
        #[serde(default)]
        one_line: bool,
        /// Without a sentinel, the turn ends after this quiet time following output, in milliseconds.
        #[serde(default = "default_quiet_ms")]
        quiet_ms: u64,
        /// With no output at all the turn ends as an empty answer after this time, in milliseconds.
        #[serde(default = "default_empty_ms")]
        empty_ms: u64,
    },
}

/// Where an agent's program runs.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(
    tag = "type",
    rename_all = "camelCase",
    rename_all_fields = "camelCase",
    deny_unknown_fields
)]
pub enum Host {
    /// A child process of the manager, in a process group of its own.
    Process {
        /// The program: a path, or a name looked up on the PATH.
        command: String,
        /// Its arguments.
        #[serde(default)]
        args: Vec<String>,
        /// Added to the few variables that are passed on from the manager's environment.
        #[serde(default)]
        env: BTreeMap<String, String>,
        /// Working directory; without one, the agent's own directory under the data directory.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        cwd: Option<PathBuf>,
    },
}

fn default_quiet_ms() -> u64 {
    300
}

fn default_empty_ms() -> u64 {
    5_000
}

/// A configuration that cannot be an agent's.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum InvalidSpec {
    /// The name is empty or too long.
    #[error("an agent's name is 1 to 128 characters")]
    Name,
    /// The codec needs a program and there is none, or it is built in and there is one.
    #[error("codec \"{codec}\" {problem}")]
    Host {
        /// The codec's name.
        codec: &'static str,
        /// What is wrong with its host.
        problem: &'static str,
    },
}

impl AgentSpec {
    /// An `echo` agent.
    #[must_use]
    pub fn echo(name: impl Into<String>) -> Self {
        Self { name: name.into(), codec: Codec::Echo, host: None }
    }

    /// A `lines` agent with the default end of turn.
    #[must_use]
    pub fn lines(name: impl Into<String>, command: impl Into<String>, args: Vec<String>) -> Self {
        Self {
            name: name.into(),
            codec: Codec::Lines {
                sentinel: None,
                one_line: false,
                quiet_ms: default_quiet_ms(),
                empty_ms: default_empty_ms(),
            },
            host: Some(Host::Process {
                command: command.into(),
                args,
                env: BTreeMap::new(),
                cwd: None,
            }),
        }
    }

    /// Checks what the types cannot say.
    ///
    /// # Errors
    /// [`InvalidSpec`] names the first thing that is wrong.
    pub fn check(&self) -> Result<(), InvalidSpec> {
        if self.name.trim().is_empty() || self.name.chars().count() > 128 {
            return Err(InvalidSpec::Name);
        }
        match (&self.codec, &self.host) {
            (Codec::Echo, Some(_)) => {
                Err(InvalidSpec::Host { codec: "echo", problem: "is built in and takes no host" })
            }
            (Codec::Lines { .. }, None) => {
                Err(InvalidSpec::Host { codec: "lines", problem: "needs a host" })
            }
            _ => Ok(()),
        }
    }
}
