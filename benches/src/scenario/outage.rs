//! The controller is away while an agent writes a gibibyte.

use std::time::{Duration, Instant};

use anyhow::Context as _;
use serde_json::json;
use tests::socket::{Packet, Socket};
use tokio::time::sleep;

use crate::report::Figures;
use crate::system::System;

/// The line that the agent repeats.
const LINE: usize = 1_000;

pub(crate) async fn run(system: &mut System, mebibytes: usize) -> anyhow::Result<Figures> {
    let bytes = mebibytes << 20;
    let lines = bytes / (LINE + 1);
    let script = format!("read x; yes \"$(printf '%0{LINE}d' 7)\" | head -n {lines}; echo END");
    let spec = json!({
        "name": "writer",
        "codec": {"type": "lines", "sentinel": "^END$"},
        "host": {"type": "process", "command": "sh", "args": ["-c", script]},
    });
    let path = format!("/api/clients/{}/agents", system.client());
    let agent = system.post(&path, &spec).await?["agentId"].clone();
    let mut viewer = system.stranger().await?;
    let chat = json!({"event": "chat", "agentId": agent, "payload": {"agentId": agent, "message": "write"}});
    viewer.socket.call("forward", &chat).await?;
    drop(viewer);
    system.controller.kill().await;

    let start = Instant::now();
    // Nobody is there: how far it is, the size of the files says.
    let mut size = 0;
    loop {
        sleep(Duration::from_secs(1)).await;
        let now = system.database()?;
        if now == size && now > bytes as u64 / 2 {
            break;
        }
        size = now;
        anyhow::ensure!(start.elapsed() < Duration::from_secs(600), "{size} bytes in ten minutes");
    }
    let written = start.elapsed().as_secs_f64();
    let manager = system.manager.peak()?;

    system.start_controller().await?;
    let start = Instant::now();
    let (front, auth) = system.front();
    let mut socket = Socket::connect(&front, "/clients", &auth).await?;
    let client = json!({"clientId": system.client()});
    while socket.call("setClient", &client).await.is_err() {
        sleep(Duration::from_millis(100)).await;
    }
    let login = json!({"event": "login", "agentId": agent, "payload": {"agentId": agent}});
    socket.emit("forward", &login).await?;
    let mut text = 0;
    loop {
        let packet = socket.next().await?;
        if let Packet::Ack(_, answer) = &packet {
            anyhow::ensure!(answer.contains("\"success\":true"), "login: {answer}");
        }
        if packet.is("historyEnd") {
            break;
        }
        if packet.is_answer()
            && let Packet::Event(event) = &packet
        {
            text += event.matches("0007").count();
        }
    }
    anyhow::ensure!(text == lines, "{text} lines of {lines}");
    let controller = system.controller.peak().context("the controller")?;
    Ok(vec![
        ("written, s", written),
        ("manager, most MiB", manager / 1024.0),
        ("read by a viewer, s", start.elapsed().as_secs_f64()),
        ("controller, most MiB", controller / 1024.0),
        ("manager, most MiB, afterwards", system.manager.peak()? / 1024.0),
    ])
}
