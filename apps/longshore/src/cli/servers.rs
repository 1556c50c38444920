//! Settings of the servers, and what several of them have in common.

use std::net::IpAddr;
use std::path::PathBuf;
use std::time::Duration;

use clap::Args;
use protocol::NotificationKind;

use super::guard::{Bounds, Certificate, Clients, Links};
use super::{KnownManager, Life, ProgramAgent, logging, origin, seconds};
use crate::secret::Secret;

/// Settings of every server.
#[derive(Debug, Clone, Args)]
pub struct Server {
    /// Address to listen on
    #[arg(long, env = "LONGSHORE_HOST", default_value = "127.0.0.1", value_name = "ADDRESS")]
    pub host: IpAddr,
    /// Print one JSON object as the first line, for scripts
    #[arg(long, env = "LONGSHORE_JSON")]
    pub json: bool,
    /// How it ends, and where it logs.
    #[command(flatten)]
    pub life: Life,
    /// Key that seals stored secrets, base64url [default: made at the first start, in secret.key]
    #[arg(long, env = "LONGSHORE_SECRET_KEY", hide_env_values = true, value_name = "KEY")]
    pub secret_key: Option<Secret>,
    /// File that has this key
    #[arg(
        long,
        env = "LONGSHORE_SECRET_KEY_FILE",
        value_name = "FILE",
        conflicts_with = "secret_key"
    )]
    pub secret_key_file: Option<PathBuf>,
    /// What it tells of itself.
    #[command(flatten)]
    pub telling: logging::Telling,
}

/// Agents that exist from the start.
#[derive(Debug, Clone, Args)]
pub struct StartAgents {
    /// An agent and its program, codec `lines`; may be given several times
    #[arg(
        long = "agent",
        env = "LONGSHORE_AGENT",
        value_delimiter = '\n',
        value_name = "NAME=COMMAND ARGS"
    )]
    pub agents: Vec<ProgramAgent>,
}

/// How long what may take at a manager.
#[derive(Debug, Clone, Args)]
pub struct Times {
    /// Seconds that a run may take
    #[arg(long, env = "LONGSHORE_RUN_TIMEOUT", default_value = "3600", value_name = "SECONDS", value_parser = seconds)]
    pub run_timeout: Duration,
    /// Seconds that queued runs, and a conversation that ends with its maker, outlive the last viewer
    #[arg(long, env = "LONGSHORE_VIEWER_GRACE", default_value = "30", value_name = "SECONDS", value_parser = seconds)]
    pub viewer_grace: Duration,
    /// Seconds that a conversation which nobody uses stays in memory; 0 for ever
    #[arg(long, env = "LONGSHORE_IDLE_EVICTION", default_value = "300", value_name = "SECONDS", value_parser = seconds)]
    pub idle_eviction: Duration,
}

/// What containers of agents may do.
#[derive(Debug, Clone, Args)]
pub struct Containers {
    /// Address of the container engine [default: $DOCKER_HOST, else the first of Docker and Podman that answers]
    #[arg(long, env = "LONGSHORE_DOCKER_HOST", value_name = "URL")]
    pub docker_host: Option<String>,
    /// Directory that containers may mount, with all that is in it; may be given several times
    #[arg(long = "mount", env = "LONGSHORE_MOUNT", value_delimiter = '\n', value_name = "DIR")]
    pub mounts: Vec<PathBuf>,
    /// Let containers share the network of this machine
    #[arg(long, env = "LONGSHORE_HOST_NETWORK")]
    pub host_network: bool,
}

/// Whose pages may talk to a controller, besides its own.
#[derive(Debug, Clone, Args)]
pub struct Pages {
    /// Origin of web pages that may talk to this controller, such as <https://box.example>; * for all, without logins of theirs. May
    /// be given several times
    #[arg(long = "origin", env = "LONGSHORE_ORIGIN", value_delimiter = ',', value_name = "ORIGIN", value_parser = origin)]
    pub origins: Vec<String>,
}

/// Who is told when an agent needs somebody, besides browsers.
#[derive(Debug, Clone, Args)]
pub struct Notify {
    /// Address that is posted to when an agent asks, and when a run is done or has failed
    #[arg(long, env = "LONGSHORE_WEBHOOK", hide_env_values = true, value_name = "URL")]
    pub webhook: Option<Secret>,
    /// File that has the secret by which this is signed
    #[arg(long, env = "LONGSHORE_WEBHOOK_SECRET_FILE", value_name = "FILE")]
    pub webhook_secret_file: Option<PathBuf>,
    /// What is posted
    #[arg(
        long,
        env = "LONGSHORE_WEBHOOK_KINDS",
        value_delimiter = ',',
        default_values = ["needs_you", "done", "failed"],
        value_name = "KINDS"
    )]
    pub webhook_kinds: Vec<NotificationKind>,
    /// Address of yours that push services of browsers are told, mailto: or https: [default: none that is read]
    #[arg(long, env = "LONGSHORE_PUSH_CONTACT", value_name = "URL")]
    pub push_contact: Option<String>,
    /// Push to any address. For tests: whoever may subscribe could reach the network of this machine
    #[arg(long, env = "LONGSHORE_PUSH_ALLOW_PRIVATE", hide = true)]
    pub push_allow_private: bool,
}

/// `longshore up`
#[derive(Debug, Clone, Args)]
pub struct Up {
    /// What all servers have.
    #[command(flatten)]
    pub server: Server,
    /// The certificate to listen with.
    #[command(flatten)]
    pub certificate: Certificate,
    /// How much one may ask of it.
    #[command(flatten)]
    pub bounds: Bounds,
    /// How it connects to managers.
    #[command(flatten)]
    pub links: Links,
    /// Agents that exist from the start.
    #[command(flatten)]
    pub agents: StartAgents,
    /// How long what may take at the manager.
    #[command(flatten)]
    pub times: Times,
    /// What containers may do.
    #[command(flatten)]
    pub containers: Containers,
    /// Who is told of what.
    #[command(flatten)]
    pub notify: Notify,
    /// Whose pages may talk to it.
    #[command(flatten)]
    pub pages: Pages,
    /// Make no agents of the agent programs that are on the PATH
    #[arg(long, env = "LONGSHORE_NO_DETECT")]
    pub no_detect: bool,
    /// Port that people connect to; 0 takes any free one
    #[arg(long, env = "LONGSHORE_CONTROLLER_PORT", default_value_t = 8081, value_name = "PORT")]
    pub controller_port: u16,
    /// Port of the manager; 0 takes any free one
    #[arg(long, env = "LONGSHORE_MANAGER_PORT", default_value_t = 8080, value_name = "PORT")]
    pub manager_port: u16,
}

/// `longshore controller`
#[derive(Debug, Clone, Args)]
pub struct Controller {
    /// What all servers have.
    #[command(flatten)]
    pub server: Server,
    /// The certificate to listen with.
    #[command(flatten)]
    pub certificate: Certificate,
    /// How much one may ask of it.
    #[command(flatten)]
    pub bounds: Bounds,
    /// How it connects to managers.
    #[command(flatten)]
    pub links: Links,
    /// Who is told of what.
    #[command(flatten)]
    pub notify: Notify,
    /// Whose pages may talk to it.
    #[command(flatten)]
    pub pages: Pages,
    /// Port that people connect to; 0 takes any free one
    #[arg(
        long,
        visible_alias = "port",
        env = "LONGSHORE_CONTROLLER_PORT",
        default_value_t = 8081,
        value_name = "PORT"
    )]
    pub controller_port: u16,
    /// A manager that is known from the start; its key is that of --api-key-file
    #[arg(long, env = "LONGSHORE_MANAGER", value_name = "NAME=URL")]
    pub manager: Option<KnownManager>,
    /// File that has the API key of this manager
    #[arg(long, env = "LONGSHORE_API_KEY_FILE", value_name = "FILE")]
    pub api_key_file: Option<PathBuf>,
    /// File that has an access token, 32 characters or more [default: made at the first start, in owner.token]
    #[arg(long, env = "LONGSHORE_TOKEN_FILE", value_name = "FILE")]
    pub token_file: Option<PathBuf>,
}

/// `longshore manager`
#[derive(Debug, Clone, Args)]
pub struct Manager {
    /// What all servers have.
    #[command(flatten)]
    pub server: Server,
    /// The certificate to listen with.
    #[command(flatten)]
    pub certificate: Certificate,
    /// Whose certificates it asks for.
    #[command(flatten)]
    pub clients: Clients,
    /// How much one may ask of it.
    #[command(flatten)]
    pub bounds: Bounds,
    /// Agents that exist from the start.
    #[command(flatten)]
    pub agents: StartAgents,
    /// How long what may take at the manager.
    #[command(flatten)]
    pub times: Times,
    /// What containers may do.
    #[command(flatten)]
    pub containers: Containers,
    /// Port that controllers connect to; 0 takes any free one
    #[arg(
        long,
        visible_alias = "port",
        env = "LONGSHORE_MANAGER_PORT",
        default_value_t = 8080,
        value_name = "PORT"
    )]
    pub manager_port: u16,
    /// Key that controllers must show [default: made at the first start and kept in the data directory]
    #[arg(long, env = "LONGSHORE_API_KEY", hide_env_values = true, value_name = "KEY")]
    pub api_key: Option<Secret>,
    /// File that has this key
    #[arg(long, env = "LONGSHORE_API_KEY_FILE", value_name = "FILE", conflicts_with = "api_key")]
    pub api_key_file: Option<PathBuf>,
}
