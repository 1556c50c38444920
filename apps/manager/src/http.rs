//! What the manager answers over plain HTTP.

use std::path::PathBuf;
use std::sync::Arc;

use axum::Router;
use axum::extract::{ConnectInfo, State};
use axum::http::{Extensions, HeaderMap, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use gateway::gate::Locked;
use gateway::ready::{self, Check};
use gateway::{Peer, metrics};
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
async fn metrics(
    State(status): State<Arc<Status>>,
    extensions: Extensions,
    headers: HeaderMap,
) -> Response {
    if !status.is_public
        && let Err(refused) = may_read(&status.server, &extensions, &headers)
    {
        return refused.into_response();
    }
    status.server.watch.meters.look(&status.server);
    metrics::page(&status.registry)
}

/// Why nobody is told what is counted.
#[derive(Debug)]
enum Refused {
    Unauthorized,
    Locked(Locked),
}

impl IntoResponse for Refused {
    fn into_response(self) -> Response {
        match self {
            Self::Unauthorized => {
                let why = "Unauthorized: metrics want the API key as bearer token\n";
                (StatusCode::UNAUTHORIZED, why).into_response()
            }
            Self::Locked(locked) => {
                let seconds = HeaderValue::from(locked.0.as_secs() + 1);
                let headers = [(header::RETRY_AFTER, seconds)];
                (StatusCode::TOO_MANY_REQUESTS, headers, format!("{locked}\n")).into_response()
            }
        }
    }
}

/// A key that is shown is counted as in a handshake, or it would be guessed here.
fn may_read(server: &Server, extensions: &Extensions, headers: &HeaderMap) -> Result<(), Refused> {
    let shown = headers.get(header::AUTHORIZATION).and_then(|value| value.to_str().ok());
    let key = shown.and_then(|shown| shown.strip_prefix("Bearer "));
    let key = key.ok_or(Refused::Unauthorized)?;
    let peer = extensions.get::<ConnectInfo<Peer>>().map(|info| &info.0);
    let attempt = peer.map(|peer| peer.attempt(key)).transpose().map_err(Refused::Locked)?;
    let is_right = server.api_key.matches(key);
    if !is_right {
        let peer = peer.map(|peer| peer.address);
        tracing::warn!(target: "audit", ?peer, "wrong API key");
    }
    if let Some(attempt) = attempt {
        if is_right { attempt.succeeded() } else { attempt.failed() }
    }
    is_right.then_some(()).ok_or(Refused::Unauthorized)
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
