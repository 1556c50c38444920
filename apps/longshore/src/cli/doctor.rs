//! `longshore doctor`.

use clap::Args;

use super::Target;

/// `longshore doctor`
#[derive(Debug, Args)]
#[command(after_help = "\
Nothing is changed, and no server is needed: what is not there is not looked at. A line for each check
begins with ✓ when all is well, ! where something deserves a look, ✗ where something is wrong, and is
followed by what to do. The exit status is 1 when something is wrong.")]
pub struct Doctor {
    /// Leave out what takes long: the databases' contents, and whether each agent's program answers
    #[arg(long)]
    pub quick: bool,
    /// Print JSON
    #[arg(long)]
    pub json: bool,
    /// Which controller.
    #[command(flatten)]
    pub target: Target,
}
