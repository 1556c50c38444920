//! `longshore completions` and `longshore man`.

use std::path::PathBuf;

use clap::Args;
use clap_complete::Shell;

/// `longshore completions`
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  longshore completions bash > ~/.local/share/bash-completion/completions/longshore
  longshore completions zsh > ~/.zfunc/_longshore          with fpath+=~/.zfunc before compinit
  longshore completions fish > ~/.config/fish/completions/longshore.fish")]
pub struct Completions {
    /// Which shell
    pub shell: Shell,
}

/// `longshore man`
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  longshore man | man -l -                       read it now
  longshore man --out ~/.local/share/man/man1    from then on: man longshore, man longshore-up")]
pub struct Man {
    /// Directory for the pages of all commands [default: the first page, to stdout]
    #[arg(long, value_name = "DIR")]
    pub out: Option<PathBuf>,
}
