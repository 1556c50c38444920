//! The command line: one struct per command, every setting with its flag, environment variable and default.

mod access;
mod agents;
mod backup;
mod clients;
mod connect;
mod conversations;
mod doctor;
mod guard;
pub mod logging;
mod manual;
mod run;
mod server;

use std::net::IpAddr;
use std::path::PathBuf;
use std::str::FromStr;
use std::time::Duration;

use clap::{Args, Parser, Subcommand};
use protocol::NotificationKind;
use protocol::spec::AgentSpec;

pub use self::access::{Audit, Token, TokenCreate};
pub use self::agents::{Agent, AgentAdd, OfClient};
pub use self::backup::{Backup, BackupCommand, MakeBackup, Restore};
pub use self::clients::Client;
pub use self::connect::{Connect, OfAgent, Spawn};
pub use self::conversations::{Conversations, Format, Listing};
pub use self::doctor::Doctor;
pub use self::guard::{Bounds, Certificate, Clients, Links};
pub use self::manual::{Completions, Man};
pub use self::run::{Replay, Run, Runs, Watching};
pub use self::server::{Life, Server as ServerCommand, Start};
use crate::secret::Secret;

const EXAMPLES: &str = "\
Examples:
  longshore up                                   both tiers on this machine, with an echo agent
  longshore up --agent 'calc=bc -l'              the same, and a calculator
  longshore connect calc                         talk to it, in a second terminal
  longshore run --agent calc '2^64'              ask it once, in a script
  longshore agent add py -- python3 -i -q        one more agent, while it runs

Every setting is a flag, an environment variable LONGSHORE_<FLAG>, or a line of longshore.toml
in the configuration directory, in that order of precedence.";

/// A relay between people and AI agents that never loses a word.
#[derive(Debug, Parser)]
#[command(name = "longshore", version, after_help = EXAMPLES, max_term_width = 110)]
pub struct Cli {
    /// What to do.
    #[command(subcommand)]
    pub command: Command,
    /// Settings of all commands.
    #[command(flatten)]
    pub global: Global,
}

/// Settings of all commands.
#[derive(Debug, Clone, Args)]
pub struct Global {
    /// Configuration file [default: longshore.toml in the configuration directory]
    #[arg(long, global = true, env = "LONGSHORE_CONFIG", value_name = "FILE")]
    pub config: Option<PathBuf>,
    /// Directory for databases and keys, and run files below it [default: $XDG_DATA_HOME/longshore]
    #[arg(long, global = true, env = "LONGSHORE_DATA_DIR", value_name = "DIR")]
    pub data_dir: Option<PathBuf>,
    /// What to log to stderr, such as `debug` or `warn,link=trace` [default: info for servers, warn otherwise and for up on a terminal]
    #[arg(long, global = true, env = "LONGSHORE_LOG", value_name = "FILTER")]
    pub log: Option<String>,
}

/// What to do.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Start both tiers on this machine and print one URL; needs no settings
    Up(Up),
    /// Start the tier that people connect to
    Controller(Controller),
    /// Start the tier that runs agents on this machine
    Manager(Manager),
    /// The server in the background: start, status, stop, restart, logs
    #[command(subcommand)]
    Server(ServerCommand),
    /// Managers that a controller knows: add, list, show, change, remove
    #[command(subcommand)]
    Client(Client),
    /// Agents of a manager: add, list, show, start, stop, restart, doctor, remove
    #[command(subcommand)]
    Agent(Agent),
    /// Talk to an agent from the terminal, or from a pipe
    #[command(alias = "chat")]
    Connect(Connect),
    /// Say one thing to an agent and print the answer
    Run(Run),
    /// Say what a file has, in a conversation of its own, and compare the answers
    Replay(Replay),
    /// Runs of agents: start, list, cancel, watch
    #[command(subcommand)]
    Runs(Runs),
    /// Conversations of an agent: create, list, find, search, rename, delete, export, import
    #[command(subcommand)]
    Conversations(Conversations),
    /// Access tokens of a controller: create, list, revoke
    #[command(subcommand)]
    Token(Token),
    /// Show who came, who was refused, and who changed what
    Audit(Audit),
    /// Ask a server on this machine whether it is ready; the exit status says so
    Health {
        /// Where it listens [default: the controller that runs here, else the usual ports; one that answers is enough]
        url: Option<String>,
        /// PEM file of the authorities, or the server, to trust over https
        #[arg(long, env = "LONGSHORE_CA_FILE", value_name = "FILE")]
        ca_file: Option<PathBuf>,
        /// Print JSON
        #[arg(long)]
        json: bool,
    },
    /// Look at everything that servers need, and say what to do
    Doctor(Doctor),
    /// Copy databases and keys of a data directory into one file, while servers run or not
    Backup(Backup),
    /// Make a data directory of a backup
    Restore(Restore),
    /// Print what a shell needs to complete commands and flags
    Completions(Completions),
    /// Print the manual page, or write those of all commands
    Man(Man),
}

impl Command {
    /// Of a server: how it ends, and where it logs.
    #[must_use]
    pub fn life(&self) -> Option<&Life> {
        match self {
            Self::Up(up) => Some(&up.server.life),
            Self::Controller(controller) => Some(&controller.server.life),
            Self::Manager(manager) => Some(&manager.server.life),
            _ => None,
        }
    }

    /// Whether nothing can be done with a wrong configuration file: servers, what may start one, and what keeps the file.
    #[must_use]
    pub fn needs_file(&self) -> bool {
        match self {
            Self::Up(_) | Self::Controller(_) | Self::Manager(_) => true,
            Self::Server(command) => matches!(command, ServerCommand::Start(_)),
            Self::Connect(_) | Self::Run(_) | Self::Replay(_) | Self::Backup(_) => true,
            _ => false,
        }
    }
}

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

/// Which controller to talk to.
#[derive(Debug, Clone, Args)]
pub struct Target {
    /// Controller to talk to [default: the one that runs on this machine]
    #[arg(long, env = "LONGSHORE_URL", value_name = "URL")]
    pub url: Option<String>,
    /// Access token [default: that of the controller on this machine]
    #[arg(long, env = "LONGSHORE_TOKEN", hide_env_values = true, value_name = "TOKEN")]
    pub token: Option<Secret>,
    /// File that has this token
    #[arg(long, env = "LONGSHORE_TOKEN_FILE", value_name = "FILE")]
    pub token_file: Option<PathBuf>,
    /// PEM file of the authorities, or the controller, to trust over https [default: those that browsers know]
    #[arg(long, env = "LONGSHORE_CA_FILE", value_name = "FILE")]
    pub ca_file: Option<PathBuf>,
}

/// A manager given as `name=url`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KnownManager {
    /// Name to show.
    pub name: String,
    /// Where it listens.
    pub endpoint: String,
}

impl FromStr for KnownManager {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let (name, endpoint) = text.split_once('=').ok_or("expected 'name=url'")?;
        Ok(Self { name: name.trim().to_owned(), endpoint: endpoint.trim().to_owned() })
    }
}

/// An agent given as `name=command args`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ProgramAgent(pub AgentSpec);

impl FromStr for ProgramAgent {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let (name, command) = text.split_once('=').ok_or("expected 'name=command args'")?;
        let words = shlex::split(command).ok_or("the command has an open quote")?;
        let [program, args @ ..] = words.as_slice() else {
            return Err("the command is empty".into());
        };
        let spec = AgentSpec::lines(name.trim(), program, args.to_vec());
        spec.check().map_err(|error| error.to_string())?;
        Ok(Self(spec))
    }
}

/// As browsers say it: what is compared with theirs has to be.
fn origin(text: &str) -> Result<String, String> {
    let scheme = ["http://", "https://"].into_iter().find_map(|scheme| text.strip_prefix(scheme));
    let is_host = |host: &str| {
        let is_part =
            |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || "-.:[]_".contains(c);
        !host.is_empty() && host.chars().all(is_part)
    };
    if text == "*" || scheme.is_some_and(is_host) {
        Ok(text.to_owned())
    } else {
        Err("expected http://host or https://host, in small letters, without a path".to_owned())
    }
}

pub(crate) fn seconds(text: &str) -> Result<Duration, String> {
    let seconds: f64 = text.parse().map_err(|_| "expected a number of seconds")?;
    Duration::try_from_secs_f64(seconds).map_err(|error| error.to_string())
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::*;

    #[test]
    fn the_command_line_is_well_formed() {
        Cli::command().debug_assert();
    }

    #[test]
    fn an_agent_is_a_name_and_a_command_with_quotes() {
        let agent: ProgramAgent = "calc=bc -l 'a b'".parse().unwrap();

        assert_eq!(agent.0, AgentSpec::lines("calc", "bc", vec!["-l".into(), "a b".into()]));
        for bad in ["calc", "calc=", "=bc", "calc='bc"] {
            assert!(bad.parse::<ProgramAgent>().is_err(), "{bad}");
        }
    }

    #[test]
    fn a_known_manager_is_a_name_and_an_address() {
        let manager: KnownManager = "a=http://m:8080/?x=y".parse().unwrap();

        assert_eq!((manager.name.as_str(), manager.endpoint.as_str()), ("a", "http://m:8080/?x=y"));
        assert!("http://m:8080".parse::<KnownManager>().is_err());
    }

    #[test]
    fn an_origin_is_what_browsers_say() {
        for good in ["*", "https://box.example", "http://[::1]:8081"] {
            assert_eq!(origin(good).unwrap(), good);
        }
        for bad in
            ["", "box.example", "https://", "https://box.example/", "https://Box.example", "null"]
        {
            assert!(origin(bad).is_err(), "{bad}");
        }
        let several = ["longshore", "up", "--origin", "http://a", "--origin", "http://b"];
        let Command::Up(up) = Cli::try_parse_from(several).unwrap().command else { panic!() };
        assert_eq!(up.pages.origins, ["http://a", "http://b"]);
    }

    #[test]
    fn a_key_is_given_in_one_way() {
        let both = ["longshore", "manager", "--api-key", "x", "--api-key-file", "y"];

        assert!(Cli::try_parse_from(both).is_err());
    }

    #[test]
    fn every_setting_of_a_server_has_its_environment_variable() {
        for name in ["up", "controller", "manager"] {
            let cli = Cli::command();
            let command = cli.find_subcommand(name).unwrap();
            for arg in command.get_arguments().filter(|a| a.get_long().is_some()) {
                let variable = format!(
                    "LONGSHORE_{}",
                    arg.get_long().unwrap().to_uppercase().replace('-', "_")
                );
                assert_eq!(
                    arg.get_env().and_then(|e| e.to_str()),
                    Some(variable.as_str()),
                    "{name}"
                );
            }
        }
    }

    #[test]
    fn a_secret_is_not_shown() {
        let cli = Cli::try_parse_from(["longshore", "manager", "--api-key", "lsm_hidden"]).unwrap();

        assert!(!format!("{cli:?}").contains("hidden"));
    }
}
