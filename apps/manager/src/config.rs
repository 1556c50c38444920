//! What a manager is started with.

use std::path::PathBuf;
use std::time::Duration;

use gateway::Stop;
use protocol::spec::AgentSpec;

/// Settings of a manager.
#[derive(Clone)]
pub struct Config {
    /// Database, keys and the agents' own directories are here. Created when missing.
    pub data_dir: PathBuf,
    /// What a controller must show. Without one, a key is made once and kept in `manager.key`.
    pub api_key: Option<String>,
    /// The secret that resume tokens are made with. Without one, `secret.key` in the data directory is used or made.
    pub secret: Option<String>,
    /// Agents that exist from the start, by name.
    pub agents: Vec<AgentSpec>,
    /// Besides their own directories, where agents that are added over the wire may have their working directory.
    pub working_directories: Vec<PathBuf>,
    /// The container engine's address, `unix://` or `tcp://`. Without one, it is looked for where engines usually listen.
    pub engine: Option<String>,
    /// What containers may mount, besides their agents' own directories: these directories with all that is in them.
    pub mounts: Vec<PathBuf>,
    /// Whether containers may share the network of this machine.
    pub host_network: bool,
    /// How long ending may take once runs that were open at a stop have ended or are out of time: cancelling those, ending
    /// agents, closing connections.
    pub grace: Duration,
    /// How long a run may take.
    pub run_timeout: Duration,
    /// How long what waits is kept when nobody is present, who has lost the connection is waited for, and a conversation
    /// outlives who made it where it is to end with them.
    pub viewer_grace: Duration,
    /// How long a conversation that nobody uses stays in memory. 0: for ever.
    pub idle_eviction: Duration,
    /// How much connections and addresses may ask of it.
    pub bounds: gateway::Bounds,
    /// PEM files of its certificate. Without them it listens in plain text.
    pub tls: Option<gateway::tls::Files>,
    /// Whether everybody may read `/metrics`; else whoever has the API key.
    pub metrics_public: bool,
    /// Takes the spans of commands and runs.
    pub tracer: trace::Tracer,
    /// The order to stop, which has how long open runs may go on then. Whoever keeps a clone can give it.
    pub stop: Stop,
}

/// How long runs that are open when a server is told to stop may go on, if nothing else is said.
const DRAIN: Duration = Duration::from_secs(30);

impl Config {
    /// The defaults, for that data directory.
    #[must_use]
    pub fn new(data_dir: impl Into<PathBuf>) -> Self {
        Self {
            data_dir: data_dir.into(),
            api_key: None,
            secret: None,
            agents: Vec::new(),
            working_directories: Vec::new(),
            engine: None,
            mounts: Vec::new(),
            host_network: false,
            grace: Duration::from_secs(10),
            run_timeout: Duration::from_secs(60 * 60),
            viewer_grace: Duration::from_secs(30),
            idle_eviction: Duration::from_secs(300),
            bounds: gateway::Bounds::default(),
            tls: None,
            metrics_public: false,
            tracer: trace::Tracer::default(),
            stop: Stop::new(DRAIN),
        }
    }
}

impl std::fmt::Debug for Config {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Config")
            .field("data_dir", &self.data_dir)
            .field("api_key", &self.api_key.as_ref().map(|_| "***"))
            .field("secret", &self.secret.as_ref().map(|_| "***"))
            .field("agents", &self.agents)
            .field("working_directories", &self.working_directories)
            .field("engine", &self.engine)
            .field("mounts", &self.mounts)
            .field("host_network", &self.host_network)
            .field("grace", &self.grace)
            .field("run_timeout", &self.run_timeout)
            .field("viewer_grace", &self.viewer_grace)
            .field("idle_eviction", &self.idle_eviction)
            .field("bounds", &self.bounds)
            .field("tls", &self.tls)
            .field("metrics_public", &self.metrics_public)
            .field("stop", &self.stop)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn secrets_are_not_printed() {
        let mut config = Config::new("/tmp/x");
        config.api_key = Some("lsm_visible".to_owned());
        config.secret = Some("visible".to_owned());

        let text = format!("{config:?}");

        assert!(!text.contains("visible"), "{text}");
    }
}
