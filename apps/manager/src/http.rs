//! What the manager answers over plain HTTP.

use std::path::PathBuf;
use std::sync::Arc;

use axum::Router;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use gateway::metrics;
use gateway::ready::{self, Check};
use prometheus_client::registry::Registry;
use protocol::Timestamp;
use protocol::agents::AgentState;
use store::free_bytes;

use crate::server::Server;

/// The contract, as it is checked in.
const CONTRACT: &str = include_str!("../../../asyncapi.yaml");

/// With less on the disk it is about to be full.
const LOW_DISK: u64 = 64 << 20;
/// 2024-01-01: a clock before that was never set, and entries would be of another time.
const SANE: u64 = 1_704_067_200_000;

/// What is looked at to answer.
pub(crate) struct Status {
    pub(crate) server: Arc<Server>,
    pub(crate) registry: Registry,
    pub(crate) data_dir: PathBuf,
    /// Whether everybody may read metrics.
    pub(crate) is_public: bool,
}

/// `/health`, `/ready`, `/metrics` and `/asyncapi.yaml`.
pub(crate) fn router(status: Status) -> Router {
    Router::new()
        .route("/health", get(async || ready::health("manager", env!("CARGO_PKG_VERSION"))))
        .route("/ready", get(ready))
        .route("/metrics", get(metrics))
        .route("/asyncapi.yaml", get(contract))
        .with_state(Arc::new(status))
}

/// For whoever shows the API key, unless it is for everybody: it has the names of agents.
async fn metrics(State(status): State<Arc<Status>>, headers: HeaderMap) -> Response {
    let shown = headers.get(header::AUTHORIZATION).and_then(|value| value.to_str().ok());
    let key = shown.and_then(|shown| shown.strip_prefix("Bearer "));
    if !status.is_public && !key.is_some_and(|key| status.server.api_key.matches(key)) {
        return (
            StatusCode::UNAUTHORIZED,
            "Unauthorized: metrics want the API key as bearer token\n",
        )
            .into_response();
    }
    status.server.watch.meters.look(&status.server);
    metrics::page(&status.registry)
}

async fn ready(State(status): State<Arc<Status>>) -> Response {
    let server = &status.server;
    let stopping = server.stop.ordered().is_some();
    let serving = if stopping { Err("it is stopping".to_owned()) } else { Ok(()) };
    let disk = match free_bytes(&status.data_dir) {
        Some(free) if free < LOW_DISK => Err(format!("{} MiB are free", free >> 20)),
        _ => Ok(()),
    };
    let clock = Timestamp::now().as_millis();
    let clock = if clock < SANE { Err("it was never set".to_owned()) } else { Ok(()) };
    let all = server.agents.all();
    let stopped = all.iter().filter(|agent| agent.state() == AgentState::Stopped).count();
    let agents =
        if stopped > 0 { Err(format!("{stopped} of {} are stopped", all.len())) } else { Ok(()) };
    ready::answer(&[
        Check::required("serving", serving),
        Check::required("store", server.db.ready().await),
        Check::optional("disk", disk),
        Check::optional("clock", clock),
        Check::optional("agents", agents),
    ])
}

async fn contract() -> impl IntoResponse {
    ([(header::CONTENT_TYPE, "application/yaml; charset=utf-8")], CONTRACT)
}
