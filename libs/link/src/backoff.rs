//! When to try again: the reconnect law, the same for every link.
//!
//! The first retry comes at once, spread over half a second; then full jitter over min(30 s, 0.5 s · 2ⁿ), for ever; a
//! connection that was up for 10 s starts anew. A pure value: time and randomness are given. Own lines rather than a
//! library's, because none has the reset by uptime and the immediate first retry.

use std::time::Duration;

/// Longest spread of the first retry, and the base that doubles.
pub const BASE: Duration = Duration::from_millis(500);
/// Longest pause between two attempts.
pub const CAP: Duration = Duration::from_secs(30);
/// A connection that was up for so long was a good one.
pub const STABLE: Duration = Duration::from_secs(10);

/// Attempts since the last good connection.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Backoff {
    attempt: u32,
}

impl Backoff {
    /// Number of the attempt that [`Self::next`] gave the pause for; 0 before the first.
    #[must_use]
    pub fn attempt(&self) -> u32 {
        self.attempt
    }

    /// Counts an attempt and says how long to wait before it. `random` is uniform over all `u64`.
    pub fn next(&mut self, random: u64) -> Duration {
        let longest = longest_pause(self.attempt);
        self.attempt = self.attempt.saturating_add(1);
        let millis = u64::try_from(longest.as_millis()).unwrap_or(u64::MAX);
        Duration::from_millis(random % (millis + 1))
    }

    /// The connection has ended after being up for `uptime`.
    pub fn was_up(&mut self, uptime: Duration) {
        if uptime >= STABLE {
            self.attempt = 0;
        }
    }
}

/// Longest pause before the attempt after `failed` failed ones.
fn longest_pause(failed: u32) -> Duration {
    let factor = 2_u32.saturating_pow(failed.saturating_sub(1));
    if failed == 0 { BASE } else { BASE.saturating_mul(factor.saturating_mul(2)).min(CAP) }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn the_longest_pauses_double_up_to_the_cap() {
        let longest: Vec<u128> = (0..9).map(|failed| longest_pause(failed).as_millis()).collect();

        assert_eq!(longest, [500, 1_000, 2_000, 4_000, 8_000, 16_000, 30_000, 30_000, 30_000]);
        assert_eq!(longest_pause(u32::MAX), CAP);
    }

    proptest! {
        #[test]
        fn every_pause_is_within_its_bound_and_attempts_never_end(randoms in prop::collection::vec(any::<u64>(), 1..200)) {
            let mut backoff = Backoff::default();
            for (failed, random) in randoms.into_iter().enumerate() {
                let failed = u32::try_from(failed).unwrap();
                prop_assert!(backoff.next(random) <= longest_pause(failed));
                prop_assert_eq!(backoff.attempt(), failed + 1);
            }
        }

        #[test]
        fn only_a_stable_connection_starts_anew(attempts in 1_u32..50, uptime in 0_u64..20_000) {
            let mut backoff = Backoff::default();
            for _ in 0..attempts {
                backoff.next(0);
            }
            backoff.was_up(Duration::from_millis(uptime));
            prop_assert_eq!(backoff.attempt(), if uptime >= 10_000 { 0 } else { attempts });
        }

        #[test]
        fn the_whole_range_is_used(random in any::<u64>()) {
            let pause = Backoff::default().next(random);
            prop_assert_eq!(pause, Duration::from_millis(random % 501));
        }
    }
}
