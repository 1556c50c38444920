//! The REST interface: managers, their agents, and whether all is well.

mod agents;
mod answer;
mod clients;
mod conversations;
mod push;
mod server;
mod session;
mod status;

use std::sync::Arc;

use axum::extract::DefaultBodyLimit;
use axum::extract::{Request, State};
use axum::http::{HeaderValue, Method, StatusCode, header};
use axum::middleware::{self, Next};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, patch, post, put};
use axum::{Json, Router};
use protocol::spec::Preset;
use tower_http::cors::{AllowOrigin, CorsLayer};

use crate::server::Server;
use crate::{access, correlate};
use answer::{Failure, List};
pub(crate) use clients::check as check_client;

/// The contract, as it is checked in.
const CONTRACT: &str = include_str!("../../../asyncapi.yaml");

/// Whose request it is.
#[derive(Clone)]
struct User(String);

/// Largest body of a login, in bytes: a token has 46.
const LOGIN: usize = 4_096;

/// `/health`, `/ready` and `/asyncapi.yaml` for everybody; `/api` and `/metrics` for whoever has a token or a session.
pub(crate) fn router(server: Arc<Server>) -> Router {
    let api = Router::new()
        .route("/clients", get(clients::list).post(clients::add))
        .route(
            "/clients/{client}",
            get(clients::get).patch(clients::change).delete(clients::delete),
        )
        .route("/clients/{client}/agents", get(agents::list).post(agents::add))
        .route(
            "/clients/{client}/agents/{agent}",
            get(agents::get).patch(agents::change).delete(agents::delete),
        )
        .route("/clients/{client}/agents/{agent}/check", post(agents::check))
        .route("/clients/{client}/agents/{agent}/{action}", post(agents::act))
        .route("/clients/{client}/agents/{agent}/conversations", get(conversations::list))
        .route(
            "/clients/{client}/agents/{agent}/conversations/{conversation}/export",
            get(conversations::export),
        )
        .route("/presets", get(presets))
        .route("/server", get(server::get))
        .route("/push", get(push::key))
        .route("/push/subscriptions", get(push::list).post(push::add))
        .route("/push/subscriptions/{id}", patch(push::change).delete(push::delete))
        .route("/push/subscriptions/{id}/test", post(push::test))
        .route("/push/subscriptions/{id}/presence", put(push::presence))
        .route_layer(middleware::from_fn_with_state(Arc::clone(&server), authorized))
        .route(
            "/session",
            get(session::get)
                .post(session::open)
                .delete(session::close)
                .layer(DefaultBodyLimit::max(LOGIN)),
        )
        // Or pages of the console would be found there.
        .fallback(async || StatusCode::NOT_FOUND)
        .layer(middleware::map_response(answer::as_json))
        .layer(middleware::from_fn_with_state(Arc::clone(&server), correlate::layer));
    Router::new()
        .route("/health", get(status::health))
        .route("/ready", get(status::ready))
        .route("/metrics", get(status::metrics))
        .route("/asyncapi.yaml", get(contract))
        .nest("/api", api)
        .with_state(server)
}

/// Pages of these origins may call; without any, only pages of the controller's own.
pub(crate) fn cors(origins: &[String]) -> CorsLayer {
    let allowed = if origins.iter().any(|origin| origin == "*") {
        AllowOrigin::any()
    } else {
        AllowOrigin::list(origins.iter().filter_map(|origin| HeaderValue::from_str(origin).ok()))
    };
    CorsLayer::new()
        .allow_origin(allowed)
        .allow_methods([Method::GET, Method::POST, Method::PUT, Method::PATCH, Method::DELETE])
        .allow_headers([
            header::AUTHORIZATION,
            header::CONTENT_TYPE,
            correlate::CORRELATION,
            correlate::TRACEPARENT,
        ])
        .expose_headers([correlate::CORRELATION])
}

async fn authorized(
    State(server): State<Arc<Server>>,
    mut request: Request,
    next: Next,
) -> Result<Response, Failure> {
    let admitted = server.admit(access::bearer(request.headers()), request.headers()).await?;
    request.extensions_mut().insert(User(admitted.user));
    Ok(next.run(request).await)
}

/// What a form for a new agent offers.
async fn presets() -> Json<List<Preset>> {
    Json(List { items: Preset::all() })
}

async fn contract() -> impl IntoResponse {
    ([(header::CONTENT_TYPE, "application/yaml; charset=utf-8")], CONTRACT)
}
