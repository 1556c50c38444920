//! Everybody comes back at once, and somebody guesses passwords.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use anyhow::Context as _;
use futures_util::future::{join_all, try_join_all};
use serde_json::{Value, json};
use tests::socket::{Packet, Socket};
use tokio::time::{sleep, timeout};

use crate::report::{Figures, percentile};
use crate::system::System;

/// The longest that anything is waited for.
const PATIENCE: Duration = Duration::from_secs(60);

/// Clients that the official libraries are made like try again within this, at random.
const FIRST_RETRY: Duration = Duration::from_millis(500);

/// How often a bad password or token is tried, a second, and for how long.
const GUESSES: u32 = 1_000;

pub(crate) async fn run(system: &mut System, viewers: usize) -> anyhow::Result<Figures> {
    let mut figures = Vec::new();
    for agent in 0..system.passwords.len() {
        system.viewer(agent).await.with_context(|| format!("agent {agent}"))?;
    }
    let mut times = come_back(system, viewers).await?;
    figures.push(("viewers back after a restart, p50 ms", percentile(&mut times, 0.5)));
    figures.push(("viewers back after a restart, last ms", percentile(&mut times, 1.0)));
    figures.push(("agents logged in after a restart, ms", link_restored(system).await?));
    guesses(system, &mut figures).await?;
    Ok(figures)
}

/// The controller is killed and started again under viewers who have a cursor each: from its being there until each of
/// them has all that it lacks.
async fn come_back(system: &mut System, count: usize) -> anyhow::Result<Vec<f64>> {
    let mut viewers = try_join_all((0..count).map(|_| system.viewer(0))).await?;
    let mut writer = system.viewer(0).await?;
    writer.say("something to resume from").await?;
    writer.answer().await?;
    let agent = system.passwords[0].0.clone();
    let page = writer.command("getHistory", &json!({"agentId": agent, "limit": 1})).await?;
    let (epoch, head) = (page["epoch"].clone(), page["headSeq"].clone());
    for viewer in &mut viewers {
        viewer.answer().await?;
    }
    system.restart_controller().await?;
    let start = Instant::now();
    drop(viewers);
    let (front, auth) = system.front();
    let back = (0..count).map(|nth| {
        let (front, auth, client) = (front.clone(), auth.clone(), system.client().to_owned());
        let login = json!({"event": "login", "agentId": agent,
            "payload": {"agentId": agent, "afterSeq": head, "epoch": epoch}});
        async move {
            // Spread as a client's first retry is.
            sleep(FIRST_RETRY.mul_f64(fraction(nth, count))).await;
            let resumed = async {
                loop {
                    if resume(&front, &auth, &client, &login).await.is_ok() {
                        return start.elapsed().as_secs_f64() * 1e3;
                    }
                    sleep(Duration::from_millis(100)).await;
                }
            };
            timeout(PATIENCE, resumed).await
        }
    });
    join_all(back).await.into_iter().map(|time| Ok(time?)).collect()
}

#[allow(clippy::cast_precision_loss)]
fn fraction(nth: usize, of: usize) -> f64 {
    nth as f64 / of as f64
}

async fn resume(front: &str, auth: &Value, client: &str, login: &Value) -> anyhow::Result<()> {
    let mut socket = Socket::connect(front, "/clients", auth).await?;
    socket.call("setClient", &json!({"clientId": client})).await?;
    let id = socket.emit("forward", login).await?;
    loop {
        match socket.next().await? {
            Packet::Ack(of, answer) if of == id && !answer.contains("\"success\":true") => {
                anyhow::bail!("{answer}")
            }
            packet if packet.is("historyEnd") => return Ok(()),
            _ => {}
        }
    }
}

/// The manager is killed and started again: from its being there until the controller is logged in to all its agents.
async fn link_restored(system: &mut System) -> anyhow::Result<f64> {
    let mut viewer = system.stranger().await?;
    system.restart_manager().await?;
    let start = Instant::now();
    let restored = async {
        loop {
            if let Packet::Event(text) = viewer.socket.next().await?
                && text.starts_with("[\"remoteReconnected\"")
            {
                return anyhow::Ok(start.elapsed().as_secs_f64() * 1e3);
            }
        }
    };
    timeout(PATIENCE, restored).await?
}

/// Chats of somebody who is in, without and with others who guess.
async fn guesses(system: &System, figures: &mut Figures) -> anyhow::Result<()> {
    let mut viewer = system.viewer(0).await?;
    let (mut quiet, mut guessed) = (Vec::new(), Vec::new());
    let total = Arc::new(AtomicUsize::new(0));
    for _ in 0..3 {
        quiet.extend(chats(&mut viewer).await?);
        let stop = Arc::new(AtomicBool::new(false));
        let guessing =
            tokio::spawn(guess(system.front(), system.back(), stop.clone(), total.clone()));
        guessed.extend(chats(&mut viewer).await?);
        stop.store(true, Ordering::Relaxed);
        guessing.await?;
    }
    let (quiet, guessed) = (percentile(&mut quiet, 0.5), percentile(&mut guessed, 0.5));
    figures.push(("chat, p50 ms", quiet));
    figures.push(("chat while 1,000 a second guess, p50 ms", guessed));
    #[allow(clippy::cast_precision_loss)]
    figures.push(("guesses refused", total.load(Ordering::Relaxed) as f64));
    Ok(())
}

async fn chats(viewer: &mut crate::system::Viewer) -> anyhow::Result<Vec<f64>> {
    let mut times = Vec::new();
    let end = Instant::now() + Duration::from_secs(3);
    while Instant::now() < end {
        let start = Instant::now();
        viewer.say("hello").await?;
        viewer.answer().await?;
        times.push(start.elapsed().as_secs_f64() * 1e3);
    }
    Ok(times)
}

/// Half of the guesses are tokens at the controller, half are passwords at the manager.
async fn guess(
    front: (String, Value),
    back: (String, Value),
    stop: Arc<AtomicBool>,
    total: Arc<AtomicUsize>,
) {
    let mut ticks = tokio::time::interval(Duration::from_secs(1) / GUESSES);
    let mut manager = Socket::connect(&back.0, "/agents", &back.1).await.ok();
    let mut tasks = tokio::task::JoinSet::new();
    let mut nth = 0_usize;
    while !stop.load(Ordering::Relaxed) {
        ticks.tick().await;
        nth += 1;
        if nth.is_multiple_of(2) {
            let (url, total) = (front.0.clone(), total.clone());
            tasks.spawn(async move {
                let auth = json!({"token": "ls_wrong"});
                if Socket::connect(&url, "/clients", &auth).await.is_err() {
                    total.fetch_add(1, Ordering::Relaxed);
                }
            });
        } else if let Some(manager) = &mut manager {
            let login = json!({"agentId": format!("ag_{nth}"), "password": "guess"});
            manager.emit("login", &login).await.ok();
        }
        while tasks.try_join_next().is_some() {}
    }
    tasks.abort_all();
}
