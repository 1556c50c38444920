//! What an agent is: where it runs (host) and what its stdin and stdout mean (codec).

mod docker;
mod oneshot;
mod presets;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

pub use self::docker::{Docker, InvalidContainer, Mount};
pub use self::oneshot::{OneshotFormat, OneshotMeaning, OneshotRule};
pub use self::presets::Preset;
use crate::agents::FilterDirection;
use crate::limits::PARALLEL_RUNS;
use crate::names::{self, is_event_name};

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
    /// Runs that it may have at once in sessions of their own, 1 to 64: those of `startRun`, ephemeral chats and
    /// helper runs.
    #[schemars(range(min = 1, max = 64))]
    #[serde(default = "default_parallel", skip_serializing_if = "is_default_parallel")]
    pub parallel: u32,
    /// Names of commands of its own that it is given when a client sends them, besides those of longshore.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub commands: Vec<String>,
    /// What is looked for in messages, in this order.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub filters: Vec<Filter>,
    /// How long its conversations keep entries; for ever without.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub retention: Option<Retention>,
    /// Who decides when the agent asks for permission. It asks where its program does so in messages: codecs `acp`,
    /// `claude` and `codex`.
    #[serde(default, skip_serializing_if = "is_default")]
    pub approvals: Approvals,
    /// In a turn, after how many seconds without a sign of life people are told so; 0 for never.
    #[serde(default = "default_silence_secs", skip_serializing_if = "is_default_silence")]
    pub silence_secs: u32,
}

/// Who decides when an agent asks for permission.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Approvals {
    /// What is allowed without asking.
    #[serde(default)]
    pub policy: ApprovalPolicy,
    /// How many seconds people have to answer, 1 to 86,400; then it counts as a no.
    #[schemars(range(min = 1, max = 86_400))]
    #[serde(default = "default_approval_secs")]
    pub timeout_secs: u32,
}

impl Default for Approvals {
    fn default() -> Self {
        Self { policy: ApprovalPolicy::default(), timeout_secs: default_approval_secs() }
    }
}

/// What an agent is allowed without asking people.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub enum ApprovalPolicy {
    /// Nothing that it asks for.
    #[default]
    Ask,
    /// What only reads, as far as the agent says what it does.
    AllowRead,
    /// Everything.
    AllowAll,
}

/// A rule for messages, checked on each line of text by itself.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Filter {
    /// Shown instead of what was found.
    pub name: String,
    /// A regular expression without look-around and back-references, so that it takes linear time.
    pub pattern: String,
    /// Which way; without it, both.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub direction: Option<FilterDirection>,
    /// What is done with a message in which it is found.
    #[serde(default)]
    pub action: FilterAction,
    /// With `replace`: what stands in its place; `$1` is the first group.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub replacement: Option<String>,
}

/// What is done with a message in which a filter finds something.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub enum FilterAction {
    /// It is only reported.
    Flag,
    /// What was found is replaced.
    #[default]
    Replace,
    /// A person's message is refused; of an agent's answer that line and all after it are left out.
    Drop,
}

impl Filter {
    /// The pattern, compiled; its size is bounded.
    ///
    /// # Errors
    /// It is no regular expression, or too large.
    pub fn regex(&self) -> Result<regex::Regex, regex::Error> {
        regex::RegexBuilder::new(&self.pattern).size_limit(1 << 20).build()
    }
}

/// How long entries are kept.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Retention {
    /// At most this old, in days.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub max_age_days: Option<u32>,
    /// At most this many in a conversation.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub max_entries: Option<u64>,
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
        /// With a sentinel: how long the program may take from its start to its first prompt, in milliseconds. One that
        /// does not prompt before it is told something gets its first message late by this much.
        #[serde(default = "default_greeting_ms", skip_serializing_if = "is_default_greeting")]
        greeting_ms: u64,
        /// Whether a line that is a control message, such as a question, is one. Without, every line is text.
        #[serde(default = "default_control", skip_serializing_if = "Clone::clone")]
        control: bool,
    },
    /// A program that speaks the Agent Client Protocol, version 1, such as `gemini --acp` or `opencode acp`.
    Acp {},
    /// Claude Code, which is given the arguments for stream-json both ways.
    Claude {},
    /// Codex, which is started as `codex app-server`.
    Codex {
        /// What its commands may do without asking.
        #[serde(default)]
        sandbox: CodexSandbox,
    },
    /// A program that is started for each turn, reads the message from its stdin and prints JSON lines.
    Oneshot {
        /// What its lines mean: `codex` for `codex exec --json`, `gemini` and `claude` for `--output-format stream-json`,
        /// `opencode` for `opencode run --format json`.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        format: Option<OneshotFormat>,
        /// What its lines mean, for any other program. A line that no rule fits is kept as it is.
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        rules: Vec<OneshotRule>,
        /// The arguments that continue a session, each `{session}` replaced by its id. They stand where the
        /// program's arguments have `{resume}`, or at the end.
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        resume: Vec<String>,
    },
}

impl Codec {
    /// Its name in a configuration.
    #[must_use]
    pub fn name(&self) -> &'static str {
        match self {
            Self::Echo => "echo",
            Self::Lines { .. } => "lines",
            Self::Acp {} => "acp",
            Self::Claude {} => "claude",
            Self::Codex { .. } => "codex",
            Self::Oneshot { .. } => "oneshot",
        }
    }
}

/// What Codex lets its commands do without asking.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub enum CodexSandbox {
    /// Read.
    ReadOnly,
    /// Write below the working directory.
    #[default]
    WorkspaceWrite,
    /// Everything: for containers, which are a sandbox themselves.
    DangerFullAccess,
}

/// Where an agent's program runs.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
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
    /// A container of Docker or Podman on the manager's machine.
    Docker(Docker),
}

impl Host {
    /// The name of its program, without the directory; none where a container's image says what runs.
    #[must_use]
    pub fn program(&self) -> Option<&str> {
        let command = match self {
            Self::Process { command, .. } => Some(command),
            Self::Docker(docker) => docker.command.first(),
        };
        let name = Path::new(command?).file_name()?;
        name.to_str()
    }

    /// The variables of its environment, besides those that every program has.
    #[must_use]
    pub fn env(&self) -> &BTreeMap<String, String> {
        match self {
            Self::Process { env, .. } => env,
            Self::Docker(docker) => &docker.env,
        }
    }

    /// The same, to be changed.
    pub fn env_mut(&mut self) -> &mut BTreeMap<String, String> {
        match self {
            Self::Process { env, .. } => env,
            Self::Docker(docker) => &mut docker.env,
        }
    }
}

impl std::fmt::Debug for Host {
    /// Values of the environment may be secrets.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Process { command, args, env, cwd } => f
                .debug_struct("Process")
                .field("command", command)
                .field("args", args)
                .field("env", &env.keys())
                .field("cwd", cwd)
                .finish(),
            Self::Docker(docker) => docker.fmt(f),
        }
    }
}

fn default_parallel() -> u32 {
    PARALLEL_RUNS
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde gives a reference")]
fn is_default_parallel(parallel: &u32) -> bool {
    *parallel == PARALLEL_RUNS
}

fn is_default<T: Default + PartialEq>(value: &T) -> bool {
    *value == T::default()
}

fn default_approval_secs() -> u32 {
    600
}

fn default_silence_secs() -> u32 {
    120
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde gives a reference")]
fn is_default_silence(secs: &u32) -> bool {
    *secs == default_silence_secs()
}

fn default_control() -> bool {
    true
}

fn default_quiet_ms() -> u64 {
    300
}

fn default_empty_ms() -> u64 {
    5_000
}

fn default_greeting_ms() -> u64 {
    1_000
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde gives a reference")]
fn is_default_greeting(millis: &u64) -> bool {
    *millis == default_greeting_ms()
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
    /// The container cannot be made as it is described.
    #[error("container: {0}")]
    Container(#[from] InvalidContainer),
    /// It may have no run at all, or too many at once.
    #[error("parallel is 1 to 64")]
    Parallel,
    /// People would have no time to answer, or more than a day.
    #[error("approvals.timeoutSecs is 1 to 86400")]
    ApprovalTimeout,
    /// A program's lines would mean nothing, or two things.
    #[error("codec \"oneshot\" needs either format or rules")]
    Oneshot,
    /// A command that has no name, or one of longshore's own.
    #[error("\"{0}\" cannot be a command of an agent")]
    Command(String),
    /// A filter's pattern is no regular expression.
    #[error("filter \"{name}\": {problem}")]
    Filter {
        /// The filter.
        name: String,
        /// What is wrong with it.
        problem: String,
    },
}

impl AgentSpec {
    /// An agent with the defaults.
    #[must_use]
    pub fn new(name: impl Into<String>, codec: Codec, host: Option<Host>) -> Self {
        Self {
            name: name.into(),
            codec,
            host,
            parallel: PARALLEL_RUNS,
            commands: Vec::new(),
            filters: Vec::new(),
            retention: None,
            approvals: Approvals::default(),
            silence_secs: default_silence_secs(),
        }
    }

    /// An `echo` agent.
    #[must_use]
    pub fn echo(name: impl Into<String>) -> Self {
        Self::new(name, Codec::Echo, None)
    }

    /// A `lines` agent with the default end of turn.
    #[must_use]
    pub fn lines(name: impl Into<String>, command: impl Into<String>, args: Vec<String>) -> Self {
        let codec = Codec::Lines {
            sentinel: None,
            one_line: false,
            quiet_ms: default_quiet_ms(),
            empty_ms: default_empty_ms(),
            greeting_ms: default_greeting_ms(),
            control: true,
        };
        let (command, env) = (command.into(), BTreeMap::new());
        Self::new(name, codec, Some(Host::Process { command, args, env, cwd: None }))
    }

    /// Checks what the types cannot say.
    ///
    /// # Errors
    /// [`InvalidSpec`] names the first thing that is wrong.
    pub fn check(&self) -> Result<(), InvalidSpec> {
        if self.name.trim().is_empty() || self.name.chars().count() > 128 {
            return Err(InvalidSpec::Name);
        }
        if !(1..=64).contains(&self.parallel) {
            return Err(InvalidSpec::Parallel);
        }
        if !(1..=86_400).contains(&self.approvals.timeout_secs) {
            return Err(InvalidSpec::ApprovalTimeout);
        }
        if let Codec::Oneshot { format, rules, .. } = &self.codec
            && format.is_some() != rules.is_empty()
        {
            return Err(InvalidSpec::Oneshot);
        }
        let taken = |name: &str| names::agents::ALL.contains(&name) || !is_event_name(name);
        if let Some(name) = self.commands.iter().find(|name| taken(name)) {
            return Err(InvalidSpec::Command(name.clone()));
        }
        for filter in &self.filters {
            let problem =
                |problem: String| InvalidSpec::Filter { name: filter.name.clone(), problem };
            if filter.name.is_empty() || filter.name.chars().count() > 128 {
                return Err(problem("a filter's name is 1 to 128 characters".to_owned()));
            }
            filter.regex().map_err(|error| problem(error.to_string()))?;
        }
        if let Some(Host::Docker(docker)) = &self.host {
            docker.check()?;
        }
        match (&self.codec, &self.host) {
            (Codec::Echo, Some(_)) => {
                Err(InvalidSpec::Host { codec: "echo", problem: "is built in and takes no host" })
            }
            (Codec::Echo, None) => Ok(()),
            (codec, None) => {
                Err(InvalidSpec::Host { codec: codec.name(), problem: "needs a host" })
            }
            _ => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_program_is_named_without_where_it_is() {
        let program = |command: &str| {
            let spec = AgentSpec::lines("agent", command, vec!["x".to_owned()]);
            spec.host.as_ref().and_then(Host::program).map(ToOwned::to_owned)
        };

        assert_eq!(program("/usr/bin/bc").as_deref(), Some("bc"));
        assert_eq!(program("bc").as_deref(), Some("bc"));
        assert_eq!(program(""), None);
    }

    #[test]
    fn values_of_the_environment_are_not_printed() {
        let mut spec = AgentSpec::lines("agent", "cat", Vec::new());
        let host = spec.host.as_mut().unwrap();
        host.env_mut().insert("API_KEY".into(), "visible".into());

        let text = format!("{spec:?}");

        assert!(text.contains("API_KEY") && !text.contains("visible"), "{text}");
    }
}
