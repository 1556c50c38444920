//! One id for all that the logs say about a request, here and at the manager, and the trace that it is of.

use std::sync::Arc;
use std::time::Instant;

use axum::extract::{MatchedPath, Request, State};
use axum::http::{HeaderMap, HeaderName, HeaderValue, Method};
use axum::middleware::Next;
use axum::response::Response;
use protocol::agents::Origin;
use protocol::{CorrelationId, TraceParent};
use trace::Kind;
use tracing::Instrument;

use crate::server::Server;

pub(crate) const CORRELATION: HeaderName = HeaderName::from_static("x-correlation-id");
pub(crate) const TRACEPARENT: HeaderName = HeaderName::from_static("traceparent");

/// What a request and all that it asks of managers have in common.
#[derive(Debug, Clone)]
pub(crate) struct Context {
    pub(crate) correlation: CorrelationId,
    pub(crate) traceparent: Option<TraceParent>,
}

tokio::task_local! {
    /// Of the request that the task answers. Not a parameter, as each handler would have to hand it on to each call.
    static CURRENT: Context;
}

/// That of the request that is being answered.
pub(crate) fn current() -> Option<Context> {
    CURRENT.try_with(Clone::clone).ok()
}

impl Context {
    /// For a command to a manager.
    pub(crate) fn origin(self) -> Origin {
        Origin {
            correlation_id: Some(self.correlation),
            traceparent: self.traceparent,
            ..Origin::default()
        }
    }
}

/// Answers a request with the id that its lines have: its own, if it is sound, or a new one.
pub(crate) async fn layer(
    State(server): State<Arc<Server>>,
    request: Request,
    next: Next,
) -> Response {
    let began = Instant::now();
    let correlation = read(request.headers(), &CORRELATION).unwrap_or_else(CorrelationId::random);
    let (method, route) = (method(request.method()), route(&request));
    let parent = read(request.headers(), &TRACEPARENT);
    let mut span = server.tracer.begin(format!("{method} {route}"), Kind::Server, parent);
    span.set("longshore.tier", "controller");
    span.set("longshore.correlation", correlation.as_str());
    let lines = tracing::error_span!(
        "request", tier = "controller", correlation = %correlation, trace = trace_of(span.context())
    );
    let context = Context { correlation: correlation.clone(), traceparent: span.context() };
    let answer = CURRENT.scope(context, next.run(request)).instrument(lines.clone());
    let mut response = answer.await;
    let (status, took) = (response.status(), began.elapsed());
    let millis = u64::try_from(took.as_millis()).unwrap_or(u64::MAX);
    lines.in_scope(|| {
        tracing::debug!(method, route, status = status.as_u16(), duration_ms = millis, "request");
    });
    span.set("http.response.status_code", u64::from(status.as_u16()));
    if status.is_server_error() {
        span.fail(status.as_str());
    }
    server.meters.request(method, route, status.as_u16(), took);
    if let Ok(value) = HeaderValue::from_str(correlation.as_str()) {
        response.headers_mut().insert(CORRELATION, value);
    }
    response
}

/// The trace, as lines have it.
pub(crate) fn trace_of(context: Option<TraceParent>) -> Option<String> {
    context.map(|context| format!("{:032x}", context.trace))
}

/// One of those that a route may have: any word is a method, and each would be counted on its own for good.
fn method(method: &Method) -> &'static str {
    match *method {
        Method::GET => "GET",
        Method::HEAD => "HEAD",
        Method::POST => "POST",
        Method::PUT => "PUT",
        Method::PATCH => "PATCH",
        Method::DELETE => "DELETE",
        Method::OPTIONS => "OPTIONS",
        _ => "other",
    }
}

/// As the router has it: what others choose would have no bound.
fn route(request: &Request) -> String {
    let matched = request.extensions().get::<MatchedPath>();
    matched.map_or("other", MatchedPath::as_str).to_owned()
}

fn read<T: std::str::FromStr>(headers: &HeaderMap, name: &HeaderName) -> Option<T> {
    headers.get(name)?.to_str().ok()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_method_that_a_stranger_makes_up_is_no_label() {
        assert_eq!(method(&Method::PATCH), "PATCH");
        for made_up in ["X1", "get", "TRACE", "CONNECT"] {
            assert_eq!(method(&made_up.parse().unwrap()), "other", "{made_up}");
        }
    }

    #[test]
    fn only_a_sound_id_is_taken() {
        let id = |text: &'static str| {
            let headers = HeaderMap::from_iter([(CORRELATION, HeaderValue::from_static(text))]);
            read::<CorrelationId>(&headers, &CORRELATION)
        };

        assert_eq!(id("req-1").unwrap().as_str(), "req-1");
        for bad in ["", "a b", "x\"y", "a/b"] {
            assert_eq!(id(bad), None, "{bad}");
        }
    }
}
