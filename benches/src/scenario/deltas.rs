//! Streaming: events that are relayed and not stored.

use std::time::Instant;

use futures_util::future::try_join_all;

use super::chats::{micros, per_second};
use crate::report::Figures;
use crate::system::System;

/// Ten agents stream `count` deltas of 100 bytes each to a viewer each.
pub(crate) async fn run(system: &mut System, count: usize) -> anyhow::Result<Figures> {
    let viewers = try_join_all((0..10).map(|agent| system.viewer(agent))).await?;
    let before = system.cpu()?;
    let start = Instant::now();
    let tasks = viewers.into_iter().map(|mut viewer| {
        tokio::spawn(async move {
            viewer.say(&format!("/flood {count} 100")).await?;
            let mut events = 0_usize;
            loop {
                let packet = viewer.socket.next().await?;
                if packet.is("chatEvent") {
                    events += 1;
                } else if packet.is_answer() {
                    return anyhow::Ok((events, viewer));
                }
            }
        })
    });
    let mut events = 0;
    for done in try_join_all(tasks).await? {
        events += done?.0;
    }
    let seconds = start.elapsed().as_secs_f64();
    let after = system.cpu()?;
    Ok(vec![
        (
            "deltas received of all, per cent",
            per_second(100 * events, 1.0) / per_second(10 * count, 1.0),
        ),
        ("deltas per second", per_second(events, seconds)),
        ("controller CPU us per delta", micros(after.controller - before.controller, events)),
        ("manager CPU us per delta", micros(after.manager - before.manager, events)),
    ])
}
