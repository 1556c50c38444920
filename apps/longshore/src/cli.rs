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
mod servers;

use std::path::PathBuf;
use std::str::FromStr;
use std::time::Duration;

use clap::{Args, Parser, Subcommand};
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
pub use self::servers::{
    Containers, Controller, Manager, Notify, Pages, Server, StartAgents, Times, Up,
};
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
