//! How often a password may be tried.

use std::collections::HashMap;
use std::hash::Hash;
use std::time::{Duration, Instant};

/// Passwords have 192 random bits, so this bounds the cost of argon2 rather than the odds of a guess.
pub(crate) const MAX_ATTEMPTS: u32 = 10;
/// The time that [`MAX_ATTEMPTS`] are for.
pub(crate) const WINDOW: Duration = Duration::from_secs(60);
/// Keys remembered at once. Whoever has that many addresses is not stopped by counting them.
const MAX_KEYS: usize = 10_000;

/// Counts attempts per key in windows of [`WINDOW`]. A plain value; time is passed in.
#[derive(Debug)]
pub(crate) struct Attempts<K> {
    windows: HashMap<K, Window>,
}

#[derive(Debug, Clone, Copy)]
struct Window {
    since: Instant,
    count: u32,
}

impl<K: Hash + Eq> Attempts<K> {
    pub(crate) fn new() -> Self {
        Self { windows: HashMap::new() }
    }

    /// Counts an attempt before it is made, so that many at once do not slip through together.
    ///
    /// # Errors
    /// There were too many; the time until the next one is allowed.
    pub(crate) fn begin(&mut self, key: K, now: Instant) -> Result<(), Duration> {
        if self.windows.len() >= MAX_KEYS && !self.windows.contains_key(&key) {
            self.forget_the_old(now);
        }
        let window = self.windows.entry(key).or_insert(Window { since: now, count: 0 });
        if now.duration_since(window.since) >= WINDOW {
            *window = Window { since: now, count: 0 };
        }
        if window.count >= MAX_ATTEMPTS {
            return Err(WINDOW - now.duration_since(window.since));
        }
        window.count += 1;
        Ok(())
    }

    /// The attempt was right: whoever knows the password is not guessing.
    pub(crate) fn succeeded(&mut self, key: &K) {
        self.windows.remove(key);
    }

    /// Makes room. When nobody's window is over, all start anew: the map must not grow without bound.
    fn forget_the_old(&mut self, now: Instant) {
        self.windows.retain(|_, window| now.duration_since(window.since) < WINDOW);
        if self.windows.len() >= MAX_KEYS {
            self.windows.clear();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_eleventh_attempt_within_a_minute_waits_for_its_end() {
        let (mut attempts, start) = (Attempts::new(), Instant::now());
        for _ in 0..MAX_ATTEMPTS {
            attempts.begin("a", start).unwrap();
        }

        let later = start + Duration::from_secs(20);

        assert_eq!(attempts.begin("a", later), Err(Duration::from_secs(40)));
        assert_eq!(attempts.begin("b", later), Ok(()), "others are not held up");
        assert_eq!(attempts.begin("a", start + WINDOW), Ok(()));
    }

    #[test]
    fn a_right_password_clears_the_count() {
        let (mut attempts, now) = (Attempts::new(), Instant::now());
        for _ in 0..5 * MAX_ATTEMPTS {
            attempts.begin("a", now).unwrap();
            attempts.succeeded(&"a");
        }
    }

    #[test]
    fn what_is_remembered_is_bounded() {
        let (mut attempts, now) = (Attempts::new(), Instant::now());
        for key in 0..3 * MAX_KEYS {
            attempts.begin(key, now).unwrap();
        }
        assert!(attempts.windows.len() <= MAX_KEYS);
    }
}
