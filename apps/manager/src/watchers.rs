//! The connections that want to know what an agent's programs use.

use std::collections::{HashMap, HashSet};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use gateway::Outbox;
use protocol::agents::{ContainerStats, ContainerStatus, Stats};
use protocol::names::agents::CONTAINER_STATS;
use protocol::{AgentId, ConnectionId, Timestamp};
use runtime::Place;
use tokio::sync::Notify;
use tokio::time::{Instant, sleep_until, timeout_at};
use tokio_util::sync::CancellationToken;

use crate::conversation::Key;

/// How often it is measured.
const PERIOD: Duration = Duration::from_secs(5);
/// Who comes later is told at once, too, but it is not measured more often than that.
const LEAST: Duration = Duration::from_millis(500);

/// Behind a lock that is held to tell outboxes, which never wait. While somebody watches there is a task that measures.
#[derive(Debug, Default)]
pub(crate) struct Watchers {
    inner: Mutex<Inner>,
    came: Notify,
}

#[derive(Debug, Default)]
struct Inner {
    watching: HashMap<Key, Outbox>,
    is_measured: bool,
    is_closed: bool,
}

impl Watchers {
    /// Somebody wants to know. Whether a task that measures has to be started.
    pub(crate) fn enter(&self, key: Key, outbox: &Outbox) -> bool {
        let mut inner = self.lock();
        if inner.is_closed {
            return false;
        }
        if inner.watching.insert(key, outbox.clone()).is_none() {
            self.came.notify_one();
        }
        !std::mem::replace(&mut inner.is_measured, true)
    }

    pub(crate) fn leave(&self, key: &Key) {
        self.lock().watching.remove(key);
    }

    /// A connection to the manager is gone, or logged out, and with it all who were behind it.
    pub(crate) fn lose(&self, link: &ConnectionId) {
        self.lock().watching.retain(|key, _| key.link != *link);
    }

    /// The agent is gone.
    pub(crate) fn close(&self) {
        let mut inner = self.lock();
        inner.is_closed = true;
        inner.watching.clear();
        self.came.notify_one();
    }

    /// Measures until nobody watches.
    pub(crate) async fn measure(
        self: Arc<Self>,
        agent: AgentId,
        place: Place,
        stopping: CancellationToken,
    ) {
        let mut meter = place.meter();
        loop {
            // An engine of containers may take its time.
            let measured = stopping.run_until_cancelled(meter.measure()).await;
            let Some(stats) = measured else { return };
            if !self.tell(&agent, stats) {
                return;
            }
            let now = Instant::now();
            let period = async {
                sleep_until(now + LEAST).await;
                timeout_at(now + PERIOD, self.came.notified()).await.ok();
            };
            if stopping.run_until_cancelled(period).await.is_none() {
                return;
            }
        }
    }

    /// Tells each connection once, whoever is behind it. Whether there was one; the task ends with the last.
    fn tell(&self, agent: &AgentId, stats: Option<Stats>) -> bool {
        let mut inner = self.lock();
        if inner.watching.is_empty() {
            inner.is_measured = false;
            return false;
        }
        let event = ContainerStats {
            agent_id: agent.clone(),
            status: ContainerStatus { running: stats.is_some() },
            stats,
            timestamp: Timestamp::now(),
        };
        let mut told = HashSet::new();
        for (key, outbox) in &inner.watching {
            if told.insert(&key.link) {
                outbox.event(CONTAINER_STATS, &event);
            }
        }
        true
    }

    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
