//! What is counted of connections. The application registers the handles; counting is an atomic addition.

use std::borrow::Cow;
use std::sync::Arc;
use std::time::Duration;

use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::histogram::Histogram;
use prometheus_client::registry::{Registry, Unit};

/// From what a local answer takes to what a person gives up at.
const SECONDS: [f64; 12] =
    [0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 1.0, 5.0, 30.0];

/// Handles of what is counted. Cheap to clone.
#[derive(Debug, Clone, Default)]
pub struct Meters(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    open: Gauge,
    accepted: Counter,
    refused: Family<Reason, Counter>,
    closed: Family<Reason, Counter>,
    received: Counter,
    sent: Counter,
    events: Counter,
    commands: Family<Outcome, Counter>,
    command_time: Family<Of, Histogram, fn() -> Histogram>,
    behind: Counter,
    pages: Counter,
    stalled: Gauge,
    stalls: Counter,
    replayed: Counter,
    replay_time: Histogram,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Reason {
    reason: &'static str,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Of {
    command: &'static str,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Outcome {
    command: &'static str,
    outcome: Cow<'static, str>,
}

impl Default for Inner {
    fn default() -> Self {
        Self {
            open: Gauge::default(),
            accepted: Counter::default(),
            refused: Family::default(),
            closed: Family::default(),
            received: Counter::default(),
            sent: Counter::default(),
            events: Counter::default(),
            commands: Family::default(),
            command_time: Family::new_with_constructor(|| Histogram::new(SECONDS)),
            behind: Counter::default(),
            pages: Counter::default(),
            stalled: Gauge::default(),
            stalls: Counter::default(),
            replayed: Counter::default(),
            replay_time: Histogram::new(SECONDS),
        }
    }
}

impl Meters {
    /// Has them told with the rest of the registry.
    pub fn register(&self, registry: &mut Registry) {
        let Inner { open, accepted, refused, closed, received, sent, events, .. } = &*self.0;
        registry.register("connections", "Open Socket.IO connections", open.clone());
        registry.register("connections_accepted", "Connections that were let in", accepted.clone());
        registry.register(
            "connections_refused",
            "Connections that were not let in",
            refused.clone(),
        );
        let help = "Connections that were closed because their peer does not read";
        registry.register("connections_closed", help, closed.clone());
        let help = "Bytes read from sockets, REST included";
        registry.register_with_unit("received", help, Unit::Bytes, received.clone());
        let help = "Bytes written to sockets, REST included";
        registry.register_with_unit("sent", help, Unit::Bytes, sent.clone());
        registry.register(
            "packets_sent",
            "Events and acknowledgements that sockets have taken",
            events.clone(),
        );
        let Inner {
            commands,
            command_time,
            behind,
            pages,
            stalled,
            stalls,
            replayed,
            replay_time,
            ..
        } = &*self.0;
        registry.register("commands", "Commands that were answered, by outcome", commands.clone());
        let help = "Time from a command's arrival to its answer";
        registry.register_with_unit("command", help, Unit::Seconds, command_time.clone());
        let help = "Times that a reader was behind the ring of newest entries";
        registry.register("readers_behind", help, behind.clone());
        registry.register(
            "pages_read",
            "Pages of history read for readers that were behind",
            pages.clone(),
        );
        registry.register(
            "writes_stalled",
            "Connections whose peer does not read now",
            stalled.clone(),
        );
        registry.register(
            "write_stalls",
            "Times that a write had to wait for its peer",
            stalls.clone(),
        );
        registry.register("replayed_entries", "Entries told in replays", replayed.clone());
        let help = "Time from following a conversation to the end of its replay";
        registry.register_with_unit("replay", help, Unit::Seconds, replay_time.clone());
    }

    pub(crate) fn accepted(&self) -> Open {
        self.0.accepted.inc();
        self.0.open.inc();
        Open(self.clone())
    }

    pub(crate) fn refused(&self, reason: &'static str) {
        self.0.refused.get_or_create(&Reason { reason }).inc();
    }

    pub(crate) fn closed(&self, reason: &'static str) {
        self.0.closed.get_or_create(&Reason { reason }).inc();
    }

    pub(crate) fn received(&self, bytes: usize) {
        self.0.received.inc_by(bytes as u64);
    }

    pub(crate) fn sent(&self, bytes: usize) {
        self.0.sent.inc_by(bytes as u64);
    }

    /// Told once for many packets: all outboxes share this counter.
    pub(crate) fn told(&self, packets: u64) {
        self.0.events.inc_by(packets);
    }

    pub(crate) fn behind(&self) {
        self.0.behind.inc();
    }

    pub(crate) fn page(&self) {
        self.0.pages.inc();
    }

    pub(crate) fn stalls(&self) {
        self.0.stalls.inc();
        self.0.stalled.inc();
    }

    pub(crate) fn flows(&self) {
        self.0.stalled.dec();
    }

    pub(crate) fn replayed(&self, entries: u64, time: Duration) {
        self.0.replayed.inc_by(entries);
        self.0.replay_time.observe(time.as_secs_f64());
    }

    pub(crate) fn command(
        &self,
        command: &'static str,
        outcome: Cow<'static, str>,
        time: Option<Duration>,
    ) {
        self.0.commands.get_or_create(&Outcome { command, outcome }).inc();
        if let Some(time) = time {
            self.0.command_time.get_or_create(&Of { command }).observe(time.as_secs_f64());
        }
    }
}

/// A connection that is counted; dropping it ends that.
#[derive(Debug)]
pub(crate) struct Open(Meters);

impl Drop for Open {
    fn drop(&mut self) {
        self.0.0.open.dec();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_counted_is_told() {
        let (meters, mut registry) = (Meters::default(), Registry::default());
        meters.register(&mut registry);

        let open = meters.accepted();
        drop(meters.accepted());
        meters.command("chat", "ok".into(), Some(Duration::from_millis(3)));
        let mut text = String::new();
        prometheus_client::encoding::text::encode(&mut text, &registry).unwrap();

        for line in [
            "connections 1",
            "connections_accepted_total 2",
            r#"commands_total{command="chat",outcome="ok"} 1"#,
            r#"command_seconds_bucket{le="0.005",command="chat"} 1"#,
            "received_bytes_total 0",
        ] {
            assert!(text.lines().any(|told| told == line), "{line} in {text}");
        }
        drop(open);
    }
}
