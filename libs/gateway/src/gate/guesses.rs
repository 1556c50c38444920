//! Who guesses secrets.

use std::time::{Duration, Instant};

/// Wrong secrets that cost nothing: people mistype, and scripts have old ones.
const FREE: u32 = 10;
/// The longest that an address is locked out at a time.
const LONGEST: Duration = Duration::from_secs(300);
/// Whoever guesses no more for so long starts anew.
const FORGIVEN: Duration = Duration::from_secs(900);
/// Wrong secrets of an address that are remembered.
const REMEMBERED: usize = 4;

/// What an address has guessed. The same wrong secret again is no new guess: a forgotten tab that tries for ever locks nobody
/// out. A plain value; time is passed in, and of secrets their hashes.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Guesses {
    wrong: u32,
    last: Option<Instant>,
    locked: Option<Instant>,
    remembered: [u64; REMEMBERED],
}

impl Guesses {
    /// Whether a secret may be tried.
    ///
    /// # Errors
    /// Not now; the time until then.
    pub(crate) fn check(&self, now: Instant) -> Result<(), Duration> {
        match self.locked {
            Some(until) if until > now => Err(until - now),
            _ => Ok(()),
        }
    }

    /// A secret was wrong. Gives for how long the address is locked out, if it is from now on.
    pub(crate) fn wrong(&mut self, secret: u64, free: u32, now: Instant) -> Option<Duration> {
        if self.is_over(now) {
            *self = Self::default();
        }
        if self.remembered.contains(&secret) {
            return None;
        }
        self.remembered.rotate_right(1);
        self.remembered[0] = secret;
        self.wrong = self.wrong.saturating_add(1);
        self.last = Some(now);
        let beyond = self.wrong.checked_sub(free.saturating_add(1))?;
        let lock = Duration::from_secs(1 << beyond.min(16)).min(LONGEST);
        self.locked = Some(now + lock);
        Some(lock)
    }

    /// Whether nothing of it counts any more.
    pub(crate) fn is_over(&self, now: Instant) -> bool {
        self.last.is_none_or(|last| now.saturating_duration_since(last) >= FORGIVEN)
    }

    /// How many wrong ones are free when nothing else is said.
    pub(crate) const fn free() -> u32 {
        FREE
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_guesser_is_locked_out_for_longer_and_longer() {
        let (mut guesses, mut now) = (Guesses::default(), Instant::now());
        let mut locks = Vec::new();

        for secret in 1..=22 {
            guesses.check(now).unwrap();
            let lock = guesses.wrong(secret, FREE, now).unwrap_or_default();
            locks.push(lock.as_secs());
            assert_eq!(guesses.check(now).err(), Some(lock).filter(|lock| !lock.is_zero()));
            now += lock;
        }

        assert_eq!(locks[..11], [0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1]);
        assert_eq!(locks[11..], [2, 4, 8, 16, 32, 64, 128, 256, 300, 300, 300]);
    }

    #[test]
    fn the_same_wrong_secret_is_no_guess() {
        let (mut guesses, now) = (Guesses::default(), Instant::now());

        let locks = (0..1_000).filter_map(|nth| guesses.wrong(1 + nth % 3, FREE, now)).count();

        assert_eq!(locks, 0);
        assert_eq!(guesses.wrong, 3);
    }

    #[test]
    fn whoever_stops_is_forgiven() {
        let (mut guesses, now) = (Guesses::default(), Instant::now());
        for secret in 1..=12 {
            guesses.wrong(secret, FREE, now);
        }

        assert!(guesses.check(now).is_err());
        assert!(!guesses.is_over(now) && guesses.is_over(now + FORGIVEN));
        assert_eq!(guesses.wrong(99, FREE, now + FORGIVEN), None);
    }
}
