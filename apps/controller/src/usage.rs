//! What this process uses, as `/proc` shows it.

use std::fs;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use serde::Serialize;

/// Shorter than this, processor time is not told apart from chance: it is counted in hundredths of a second.
const SHORTEST: Duration = Duration::from_secs(1);

/// What the process uses now.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Usage {
    /// Resident memory, in bytes.
    pub(crate) memory_bytes: u64,
    /// Of one processor, since it was asked before.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) cpu_percent: Option<f64>,
}

/// Remembers how much processor time was used when it was asked. Behind a lock that is held to compare.
#[derive(Debug)]
pub(crate) struct Meter(Mutex<Before>);

#[derive(Debug)]
struct Before {
    at: Instant,
    used: Duration,
    percent: Option<f64>,
}

impl Meter {
    /// Measures from now on.
    pub(crate) fn new() -> Self {
        let used = read().map_or(Duration::ZERO, |(used, _)| used);
        Self(Mutex::new(Before { at: Instant::now(), used, percent: None }))
    }

    /// What is used; nothing where there is no `/proc`. Reads one small file that is never on a disk.
    pub(crate) fn measure(&self) -> Option<Usage> {
        let (used, memory_bytes) = read()?;
        let mut before = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let passed = before.at.elapsed();
        if passed >= SHORTEST {
            let share = used.saturating_sub(before.used).as_secs_f64() / passed.as_secs_f64();
            let percent = Some((share * 1_000.0).round() / 10.0);
            *before = Before { at: Instant::now(), used, percent };
        }
        Some(Usage { memory_bytes, cpu_percent: before.percent })
    }
}

/// Processor time, and bytes of memory.
fn read() -> Option<(Duration, u64)> {
    let (ticks, pages) = parse(&fs::read_to_string("/proc/self/stat").ok()?)?;
    let per_second = rustix::param::clock_ticks_per_second().max(1);
    let used = Duration::from_millis(ticks.saturating_mul(1_000) / per_second);
    let page = u64::try_from(rustix::param::page_size()).unwrap_or(4_096);
    Some((used, pages.saturating_mul(page)))
}

/// Ticks and pages of a line of `/proc/…/stat`. The name in parentheses may have any character.
fn parse(stat: &str) -> Option<(u64, u64)> {
    let fields: Vec<&str> = stat.get(stat.rfind(')')? + 1..)?.split_ascii_whitespace().collect();
    let number = |at: usize| fields.get(at)?.parse::<u64>().ok();
    Some((number(11)? + number(12)?, number(21)?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_with_blanks_and_parentheses_hides_nothing() {
        let stat =
            "71 (a ) b) (c) S 1 71 70 34816 71 4194304 100 0 0 0 7 5 0 0 20 0 1 0 9000 8192 33 1";

        assert_eq!(parse(stat), Some((12, 33)));
        for length in 0..70 {
            assert_eq!(parse(&stat[..length]), None);
        }
    }

    #[test]
    fn this_process_uses_memory() {
        let usage = Meter::new().measure().unwrap();

        assert!(usage.memory_bytes > 100_000);
        assert_eq!(usage.cpu_percent, None, "nothing to compare with yet");
    }
}
