//! One answer on many screens.

use std::time::Instant;

use futures_util::future::try_join_all;
use tokio::sync::mpsc;

use crate::report::{Figures, percentile};
use crate::system::System;

const ROUNDS: usize = 30;

/// From sending a chat until every viewer has the answer.
pub(crate) async fn run(system: &mut System, counts: &[usize; 2]) -> anyhow::Result<Figures> {
    let mut figures = Vec::new();
    for (count, name) in counts.iter().zip(["100 viewers, p50 ms", "1,000 viewers, p50 ms"]) {
        figures.push((name, all_have_it(system, *count).await?));
    }
    Ok(figures)
}

async fn all_have_it(system: &mut System, count: usize) -> anyhow::Result<f64> {
    let mut writer = system.viewer(0).await?;
    let (seen, mut answers) = mpsc::channel(count);
    let viewers = try_join_all((0..count).map(|_| system.viewer(0))).await?;
    let tasks: Vec<_> = viewers
        .into_iter()
        .map(|mut viewer| {
            let seen = seen.clone();
            tokio::spawn(async move {
                while viewer.answer().await.is_ok() && seen.send(()).await.is_ok() {}
            })
        })
        .collect();
    let mut times = Vec::new();
    for _ in 0..ROUNDS {
        let start = Instant::now();
        writer.say("hello").await?;
        for _ in 0..count {
            answers.recv().await;
        }
        times.push(start.elapsed().as_secs_f64() * 1e3);
        writer.answer().await?;
    }
    for task in tasks {
        task.abort();
    }
    Ok(percentile(&mut times, 0.5))
}
