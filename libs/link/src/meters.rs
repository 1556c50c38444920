//! What is counted of links.

use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::histogram::Histogram;
use prometheus_client::registry::{Registry, Unit};

/// From what a round trip takes at best to a call's deadline.
const SECONDS: [f64; 11] = [0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.1, 0.5, 2.5, 10.0, 30.0];

/// Handles of what is counted. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Meters {
    attempts: Family<Outcome, Counter>,
    pub(crate) lost: Counter,
    pub(crate) received: Counter,
    pub(crate) sent: Counter,
    pub(crate) events: Counter,
    pub(crate) calls: Histogram,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Outcome {
    outcome: &'static str,
}

impl Default for Meters {
    fn default() -> Self {
        Self {
            attempts: Family::default(),
            lost: Counter::default(),
            received: Counter::default(),
            sent: Counter::default(),
            events: Counter::default(),
            calls: Histogram::new(SECONDS),
        }
    }
}

impl Meters {
    /// Has them told with the rest of the registry.
    pub fn register(&self, registry: &mut Registry) {
        let Self { attempts, lost, received, sent, events, calls } = self;
        let help = "Attempts to connect to a manager, by how they ended";
        registry.register("link_attempts", help, attempts.clone());
        registry.register("link_losses", "Connections to managers that have ended", lost.clone());
        let help = "Bytes of packets from managers";
        registry.register_with_unit("link_received", help, Unit::Bytes, received.clone());
        let help = "Bytes of packets to managers";
        registry.register_with_unit("link_sent", help, Unit::Bytes, sent.clone());
        registry.register("link_events", "Events from managers", events.clone());
        let help = "Time from giving a command to a manager to its answer";
        registry.register_with_unit("link_call", help, Unit::Seconds, calls.clone());
    }

    pub(crate) fn attempt(&self, outcome: &'static str) {
        self.attempts.get_or_create(&Outcome { outcome }).inc();
    }
}
