//! What the controller's process uses.

use std::time::Duration;

use rustix::time::{ClockId, clock_gettime};
use tokio::time::Instant;

/// Processor time up to a moment, to compare later ones with.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Meter {
    at: Instant,
    spent: Duration,
}

impl Meter {
    /// Begins now.
    pub(crate) fn start() -> Self {
        Self { at: Instant::now(), spent: spent() }
    }

    /// Processor time since the time before, as percent of one processor.
    pub(crate) fn percent(&mut self) -> f64 {
        let now = Self::start();
        let (passed, spent) = (now.at - self.at, now.spent.saturating_sub(self.spent));
        *self = now;
        if passed.is_zero() {
            return 0.0;
        }
        let percent = 100.0 * spent.as_secs_f64() / passed.as_secs_f64();
        (percent * 100.0).round() / 100.0
    }
}

fn spent() -> Duration {
    Duration::try_from(clock_gettime(ClockId::ProcessCPUTime)).unwrap_or_default()
}

/// Memory that is resident, in bytes; 0 where the kernel does not say. It is read from memory, so nothing waits for a disk.
pub(crate) fn memory() -> u64 {
    let statm = std::fs::read_to_string("/proc/self/statm").unwrap_or_default();
    let pages = statm.split_whitespace().nth(1).and_then(|pages| pages.parse::<u64>().ok());
    pages.unwrap_or(0) * rustix::param::page_size() as u64
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_used_is_measured() {
        let mut meter = Meter::start();
        let mut sum = 0_u64;
        while spent() - meter.spent < Duration::from_millis(5) {
            sum = sum.wrapping_add(std::hint::black_box(1));
        }

        assert!(meter.percent() > 0.0 && sum > 0);
        assert!(memory() > 1 << 20);
    }
}
