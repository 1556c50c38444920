//! `longshore agent`.

use clap::{Args, Subcommand};
use protocol::spec::ApprovalPolicy;

use super::Target;
use crate::presets::Chosen;

/// `longshore agent …`
#[derive(Debug, Subcommand)]
pub enum Agent {
    /// Make an agent of any program, or one more `echo`
    Add(Box<AgentAdd>),
    /// Show the agents of a manager
    List {
        /// Print JSON
        #[arg(long)]
        json: bool,
        /// Which manager.
        #[command(flatten)]
        of: OfClient,
    },
    /// Look whether an agent can be used: is its program there, which version, does it answer, what can it do
    Doctor {
        /// Name or id
        agent: String,
        /// Print JSON
        #[arg(long)]
        json: bool,
        /// Which manager.
        #[command(flatten)]
        of: OfClient,
    },
    /// Show one of them
    Show {
        /// Name or id
        agent: String,
        /// Print JSON
        #[arg(long)]
        json: bool,
        /// Which manager.
        #[command(flatten)]
        of: OfClient,
    },
    /// Let an agent that was stopped take messages again
    Start {
        /// Name or id
        agent: String,
        /// Print JSON
        #[arg(long)]
        json: bool,
        /// Which manager.
        #[command(flatten)]
        of: OfClient,
    },
    /// Cancel what an agent does and take no messages until it is started
    Stop {
        /// Name or id
        agent: String,
        /// Print JSON
        #[arg(long)]
        json: bool,
        /// Which manager.
        #[command(flatten)]
        of: OfClient,
    },
    /// Cancel what an agent does and begin with new processes
    Restart {
        /// Name or id
        agent: String,
        /// Print JSON
        #[arg(long)]
        json: bool,
        /// Which manager.
        #[command(flatten)]
        of: OfClient,
    },
    /// Remove an agent with all its conversations
    Remove {
        /// Name or id
        agent: String,
        /// Print JSON
        #[arg(long)]
        json: bool,
        /// Which manager.
        #[command(flatten)]
        of: OfClient,
    },
}

/// Which manager, at which controller.
#[derive(Debug, Clone, Args)]
pub struct OfClient {
    /// Name or id of the manager; needed when there are several
    #[arg(long, env = "LONGSHORE_CLIENT", value_name = "NAME")]
    pub client: Option<String>,
    /// Which controller.
    #[command(flatten)]
    pub target: Target,
}

/// `longshore agent add`
#[derive(Debug, Args)]
#[command(after_help = "Examples:\n  longshore agent add calc -- bc -l\n  \
    longshore agent add js --sentinel '^> $' -- node -i\n  longshore agent add parrot\n  \
    longshore agent add --preset claude\n  longshore agent add writer --preset claude -- --model opus\n  \
    longshore agent add --preset 'acp:opencode acp'\n  \
    longshore agent add box --image debian:12 -- bash\n  \
    longshore agent add --preset claude --image my/claude:latest")]
pub struct AgentAdd {
    /// Name, unique within the manager [default: that of the preset]
    #[arg(required_unless_present = "preset")]
    pub name: Option<String>,
    /// A program that longshore knows: claude, codex, gemini, opencode, aider, bash, python, node, or acp:COMMAND for any other that
    /// speaks the Agent Client Protocol
    #[arg(long, value_name = "PROGRAM", conflicts_with_all = ["sentinel", "one_line", "quiet_ms", "empty_ms", "greeting_ms"])]
    pub preset: Option<Chosen>,
    /// Run the program in a container of this image, with the agent's own directory as its home
    #[arg(long, value_name = "IMAGE")]
    pub image: Option<String>,
    /// What the agent may do without asking, if its program asks
    #[arg(long, value_name = "POLICY", requires = "preset", value_parser = approval_policy)]
    pub approvals: Option<ApprovalPolicy>,
    /// The program and its arguments, after `--`, with a preset only more arguments; without either, the built-in `echo`
    #[arg(last = true, value_name = "COMMAND")]
    pub command: Vec<String>,
    /// The answer ends at output that this regular expression matches
    #[arg(long, value_name = "REGEX", requires = "command", conflicts_with = "one_line")]
    pub sentinel: Option<String>,
    /// The answer is one line
    #[arg(long, requires = "command")]
    pub one_line: bool,
    /// The answer ends when the program has been quiet this long
    #[arg(long, value_name = "MILLISECONDS", requires = "command")]
    pub quiet_ms: Option<u64>,
    /// Without any output the answer is empty after this time
    #[arg(long, value_name = "MILLISECONDS", requires = "command")]
    pub empty_ms: Option<u64>,
    /// With --sentinel: how long the program may take from its start to its first prompt
    #[arg(long, value_name = "MILLISECONDS", requires = "sentinel")]
    pub greeting_ms: Option<u64>,
    /// Print JSON
    #[arg(long)]
    pub json: bool,
    /// Which manager.
    #[command(flatten)]
    pub of: OfClient,
}

fn approval_policy(text: &str) -> Result<ApprovalPolicy, String> {
    match text {
        "ask" => Ok(ApprovalPolicy::Ask),
        "allow-read" => Ok(ApprovalPolicy::AllowRead),
        "allow-all" => Ok(ApprovalPolicy::AllowAll),
        _ => Err("expected ask, allow-read or allow-all".to_owned()),
    }
}
