//! What a viewer costs that is connected, logged in and silent.

use std::time::Duration;

use crate::report::Figures;
use crate::system::{System, Viewer};

/// KiB of each tier per viewer, at each of the two counts, against none.
pub(crate) async fn run(system: &mut System, counts: &[usize; 2]) -> anyhow::Result<Figures> {
    // One viewer comes and goes first, so that what is set up once is not counted.
    system.viewer(0).await?;
    let empty = system.rss()?;
    let mut viewers: Vec<Viewer> = Vec::new();
    let mut figures = Vec::new();
    for (count, names) in counts.iter().zip([
        ["controller KiB per viewer, 1,000", "manager KiB per viewer, 1,000"],
        ["controller KiB per viewer, 5,000", "manager KiB per viewer, 5,000"],
    ]) {
        while viewers.len() < *count {
            viewers.push(system.viewer(0).await?);
        }
        // Memory is read when the servers have gone quiet.
        tokio::time::sleep(Duration::from_secs(2)).await;
        let rss = system.rss()?;
        #[allow(clippy::cast_precision_loss)]
        let each = |now: f64, before: f64| (now - before) / viewers.len() as f64;
        figures.push((names[0], each(rss.controller, empty.controller)));
        figures.push((names[1], each(rss.manager, empty.manager)));
    }
    figures.push(("controller MiB, no viewer", empty.controller / 1024.0));
    figures.push(("manager MiB, no viewer", empty.manager / 1024.0));
    Ok(figures)
}
