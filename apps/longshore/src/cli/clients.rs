//! `longshore client`.

use std::path::PathBuf;

use clap::Subcommand;

use super::Target;
use crate::secret::Secret;

/// `longshore client …`
#[derive(Debug, Subcommand)]
pub enum Client {
    /// Make a manager known to the controller, and wait until they are connected
    Add {
        /// Name to show
        #[arg(long)]
        name: String,
        /// Where the manager listens, such as http://machine-a:8080
        #[arg(long, value_name = "URL")]
        endpoint: String,
        /// The manager's API key; `longshore manager` says where it is
        #[arg(
            long,
            env = "LONGSHORE_API_KEY",
            hide_env_values = true,
            value_name = "KEY",
            required_unless_present = "api_key_file"
        )]
        api_key: Option<Secret>,
        /// File that has this key
        #[arg(long, value_name = "FILE", conflicts_with = "api_key")]
        api_key_file: Option<PathBuf>,
        /// Do not wait until they are connected
        #[arg(long)]
        no_wait: bool,
        /// Print JSON
        #[arg(long)]
        json: bool,
        /// Which controller.
        #[command(flatten)]
        target: Target,
    },
    /// Show the managers that the controller knows
    List {
        /// Print JSON
        #[arg(long)]
        json: bool,
        /// Which controller.
        #[command(flatten)]
        target: Target,
    },
    /// Show one of them, and why it is away
    Show {
        /// Name or id
        client: String,
        /// Print JSON
        #[arg(long)]
        json: bool,
        /// Which controller.
        #[command(flatten)]
        target: Target,
    },
    /// Give it another name, address or key
    #[command(group = clap::ArgGroup::new("change").multiple(true).required(true))]
    Change {
        /// Name or id
        client: String,
        /// Name to show from now on
        #[arg(long, group = "change")]
        name: Option<String>,
        /// Where it listens now
        #[arg(long, value_name = "URL", group = "change")]
        endpoint: Option<String>,
        /// Its API key now
        #[arg(long, value_name = "KEY", group = "change")]
        api_key: Option<Secret>,
        /// File that has this key
        #[arg(long, value_name = "FILE", group = "change", conflicts_with = "api_key")]
        api_key_file: Option<PathBuf>,
        /// Do not wait until they are connected
        #[arg(long)]
        no_wait: bool,
        /// Print JSON
        #[arg(long)]
        json: bool,
        /// Which controller.
        #[command(flatten)]
        target: Target,
    },
    /// Make the controller forget a manager; the manager keeps its conversations
    Remove {
        /// Name or id
        client: String,
        /// Print JSON
        #[arg(long)]
        json: bool,
        /// Which controller.
        #[command(flatten)]
        target: Target,
    },
}
