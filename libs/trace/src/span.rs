//! One span: from its beginning until it is dropped.

use std::sync::Arc;
use std::sync::mpsc::SyncSender;
use std::time::{Duration, Instant, SystemTime};

use protocol::TraceParent;

use crate::Meters;

/// Which side of a hop a span is of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// Within one server.
    Internal,
    /// It serves somebody's request.
    Server,
    /// It waits for somebody's answer.
    Client,
}

/// The value of an attribute.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Value {
    /// A text.
    Text(Arc<str>),
    /// A number.
    Number(i64),
}

impl From<&str> for Value {
    fn from(text: &str) -> Self {
        Self::Text(text.into())
    }
}

impl From<u64> for Value {
    fn from(number: u64) -> Self {
        Self::Number(i64::try_from(number).unwrap_or(i64::MAX))
    }
}

/// A span that is over.
#[derive(Debug, Clone)]
pub struct Finished {
    /// The trace.
    pub trace: u128,
    /// Itself.
    pub span: u64,
    /// The one above it.
    pub parent: Option<u64>,
    /// What it is of.
    pub name: Arc<str>,
    /// Which side.
    pub kind: Kind,
    /// When it began.
    pub began: SystemTime,
    /// How long it took.
    pub took: Duration,
    /// More about it.
    pub attributes: Vec<(&'static str, Value)>,
    /// What happened in it, and how long after its beginning.
    pub events: Vec<(&'static str, Duration)>,
    /// Why it failed.
    pub error: Option<String>,
}

/// A span that goes on until it is dropped. Off, it has only the trace that it passes on.
#[derive(Debug)]
pub struct Span {
    context: Option<TraceParent>,
    live: Option<Box<Live>>,
}

#[derive(Debug)]
struct Live {
    span: Finished,
    since: Instant,
    finished: SyncSender<Option<Finished>>,
    meters: Meters,
}

impl Span {
    pub(crate) fn off(context: Option<TraceParent>) -> Self {
        Self { context, live: None }
    }

    pub(crate) fn begin(
        name: Arc<str>,
        kind: Kind,
        parent: Option<TraceParent>,
        (finished, meters): (SyncSender<Option<Finished>>, Meters),
    ) -> Self {
        let mut bytes = [0; 24];
        // Without randomness traces could not be told apart, which is no reason not to serve.
        getrandom::fill(&mut bytes).unwrap_or_default();
        let (trace, span) = bytes.split_at(16);
        let whole = |bytes: &[u8]| bytes.iter().fold(0_u128, |n, byte| n << 8 | u128::from(*byte));
        // Neither may be 0.
        let trace = parent.map_or(whole(trace) | 1, |parent| parent.trace);
        let id = u64::try_from(whole(span)).unwrap_or_default() | 1;
        let span = Finished {
            trace,
            span: id,
            parent: parent.map(|parent| parent.span),
            name,
            kind,
            began: SystemTime::now(),
            took: Duration::ZERO,
            attributes: Vec::new(),
            events: Vec::new(),
            error: None,
        };
        let context = Some(TraceParent { trace, span: id, sampled: true });
        Self {
            context,
            live: Some(Box::new(Live { span, since: Instant::now(), finished, meters })),
        }
    }

    /// What spans below it have above them, here or elsewhere.
    #[must_use]
    pub fn context(&self) -> Option<TraceParent> {
        self.context
    }

    /// Says more about it.
    pub fn set(&mut self, key: &'static str, value: impl Into<Value>) {
        if let Some(live) = &mut self.live {
            live.span.attributes.push((key, value.into()));
        }
    }

    /// Something happened.
    pub fn event(&mut self, name: &'static str) {
        if let Some(live) = &mut self.live {
            let after = live.since.elapsed();
            live.span.events.push((name, after));
        }
    }

    /// It failed.
    pub fn fail(&mut self, why: impl Into<String>) {
        if let Some(live) = &mut self.live {
            live.span.error = Some(why.into());
        }
    }
}

impl Drop for Live {
    fn drop(&mut self) {
        self.span.took = self.since.elapsed();
        // Nobody waits for a collector.
        if self.finished.try_send(Some(self.span.clone())).is_err() {
            self.meters.drop_one();
        }
    }
}
