//! A new viewer reads a long history.

use std::time::Instant;

use crate::report::{Figures, percentile};
use crate::system::System;

/// From `forward login` to `historyEnd`, on a connection of its own each time.
pub(crate) async fn run(system: &mut System, entries: usize) -> anyhow::Result<Figures> {
    let mut writer = system.viewer(0).await?;
    writer.say(&format!("/lines {entries}")).await?;
    let mut seen = 0;
    while seen < entries {
        seen += usize::from(writer.socket.next().await?.is_answer());
    }
    drop(writer);

    let mut times = Vec::new();
    for _ in 0..10 {
        let mut viewer = system.stranger().await?;
        let start = Instant::now();
        let replayed = viewer.login(0).await?;
        anyhow::ensure!(replayed >= entries, "{replayed} entries of {entries}");
        times.push(start.elapsed().as_secs_f64() * 1e3);
    }
    Ok(vec![("p50 ms", percentile(&mut times, 0.5)), ("slowest ms", percentile(&mut times, 1.0))])
}
