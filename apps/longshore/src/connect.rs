//! `longshore connect`: a conversation in the terminal, or from a pipe.

mod asked;
mod commands;
mod editor;
mod gate;
mod input;
mod keys;
mod open_runs;
mod output;
mod remembered;
mod screen;
mod session;
mod slash;
mod tail;
mod transcript;

use std::collections::VecDeque;
use std::io::{IsTerminal, Write};
use std::time::Duration;

use anyhow::Context;
use protocol::agents::ConversationInfo;

use crate::choose::{self, Chosen, DEFAULT_CONVERSATION};
use crate::cli;
use crate::conversations::{Shelf, is_yes};
use crate::directories::Directories;
use crate::hint::Status;
use crate::line::Line;
use crate::replay::uuid;
use crate::stop;
use output::Output;
use remembered::{Last, Memory};
use session::{Session, Target};

/// How long leaving may take that deletes a conversation.
const GOODBYE: Duration = Duration::from_secs(5);

/// Talks to an agent until the input ends or the user leaves.
///
/// # Errors
/// The controller cannot be reached or refuses, there is no such agent or conversation, or a message could not be delivered; or
/// [`Status`], when not all that a script said was answered, or it was interrupted.
pub async fn connect(args: cli::Connect, directories: Directories) -> anyhow::Result<()> {
    let memory = Memory::new(&directories);
    let last = args.resume.then(|| memory.last()).flatten();
    let script = script(&args)?;
    let stop = stop::on_signal()?;
    let preparing = prepare(&args, last, &directories);
    let (chosen, line, shelf, conversation) = stop::unless_stopped(&stop, preparing).await?;
    let stays = args.no_exit || script.is_empty();
    let output = Output::open(stays, || memory.typed())?;
    let id = conversation.conversation_id.clone();
    let target = Target {
        client: chosen.client,
        agent: chosen.agent,
        conversation,
        history: args.history,
        no_reconnect: args.no_reconnect,
        script,
        stays,
        memory: (!args.memory).then_some(memory),
    };
    let mut session = Session::new(line, target, output);
    let ended = session.run(stop).await;
    if args.memory {
        let deleted = tokio::time::timeout(GOODBYE, shelf.delete(&id)).await;
        if !matches!(deleted, Ok(Ok(()))) {
            tracing::warn!("the conversation is left to the manager to delete");
        }
    }
    session.leave().await;
    ended?.exit()
}

/// Whom to talk to, a connection, and where to talk.
async fn prepare(
    args: &cli::Connect,
    last: Option<Last>,
    directories: &Directories,
) -> anyhow::Result<(Chosen, Line, Shelf, ConversationInfo)> {
    let chosen = choose(args, last.as_ref(), directories).await?;
    let line = chosen.line().await?;
    let shelf = chosen.shelf(&line);
    let conversation = conversation(args, &chosen, &shelf, last).await?;
    Ok((chosen, line, shelf, conversation))
}

/// What is said before anybody types.
fn script(args: &cli::Connect) -> anyhow::Result<VecDeque<String>> {
    let mut script: VecDeque<_> = args.request.clone().into_iter().collect();
    if let Some(path) = &args.input {
        let text =
            std::fs::read_to_string(path).with_context(|| format!("read {}", path.display()))?;
        script.extend(text.lines().filter(|line| !line.trim().is_empty()).map(str::to_owned));
    }
    Ok(script)
}

/// The agent that is meant; with --resume and without a name, the one that was talked to last.
async fn choose(
    args: &cli::Connect,
    last: Option<&Last>,
    directories: &Directories,
) -> anyhow::Result<Chosen> {
    let spawn = || Some(args.spawn.options(Duration::ZERO));
    let mut whom = args.whom.clone();
    whom.agent = whom.agent.or_else(|| args.positional.clone());
    if let (Some(last), None) = (last, &whom.agent) {
        let mut there = whom.clone();
        there.agent = Some(last.agent_id.to_string());
        there.of.client.get_or_insert_with(|| last.client_id.to_string());
        if let Ok(chosen) = choose::agent(&there, spawn(), directories).await {
            return Ok(chosen);
        }
    }
    choose::agent(&whom, spawn(), directories).await
}

async fn conversation(
    args: &cli::Connect,
    chosen: &Chosen,
    shelf: &Shelf,
    last: Option<Last>,
) -> anyhow::Result<ConversationInfo> {
    if args.memory {
        return Ok(shelf.create(&format!("cli-ephemeral-{}", uuid()), true, false).await?);
    }
    if !args.resume {
        return choose::conversation(shelf, args.conversation.as_deref()).await;
    }
    let last = last.filter(|last| last.agent_id == chosen.agent.agent_id);
    if let Some(last) = last {
        let all = shelf.list(None).await?;
        let found = all.into_iter().find(|info| info.conversation_id == last.conversation_id);
        if let Some(found) = found {
            return Ok(found);
        }
        eprintln!("The last used conversation no longer exists on the server.");
        // On a thread of its own, so that a signal is heard meanwhile.
        if std::io::stdin().is_terminal() && !tokio::task::spawn_blocking(join_default).await?? {
            return Err(Status(1).into());
        }
    }
    choose::conversation(shelf, None).await
}

fn join_default() -> anyhow::Result<bool> {
    eprint!("Join the default '{DEFAULT_CONVERSATION}' conversation? [y/N] ");
    std::io::stderr().flush()?;
    let mut line = String::new();
    std::io::stdin().read_line(&mut line)?;
    Ok(is_yes(&line))
}
