//! `longshore conversations`.

use std::path::PathBuf;

use clap::{Args, Subcommand, ValueEnum};

use super::connect::OfAgent;

/// `longshore conversations …`
#[derive(Debug, Subcommand)]
pub enum Conversations {
    /// Make a conversation
    Create {
        /// Its name
        #[arg(default_value = "CLI")]
        name: String,
        /// Where and how.
        #[command(flatten)]
        how: Listing,
    },
    /// Show the conversations, newest activity first
    List {
        /// Only those that have this in their name
        #[arg(long, value_name = "TEXT")]
        name: Option<String>,
        /// Where and how.
        #[command(flatten)]
        how: Listing,
    },
    /// Find conversations by something like their name
    Find {
        /// What to look for
        query: String,
        /// At most this many
        #[arg(long, default_value_t = 10, value_name = "N")]
        max: usize,
        /// Where and how.
        #[command(flatten)]
        how: Listing,
    },
    /// Search what was said
    Search {
        /// Words, of which the last may be unfinished
        query: String,
        /// At most this many
        #[arg(long, default_value_t = 10, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=100))]
        max: u32,
        /// Where and how.
        #[command(flatten)]
        how: Listing,
    },
    /// Give a conversation another name
    Rename {
        /// Name or id
        conversation: String,
        /// The new name
        name: String,
        /// Where and how.
        #[command(flatten)]
        how: Listing,
    },
    /// Delete a conversation and all its data
    Delete {
        /// Name or id
        conversation: String,
        /// Do not ask
        #[arg(long, short)]
        yes: bool,
        /// Where and how.
        #[command(flatten)]
        how: Listing,
    },
    /// Write a conversation to a file
    Export {
        /// Name or id
        conversation: String,
        /// What the file is to be
        #[arg(long, value_enum, default_value_t = Format::Jsonl)]
        format: Format,
        /// The file [default: standard output]
        #[arg(long, value_name = "FILE")]
        out: Option<PathBuf>,
        /// Which agent.
        #[command(flatten)]
        whom: OfAgent,
    },
    /// Make a conversation of a file: of JSON lines that `export` wrote, or of an array of {"user", "assistant"}
    #[command(
        after_help = "Messages keep their times and their order. The agent is not told of them, so the conversation takes no \
        new ones unless it is made --writable."
    )]
    Import {
        /// The file; `-` is standard input
        file: PathBuf,
        /// The conversation's name [default: the file's]
        #[arg(long, value_name = "NAME")]
        name: Option<String>,
        /// Let people go on in it, though the agent knows nothing of what was said
        #[arg(long)]
        writable: bool,
        /// Where and how.
        #[command(flatten)]
        how: Listing,
    },
}

/// Whose conversations, and how they are shown.
#[derive(Debug, Clone, Args)]
pub struct Listing {
    /// Print JSON
    #[arg(long)]
    pub json: bool,
    /// Which agent.
    #[command(flatten)]
    pub whom: OfAgent,
}

/// What a file of a conversation is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Format {
    /// One JSON object a line for each entry, whole; can be imported
    Jsonl,
    /// For people
    Markdown,
}

impl Format {
    /// As REST calls it.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Jsonl => "jsonl",
            Self::Markdown => "markdown",
        }
    }
}
