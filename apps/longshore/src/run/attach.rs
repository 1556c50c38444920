//! Files for an agent. They are put into its workspace, where an agent of every codec can read them, and are named in the message.

use std::path::{Path, PathBuf};

use anyhow::Context;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use protocol::agents::{CreateDirectory, Done, Encoding, FileWritten, WriteFile};
use protocol::limits::MAX_WRITE;
use protocol::names::agents;
use protocol::{AgentId, ErrorCode, MessageId};

use crate::hint::{Advise, Status};
use crate::line::{Caller, Failed};

/// Where they are in the workspace, each set in a directory of its own, so that none takes the place of another.
const DIRECTORY: &str = "attachments";

/// A file that was read.
pub(super) struct File {
    name: String,
    content: Vec<u8>,
}

/// Reads them all before anything is said.
pub(super) fn read(paths: &[PathBuf]) -> anyhow::Result<Vec<File>> {
    paths.iter().map(|path| read_one(path)).collect()
}

fn read_one(path: &Path) -> anyhow::Result<File> {
    if !path.exists() {
        eprintln!("error: The file '{}' does not exist.", path.display());
        return Err(Status(2).into());
    }
    let content = std::fs::read(path).with_context(|| format!("read {}", path.display()))?;
    anyhow::ensure!(
        content.len() <= MAX_WRITE,
        "The file '{}' has more than {} MiB.",
        path.display(),
        MAX_WRITE >> 20
    );
    let name = path.file_name().map(|name| name.to_string_lossy().into_owned());
    Ok(File { name: name.unwrap_or_else(|| "file".to_owned()), content })
}

/// Puts them into the workspace; gives their paths there.
pub(super) async fn write(
    caller: &Caller,
    agent: &AgentId,
    files: Vec<File>,
) -> anyhow::Result<Vec<String>> {
    if files.is_empty() {
        return Ok(Vec::new());
    }
    let place = format!("{DIRECTORY}/{}", MessageId::random().as_str().trim_start_matches("msg_"));
    for path in [DIRECTORY, &place] {
        make_directory(caller, agent, path).await?;
    }
    let mut paths = Vec::new();
    for file in files {
        let path = format!("{place}/{}", file.name);
        let write = WriteFile {
            agent_id: Some(agent.clone()),
            path: path.clone(),
            content: STANDARD.encode(&file.content),
            encoding: Some(Encoding::Base64),
            expected_version: None,
        };
        let written = caller.forward::<FileWritten>(Some(agent), agents::WRITE_FILE, &write).await;
        written.with_context(|| format!("attach {}", file.name))?;
        paths.push(path);
    }
    Ok(paths)
}

async fn make_directory(caller: &Caller, agent: &AgentId, path: &str) -> anyhow::Result<()> {
    let create = CreateDirectory { agent_id: Some(agent.clone()), path: path.to_owned() };
    match caller.forward::<Done>(Some(agent), agents::CREATE_DIRECTORY, &create).await {
        Err(Failed::Refused(error)) if error.code == ErrorCode::FileExists => Ok(()),
        Err(Failed::Refused(error)) if error.code == ErrorCode::Unsupported => {
            Err(anyhow::anyhow!("the agent has no workspace to attach files to"))
                .hint("send what they have as the message: `longshore run - < FILE`")
        }
        made => made.map(drop).context("make a directory for what is attached"),
    }
}

/// The message, with what is attached to it.
pub(super) fn mention(message: String, paths: &[String]) -> String {
    if paths.is_empty() {
        return message;
    }
    let mut text = message;
    text.push_str("\n\nAttached, in your working directory:");
    for path in paths {
        text.push_str("\n- ");
        text.push_str(path);
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_attached_is_named_in_the_message() {
        assert_eq!(mention("look".into(), &[]), "look");
        assert_eq!(
            mention("look".into(), &["attachments/1/a.png".into()]),
            "look\n\nAttached, in your working directory:\n- attachments/1/a.png"
        );
    }

    #[test]
    fn a_file_that_is_not_there_is_a_wrong_command_line() {
        let Err(error) = read(&["/nonexistent/x".into()]) else { panic!() };

        assert_eq!(error.downcast_ref(), Some(&Status(2)));
    }
}
