//! What the manager answers over plain HTTP.

use axum::extract::State;
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use axum::{Json, Router};
use serde_json::json;
use store::ManagerDb;

/// The contract, as it is checked in.
const CONTRACT: &str = include_str!("../../../asyncapi.yaml");

/// `/health`, `/ready` and `/asyncapi.yaml`.
pub(crate) fn router(db: ManagerDb) -> Router {
    Router::new()
        .route(
            "/health",
            get(async || Json(json!({ "ok": true, "tasks": gateway::server::tasks() }))),
        )
        .route("/ready", get(ready))
        .route("/asyncapi.yaml", get(contract))
        .with_state(db)
}

/// Ready means that the database can be read.
async fn ready(State(db): State<ManagerDb>) -> Response {
    match db.ready().await {
        Ok(()) => Json(json!({ "ok": true })).into_response(),
        Err(cause) => {
            tracing::warn!(%cause, "not ready");
            (StatusCode::SERVICE_UNAVAILABLE, Json(json!({ "ok": false }))).into_response()
        }
    }
}

async fn contract() -> impl IntoResponse {
    ([(header::CONTENT_TYPE, "application/yaml; charset=utf-8")], CONTRACT)
}
