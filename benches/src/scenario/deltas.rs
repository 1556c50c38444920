//! Streaming: events that are relayed and not stored.

use std::time::Instant;

use futures_util::future::try_join_all;

use super::chats::{micros, per_second};
use crate::report::Figures;
use crate::system::System;

/// Ten agents stream `count` deltas of 100 bytes each to a viewer each. Of a viewer that is behind, several come as one;
/// beyond 4 MiB of an answer that is not complete, what it lacks is left out.
pub(crate) async fn run(system: &mut System, count: usize) -> anyhow::Result<Figures> {
    let viewers = try_join_all((0..10).map(|agent| system.viewer(agent))).await?;
    let before = system.cpu()?;
    let start = Instant::now();
    let tasks = viewers.into_iter().map(|mut viewer| {
        tokio::spawn(async move {
            viewer.say(&format!("/flood {count} 100")).await?;
            let (mut events, mut bytes) = (0_usize, 0_usize);
            loop {
                let packet = viewer.socket.next().await?;
                if packet.is("chatEvent") {
                    events += 1;
                    bytes += packet.delta().len();
                } else if packet.is_answer() {
                    return anyhow::Ok((events, bytes, viewer));
                }
            }
        })
    });
    let (mut events, mut bytes) = (0, 0);
    for done in try_join_all(tasks).await? {
        let (more, text, _viewer) = done?;
        events += more;
        bytes += text;
    }
    let seconds = start.elapsed().as_secs_f64();
    let after = system.cpu()?;
    Ok(vec![
        ("text received of all, per cent", per_second(bytes, 1.0) / per_second(10 * count, 1.0)),
        ("deltas produced per second", per_second(10 * count, seconds)),
        ("deltas per second", per_second(events, seconds)),
        ("controller CPU us per delta", micros(after.controller - before.controller, events)),
        ("manager CPU us per delta", micros(after.manager - before.manager, events)),
    ])
}
