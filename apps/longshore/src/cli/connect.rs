//! `longshore connect` and whom the command line talks to.

use std::path::PathBuf;
use std::time::Duration;

use clap::Args;

use super::{OfClient, seconds};
use crate::spawn;

/// Which agent, of which manager.
#[derive(Debug, Clone, Args)]
pub struct OfAgent {
    /// Name or id of the agent [default: the only one, or `echo`]
    #[arg(long, value_name = "NAME")]
    pub agent: Option<String>,
    /// Which manager.
    #[command(flatten)]
    pub of: OfClient,
}

/// `longshore connect`
#[derive(Debug, Clone, Args)]
#[command(
    after_help = "On a terminal, type a message and press Enter; /help shows the commands, Esc cancels, Ctrl-D leaves. \
    From a pipe, each line is sent when the answer to the one before is complete.\n\n\
    Examples:\n  longshore connect calc\n  longshore connect --resume\n  \
    longshore connect claude --conversation refactoring --request 'where were we?' --no-exit\n  \
    printf '1+1\\n2+2\\n' | longshore connect calc"
)]
pub struct Connect {
    /// Name or id of the agent [default: the only one, or `echo`]
    #[arg(value_name = "AGENT", conflicts_with = "agent")]
    pub positional: Option<String>,
    /// Which agent.
    #[command(flatten)]
    pub whom: OfAgent,
    /// Name or id of the conversation [default: the one called CLI, which is made when it is not there]
    #[arg(long, short, value_name = "NAME", conflicts_with_all = ["resume", "memory"])]
    pub conversation: Option<String>,
    /// Go on in the conversation that was talked in last
    #[arg(long, short, conflicts_with = "memory")]
    pub resume: bool,
    /// Talk in a conversation that is deleted at the end
    #[arg(long)]
    pub memory: bool,
    /// Send this first, and leave when it is answered
    #[arg(long, value_name = "TEXT")]
    pub request: Option<String>,
    /// Send the lines of a file, each when the one before is answered, and leave
    #[arg(long, value_name = "FILE")]
    pub input: Option<PathBuf>,
    /// Stay when --request and --input are answered
    #[arg(long)]
    pub no_exit: bool,
    /// How many entries of history to show; 0 for none
    #[arg(long, env = "LONGSHORE_HISTORY", default_value_t = 100, value_name = "N")]
    pub history: u64,
    /// Leave with status 1 when the connection is lost
    #[arg(long)]
    pub no_reconnect: bool,
    /// How a server is started when none runs here.
    #[command(flatten)]
    pub spawn: Spawn,
}

/// How a server is started when none runs on this machine.
#[derive(Debug, Clone, Args)]
pub struct Spawn {
    /// Say nothing about a server that has to be started
    #[arg(long)]
    pub hidden: bool,
    /// Seconds without anybody after which a server that was started stops; 0 for never [default: 0, 600 for `run` and `replay`]
    #[arg(long, value_name = "SECONDS", value_parser = seconds)]
    pub idle_timeout: Option<Duration>,
    /// Start no server when none runs here
    #[arg(long, env = "LONGSHORE_NO_SPAWN")]
    pub no_spawn: bool,
    /// The configuration file that was named.
    #[arg(skip)]
    pub config: Option<PathBuf>,
}

impl Spawn {
    /// How a server is started, which goes on for so long when nobody is connected unless the flags say otherwise.
    #[must_use]
    pub fn options(&self, idle_timeout: Duration) -> spawn::Options {
        spawn::Options {
            hidden: self.hidden,
            idle_timeout: self.idle_timeout.unwrap_or(idle_timeout),
            forbidden: self.no_spawn,
            config: self.config.clone(),
        }
    }
}
