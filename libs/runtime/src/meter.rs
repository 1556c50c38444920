//! What an agent's programs use.

use std::collections::HashMap;
use std::path::PathBuf;
use std::time::Instant;

use protocol::agents::Stats;

use crate::host::{families, processes};

/// Measures an agent's programs again and again. Processor time is that since the time before.
#[derive(Debug)]
pub struct Meter {
    home: PathBuf,
    before: Option<Before>,
}

#[derive(Debug)]
struct Before {
    at: Instant,
    /// By id and beginning.
    ticks: HashMap<(i32, u64), u64>,
}

impl Meter {
    pub(crate) fn new(home: PathBuf) -> Self {
        Self { home, before: None }
    }

    /// Measures; nothing when no program runs. Reads files: not for async workers.
    pub fn measure(&mut self) -> Option<Stats> {
        let families = families::of(&self.home);
        let all = if families.is_empty() { Vec::new() } else { processes::of(&families) };
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
            percent(used.sum(), (now - before.at).as_secs_f64())
        });
        Some(Stats {
            cpu_percent,
            memory_bytes: pages.saturating_mul(rustix::param::page_size() as u64),
            memory_limit_bytes: None,
            processes: u32::try_from(all.len()).unwrap_or(u32::MAX),
        })
    }
}

/// Of one processor, with one decimal.
fn percent(ticks: u64, seconds: f64) -> f64 {
    #[expect(clippy::cast_precision_loss, reason = "a percentage needs three digits")]
    let used = ticks as f64 / rustix::param::clock_ticks_per_second() as f64;
    if seconds <= 0.0 { 0.0 } else { (used / seconds * 1_000.0).round() / 10.0 }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_busy_processor_is_a_hundred_percent() {
        let ticks = rustix::param::clock_ticks_per_second();

        assert!((percent(5 * ticks, 5.0) - 100.0).abs() < f64::EPSILON);
        assert!(percent(7, 0.0).abs() < f64::EPSILON);
    }

    #[test]
    fn where_nothing_runs_there_is_nothing_to_measure() {
        assert_eq!(Meter::new("/nowhere/at/all".into()).measure(), None);
    }
}
