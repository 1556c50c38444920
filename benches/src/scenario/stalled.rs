//! One of a hundred viewers does not read.

use std::time::{Duration, Instant};

use futures_util::future::try_join_all;
use serde_json::json;
use tests::socket::Packet;
use tokio::sync::mpsc;
use tokio::time::sleep;

use crate::report::{Figures, percentile};
use crate::system::{System, Viewer};

const VIEWERS: usize = 99;
const ROUNDS: usize = 200;

/// Readers who stand still at the beginning of a long log.
const BEHIND: usize = 50;

pub(crate) async fn run(system: &mut System, entries: usize) -> anyhow::Result<Figures> {
    let mut writer = system.viewer(0).await?;
    let (seen, mut answers) = mpsc::channel(VIEWERS);
    let viewers = try_join_all((0..VIEWERS).map(|_| system.viewer(0))).await?;
    for mut viewer in viewers {
        let seen = seen.clone();
        tokio::spawn(async move {
            while viewer.answer().await.is_ok() && seen.send(()).await.is_ok() {}
        });
    }
    let text = "x".repeat(20_000);
    let (mut before, mut with) = (Vec::new(), Vec::new());
    // In turns, as the machine is not the same all the time.
    for _ in 0..4 {
        before.extend(rounds(&mut writer, &mut answers, &text).await?);
        let stalled = system.viewer(0).await?;
        with.extend(rounds(&mut writer, &mut answers, &text).await?);
        drop(stalled);
    }
    let (p99, p99_with) = (percentile(&mut before, 0.99), percentile(&mut with, 0.99));
    let mut figures = vec![
        ("99 viewers, p50 ms", percentile(&mut before, 0.5)),
        ("and one that stalls, p50 ms", percentile(&mut with, 0.5)),
        ("99 viewers, p99 ms", p99),
        ("and one that stalls, p99 ms", p99_with),
    ];
    figures.push(("KiB per viewer far behind", behind(system, &mut writer, entries).await?));
    Ok(figures)
}

async fn rounds(
    writer: &mut Viewer,
    answers: &mut mpsc::Receiver<()>,
    text: &str,
) -> anyhow::Result<Vec<f64>> {
    let mut times = Vec::new();
    for _ in 0..ROUNDS / 4 {
        let start = Instant::now();
        writer.say(text).await?;
        for _ in 0..VIEWERS {
            answers.recv().await;
        }
        times.push(start.elapsed().as_secs_f64() * 1e3);
        writer.answer().await?;
    }
    Ok(times)
}

/// What a viewer costs the controller that has joined a long log at its beginning and reads nothing.
async fn behind(system: &System, writer: &mut Viewer, entries: usize) -> anyhow::Result<f64> {
    let made = writer.command("createConversation", &json!({"name": "long"})).await?;
    let id = made["conversationId"].clone();
    let chat = json!({"conversationId": id, "message": format!("/lines {entries}")});
    writer.command("chat", &chat).await?;
    loop {
        let page = writer.command("getHistory", &json!({"conversationId": id, "limit": 1})).await?;
        if page["events"][0]["payload"]["state"] == "done" {
            break;
        }
        sleep(Duration::from_millis(100)).await;
    }
    let mut first = system.stranger().await?;
    first.begin("joinConversation", &json!({"conversationId": id, "limit": 10})).await?;
    while !first.socket.next().await?.is("historyEnd") {}
    let before = system.rss()?.controller;
    let mut readers = Vec::new();
    for _ in 0..BEHIND {
        let mut reader = system.stranger().await?;
        reader.begin("joinConversation", &json!({"conversationId": id})).await?;
        // The answer, and then nothing more is read.
        while !matches!(reader.socket.next().await?, Packet::Ack(..)) {}
        readers.push(reader);
    }
    sleep(Duration::from_secs(5)).await;
    let after = system.rss()?.controller;
    #[allow(clippy::cast_precision_loss)]
    Ok((after - before) / BEHIND as f64)
}
