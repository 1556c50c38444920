//! `longshore conversations`: those of an agent.

mod import;
mod shelf;
mod table;

use std::io::{IsTerminal, Write};
use std::path::Path;

use anyhow::{Context, bail};
use protocol::agents::ConversationInfo;
use serde::Serialize;
use serde_json::json;

use crate::api::Api;
use crate::choose::{self, Chosen};
use crate::cli::{Conversations, Format, Listing, OfAgent};
use crate::directories::Directories;
use crate::line::Line;
use crate::out;
use crate::paint::brief;
pub(crate) use import::Pair;
pub(crate) use shelf::{Shelf, nearest};
pub(crate) use table::{columns, table};

/// Does what is asked for.
///
/// # Errors
/// What the controller answers, that it cannot be reached, or that there is no such conversation.
pub async fn execute(command: Conversations, directories: Directories) -> anyhow::Result<()> {
    match command {
        Conversations::Create { name, how } => {
            let open = Open::new(&how.whom, &directories).await?;
            let made = open.shelf.create(&name, false, false).await?;
            let said = format!("Created conversation '{}' ({})", made.name, made.conversation_id);
            print(&how, &made, &said)
        }
        Conversations::List { name, how } => {
            let open = Open::new(&how.whom, &directories).await?;
            let all = open.shelf.list(name.as_deref()).await?;
            print(&how, &all, &table(&all))
        }
        Conversations::Find { query, max, how } => {
            let open = Open::new(&how.whom, &directories).await?;
            let all = open.shelf.list(None).await?;
            let found: Vec<_> = nearest(&all, &query, max);
            let infos: Vec<_> = found.iter().map(|(info, _)| (*info).clone()).collect();
            let scored = |(info, score): &(&ConversationInfo, f64)| json!({ "conversation": info, "score": score });
            let scored: Vec<_> = found.iter().map(scored).collect();
            print(&how, &scored, &table(&infos))
        }
        Conversations::Search { query, max, how } => {
            let open = Open::new(&how.whom, &directories).await?;
            let found = open.shelf.search(&query, max).await?;
            print(&how, &found, &table::found(&found))
        }
        Conversations::Rename { conversation, name, how } => {
            let open = Open::new(&how.whom, &directories).await?;
            let id = open.named(&conversation).await?.conversation_id;
            let renamed = open.shelf.rename(&id, &name).await?;
            print(&how, &renamed, &format!("Renamed conversation {id} to '{}'", renamed.name))
        }
        Conversations::Delete { conversation, yes, how } => {
            let open = Open::new(&how.whom, &directories).await?;
            let info = open.named(&conversation).await?;
            let id = &info.conversation_id;
            if !yes && !confirm(&format!("Delete conversation {id} and all its data? (y/N) "))? {
                return print(&how, &json!({ "conversationId": id, "deleted": false }), "Aborted.");
            }
            open.shelf.delete(id).await?;
            let said = format!("Deleted conversation {id}");
            print(&how, &json!({ "conversationId": id, "deleted": true }), &said)
        }
        Conversations::Export { conversation, format, out, whom } => {
            let open = Open::new(&whom, &directories).await?;
            let info = open.named(&conversation).await?;
            export(open.chosen, info, format, out).await
        }
        Conversations::Import { file, name, writable, how } => {
            let open = Open::new(&how.whom, &directories).await?;
            let made = import::import(&open.shelf, &file, name, writable).await?;
            let said = format!(
                "Imported {} messages as '{}' ({})",
                made.messages, made.name, made.conversation_id
            );
            print(&how, &made, &said)
        }
    }
}

/// A connection for the commands of one agent.
struct Open {
    chosen: Chosen,
    shelf: Shelf,
    /// Kept so that the connection is.
    _line: Line,
}

impl Open {
    async fn new(whom: &OfAgent, directories: &Directories) -> anyhow::Result<Self> {
        let chosen = choose::agent(whom, None, directories).await?;
        let line = chosen.line().await?;
        Ok(Self { shelf: chosen.shelf(&line), chosen, _line: line })
    }

    async fn named(&self, wanted: &str) -> anyhow::Result<ConversationInfo> {
        choose::conversation(&self.shelf, Some(wanted)).await
    }
}

fn print(how: &Listing, value: &impl Serialize, said: &str) -> anyhow::Result<()> {
    if how.json {
        return out::json(value);
    }
    out::line(said.trim_end_matches('\n'));
    Ok(())
}

/// Asks on the terminal. Where nobody can be asked, it was not said: that is an error, so that a script notices.
fn confirm(question: &str) -> anyhow::Result<bool> {
    if !std::io::stdin().is_terminal() {
        bail!("nobody can be asked here: say --yes");
    }
    eprint!("{question}");
    std::io::stderr().flush()?;
    let mut line = String::new();
    std::io::stdin().read_line(&mut line)?;
    Ok(is_yes(&line))
}

/// Whether an answer to a question of yes or no is yes.
pub(crate) fn is_yes(line: &str) -> bool {
    matches!(line.trim().to_lowercase().as_str(), "y" | "yes")
}

/// Writes the file while it is read. One that could not be read to its end is not left behind under its name.
async fn export(
    chosen: Chosen,
    info: ConversationInfo,
    format: Format,
    out: Option<std::path::PathBuf>,
) -> anyhow::Result<()> {
    let path = format!(
        "/api/clients/{}/agents/{}/conversations/{}/export?format={}",
        chosen.client,
        chosen.agent.agent_id,
        info.conversation_id,
        format.as_str()
    );
    let exporting = move || -> anyhow::Result<()> {
        let api = Api::new(chosen.controller);
        let mut body = api.file(&path)?;
        match out {
            None => copy(&mut body, &mut std::io::stdout().lock()),
            Some(out) => into_file(&mut body, &out),
        }
        .with_context(|| format!("export conversation \"{}\"", brief(&info.name, 80)))
    };
    tokio::task::spawn_blocking(exporting).await.context("export")?
}

fn copy(from: &mut impl std::io::Read, to: &mut impl Write) -> anyhow::Result<()> {
    std::io::copy(from, to)?;
    Ok(to.flush()?)
}

fn into_file(from: &mut impl std::io::Read, path: &Path) -> anyhow::Result<()> {
    let mut half = path.as_os_str().to_owned();
    half.push(".part");
    let written = std::fs::File::create(&half)
        .with_context(|| format!("write {}", path.display()))
        .and_then(|mut file| copy(from, &mut file))
        .and_then(|()| {
            std::fs::rename(&half, path).with_context(|| format!("write {}", path.display()))
        });
    if written.is_err() {
        let _ = std::fs::remove_file(&half);
    }
    written
}

#[cfg(test)]
pub(crate) mod tests {
    use protocol::agents::ConversationInfo;

    use super::*;

    pub(crate) fn info(id: &str, name: &str) -> ConversationInfo {
        serde_json::from_value(json!({
            "conversationId": id, "agentId": "a", "name": name, "createdAt": "2026-11-28T10:00:00.000Z",
            "lastActivityAt": "2026-11-28T10:00:00.000Z", "clientCount": 1, "messageCount": 2, "running": false,
            "ephemeral": false,
        }))
        .unwrap()
    }

    #[test]
    fn a_file_that_could_not_be_read_to_its_end_is_not_there() {
        struct Broken;
        impl std::io::Read for Broken {
            fn read(&mut self, _: &mut [u8]) -> std::io::Result<usize> {
                Err(std::io::Error::other("cut"))
            }
        }
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("x.jsonl");

        assert!(into_file(&mut Broken, &path).is_err());
        assert_eq!(std::fs::read_dir(dir.path()).unwrap().count(), 0);
        into_file(&mut &b"x"[..], &path).unwrap();
        assert_eq!(std::fs::read(&path).unwrap(), b"x");
    }

    #[test]
    fn yes_is_yes() {
        assert!(is_yes("y\n") && is_yes(" YES ") && !is_yes("") && !is_yes("n"));
    }
}
