//! What is counted of traces.

use prometheus_client::metrics::counter::Counter;
use prometheus_client::registry::Registry;

/// Handles of what is counted. Cheap to clone.
#[derive(Debug, Clone, Default)]
pub struct Meters {
    exported: Counter,
    dropped: Counter,
    failed: Counter,
}

impl Meters {
    /// Has them told with the rest of the registry.
    pub fn register(&self, registry: &mut Registry) {
        let Self { exported, dropped, failed } = self;
        registry.register("spans_exported", "Spans that the collector has taken", exported.clone());
        let help = "Spans that were dropped because too many waited for the collector";
        registry.register("spans_dropped", help, dropped.clone());
        let help = "Spans that the collector has not taken";
        registry.register("spans_failed", help, failed.clone());
    }

    /// The collector has taken so many, or has not.
    pub fn exported(&self, spans: usize, taken: bool) {
        let counter = if taken { &self.exported } else { &self.failed };
        counter.inc_by(spans as u64);
    }

    /// There was no room for one.
    pub(crate) fn drop_one(&self) {
        self.dropped.inc();
    }

    /// How many there was no room for.
    #[must_use]
    pub fn dropped(&self) -> u64 {
        self.dropped.get()
    }
}
