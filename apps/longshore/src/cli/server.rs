//! The life of a server: settings of those that run, and the commands that start, ask and stop one.

use std::path::PathBuf;
use std::time::Duration;

use clap::{Args, Subcommand};

use super::seconds;

/// How a server ends, and where it writes down what it does.
#[derive(Debug, Clone, Args)]
pub struct Life {
    /// Seconds that open runs may go on once the server is to stop
    #[arg(long, env = "LONGSHORE_DRAIN", default_value = "30", value_name = "SECONDS", value_parser = drain)]
    pub drain: Duration,
    /// Seconds that ending may take after that, before what is left is cut off
    #[arg(long, env = "LONGSHORE_GRACE", default_value = "10", value_name = "SECONDS", value_parser = seconds)]
    pub grace: Duration,
    /// Stop that many seconds after the last one who was connected has gone, unless something still runs; 0 for never
    #[arg(long, env = "LONGSHORE_IDLE_TIMEOUT", default_value = "0", value_name = "SECONDS", value_parser = seconds)]
    pub idle_timeout: Duration,
    /// Log to this file instead of stderr. At 10 MiB another is begun; four older ones are kept
    #[arg(long, env = "LONGSHORE_LOG_FILE", value_name = "FILE")]
    pub log_file: Option<PathBuf>,
    /// Leave the terminal, and tell nobody anything but the log file
    #[arg(long, env = "LONGSHORE_BACKGROUND", hide = true)]
    pub background: bool,
    /// Take any free port when the one that was meant is taken
    #[arg(long, env = "LONGSHORE_ANY_PORT", hide = true)]
    pub any_port: bool,
}

/// Longest drain, as on the wire.
fn drain(text: &str) -> Result<Duration, String> {
    let longest = Duration::from_millis(protocol::limits::LONGEST_DRAIN_MS);
    let drain = seconds(text)?;
    if drain <= longest { Ok(drain) } else { Err("an hour at most".to_owned()) }
}

/// `longshore server …`
#[derive(Debug, Subcommand)]
pub enum Server {
    /// Start both tiers in the background, wait until they are ready, and print the URL
    Start(Start),
    /// Say whether a server runs here and how it is; the exit status says so, too
    Status {
        /// Print JSON
        #[arg(long)]
        json: bool,
    },
    /// Stop the server that runs here
    Stop {
        /// Seconds that open runs may go on [default: as the server was started with, 30]
        #[arg(long, value_name = "SECONDS", value_parser = drain)]
        deadline: Option<Duration>,
        /// Kill it if it has not stopped after 5 s
        #[arg(long, short)]
        force: bool,
        /// Print JSON
        #[arg(long)]
        json: bool,
    },
    /// Stop the server that runs here and start it again: the same process, the same ports, the same settings
    Restart {
        /// Seconds that open runs may go on [default: as the server was started with, 30]
        #[arg(long, value_name = "SECONDS", value_parser = drain)]
        deadline: Option<Duration>,
        /// Print JSON
        #[arg(long)]
        json: bool,
    },
    /// Show the log of a server that runs in the background
    Logs {
        /// Go on with what is new, until Ctrl-C
        #[arg(long, short)]
        follow: bool,
        /// How many lines to begin with
        #[arg(long, short = 'n', default_value_t = 100, value_name = "N")]
        lines: usize,
    },
}

/// `longshore server start`
#[derive(Debug, Clone, Args)]
#[command(
    after_help = "What stands behind `--` is for `longshore up`:\n  longshore server start -- --agent calc='bc -l'\n\
    Its working directory is /, so paths are given in full."
)]
pub struct Start {
    /// Print JSON
    #[arg(long)]
    pub json: bool,
    /// Further flags of `longshore up`
    #[arg(last = true, value_name = "FLAGS")]
    pub flags: Vec<String>,
}
