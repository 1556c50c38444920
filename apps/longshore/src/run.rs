//! `longshore run`: one message, one answer, and an exit status that says how it went.

mod attach;
mod outcome;
mod voice;
mod watch;

use protocol::agents::Chat;
use protocol::{AgentId, ConversationId, MessageId, RunId};

use crate::choose::{self, BRIEFLY};
use crate::cli;
use crate::directories::Directories;
use crate::line::Line;
use crate::stop;
pub(crate) use outcome::{Outcome, explain, seconds, usage};
pub(crate) use watch::{MANAGER_AWAY, Watch, arrive, note};

/// Says it, shows the answer, and ends with the status of the outcome.
///
/// # Errors
/// It could not be said; or [`crate::hint::Status`], when the run has not ended well.
pub async fn run(args: cli::Run, directories: Directories) -> anyhow::Result<()> {
    // Before signals are caught, as nothing else ends a read of standard input.
    let message = message(&args.words)?;
    let files = attach::read(&args.attachments)?;
    let stop = stop::on_signal()?;
    let preparing = prepare(&args, message, files, &directories);
    let (mut line, run, chat, (agent, conversation)) =
        stop::unless_stopped(&stop, preparing).await?;
    arrive(&mut line, (agent, conversation), 0, args.how.timeout, &stop).await?;
    line.say(chat);
    let outcome = Watch::new(&mut line, run, &args.how, stop).until_the_end().await?;
    line.close().await;
    outcome.exit()
}

/// A connection, the run that is to be, what it answers, and where.
async fn prepare(
    args: &cli::Run,
    message: String,
    files: Vec<attach::File>,
    directories: &Directories,
) -> anyhow::Result<(Line, RunId, Chat, (AgentId, ConversationId))> {
    let chosen = choose::agent(&args.whom, Some(args.spawn.options(BRIEFLY)), directories).await?;
    let line = chosen.line().await?;
    let shelf = chosen.shelf(&line);
    let conversation = choose::conversation(&shelf, args.conversation.as_deref()).await?;
    let agent = chosen.agent.agent_id;
    let paths = attach::write(&line.caller(), &agent, files).await?;
    let id = conversation.conversation_id;
    let run = RunId::random();
    let message = chat(attach::mention(message, &paths), id.clone(), run.clone());
    Ok((line, run, Chat { agent_id: Some(agent.clone()), ..message }, (agent, id)))
}

/// A message to be said, with ids of its own.
pub(crate) fn chat(message: String, conversation: ConversationId, run: RunId) -> Chat {
    Chat {
        agent_id: None,
        message,
        conversation_id: Some(conversation),
        message_id: Some(MessageId::random()),
        run_id: Some(run),
        interrupt: false,
        ephemeral: false,
        response_mode: None,
    }
}

/// What the words say. A first word of `request`, `translate` or `explain` is about those that follow; alone, or in quotes with
/// the rest, it is just a text.
fn message(words: &[String]) -> anyhow::Result<String> {
    Ok(match words {
        [first, rest @ ..] if !rest.is_empty() => match first.as_str() {
            "request" => choose::text(rest)?,
            "translate" | "explain" => format!("@{first} {}", choose::text(rest)?),
            _ => choose::text(words)?,
        },
        _ => choose::text(words)?,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_first_word_may_be_about_the_rest() {
        let of = |words: &[&str]| {
            message(&words.iter().map(ToString::to_string).collect::<Vec<_>>()).unwrap()
        };

        assert_eq!(of(&["say", "it"]), "say it");
        assert_eq!(of(&["request", "translate"]), "translate");
        assert_eq!(of(&["translate", "next", "song"]), "@translate next song");
        assert_eq!(of(&["explain", "x"]), "@explain x");
        assert_eq!(of(&["translate"]), "translate");
        assert_eq!(of(&["translate the text"]), "translate the text");
    }
}
