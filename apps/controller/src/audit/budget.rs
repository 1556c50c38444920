//! How many refusals are written down.

use std::time::Duration;

use tokio::time::Instant;

/// Refusals that are written down in a minute: enough to see who tries and how.
const PER_MINUTE: u32 = 60;
const MINUTE: Duration = Duration::from_mins(1);

/// What of this minute is left, and how many were left out.
#[derive(Debug)]
pub(super) struct Budget {
    since: Instant,
    told: u32,
    left_out: u64,
}

impl Budget {
    pub(super) fn new(now: Instant) -> Self {
        Self { since: now, told: 0, left_out: 0 }
    }

    /// Whether one more is written down.
    pub(super) fn take(&mut self, now: Instant) -> bool {
        if now.duration_since(self.since) >= MINUTE {
            (self.since, self.told) = (now, 0);
        }
        let has_room = self.told < PER_MINUTE;
        if has_room {
            self.told += 1;
        } else {
            self.left_out += 1;
        }
        has_room
    }

    /// How many were left out since this was asked before, once their minute is over.
    pub(super) fn left_out(&mut self, now: Instant) -> Option<u64> {
        let is_over = now.duration_since(self.since) >= MINUTE || self.told < PER_MINUTE;
        (is_over && self.left_out > 0).then(|| std::mem::take(&mut self.left_out))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn of_many_refusals_some_are_written_and_the_others_counted() {
        let start = Instant::now();
        let mut budget = Budget::new(start);

        let told = (0..1_000).filter(|_| budget.take(start)).count();

        assert_eq!(told, PER_MINUTE as usize);
        assert_eq!(budget.left_out(start), None, "there may be more");
        assert_eq!(budget.left_out(start + MINUTE), Some(1_000 - u64::from(PER_MINUTE)));
        assert_eq!(budget.left_out(start + MINUTE), None);
        assert!(budget.take(start + MINUTE));
    }
}
