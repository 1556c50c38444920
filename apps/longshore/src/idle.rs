//! `--idle-timeout`: a server that nobody uses ends.

use std::time::Duration;

use gateway::Stop;
use tokio::time::{Instant, sleep_until};

/// How often it is looked whether the server is in use, at least.
const LOOK: Duration = Duration::from_secs(1);

/// What a look shows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Use {
    /// Whether somebody is connected, or something goes on that should not be ended.
    pub now: bool,
    /// Connections so far: who has come and gone between two looks shows there.
    pub visits: u64,
}

/// Since when nobody has used it.
struct Idle {
    timeout: Duration,
    since: Instant,
    visits: u64,
}

impl Idle {
    fn new(timeout: Duration, now: Instant) -> Self {
        Self { timeout, since: now, visits: 0 }
    }

    /// When it is enough, if nothing happens until then.
    fn end(&self) -> Instant {
        self.since + self.timeout
    }

    /// Takes in a look. Whether it is enough.
    fn look(&mut self, now: Instant, seen: Use) -> bool {
        if seen.now || seen.visits != self.visits {
            self.since = now;
            self.visits = seen.visits;
        }
        self.end() <= now
    }
}

/// Orders the stop once nobody has used the server for that long, 0 for never. Returns when there is an order.
pub async fn watch(timeout: Duration, stop: &Stop, look: impl Fn() -> Use) {
    let idle = async {
        if timeout.is_zero() {
            return std::future::pending().await;
        }
        let mut idle = Idle::new(timeout, Instant::now());
        while !idle.look(Instant::now(), look()) {
            sleep_until(idle.end().min(Instant::now() + LOOK)).await;
        }
    };
    tokio::select! {
        _ordered = stop.wait() => {}
        () = idle => {
            tracing::warn!(seconds = timeout.as_secs_f64(), "no clients connected, idle shutdown");
            stop.order(None, false);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::cell::Cell;

    use super::*;

    const UNUSED: Use = Use { now: false, visits: 0 };

    #[tokio::test(start_paused = true)]
    async fn it_ends_that_long_after_the_beginning_or_the_last_use() {
        let (stop, began) = (Stop::new(Duration::ZERO), Instant::now());
        let end_of_use = began + Duration::from_secs(20);

        let timeout = Duration::from_secs(30);
        watch(timeout, &stop, || Use { now: Instant::now() < end_of_use, visits: 1 }).await;

        // The last look at which it was in use was up to a second before it was not.
        let took = began.elapsed();
        assert!(took > Duration::from_secs(48) && took <= Duration::from_secs(50), "{took:?}");
        assert!(stop.ordered().is_some());
    }

    #[tokio::test(start_paused = true)]
    async fn who_was_there_between_two_looks_counts() {
        let (stop, began) = (Stop::new(Duration::ZERO), Instant::now());
        let looks = Cell::new(0);

        let timeout = Duration::from_millis(2_500);
        let look = || {
            looks.set(looks.get() + 1);
            Use { now: false, visits: u64::from(looks.get() > 2) }
        };
        watch(timeout, &stop, look).await;

        assert_eq!(began.elapsed(), Duration::from_millis(4_500));
    }

    #[tokio::test(start_paused = true)]
    async fn without_a_timeout_it_never_ends_by_itself() {
        let stop = Stop::new(Duration::ZERO);
        let day = Duration::from_secs(86_400);

        let idle = tokio::time::timeout(day, watch(Duration::ZERO, &stop, || UNUSED)).await;

        assert!(idle.is_err() && stop.ordered().is_none());
        stop.order(None, false);
        watch(Duration::ZERO, &stop, || UNUSED).await;
    }
}
