//! Many conversations, and long ones: joining, listing, searching, and what they cost in memory.

use std::time::{Duration, Instant};

use anyhow::Context as _;
use serde_json::{Value, json};

use crate::report::{Figures, percentile};
use crate::system::{EVICTION, System, Viewer};
use tests::socket::Packet;

/// How much of everything.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Load {
    /// Entries of the long conversation.
    pub(crate) long: usize,
    /// Entries of the longest one.
    pub(crate) longest: usize,
    /// Conversations.
    pub(crate) conversations: usize,
    /// Conversations in memory.
    pub(crate) live: usize,
}

/// Batches of conversations that are taken into memory, one after the other.
const BATCHES: usize = 5;

pub(crate) async fn run(system: &mut System, load: Load) -> anyhow::Result<Figures> {
    let mut viewer = system.viewer(0).await?;
    let mut figures = Vec::new();
    let long = filled(&mut viewer, "long", load.long).await?;
    let longest = filled(&mut viewer, "longest", load.longest).await?;
    for (id, name) in [
        (&long, ["join long, last 200, the first, ms", "join long, last 200, p99 ms"]),
        (&longest, ["join longest, last 200, the first, ms", "join longest, last 200, p99 ms"]),
    ] {
        let mut times = joins(system, id, Some(200), 200).await?;
        figures.push((name[0], times[0]));
        figures.push((name[1], percentile(&mut times, 0.99)));
    }
    let mut all = joins(system, &long, None, 5).await?;
    figures.push(("join long, all, p50 ms", percentile(&mut all, 0.5)));
    let mut all = joins(system, &longest, None, 1).await?;
    figures.push(("join longest, all, ms", percentile(&mut all, 0.5)));
    for (query, name) in
        [("line 77777", "search rare, p50 ms"), ("line", "search in all entries, p50 ms")]
    {
        let mut times =
            timed(&mut viewer, "searchConversations", &json!({"query": query}), 5).await?;
        figures.push((name, percentile(&mut times, 0.5)));
    }
    let mut ids = vec![long, longest];
    for number in ids.len()..load.conversations {
        let made =
            viewer.command("createConversation", &json!({"name": format!("c{number}")})).await?;
        ids.push(text(&made, "conversationId")?);
    }
    let mut times = timed(&mut viewer, "listConversations", &json!({"limit": 1_000}), 20).await?;
    figures.push(("list newest 1,000, p50 ms", percentile(&mut times, 0.5)));
    let start = Instant::now();
    let listed = list_all(&mut viewer).await?;
    anyhow::ensure!(listed >= load.conversations, "{listed} listed");
    figures.push(("list all, ms", start.elapsed().as_secs_f64() * 1e3));
    drop(viewer);
    memory(system, &ids[2..], load.live, &mut figures).await?;
    Ok(figures)
}

/// A conversation with so many entries.
async fn filled(viewer: &mut Viewer, name: &str, entries: usize) -> anyhow::Result<String> {
    let made = viewer.command("createConversation", &json!({"name": name})).await?;
    let id = text(&made, "conversationId")?;
    let chat = json!({"conversationId": id, "message": format!("/lines {entries}")});
    viewer.command("chat", &chat).await?;
    loop {
        let page = viewer.command("getHistory", &json!({"conversationId": id, "limit": 1})).await?;
        if page["events"][0]["payload"]["state"] == "done" {
            return Ok(id);
        }
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
}

/// From `joinConversation` to `historyEnd`, on a connection of its own each time, in milliseconds.
async fn joins(
    system: &System,
    id: &str,
    limit: Option<usize>,
    times: usize,
) -> anyhow::Result<Vec<f64>> {
    let mut taken = Vec::new();
    for _ in 0..times {
        let mut viewer = system.stranger().await?;
        let payload = json!({"conversationId": id, "limit": limit});
        let start = Instant::now();
        viewer.begin("joinConversation", &payload).await?;
        loop {
            let packet = viewer.socket.next().await?;
            if let Packet::Ack(_, answer) = &packet {
                anyhow::ensure!(answer.contains(r#""success":true"#), "join: {answer}");
            }
            if packet.is("historyEnd") {
                break;
            }
        }
        taken.push(start.elapsed().as_secs_f64() * 1e3);
    }
    Ok(taken)
}

async fn timed(
    viewer: &mut Viewer,
    command: &str,
    payload: &Value,
    times: usize,
) -> anyhow::Result<Vec<f64>> {
    let mut taken = Vec::new();
    for _ in 0..times {
        let start = Instant::now();
        viewer.command(command, payload).await?;
        taken.push(start.elapsed().as_secs_f64() * 1e3);
    }
    Ok(taken)
}

async fn list_all(viewer: &mut Viewer) -> anyhow::Result<usize> {
    let (mut cursor, mut listed) = (None::<String>, 0);
    loop {
        let payload = json!({"limit": 1_000, "cursor": cursor});
        let page = viewer.command("listConversations", &payload).await?;
        listed += page["conversations"].as_array().map_or(0, Vec::len);
        match page["next"].as_str() {
            Some(next) => cursor = Some(next.to_owned()),
            None => return Ok(listed),
        }
    }
}

/// What conversations cost the manager that somebody is in, and after nobody has been for a while.
async fn memory(
    system: &System,
    ids: &[String],
    count: usize,
    figures: &mut Figures,
) -> anyhow::Result<()> {
    let mut socket = system.controller_socket().await?;
    let (agent, password) = &system.passwords[0];
    socket.call("login", &json!({"agentId": agent, "password": password})).await?;
    tokio::time::sleep(EVICTION * 2).await;
    let before = system.rss()?.manager;
    let (mut live, mut batches) = (0.0, 0_usize);
    for batch in ids.chunks(count).take(BATCHES) {
        for id in batch {
            socket.call("joinConversation", &json!({"conversationId": id})).await?;
        }
        if batches == 0 {
            live = system.rss()?.manager;
        }
        for id in batch {
            socket.call("leaveConversation", &json!({"conversationId": id})).await?;
        }
        tokio::time::sleep(EVICTION * 2).await;
        batches += 1;
    }
    let after = system.rss()?.manager;
    #[allow(clippy::cast_precision_loss)]
    let each = |kib: f64, batches: usize| kib / (count * batches.max(1)) as f64;
    figures.push(("KiB per live conversation", each(live - before, 1)));
    // The allocator keeps what the first batch took; the others show whether it is used again.
    figures.push(("KiB per further evicted conversation", each(after - live, batches - 1)));
    Ok(())
}

fn text(value: &Value, name: &str) -> anyhow::Result<String> {
    Ok(value[name].as_str().with_context(|| format!("no {name} in {value}"))?.to_owned())
}
