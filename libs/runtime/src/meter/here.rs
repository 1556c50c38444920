//! What an agent's programs on this machine use.

use std::collections::HashMap;
use std::path::PathBuf;
use std::time::{Duration, Instant};

use protocol::agents::Stats;

use super::percent;
use crate::host::{families, processes};

/// Measures the processes of an agent.
#[derive(Debug)]
pub(super) struct Here {
    home: PathBuf,
    before: Option<Before>,
}

#[derive(Debug)]
struct Before {
    at: Instant,
    /// By id and beginning.
    ticks: HashMap<(i32, u64), u64>,
}

impl Here {
    pub(super) fn new(home: PathBuf) -> Self {
        Self { home, before: None }
    }

    pub(super) async fn measure(&mut self) -> Option<Stats> {
        let families = families::of(&self.home);
        // Off the async workers: it reads files.
        let all = match families.is_empty() {
            true => Vec::new(),
            false => tokio::task::spawn_blocking(move || processes::of(&families)).await.ok()?,
        };
        let now = Instant::now();
        let ticks: HashMap<_, _> =
            all.iter().map(|seen| ((seen.id, seen.since), seen.ticks)).collect();
        let before = self.before.replace(Before { at: now, ticks });
        if all.is_empty() {
            return None;
        }
        let pages: u64 = all.iter().map(|seen| seen.pages).sum();
        let cpu_percent = before.map(|before| {
            let used = all.iter().map(|seen| {
                let known = before.ticks.get(&(seen.id, seen.since)).copied();
                seen.ticks.saturating_sub(known.unwrap_or(0))
            });
            percent(time(used.sum()), now - before.at)
        });
        Some(Stats {
            cpu_percent,
            memory_bytes: pages.saturating_mul(rustix::param::page_size() as u64),
            memory_limit_bytes: None,
            processes: u32::try_from(all.len()).unwrap_or(u32::MAX),
        })
    }
}

/// Ticks of the clock, as a time.
fn time(ticks: u64) -> Duration {
    let second = rustix::param::clock_ticks_per_second().max(1);
    Duration::from_millis(ticks.saturating_mul(1_000) / second)
}
