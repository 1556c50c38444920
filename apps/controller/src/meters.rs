//! What is counted at a controller. What there is of something is looked up when it is asked for.

use std::sync::Arc;
use std::time::Duration;

use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::histogram::Histogram;
use prometheus_client::registry::{Registry, Unit};

use protocol::access::Clients;

use crate::server::Server;

/// From what the registry takes to a manager that does not answer.
const SECONDS: [f64; 9] = [0.001, 0.0025, 0.005, 0.01, 0.05, 0.25, 1.0, 5.0, 30.0];

/// Handles of what is counted. Cheap to clone.
#[derive(Debug, Clone, Default)]
pub(crate) struct Meters(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    requests: Family<Request, Counter>,
    request_time: Histogram,
    deliveries: Family<Delivery, Counter>,
    viewers: Gauge,
    links: Family<State, Gauge>,
    runs: Gauge,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Request {
    /// Of a closed set.
    method: &'static str,
    /// As the router has it, without ids.
    route: String,
    status: u16,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Delivery {
    to: &'static str,
    outcome: &'static str,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct State {
    state: &'static str,
}

impl Default for Inner {
    fn default() -> Self {
        Self {
            requests: Family::default(),
            request_time: Histogram::new(SECONDS),
            deliveries: Family::default(),
            viewers: Gauge::default(),
            links: Family::default(),
            runs: Gauge::default(),
        }
    }
}

impl Meters {
    /// Has them told with the rest of the registry.
    pub(crate) fn register(&self, registry: &mut Registry) {
        let Inner { requests, request_time, deliveries, viewers, links, runs } = &*self.0;
        registry.register("http_requests", "REST requests", requests.clone());
        let help = "Time to answer a REST request";
        registry.register_with_unit("http_request", help, Unit::Seconds, request_time.clone());
        let help = "Notifications, by what became of them in the end";
        registry.register("notifications", help, deliveries.clone());
        registry.register("viewers", "Those who have connections", viewers.clone());
        registry.register("links", "Managers, by whether they can be talked to", links.clone());
        let help = "Conversations of all managers in which a run is open";
        registry.register("conversations_running", help, runs.clone());
    }

    /// A request was answered.
    pub(crate) fn request(&self, method: &'static str, route: String, status: u16, took: Duration) {
        self.0.requests.get_or_create(&Request { method, route, status }).inc();
        self.0.request_time.observe(took.as_secs_f64());
    }

    /// A notification was taken, or will not be.
    pub(crate) fn delivered(&self, to: &'static str, is_taken: bool) {
        let outcome = if is_taken { "taken" } else { "failed" };
        self.0.deliveries.get_or_create(&Delivery { to, outcome }).inc();
    }

    /// Looks up what there is now.
    pub(crate) fn look(&self, server: &Server) {
        let gauge = |count: usize| i64::try_from(count).unwrap_or(i64::MAX);
        let (connected, all) = server.remotes.count();
        self.0.viewers.set(gauge(server.audience.count(None).1));
        for (state, count) in [("connected", connected), ("away", all - connected)] {
            self.0.links.get_or_create(&State { state }).set(gauge(count));
        }
        self.0.runs.set(gauge(server.remotes.open_conversations(&Clients::All)));
    }
}
