//! Traces: what a command and a run have taken, and where, as spans that a collector puts together.
//!
//! A [`Tracer`] begins [`Span`]s. One that is off costs nothing and passes on the trace of whoever asked. Finished spans go into a
//! bounded queue, and never wait: who empties it, and by which way they go to a collector, is the application's affair;
//! [`export`] writes them as OTLP.
//!
//! These are own lines and not the SDK of OpenTelemetry, whose queue drops spans without saying how many to anybody but its
//! log, and which brings protobuf for what is one JSON object here.

pub mod export;
mod meters;
mod span;

use std::sync::Arc;
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};

use protocol::TraceParent;

pub use meters::Meters;
pub use span::{Finished, Kind, Span, Value};

/// Finished spans that wait for the collector. Beyond, they are dropped, which is counted.
pub const QUEUE: usize = 4_096;

/// Begins spans. Cheap to clone.
#[derive(Debug, Clone, Default)]
pub struct Tracer {
    finished: Option<SyncSender<Option<Finished>>>,
    meters: Meters,
}

impl Tracer {
    /// A tracer whose finished spans are to be taken from what this gives, until there is none.
    #[must_use]
    pub fn new() -> (Self, Receiver<Option<Finished>>) {
        let (finished, receiver) = sync_channel(QUEUE);
        (Self { finished: Some(finished), meters: Meters::default() }, receiver)
    }

    /// What is counted of it.
    #[must_use]
    pub fn meters(&self) -> &Meters {
        &self.meters
    }

    /// Says that no more is to be taken than what is finished by now. Whether there was room to say so.
    pub fn end(&self) -> bool {
        self.finished.as_ref().is_none_or(|finished| finished.try_send(None).is_ok())
    }

    /// Begins a span below `parent`, or a trace of its own. One whose trace is not recorded by whoever began it is not recorded
    /// here either.
    #[must_use]
    pub fn begin(
        &self,
        name: impl Into<Arc<str>>,
        kind: Kind,
        parent: Option<TraceParent>,
    ) -> Span {
        let wanted = parent.is_none_or(|parent| parent.sampled);
        match self.finished.clone().filter(|_| wanted) {
            Some(finished) => {
                Span::begin(name.into(), kind, parent, (finished, self.meters.clone()))
            }
            None => Span::off(parent),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_tracer_that_is_off_passes_on_the_trace() {
        let parent = TraceParent { trace: 7, span: 8, sampled: true };

        assert_eq!(
            Tracer::default().begin("x", Kind::Server, Some(parent)).context(),
            Some(parent)
        );
        assert_eq!(Tracer::default().begin("x", Kind::Server, None).context(), None);
    }

    #[test]
    fn a_span_below_another_is_of_its_trace() {
        let (tracer, finished) = Tracer::new();

        let outer = tracer.begin("outer", Kind::Server, None);
        let mut inner = tracer.begin("inner", Kind::Internal, outer.context());
        inner.set("run", "run_1");
        inner.fail("broke");
        drop((inner, outer));

        let next = || finished.recv().unwrap().unwrap();
        let (inner, outer) = (next(), next());
        assert_eq!((inner.trace, inner.parent), (outer.trace, Some(outer.span)));
        assert_eq!((outer.parent, inner.error.as_deref()), (None, Some("broke")));
        assert_eq!(inner.attributes, [("run", Value::from("run_1"))]);
    }

    #[test]
    fn what_is_not_sampled_is_not_recorded() {
        let (tracer, finished) = Tracer::new();
        let parent = TraceParent { trace: 7, span: 8, sampled: false };

        assert_eq!(tracer.begin("x", Kind::Server, Some(parent)).context(), Some(parent));
        assert!(finished.try_recv().is_err());
    }

    #[test]
    fn a_full_queue_drops_and_counts() {
        let (tracer, finished) = Tracer::new();

        for _ in 0..QUEUE + 3 {
            drop(tracer.begin("x", Kind::Internal, None));
        }

        assert_eq!(tracer.meters().dropped(), 3);
        assert!(!tracer.end());
        assert_eq!(finished.try_iter().count(), QUEUE);
        assert!(tracer.end() && finished.recv().unwrap().is_none());
    }
}
