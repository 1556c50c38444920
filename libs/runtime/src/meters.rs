//! What is counted of agents' programs.

use prometheus_client::metrics::counter::Counter;
use prometheus_client::registry::Registry;

/// Handles of what is counted. Cheap to clone.
#[derive(Debug, Clone, Default)]
pub struct Meters {
    started: Counter,
    restarted: Counter,
    crashed: Counter,
}

impl Meters {
    /// Has them told with the rest of the registry.
    pub fn register(&self, registry: &mut Registry) {
        let Self { started, restarted, crashed } = self;
        registry.register(
            "programs_started",
            "Programs of agents that were started",
            started.clone(),
        );
        let help = "Programs that were started again otherwise than for a turn of its own each";
        registry.register("programs_restarted", help, restarted.clone());
        let help = "Programs that ended otherwise than well or as they were told to";
        registry.register("programs_crashed", help, crashed.clone());
    }

    pub(crate) fn started(&self, again: bool) {
        self.started.inc();
        if again {
            self.restarted.inc();
        }
    }

    pub(crate) fn crashed(&self) {
        self.crashed.inc();
    }
}
