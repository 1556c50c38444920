//! Chats that are stored before they are answered.

use std::time::Instant;

use futures_util::future::try_join_all;

use crate::report::{Figures, percentile};
use crate::system::{System, Viewer};

/// From sending a chat to having the agent's answer, one at a time.
pub(crate) async fn round_trip(system: &mut System, count: usize) -> anyhow::Result<Figures> {
    let mut viewer = system.viewer(0).await?;
    let before = system.cpu()?;
    let mut times = chat(&mut viewer, count).await?;
    let after = system.cpu()?;
    Ok(vec![
        ("p50 ms", percentile(&mut times, 0.5)),
        ("p99 ms", percentile(&mut times, 0.99)),
        ("controller CPU us per chat", micros(after.controller - before.controller, count)),
        ("manager CPU us per chat", micros(after.manager - before.manager, count)),
    ])
}

/// As many as a hundred viewers get answered, each waiting for its answer.
pub(crate) async fn throughput(system: &mut System, count: usize) -> anyhow::Result<Figures> {
    let viewers = try_join_all((0..100).map(|agent| system.viewer(agent))).await?;
    let start = Instant::now();
    let tasks = viewers.into_iter().map(|mut viewer| {
        tokio::spawn(async move { chat(&mut viewer, count).await.map(|times| (times, viewer)) })
    });
    let mut times = Vec::new();
    for done in try_join_all(tasks).await? {
        times.extend(done?.0);
    }
    let seconds = start.elapsed().as_secs_f64();
    Ok(vec![
        ("chats per second", per_second(times.len(), seconds)),
        ("p50 ms", percentile(&mut times, 0.5)),
        ("p99 ms", percentile(&mut times, 0.99)),
    ])
}

async fn chat(viewer: &mut Viewer, count: usize) -> anyhow::Result<Vec<f64>> {
    let mut times = Vec::with_capacity(count);
    for _ in 0..count {
        let start = Instant::now();
        viewer.say("hello, how are you today?").await?;
        viewer.answer().await?;
        times.push(start.elapsed().as_secs_f64() * 1e3);
    }
    Ok(times)
}

/// Counts are far below 2^52, so a float holds them exactly.
#[allow(clippy::cast_precision_loss)]
pub(crate) fn micros(seconds: f64, count: usize) -> f64 {
    seconds * 1e6 / count as f64
}

/// As above.
#[allow(clippy::cast_precision_loss)]
pub(crate) fn per_second(count: usize, seconds: f64) -> f64 {
    count as f64 / seconds
}
