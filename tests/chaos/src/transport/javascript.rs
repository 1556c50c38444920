//! The official client, in a Node process that is told what to send line by line.

use std::process::Stdio;

use anyhow::Context as _;
use serde_json::{Value, json};
use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader};
use tokio::process::Command;
use tokio::sync::mpsc;

use super::{Emit, Heard};

/// Lies with the JavaScript tests, where the client is installed.
const PROGRAM: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../js/lib/remote-controlled.mjs");

pub(super) fn start(
    url: &str,
    auth: &Value,
    mut emits: mpsc::UnboundedReceiver<Emit>,
    hear: mpsc::UnboundedSender<Heard>,
) -> anyhow::Result<()> {
    let mut child = Command::new("node")
        .args([PROGRAM, url, &auth.to_string()])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .kill_on_drop(true)
        .spawn()
        .context("start node")?;
    let mut input = child.stdin.take().context("stdin")?;
    let mut lines = BufReader::new(child.stdout.take().context("stdout")?).lines();
    tokio::spawn(async move {
        loop {
            tokio::select! {
                emit = emits.recv() => {
                    let Some(Emit { id, event, payload }) = emit else { break };
                    let line = json!({"id": id, "event": event, "payload": payload}).to_string() + "\n";
                    if input.write_all(line.as_bytes()).await.is_err() {
                        break;
                    }
                }
                line = lines.next_line() => {
                    let Ok(Some(line)) = line else { break };
                    if read(&line).is_some_and(|heard| hear.send(heard).is_err()) {
                        break;
                    }
                }
            }
        }
        child.kill().await.ok();
    });
    Ok(())
}

fn read(line: &str) -> Option<Heard> {
    let mut line: Value = serde_json::from_str(line).ok()?;
    Some(match line["type"].as_str()? {
        "connect" => Heard::Connected,
        "disconnect" => Heard::Lost,
        "ack" => Heard::Ack(line["id"].as_u64()?, line["answer"].take()),
        _ => Heard::Event(line["event"].as_str()?.to_owned(), line["payload"].take()),
    })
}
