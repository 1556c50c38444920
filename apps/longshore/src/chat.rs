//! `longshore chat`: a conversation in the terminal, or from a pipe.

mod input;
mod screen;
mod session;
mod transcript;

use std::io::{self, IsTerminal};

use anyhow::{Context, bail};
use jiff::tz::TimeZone;
use protocol::ClientId;
use protocol::agents::AgentInfo;

use crate::agents;
use crate::api::{Api, Controller};
use crate::cli;
use crate::directories::Directories;
use crate::spawn;
use crate::stop;
use screen::Screen;
use session::{Session, Target};

/// The agent for which nobody needs to ask.
const DEFAULT_AGENT: &str = "echo";

/// Talks to an agent until the input ends or the user leaves.
///
/// # Errors
/// The controller cannot be reached or refuses, there is no such agent, or, from a pipe, a message could
/// not be delivered.
pub async fn chat(args: cli::Chat, directories: Directories) -> anyhow::Result<()> {
    let stop = stop::on_signal()?;
    let options = spawn::Options { forbidden: args.no_spawn, ..spawn::Options::default() };
    let controller = spawn::ensure(&args.of.target, options, &directories).await?;
    let asked = (controller.clone(), args.clone());
    let (client, agent) = tokio::task::spawn_blocking(move || choose(asked.0, &asked.1))
        .await
        .context("ask the controller for its agents")??;
    let screen = Screen::new(io::stdout(), io::stdout().is_terminal(), TimeZone::system());
    let piped = !io::stdin().is_terminal();
    let target = Target { controller, client, agent, history: args.history };
    let session = Session::open(target, screen, piped)?;
    tokio::select! {
        ended = session.run(input::lines()) => ended,
        () = stop.cancelled() => Ok(()),
    }
}

/// The manager and the agent that the arguments mean.
fn choose(controller: Controller, args: &cli::Chat) -> anyhow::Result<(ClientId, AgentInfo)> {
    let api = Api::new(controller);
    let client = api.client(args.of.client.as_deref())?;
    let agents = api.agents(&client.client_id)?;
    let names = agents::names(&agents);
    let agent = match (&args.agent, agents.as_slice()) {
        (_, []) => bail!("{} has no agents: `longshore agent add` adds one", client.name),
        (Some(wanted), _) => agents::find(&agents, wanted)
            .with_context(|| format!("no agent is called \"{wanted}\"; there are: {names}"))?,
        (None, [only]) => only,
        (None, _) => agents::find(&agents, DEFAULT_AGENT)
            .with_context(|| format!("choose an agent: longshore chat <agent>, one of {names}"))?,
    };
    Ok((client.client_id, agent.clone()))
}
