//! `longshore connect`: a conversation in the terminal, or from a pipe.
use crate::cli;
use crate::directories::Directories;
/// x
pub async fn connect(args: cli::Connect, directories: Directories) -> anyhow::Result<()> { drop((args, directories)); Ok(()) }
