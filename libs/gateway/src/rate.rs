//! How often something may happen.

use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

/// So many seconds' worth may come at once: whoever was quiet may catch up.
const BURST: f64 = 10.0;

/// So many of something a second, and ten times as many at once.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Rate(f64);

impl Rate {
    /// So many a second; 0 for no limit.
    #[must_use]
    pub fn per_second(number: u32) -> Self {
        Self(f64::from(number))
    }
}

/// What has been used up of a [`Rate`]: the time at which nothing of it will be. A plain value; time is passed in.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Used {
    until: Option<Instant>,
}

impl Used {
    pub(crate) const NOTHING: Self = Self { until: None };

    /// Uses an amount up, if there is room for it. What was refused counts for nothing.
    ///
    /// # Errors
    /// There is none; the time until there is.
    pub(crate) fn take(&mut self, amount: f64, rate: Rate, now: Instant) -> Result<(), Duration> {
        if rate.0 <= 0.0 {
            return Ok(());
        }
        let before = self.until.map_or(0.0, |until| (until - now).as_secs_f64());
        let after = before + amount / rate.0;
        // One that is larger than all that may come at once goes when nothing is used up.
        if after > BURST && before > 0.0 {
            return Err(Duration::from_secs_f64((after - BURST).clamp(0.001, before.max(0.001))));
        }
        self.until = Some(now + Duration::from_secs_f64(after));
        Ok(())
    }

    /// Whether nothing is used up any more.
    pub(crate) fn is_nothing(&self, now: Instant) -> bool {
        self.until.is_none_or(|until| until <= now)
    }
}

/// What all connections of one token may send together.
///
/// Behind a lock that is held to count: connections are read by tasks of their own.
#[derive(Debug)]
pub struct Allowance {
    commands: Rate,
    bytes: Rate,
    used: Mutex<(Used, Used)>,
}

impl Allowance {
    /// So many commands and so many bytes.
    #[must_use]
    pub fn new(commands: Rate, bytes: Rate) -> Self {
        Self { commands, bytes, used: Mutex::new((Used::NOTHING, Used::NOTHING)) }
    }

    /// Whether nothing of it is used up.
    #[must_use]
    pub fn is_whole(&self, now: Instant) -> bool {
        let used = self.used.lock().unwrap_or_else(PoisonError::into_inner);
        used.0.is_nothing(now) && used.1.is_nothing(now)
    }

    /// Takes one command of so many bytes.
    ///
    /// # Errors
    /// There were too many; the time until another may come.
    pub fn take(&self, bytes: usize, now: Instant) -> Result<(), Duration> {
        let mut used = self.used.lock().unwrap_or_else(PoisonError::into_inner);
        let (mut commands, mut volume) = *used;
        commands.take(1.0, self.commands, now)?;
        // More than a frame never comes, so nothing is lost.
        #[allow(clippy::cast_precision_loss)]
        volume.take(bytes as f64, self.bytes, now)?;
        *used = (commands, volume);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ten_seconds_worth_may_come_at_once_and_then_as_many_as_the_rate() {
        let (mut used, now, rate) = (Used::NOTHING, Instant::now(), Rate::per_second(5));

        let at_once = (0..100).filter(|_| used.take(1.0, rate, now).is_ok()).count();
        let later = now + Duration::from_secs(2);
        let then = (0..100).filter(|_| used.take(1.0, rate, later).is_ok()).count();

        assert_eq!(at_once, 50);
        assert_eq!(then, 10);
        let wait = used.take(1.0, rate, later).unwrap_err();
        assert!((wait.as_secs_f64() - 0.2).abs() < 0.01, "{wait:?}");
        assert!(used.take(1.0, rate, later + wait).is_ok());
        assert!(!used.is_nothing(later) && used.is_nothing(later + Duration::from_secs(20)));
    }

    #[test]
    fn no_rate_is_no_limit() {
        let (mut used, now) = (Used::NOTHING, Instant::now());

        assert!((0..1_000).all(|_| used.take(1e9, Rate::per_second(0), now).is_ok()));
    }

    #[test]
    fn what_is_too_large_goes_alone() {
        let (mut used, now, rate) = (Used::NOTHING, Instant::now(), Rate::per_second(1));

        used.take(1_000.0, rate, now).unwrap();

        assert!(used.take(1.0, rate, now).is_err());
        assert!(used.take(1.0, rate, now + Duration::from_secs(1_001)).is_ok());
    }

    #[test]
    fn a_command_without_room_for_its_bytes_counts_for_nothing() {
        let allowance = Allowance::new(Rate::per_second(1), Rate::per_second(10));
        let now = Instant::now();

        allowance.take(100, now).unwrap();

        assert!((0..50).all(|_| allowance.take(100, now).is_err()));
        assert!((0..9).all(|_| allowance.take(0, now).is_ok()));
        assert!(allowance.take(0, now).is_err());
    }
}
