//! What is counted of a manager's store.

use std::time::Duration;

use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::histogram::Histogram;
use prometheus_client::registry::{Registry, Unit};

/// From what memory takes to what a failing disk does.
const SECONDS: [f64; 11] =
    [0.0001, 0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.05, 0.25, 1.0, 5.0];
/// Up to the writer's batch.
const GROUPS: [f64; 9] = [1.0, 2.0, 4.0, 8.0, 16.0, 32.0, 64.0, 128.0, 256.0];

/// Handles of what is counted. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Meters {
    entries: Counter,
    commits: Histogram,
    groups: Histogram,
    failures: Counter,
}

impl Default for Meters {
    fn default() -> Self {
        Self {
            entries: Counter::default(),
            commits: Histogram::new(SECONDS),
            groups: Histogram::new(GROUPS),
            failures: Counter::default(),
        }
    }
}

impl Meters {
    /// Has them told with the rest of the registry.
    pub fn register(&self, registry: &mut Registry) {
        let Self { entries, commits, groups, failures } = self;
        registry.register("entries_stored", "Entries that are on disk", entries.clone());
        let help = "Time of a transaction that appends, with its fsync";
        registry.register_with_unit("commit", help, Unit::Seconds, commits.clone());
        let help = "Groups of entries that share a transaction and its fsync";
        registry.register("commit_groups", help, groups.clone());
        registry.register(
            "commit_failures",
            "Transactions that could not be stored",
            failures.clone(),
        );
    }

    pub(crate) fn committed(&self, groups: usize, entries: usize, took: Duration) {
        self.entries.inc_by(entries as u64);
        self.commits.observe(took.as_secs_f64());
        self.groups.observe(f64::from(u32::try_from(groups).unwrap_or(u32::MAX)));
    }

    pub(crate) fn failed(&self) {
        self.failures.inc();
    }
}
