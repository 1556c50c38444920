//! `longshore backup` and `longshore restore`.

use std::num::NonZeroUsize;
use std::path::PathBuf;

use clap::{Args, Subcommand};

/// `longshore backup`
#[derive(Debug, Args)]
#[command(
    args_conflicts_with_subcommands = true,
    after_help = "\
Servers may run meanwhile. The file has the databases of both tiers, as far as they are in the data
directory, the keys without which they are of no use, and longshore.toml: keep it as you keep keys.
The directories that agents work in are not in it.

Examples:
  longshore backup                               into the directory `backups` of the data directory
  longshore backup /mnt/backups --keep 14        for a timer: a new file, and the newest 14 stay
  longshore backup verify /mnt/backups/longshore-backup-20260728-120000-000.tar"
)]
pub struct Backup {
    /// What else to do.
    #[command(subcommand)]
    pub command: Option<BackupCommand>,
    /// The backup to make.
    #[command(flatten)]
    pub make: MakeBackup,
}

/// What is to be made.
#[derive(Debug, Clone, Args)]
pub struct MakeBackup {
    /// Directory that gets the file, or the name of a file that ends with .tar [default: `backups` in the data directory]
    #[arg(value_name = "TO")]
    pub to: Option<PathBuf>,
    /// Afterwards remove all but the newest N backups of that directory
    #[arg(long, value_name = "N")]
    pub keep: Option<NonZeroUsize>,
    /// Leave out keys and longshore.toml; whoever restores it needs the same secret.key
    #[arg(long)]
    pub without_keys: bool,
    /// Print JSON
    #[arg(long)]
    pub json: bool,
}

/// What else there is to do with backups.
#[derive(Debug, Subcommand)]
pub enum BackupCommand {
    /// Look whether a backup is whole, and what is in it
    Verify {
        /// The backup
        file: PathBuf,
        /// Print JSON
        #[arg(long)]
        json: bool,
    },
}

/// `longshore restore`
#[derive(Debug, Args)]
#[command(after_help = "\
No server may run on the data directory. Every conversation begins a new life (epoch), so that whoever
has seen more than the backup has, or something else since, starts over and is told so.

Example:
  longshore restore longshore-backup-20260728-120000-000.tar --data-dir /var/lib/longshore")]
pub struct Restore {
    /// The backup
    pub file: PathBuf,
    /// Replace what is in the data directory: it is moved aside, into a directory beside it
    #[arg(long)]
    pub force: bool,
    /// Print JSON
    #[arg(long)]
    pub json: bool,
}
