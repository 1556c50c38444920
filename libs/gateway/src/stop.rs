//! That a server is to stop, and how long what it does may go on.

use std::time::Duration;

use protocol::lifecycle::{NoticeLevel, ServerNotice, Shutdown, Stopping};
use protocol::{ErrorCode, Timestamp, WireError};
use tokio::sync::watch;
use tokio::time::{Instant, sleep_until};

/// A server's one order to stop, which signals, commands and the server itself may give. Clones are the same order.
///
/// What follows has two parts: open runs may go on until the **deadline**, the drain; then what is left is ended, within
/// the server's grace period.
#[derive(Debug, Clone)]
pub struct Stop {
    drain: Duration,
    order: watch::Sender<Option<Order>>,
}

/// When, and what comes then.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Order {
    /// Until when open runs may go on.
    pub deadline: Instant,
    /// Whether the server starts again.
    pub restart: bool,
}

impl Stop {
    /// Not ordered yet. Open runs may go on for so long then, unless the order says otherwise.
    #[must_use]
    pub fn new(drain: Duration) -> Self {
        Self { drain, order: watch::Sender::new(None) }
    }

    /// Orders it. Of several orders the nearest deadline counts, and one without a restart.
    pub fn order(&self, within: Option<Duration>, restart: bool) -> Order {
        self.give(within, restart, |order| order)
    }

    /// Orders what a peer asks for. `answer` is called with what holds then, before anybody acts upon it: who hangs up
    /// because of it finds the answer on its way.
    ///
    /// # Errors
    /// `INVALID_PAYLOAD`: the deadline is too far away; nothing is ordered.
    pub fn command(
        &self,
        shutdown: Shutdown,
        answer: impl FnOnce(Stopping),
    ) -> Result<(), WireError> {
        let invalid = |text| WireError::new(ErrorCode::InvalidPayload, text);
        let within = shutdown.deadline().map_err(invalid)?;
        self.give(within, shutdown.restart, |order| {
            let left = order.deadline.saturating_duration_since(Instant::now());
            let deadline_ms = u64::try_from(left.as_millis()).unwrap_or(u64::MAX);
            answer(Stopping { deadline_ms, restart: order.restart });
        });
        Ok(())
    }

    fn give<T>(
        &self,
        within: Option<Duration>,
        restart: bool,
        before: impl FnOnce(Order) -> T,
    ) -> T {
        let asked = Order { deadline: Instant::now() + within.unwrap_or(self.drain), restart };
        let mut done = None;
        self.order.send_modify(|order| {
            let earlier = order.unwrap_or(asked);
            let order = order.insert(Order {
                deadline: earlier.deadline.min(asked.deadline),
                restart: earlier.restart && asked.restart,
            });
            done = Some(before(*order));
        });
        done.expect("it is called once")
    }

    /// The order as it is now.
    #[must_use]
    pub fn ordered(&self) -> Option<Order> {
        *self.order.borrow()
    }

    /// Waits for the order.
    pub async fn wait(&self) -> Order {
        let mut orders = self.order.subscribe();
        let ordered = orders.wait_for(Option::is_some).await.ok().and_then(|order| *order);
        match ordered {
            Some(order) => order,
            // The sender is this.
            None => std::future::pending().await,
        }
    }

    /// Waits for the order, and then for its deadline, which may come nearer meanwhile.
    pub async fn deadline(&self) {
        let mut orders = self.order.subscribe();
        let mut order = self.wait().await;
        loop {
            tokio::select! {
                () = sleep_until(order.deadline) => return,
                Ok(()) = orders.changed() => order = self.wait().await,
            }
        }
    }
}

impl Order {
    /// What everybody is told of it. `what` is the name of what stops.
    #[must_use]
    pub fn notice(&self, what: &str) -> ServerNotice {
        let (id, title, then) = if self.restart {
            ("restarting", format!("The {what} restarts"), "It comes back by itself.")
        } else {
            ("stopping", format!("The {what} is stopping"), "")
        };
        let left = self.deadline.saturating_duration_since(Instant::now());
        let until = Timestamp::from_millis(
            Timestamp::now().as_millis() + u64::try_from(left.as_millis()).unwrap_or(u64::MAX),
        );
        let message = format!("What runs may finish until then; nothing new is begun. {then}");
        ServerNotice {
            until: Some(until),
            ..ServerNotice::new(id, NoticeLevel::Warning, &title, message.trim_end())
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const DRAIN: Duration = Duration::from_secs(30);

    #[tokio::test(start_paused = true)]
    async fn the_nearest_deadline_counts_and_a_stop_before_a_restart() {
        let stop = Stop::new(DRAIN);
        let now = Instant::now();
        assert_eq!(stop.ordered(), None);

        assert_eq!(stop.order(None, true), Order { deadline: now + DRAIN, restart: true });
        let later = stop.order(Some(2 * DRAIN), true);
        assert_eq!(later, Order { deadline: now + DRAIN, restart: true });
        let sooner = stop.order(Some(DRAIN / 2), false);
        assert_eq!(sooner, Order { deadline: now + DRAIN / 2, restart: false });
        assert_eq!(stop.order(None, true), sooner);
        assert_eq!(stop.wait().await, sooner);
    }

    #[tokio::test(start_paused = true)]
    async fn a_deadline_that_comes_nearer_is_waited_for_no_longer() {
        let stop = Stop::new(DRAIN);
        let began = Instant::now();
        let waiting = tokio::spawn({
            let stop = stop.clone();
            async move { stop.deadline().await }
        });

        stop.order(None, false);
        tokio::time::sleep(DRAIN / 3).await;
        assert!(!waiting.is_finished());
        stop.order(Some(Duration::ZERO), false);
        waiting.await.unwrap();

        assert_eq!(began.elapsed(), DRAIN / 3);
    }

    #[tokio::test(start_paused = true)]
    async fn a_command_is_answered_with_what_holds() {
        let stop = Stop::new(DRAIN);

        let ask = |deadline_ms, restart| {
            let mut told = None;
            let result = stop.command(Shutdown { deadline_ms, restart }, |stopping| {
                told = Some(stopping);
            });
            result.map(|()| told.unwrap())
        };

        assert_eq!(ask(None, true), Ok(Stopping { deadline_ms: 30_000, restart: true }));
        assert_eq!(ask(Some(0), false), Ok(Stopping { deadline_ms: 0, restart: false }));
        assert_eq!(ask(Some(u64::MAX), false).unwrap_err().code, ErrorCode::InvalidPayload);
    }

    #[tokio::test(start_paused = true)]
    async fn everybody_is_told_whether_it_comes_back() {
        let stop = Stop::new(DRAIN);

        let restart = stop.order(None, true).notice("controller");
        let stopping = stop.order(None, false).notice("manager");

        assert_eq!(
            (restart.id.as_str(), restart.title.as_deref()),
            ("restarting", Some("The controller restarts"))
        );
        assert_eq!(
            (stopping.id.as_str(), stopping.title.as_deref()),
            ("stopping", Some("The manager is stopping"))
        );
        assert!(stopping.until > Some(Timestamp::now()));
    }
}
