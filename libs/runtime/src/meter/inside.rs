//! What an agent's containers use.

use std::collections::HashMap;
use std::time::{Duration, Instant};

use futures_util::{StreamExt, stream};
use protocol::agents::Stats;

use super::percent;
use crate::host::container::EngineError;
use crate::place::Contained;

/// Containers that the engine is asked about at once.
const AT_ONCE: usize = 8;

/// Measures the containers of an agent, all together.
#[derive(Debug)]
pub(super) struct Inside {
    place: Contained,
    before: Option<Before>,
}

#[derive(Debug)]
struct Before {
    at: Instant,
    /// Processor time of containers by their ids.
    cpu: HashMap<String, Duration>,
}

impl Inside {
    pub(super) fn new(place: Contained) -> Self {
        Self { place, before: None }
    }

    /// Also nothing when the engine does not say.
    pub(super) async fn measure(&mut self) -> Option<Stats> {
        let measured = self.look().await;
        measured.unwrap_or_else(|error| {
            tracing::debug!(%error, "containers not measured");
            None
        })
    }

    async fn look(&mut self) -> Result<Option<Stats>, EngineError> {
        let rooms = self.place.rooms().await?;
        let asked = stream::iter(rooms).map(|room| async move { (room.usage().await, room) });
        let answers: Vec<_> = asked.buffer_unordered(AT_ONCE).collect().await;
        let mut all = Vec::new();
        for (usage, room) in answers {
            match usage {
                Ok(usage) => all.extend(usage.map(|usage| (room.id().to_owned(), usage))),
                // It has been removed meanwhile.
                Err(EngineError::Missing(_)) => {}
                Err(error) => return Err(error),
            }
        }
        let now = Instant::now();
        let cpu = all.iter().map(|(id, usage)| (id.clone(), usage.cpu)).collect();
        let before = self.before.replace(Before { at: now, cpu });
        if all.is_empty() {
            return Ok(None);
        }
        let cpu_percent = before.map(|before| {
            let used = all.iter().map(|(id, usage)| {
                let known = before.cpu.get(id).copied();
                // One that has been started again counts anew.
                usage.cpu.checked_sub(known.unwrap_or_default()).unwrap_or(usage.cpu)
            });
            percent(used.sum(), now - before.at)
        });
        let processes = all.iter().map(|(_, usage)| usage.processes).sum::<u64>();
        Ok(Some(Stats {
            cpu_percent,
            memory_bytes: all.iter().map(|(_, usage)| usage.memory).sum(),
            memory_limit_bytes: self.place.memory_limit(all.len() as u64),
            processes: u32::try_from(processes).unwrap_or(u32::MAX),
        }))
    }
}
