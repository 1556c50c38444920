//! `longshore run`, `replay` and `runs`.

use std::path::PathBuf;
use std::time::Duration;

use clap::{Args, Subcommand};
use protocol::RunId;

use super::connect::{OfAgent, Spawn};
use super::{OfClient, seconds};

/// `longshore run`
#[derive(Debug, Clone, Args)]
#[command(
    after_help = "`run translate TEXT` and `run explain TEXT` say `@translate TEXT` and `@explain TEXT` to the agent, \
    `run request TEXT` just TEXT, whatever its first word is.\n\n\
    Exit status: 0 done, 1 failed, 124 --timeout, 130 cancelled.\n\n\
    Examples:\n  longshore run '2^64' --agent calc\n  git diff | longshore run - --agent claude\n  \
    longshore run --json 'what is new?' | jq -r 'select(.outcome).text'"
)]
pub struct Run {
    /// What to say; `-` or nothing is standard input
    #[arg(value_name = "TEXT")]
    pub words: Vec<String>,
    /// Which agent.
    #[command(flatten)]
    pub whom: OfAgent,
    /// Name or id of the conversation [default: the one called CLI]
    #[arg(long, short, value_name = "NAME")]
    pub conversation: Option<String>,
    /// A file for the agent, which is put into its workspace; may be given several times
    #[arg(long = "attach", value_name = "FILE")]
    pub attachments: Vec<PathBuf>,
    /// How it is shown and how long it may take.
    #[command(flatten)]
    pub how: Watching,
    /// How a server is started when none runs here.
    #[command(flatten)]
    pub spawn: Spawn,
}

/// How a run is watched.
#[derive(Debug, Clone, Args)]
pub struct Watching {
    /// Print each event of the run as a line of JSON, and the outcome as the last one
    #[arg(long)]
    pub json: bool,
    /// Seconds after which the run is cancelled
    #[arg(long, value_name = "SECONDS", value_parser = seconds)]
    pub timeout: Option<Duration>,
}

/// `longshore replay`
#[derive(Debug, Clone, Args)]
#[command(
    after_help = "The file is a JSON array of {\"user\": TEXT, \"assistant\": TEXT}, the latter not needed. The results are an array of \
    {user, assistant, expected, durationMs, state}. The conversation is deleted at the end, whatever the end is."
)]
pub struct Replay {
    /// What to say
    pub file: PathBuf,
    /// Write the results there [default: standard output]
    #[arg(long, value_name = "FILE")]
    pub out: Option<PathBuf>,
    /// Seconds that one answer may take
    #[arg(long, value_name = "SECONDS", value_parser = seconds)]
    pub timeout: Option<Duration>,
    /// Which agent.
    #[command(flatten)]
    pub whom: OfAgent,
    /// How a server is started when none runs here.
    #[command(flatten)]
    pub spawn: Spawn,
}

/// `longshore runs …`
#[derive(Debug, Subcommand)]
pub enum Runs {
    /// Start a run beside the conversation's queue, and watch it
    #[command(after_help = "Exit status: 0 done, 1 failed, 124 --timeout, 130 cancelled.")]
    Start {
        /// What to say; `-` or nothing is standard input
        #[arg(value_name = "TEXT")]
        words: Vec<String>,
        /// Id of the run [default: a new one]
        #[arg(long, value_name = "ID")]
        run_id: Option<RunId>,
        /// Print its id and leave
        #[arg(long)]
        detach: bool,
        /// Name or id of the conversation [default: the one called CLI]
        #[arg(long, short, value_name = "NAME")]
        conversation: Option<String>,
        /// How it is watched.
        #[command(flatten)]
        how: Watching,
        /// Which agent.
        #[command(flatten)]
        whom: OfAgent,
    },
    /// Show the runs that are open, of one agent or of all
    List {
        /// Print JSON
        #[arg(long)]
        json: bool,
        /// Which agent; all without.
        #[arg(long, value_name = "NAME")]
        agent: Option<String>,
        /// Which manager.
        #[command(flatten)]
        of: OfClient,
    },
    /// End runs, whether they run or wait
    Cancel {
        /// Ids of runs
        #[arg(required = true, value_name = "ID")]
        runs: Vec<RunId>,
        /// Which manager.
        #[command(flatten)]
        of: OfClient,
    },
    /// Watch a run until it ends
    #[command(after_help = "Exit status: 0 done, 1 failed, 124 --timeout, 130 cancelled.")]
    Watch {
        /// Id of the run
        #[arg(value_name = "ID")]
        run: RunId,
        /// How it is watched.
        #[command(flatten)]
        how: Watching,
        /// Which manager.
        #[command(flatten)]
        of: OfClient,
    },
}
