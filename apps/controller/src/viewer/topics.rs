//! `subscribe`: what a viewer is told besides what it has selected.

use std::sync::Arc;
use std::time::Duration;

use gateway::{Command, Outbox};
use protocol::Timestamp;
use protocol::clients::{Heartbeat, ServerStats, SubscribeTopics, SubscribedTopics, ViewerTopic};
use protocol::limits::{LONGEST_INTERVAL_MS, SHORTEST_INTERVAL_MS, USUAL_INTERVAL_MS};
use protocol::names::clients::{HEARTBEAT, SERVER_STATS};
use tokio::task::JoinSet;
use tokio::time::{MissedTickBehavior, interval};

use super::Viewer;
use crate::access::Caller;
use crate::error::Error;
use crate::server::Server;
use crate::usage::{Meter, memory};

impl Viewer {
    /// Replaces the viewer's choice; a refused command changes nothing. What is told comes behind the acknowledgement.
    pub(super) fn choose(&mut self, command: Command) {
        let chosen = match command.payload().map_err(Into::into).and_then(check) {
            Ok(chosen) => chosen,
            Err(error) => return command.reply.err(error.into()),
        };
        // The old choice ends first, or something of it would be told behind the new one's beginning.
        self.topics = JoinSet::new();
        self.server.remotes.unlisten(&self.connection);
        command.reply.ok(&chosen);
        let has = |topic| chosen.topics.contains(&topic);
        if has(ViewerTopic::Activity) {
            let listening = self.server.remotes.listen(
                &self.connection,
                &self.outbox,
                &self.identity.caller.clients,
            );
            self.topics.spawn(async move { listening.tell().await });
        }
        let (heartbeat, stats) = (has(ViewerTopic::Heartbeat), has(ViewerTopic::Stats));
        if heartbeat || stats {
            let every = Duration::from_millis(chosen.interval_ms);
            let caller = self.identity.caller.clone();
            let clock = Clock { every, heartbeat, stats, caller };
            self.topics.spawn(clock.run(Arc::clone(&self.server), self.outbox.clone()));
        }
    }
}

/// Each topic once, and an interval that may be.
fn check(asked: SubscribeTopics) -> Result<SubscribedTopics, Error> {
    let interval_ms = asked.interval_ms.unwrap_or(USUAL_INTERVAL_MS);
    if !(SHORTEST_INTERVAL_MS..=LONGEST_INTERVAL_MS).contains(&interval_ms) {
        return Err(Error::Invalid(format!(
            "intervalMs is {SHORTEST_INTERVAL_MS} to {LONGEST_INTERVAL_MS}"
        )));
    }
    let mut topics = Vec::new();
    for topic in asked.topics {
        if !topics.contains(&topic) {
            topics.push(topic);
        }
    }
    Ok(SubscribedTopics { topics, interval_ms })
}

/// What is told by the clock.
struct Clock {
    every: Duration,
    heartbeat: bool,
    stats: bool,
    /// Who may see some clients only is told nothing of what is not theirs.
    caller: Caller,
}

impl Clock {
    /// Tells it until it is dropped. A viewer that does not read is told nothing meanwhile.
    async fn run(self, server: Arc<Server>, outbox: Outbox) {
        let mut meter = Meter::start();
        let mut ticks = interval(self.every);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let mut is_first = true;
        loop {
            ticks.tick().await;
            outbox.room().await;
            if self.heartbeat && !is_first {
                outbox.event(HEARTBEAT, &Heartbeat { time: Timestamp::now() });
            }
            if self.stats {
                let stats = ServerStats {
                    cpu: meter.percent(),
                    memory: memory(),
                    connections: server.audience.count(self.caller.only()).0 as u64,
                    runs: server.remotes.open_conversations(&self.caller.clients) as u64,
                    timestamp: Timestamp::now(),
                };
                outbox.event(SERVER_STATS, &stats);
            }
            is_first = false;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_interval_has_bounds_and_a_topic_counts_once() {
        let ask = |interval_ms| {
            let topics = vec![ViewerTopic::Stats, ViewerTopic::Heartbeat, ViewerTopic::Stats];
            check(SubscribeTopics { topics, interval_ms })
        };

        for bad in [0, 249, 60_001, u64::MAX] {
            assert!(ask(Some(bad)).is_err(), "{bad}");
        }
        for good in [250, 60_000] {
            assert_eq!(ask(Some(good)).unwrap().interval_ms, good);
        }
        let usual = ask(None).unwrap();
        assert_eq!(usual.interval_ms, 5_000);
        assert_eq!(usual.topics, [ViewerTopic::Stats, ViewerTopic::Heartbeat]);
    }
}
