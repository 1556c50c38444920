//! A conversation out of a file.
//!
//! The agent is not told of what was said elsewhere, so whoever went on in such a conversation would talk to somebody who
//! remembers nothing of it. Therefore it takes no new messages unless that is asked for.

use std::io::Read;
use std::path::Path;

use anyhow::{Context, bail, ensure};
use protocol::agents::{AgentResponse, ChatMessage, ChatMessageBody, InsertedMessage, Role};
use protocol::limits::{MAX_INSERTED, MAX_MESSAGE};
use protocol::names::agents;
use protocol::{ConversationId, MessageId};
use serde::{Deserialize, Serialize};

use super::Shelf;
use crate::progress::{Progress, Unit};

/// Bytes of text in one command: far below what a frame may have, whatever is escaped in it.
const BATCH: usize = 1 << 20;

/// What was made of the file.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Imported {
    pub(super) conversation_id: ConversationId,
    pub(super) name: String,
    pub(super) messages: u64,
    /// Entries of the file that are no messages: tools, plans, states of runs.
    left_out: u64,
    read_only: bool,
}

/// Makes the conversation. When something goes wrong half-way, it is deleted again.
pub(super) async fn import(
    shelf: &Shelf,
    file: &Path,
    name: Option<String>,
    writable: bool,
) -> anyhow::Result<Imported> {
    let (messages, left_out) =
        read(&content(file)?).with_context(|| format!("read {}", file.display()))?;
    let name = name.unwrap_or_else(|| {
        file.file_stem().map(|stem| stem.to_string_lossy().into_owned()).unwrap_or_default()
    });
    let name = if name == "-" { String::new() } else { name };
    let made = shelf.create(&name, false, !writable).await?;
    let total = messages.len() as u64;
    if let Err(error) = insert(shelf, &made.conversation_id, messages).await {
        shelf.delete(&made.conversation_id).await.ok();
        return Err(error);
    }
    Ok(Imported {
        conversation_id: made.conversation_id,
        name: made.name,
        messages: total,
        left_out,
        read_only: !writable,
    })
}

async fn insert(
    shelf: &Shelf,
    conversation: &ConversationId,
    messages: Vec<InsertedMessage>,
) -> anyhow::Result<()> {
    let total = messages.len() as u64;
    let (mut progress, mut done) = (Progress::new("importing", Unit::Things), 0);
    for batch in batches(messages) {
        done += batch.len() as u64;
        shelf.insert(conversation, batch).await?;
        progress.at(done, total);
    }
    Ok(())
}

fn batches(messages: Vec<InsertedMessage>) -> Vec<Vec<InsertedMessage>> {
    let mut batches: Vec<Vec<InsertedMessage>> = Vec::new();
    let mut bytes = 0;
    for message in messages {
        let full = batches
            .last()
            .is_none_or(|batch| batch.len() >= MAX_INSERTED || bytes + message.text.len() > BATCH);
        if full {
            batches.push(Vec::new());
            bytes = 0;
        }
        bytes += message.text.len();
        if let Some(batch) = batches.last_mut() {
            batch.push(message);
        }
    }
    batches
}

fn content(file: &Path) -> anyhow::Result<String> {
    if file.as_os_str() == "-" {
        let mut text = String::new();
        std::io::stdin().read_to_string(&mut text).context("read standard input")?;
        return Ok(text);
    }
    std::fs::read_to_string(file).with_context(|| format!("read {}", file.display()))
}

/// The messages of a file, and how many entries are none.
fn read(text: &str) -> anyhow::Result<(Vec<InsertedMessage>, u64)> {
    let (messages, left_out) =
        if text.trim_start().starts_with('[') { (pairs(text)?, 0) } else { lines(text)? };
    ensure!(!messages.is_empty(), "it has no messages");
    for (n, message) in messages.iter().enumerate() {
        ensure!(message.text.len() <= MAX_MESSAGE, "message {} has more than 1 MiB", n + 1);
    }
    Ok((messages, left_out))
}

/// One exchange of a `[{user, assistant}]` file.
#[derive(Debug, Clone, Deserialize)]
pub(crate) struct Pair {
    pub(crate) user: String,
    #[serde(default)]
    pub(crate) assistant: Option<String>,
}

fn pairs(text: &str) -> anyhow::Result<Vec<InsertedMessage>> {
    let pairs: Vec<Pair> = serde_json::from_str(text).context("an array of {user, assistant}")?;
    let said = |pair: Pair| {
        [Some((Role::User, pair.user)), pair.assistant.map(|text| (Role::Agent, text))]
    };
    let said = pairs.into_iter().flat_map(said).flatten().filter(|(_, text)| !text.is_empty());
    let message = |(from, text)| InsertedMessage {
        from,
        text,
        timestamp: None,
        message_id: Some(MessageId::random()),
    };
    Ok(said.map(message).collect())
}

#[derive(Deserialize)]
struct Entry<'a> {
    event: String,
    #[serde(borrow)]
    payload: &'a serde_json::value::RawValue,
}

fn lines(text: &str) -> anyhow::Result<(Vec<InsertedMessage>, u64)> {
    let (mut messages, mut left_out) = (Vec::new(), 0);
    for (n, line) in text.lines().enumerate().filter(|(_, line)| !line.trim().is_empty()) {
        let at = || format!("line {}", n + 1);
        let entry: Entry<'_> = serde_json::from_str(line).with_context(at)?;
        if entry.event != agents::CHAT_MESSAGE {
            left_out += 1;
            continue;
        }
        let message: ChatMessage = serde_json::from_str(entry.payload.get()).with_context(at)?;
        let (from, text, id) = match message.body {
            ChatMessageBody::User { text, id, .. } => (Role::User, text, id),
            ChatMessageBody::Agent { response: AgentResponse::Text { result }, id, .. } => {
                (Role::Agent, result, id)
            }
        };
        // An agent may have said nothing, which is no message to insert.
        if text.is_empty() {
            left_out += 1;
            continue;
        }
        messages.push(InsertedMessage {
            from,
            text,
            timestamp: Some(message.head.timestamp),
            message_id: MessageId::new(id.as_str()).ok(),
        });
    }
    if messages.is_empty() && left_out == 0 {
        bail!("it is empty");
    }
    Ok((messages, left_out))
}

#[cfg(test)]
mod tests {
    use super::*;

    const LINES: &str = r#"{"event":"chatMessage","payload":{"agentId":"a","conversationId":"c","seq":1,"timestamp":"2026-01-01T00:00:00.000Z","from":"user","id":"en_1","text":"hi","user":"ada"}}
{"event":"runEvent","payload":{"state":"done"}}
{"event":"chatMessage","payload":{"agentId":"a","conversationId":"c","seq":3,"timestamp":"2026-01-01T00:00:01.000Z","from":"agent","id":"en_2","agentName":"echo","response":{"type":"text","result":"hi too"}}}
"#;

    #[test]
    fn what_export_wrote_is_read_with_its_times() {
        let (messages, left_out) = read(LINES).unwrap();

        assert_eq!(left_out, 1);
        let said: Vec<_> = messages.iter().map(|m| (m.from, m.text.as_str())).collect();
        assert_eq!(said, [(Role::User, "hi"), (Role::Agent, "hi too")]);
        assert_eq!(messages[1].timestamp.unwrap().to_string(), "2026-01-01T00:00:01.000Z");
        assert_eq!(messages[0].message_id.as_ref().unwrap().as_str(), "en_1");
    }

    #[test]
    fn an_array_of_pairs_is_read_too() {
        let (messages, _) = read(r#" [{"user":"1+1","assistant":"2"},{"user":"x"}]"#).unwrap();

        let said: Vec<_> = messages.iter().map(|m| m.text.as_str()).collect();
        assert_eq!(said, ["1+1", "2", "x"]);
    }

    #[test]
    fn another_file_is_refused_with_the_place() {
        for (text, says) in [
            ("", "empty"),
            ("hello", "line 1"),
            ("[]", "no messages"),
            ("[1]", "{user, assistant}"),
            (r#"{"event":"chatMessage","payload":{}}"#, "line 1"),
        ] {
            let error = format!("{:#}", read(text).unwrap_err());
            assert!(error.contains(says), "{text}: {error}");
        }
    }

    #[test]
    fn what_is_much_goes_in_pieces() {
        let message = |text: String| InsertedMessage {
            from: Role::User,
            text,
            timestamp: None,
            message_id: None,
        };
        let many = batches((0..501).map(|n| message(n.to_string())).collect());
        let large = batches((0..3).map(|_| message("x".repeat(BATCH - 1))).collect());

        assert_eq!(many.iter().map(Vec::len).collect::<Vec<_>>(), [500, 1]);
        assert_eq!(large.len(), 3);
    }
}
