//! `longshore replay`: what a file has is said in a conversation of its own, and the answers are written down.
//!
//! The conversation is deleted at the end, whatever the end is: by us when we get to it, and otherwise by the manager, as it is an
//! ephemeral one, some time after we are gone or when the manager starts.

use std::io::Write;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use anyhow::{Context, bail};
use protocol::agents::Chat;
use protocol::{AgentId, ConversationId, RunId};
use serde::Serialize;
use tokio_util::sync::CancellationToken;

use crate::choose::{self, BRIEFLY};
use crate::cli;
use crate::conversations::{Pair, Shelf};
use crate::directories::Directories;
use crate::line::{Failed, Line};
use crate::progress::{Progress, Unit};
use crate::run::{Outcome, Watch, arrive, chat};
use crate::stop;

/// How long the deletion may take when we are told to stop: after that it is left to the manager.
const GOODBYE: Duration = Duration::from_secs(5);

/// What came of one message.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct Answered {
    user: String,
    assistant: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    expected: Option<String>,
    duration_ms: u64,
    state: &'static str,
    /// Why the message was refused.
    #[serde(skip_serializing_if = "Option::is_none")]
    error: Option<String>,
}

/// Says all of it, one message after the other.
///
/// # Errors
/// The file is none, or it could not be said; or [`crate::hint::Status`], when an answer was none.
pub async fn replay(args: cli::Replay, directories: Directories) -> anyhow::Result<()> {
    let pairs = read(&args.file)?;
    args.out.as_deref().map_or(Ok(()), check)?;
    let stop = stop::on_signal()?;
    let preparing = prepare(&args, &directories);
    let (mut line, shelf, agent) = stop::unless_stopped(&stop, preparing).await?;
    // Not stopped in the middle, or nobody would delete it.
    let made = shelf.create(&format!("cli-replay-{}", uuid()), true, false).await?;
    let (id, mut answers) = (made.conversation_id, Vec::new());
    let place = (agent, id.clone());
    let replayed = say_all(&mut line, place, pairs, args.timeout, stop, &mut answers).await;
    let deleted = tokio::time::timeout(GOODBYE, shelf.delete(&id)).await;
    if !matches!(deleted, Ok(Ok(()))) {
        tracing::warn!("the conversation is left to the manager to delete");
    }
    line.close().await;
    // What there is of it counts, also when the rest could not be said.
    let has_some = !answers.is_empty() || replayed.is_ok();
    let written = if has_some { write(&answers, args.out) } else { Ok(()) };
    let outcome = replayed?;
    written?;
    outcome.exit()
}

/// A connection, and whom to say it to.
async fn prepare(
    args: &cli::Replay,
    directories: &Directories,
) -> anyhow::Result<(Line, Shelf, AgentId)> {
    let chosen = choose::agent(&args.whom, Some(args.spawn.options(BRIEFLY)), directories).await?;
    let line = chosen.line().await?;
    let shelf = chosen.shelf(&line);
    Ok((line, shelf, chosen.agent.agent_id))
}

async fn say_all(
    line: &mut Line,
    (agent, conversation): (AgentId, ConversationId),
    pairs: Vec<Pair>,
    timeout: Option<Duration>,
    stop: CancellationToken,
    answers: &mut Vec<Answered>,
) -> anyhow::Result<Outcome> {
    let total = pairs.len() as u64;
    let (mut progress, mut worst) = (Progress::new("replaying", Unit::Things), Outcome::Done);
    arrive(line, (agent.clone(), conversation.clone()), 0, timeout, &stop).await?;
    for Pair { user, assistant: expected } in pairs {
        if stop.is_cancelled() {
            break;
        }
        let (run, began) = (RunId::random(), Instant::now());
        let message = chat(user.clone(), conversation.clone(), run.clone());
        line.say(Chat { agent_id: Some(agent.clone()), ..message });
        let answer = Watch::silent(line, run, timeout, stop.clone()).answer().await;
        let (outcome, assistant, error) = or_refused(answer)?;
        let duration_ms = u64::try_from(began.elapsed().as_millis()).unwrap_or(u64::MAX);
        let state = outcome.as_str();
        answers.push(Answered { user, assistant, expected, duration_ms, state, error });
        progress.at(answers.len() as u64, total);
        if outcome != Outcome::Done {
            worst = Outcome::Failed;
        }
    }
    Ok(if stop.is_cancelled() { Outcome::Cancelled } else { worst })
}

/// A message that is refused has failed, and the next one may not.
fn or_refused(
    answer: anyhow::Result<(Outcome, String)>,
) -> anyhow::Result<(Outcome, String, Option<String>)> {
    match answer {
        Ok((outcome, text)) => Ok((outcome, text, None)),
        Err(error) => match error.downcast()? {
            Failed::Refused(error) => Ok((Outcome::Failed, String::new(), Some(error.message))),
            lost => Err(lost.into()),
        },
    }
}

/// Whether the results can be written there, which is worth knowing before they are asked for.
fn check(out: &Path) -> anyhow::Result<()> {
    let directory = out.parent().filter(|parent| !parent.as_os_str().is_empty());
    let directory = directory.unwrap_or(Path::new("."));
    anyhow::ensure!(
        directory.is_dir(),
        "write {}: there is no directory {}",
        out.display(),
        directory.display()
    );
    anyhow::ensure!(!out.is_dir(), "write {}: it is a directory", out.display());
    Ok(())
}

fn read(path: &Path) -> anyhow::Result<Vec<Pair>> {
    let text = match std::fs::read_to_string(path) {
        Ok(text) => text,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
            bail!("History file not found: {}", path.display())
        }
        Err(error) => bail!("Failed to parse history file: {}: {error}", path.display()),
    };
    let value: serde_json::Value = serde_json::from_str(&text)
        .map_err(|error| anyhow::anyhow!("Failed to parse history file: {error}"))?;
    serde_json::from_value(value).map_err(|error| {
        anyhow::anyhow!(
            "Invalid history file format: an array of {{user, assistant}} is wanted: {error}"
        )
    })
}

fn write(answers: &[Answered], out: Option<PathBuf>) -> anyhow::Result<()> {
    let mut json = serde_json::to_vec_pretty(answers)?;
    json.push(b'\n');
    match out {
        Some(path) => {
            std::fs::write(&path, json).with_context(|| format!("write {}", path.display()))
        }
        None => Ok(std::io::stdout().write_all(&json)?),
    }
}

/// A random one, version 4.
pub(crate) fn uuid() -> String {
    let mut bytes = [0_u8; 16];
    getrandom::fill(&mut bytes).expect("the system has a source of randomness");
    bytes[6] = bytes[6] & 0x0f | 0x40;
    bytes[8] = bytes[8] & 0x3f | 0x80;
    let hex: String = bytes.iter().map(|byte| format!("{byte:02x}")).collect();
    [&hex[..8], &hex[8..12], &hex[12..16], &hex[16..20], &hex[20..]].join("-")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_that_is_none_says_why() {
        let dir = tempfile::tempdir().unwrap();
        let said = |text: &str| {
            let path = dir.path().join("h.json");
            std::fs::write(&path, text).unwrap();
            read(&path).map(|pairs| pairs.len()).map_err(|error| error.to_string())
        };

        assert_eq!(said(r#"[{"user":"a","assistant":"b"},{"user":"c"}]"#), Ok(2));
        assert!(said("{").unwrap_err().starts_with("Failed to parse history file: "));
        assert!(said("{}").unwrap_err().starts_with("Invalid history file format: "));
        assert!(said(r#"[{"x":1}]"#).unwrap_err().starts_with("Invalid history file format: "));
        let missing = dir.path().join("missing");
        let says = read(&missing).unwrap_err().to_string();
        assert_eq!(says, format!("History file not found: {}", missing.display()));
    }

    #[test]
    fn results_need_a_place_to_be_written_to() {
        let dir = tempfile::tempdir().unwrap();

        assert!(check(&dir.path().join("r.json")).is_ok() && check(Path::new("r.json")).is_ok());
        assert!(check(dir.path()).is_err());
        let says = check(&dir.path().join("missing/r.json")).unwrap_err().to_string();
        assert!(says.contains("there is no directory"), "{says}");
    }

    #[test]
    fn a_refused_message_has_failed_and_what_is_lost_ends_it_all() {
        let refused = protocol::WireError::new(protocol::ErrorCode::InvalidPayload, "too long");

        let answer = or_refused(Err(Failed::Refused(refused).into())).unwrap();
        assert_eq!(answer, (Outcome::Failed, String::new(), Some("too long".to_owned())));
        assert!(or_refused(Err(anyhow::anyhow!("gone"))).is_err());
    }

    #[test]
    fn a_uuid_is_one() {
        let id = uuid();

        let lengths: Vec<_> = id.split('-').map(str::len).collect();
        assert_eq!(lengths, [8, 4, 4, 4, 12]);
        assert_eq!(&id[14..15], "4");
        assert!("89ab".contains(&id[19..20]));
    }
}
