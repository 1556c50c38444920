//! Half load for a long time: what grows?

use std::time::{Duration, Instant};

use futures_util::future::try_join_all;
use serde_json::json;
use tokio::time::{MissedTickBehavior, interval, sleep};

use crate::report::Figures;
use crate::system::{System, Viewer};

/// Viewers who chat, and how often each: about half of what `chats` reaches.
const VIEWERS: usize = 50;
const PERIOD: Duration = Duration::from_millis(20);

/// Prints a line each minute, and gives what is left when all have gone.
pub(crate) async fn run(system: &mut System, minutes: u64) -> anyhow::Result<Figures> {
    // Warm: what is set up once is not counted.
    load(system, Duration::from_secs(20)).await?;
    sleep(Duration::from_secs(10)).await;
    let before = measure(system).await?;
    println!("start: {before:?}");
    let end = Instant::now() + Duration::from_secs(60 * minutes);
    while Instant::now() < end {
        load(system, Duration::from_secs(60).min(end - Instant::now())).await?;
        println!("{:?}", measure(system).await?);
    }
    // Idle conversations leave memory meanwhile.
    sleep(Duration::from_secs(10)).await;
    let after = measure(system).await?;
    println!("end: {after:?}");
    Ok(vec![
        ("manager MiB at the start", before.manager_mib),
        ("manager MiB at the end", after.manager_mib),
        ("controller MiB at the start", before.controller_mib),
        ("controller MiB at the end", after.controller_mib),
        ("descriptors at the start", before.descriptors),
        ("descriptors at the end", after.descriptors),
        ("threads at the start", before.threads),
        ("threads at the end", after.threads),
        ("tasks at the start", before.tasks),
        ("tasks at the end", after.tasks),
    ])
}

/// Viewers come, chat for a while, and go.
async fn load(system: &System, time: Duration) -> anyhow::Result<()> {
    let viewers = try_join_all((0..VIEWERS).map(|agent| system.viewer(agent))).await?;
    let end = Instant::now() + time;
    let chatting = viewers.into_iter().enumerate().map(|(nth, viewer)| chat(viewer, nth, end));
    try_join_all(chatting).await?;
    Ok(())
}

async fn chat(mut viewer: Viewer, nth: usize, end: Instant) -> anyhow::Result<()> {
    let mut ticks = interval(PERIOD);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    // Some make a conversation, which is put away later.
    if nth.is_multiple_of(10) {
        viewer.command("createConversation", &json!({})).await?;
    }
    while Instant::now() < end {
        ticks.tick().await;
        viewer.say("once more").await?;
        viewer.answer().await?;
    }
    Ok(())
}

#[derive(Debug)]
struct Measure {
    manager_mib: f64,
    controller_mib: f64,
    descriptors: f64,
    threads: f64,
    tasks: f64,
}

async fn measure(system: &System) -> anyhow::Result<Measure> {
    let (manager, controller) = (&system.manager, &system.controller);
    Ok(Measure {
        manager_mib: manager.rss()? / 1024.0,
        controller_mib: controller.rss()? / 1024.0,
        descriptors: manager.descriptors()? + controller.descriptors()?,
        threads: manager.threads()? + controller.threads()?,
        tasks: system.tasks().await?,
    })
}
