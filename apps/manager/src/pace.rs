//! Bounds on how fast things go.

use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use tokio::time::Instant;

/// So many in a second on average, and so many at once.
#[derive(Debug)]
pub(crate) struct Rate {
    each: Duration,
    at_once: u32,
    /// When all that was taken has been earned. Behind a lock that is held to count.
    paid: Mutex<Option<Instant>>,
}

impl Rate {
    pub(crate) fn new(per_second: u32, at_once: u32) -> Self {
        Self { each: Duration::from_secs(1) / per_second, at_once, paid: Mutex::default() }
    }

    /// Takes one; or says when there is one again.
    pub(crate) fn take(&self) -> Result<(), Duration> {
        let now = Instant::now();
        let mut paid = self.paid.lock().unwrap_or_else(PoisonError::into_inner);
        let next = paid.unwrap_or(now).max(now) + self.each;
        let most = now + self.each * self.at_once;
        if next > most {
            return Err(next - most);
        }
        *paid = Some(next);
        Ok(())
    }
}

/// Bytes in a second that all of a manager's terminals together may show: a hundred times what anybody reads, and a few
/// percent of a processor at each of those who pass it on.
const SHOWN: u32 = 8 << 20;
/// Bytes that they may show at once before that counts.
const SHOWN_AT_ONCE: u32 = 256 << 10;

/// Keeps terminals that flood from taking the machine away from conversations. Who prints little does not notice.
#[derive(Debug, Default)]
pub(crate) struct Pace {
    paid: Mutex<Option<Instant>>,
}

impl Pace {
    /// So many bytes have been shown: when more may be. Terminals take turns, as each asks for as much as it has read at
    /// once.
    pub(crate) fn shown(&self, bytes: usize) -> Instant {
        let bytes = u32::try_from(bytes).unwrap_or(u32::MAX);
        let now = Instant::now();
        let mut paid = self.paid.lock().unwrap_or_else(PoisonError::into_inner);
        let next = paid.unwrap_or(now).max(now) + time(bytes);
        *paid = Some(next);
        next.checked_sub(time(SHOWN_AT_ONCE)).map_or(now, |then| then.max(now))
    }
}

/// How long it takes to show that much.
fn time(bytes: u32) -> Duration {
    Duration::from_secs(1) * bytes / SHOWN
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn some_are_had_at_once_and_the_rest_in_time() {
        let rate = Rate::new(10, 3);

        for _ in 0..3 {
            rate.take().unwrap();
        }
        let wait = rate.take().unwrap_err();
        assert_eq!(wait, Duration::from_millis(100));
        tokio::time::advance(wait).await;
        rate.take().unwrap();
        assert!(rate.take().is_err());
    }

    #[tokio::test(start_paused = true)]
    async fn a_flood_is_held_to_the_pace_and_a_line_now_and_then_is_not() {
        let (pace, begin) = (Pace::default(), Instant::now());

        for _ in 0..4 * 512 {
            tokio::time::sleep_until(pace.shown(16 << 10)).await;
        }
        let took = begin.elapsed();
        assert!(took > Duration::from_millis(3_900) && took < Duration::from_millis(4_100));
        tokio::time::advance(Duration::from_secs(1)).await;
        for _ in 0..100 {
            assert_eq!(pace.shown(80), Instant::now());
        }
    }
}
