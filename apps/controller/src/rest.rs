//! The REST interface: managers, their agents, and whether all is well.

mod agents;
mod answer;
mod audit;
mod clients;
mod conversations;
mod push;
mod server;
mod session;
mod status;
mod tokens;

use std::sync::Arc;
use std::time::Instant;

use axum::extract::DefaultBodyLimit;
use axum::extract::{RawPathParams, Request, State};
use axum::http::{HeaderMap, HeaderValue, Method, StatusCode, header};
use axum::middleware::{self, Next};
use axum::response::{IntoResponse, Response};
use axum::routing::{delete, get, patch, post, put};
use axum::{Extension, Json, Router};
use gateway::listen::peer_of;
use protocol::spec::Preset;
use protocol::{ClientId, ErrorCode, Role};
use tower_http::cors::{AllowOrigin, CorsLayer};

use crate::access::{self, Caller};
use crate::audit::{Actor, Event};
use crate::correlate;
use crate::error::Error;
use crate::guesses;
use crate::server::Server;
pub(crate) use answer::Failure;
use answer::List;
pub(crate) use clients::check as check_client;

/// The contract, as it is checked in.
const CONTRACT: &str = include_str!("../../../asyncapi.yaml");

/// Largest body of a request, in bytes: what axum takes.
const BODY: usize = 2 << 20;

/// Largest body of a login, in bytes: a token has 46.
const LOGIN: usize = 4_096;

/// `/health`, `/ready` and `/asyncapi.yaml` for everybody; `/metrics` for whoever has a token or a session; `/api` for those, and the
/// role that a route takes: each is in the list of its role.
pub(crate) fn router(server: Arc<Server>) -> Router {
    let wants = |role| middleware::from_fn_with_state((Arc::clone(&server), role), allowed);
    let readers = readers().route_layer(wants(Role::ReadOnly));
    let admins = admins().route_layer(wants(Role::Admin));
    let api = readers
        .merge(admins)
        .route_layer(middleware::from_fn_with_state(Arc::clone(&server), authorized))
        .route(
            "/session",
            get(session::get)
                .post(session::open)
                .delete(session::close)
                .layer(DefaultBodyLimit::max(LOGIN)),
        )
        .layer(middleware::from_fn_with_state(Arc::clone(&server), guesses::guard))
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

/// What everybody may look at, of the clients that they may see; and what is told to their own browser.
fn readers() -> Router<Arc<Server>> {
    Router::new()
        .route("/clients", get(clients::list))
        .route("/clients/{client}", get(clients::get))
        .route("/clients/{client}/agents", get(agents::list))
        .route("/clients/{client}/agents/{agent}", get(agents::get))
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
}

/// What configures. Nothing is between the two: talking to agents is done by Socket.IO.
fn admins() -> Router<Arc<Server>> {
    Router::new()
        .route("/clients", post(clients::add))
        .route("/clients/{client}", patch(clients::change).delete(clients::delete))
        .route("/clients/{client}/agents", post(agents::add))
        .route("/clients/{client}/agents/{agent}", patch(agents::change).delete(agents::delete))
        .route("/clients/{client}/agents/{agent}/check", post(agents::check))
        .route("/clients/{client}/agents/{agent}/{action}", post(agents::act))
        .route("/tokens", get(tokens::list).post(tokens::add))
        .route("/tokens/{id}", delete(tokens::revoke))
        .route("/audit", get(audit::list))
}

/// Pages of these origins may call; without any, only pages of the controller's own.
pub(crate) fn cors(server: Arc<Server>) -> CorsLayer {
    // Asked each time, as they may be others meanwhile.
    let allowed = AllowOrigin::predicate(move |origin: &HeaderValue, _| {
        server.origins().iter().any(|known| known == "*" || known.as_bytes() == origin.as_bytes())
    });
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

/// Who calls, and whether they may see the client that is called for.
async fn authorized(
    State(server): State<Arc<Server>>,
    params: RawPathParams,
    mut request: Request,
    next: Next,
) -> Result<Response, Failure> {
    let (headers, peer) = (request.headers(), peer_of(request.extensions()));
    let admitted = server.admit(access::bearer(headers), headers, peer).await;
    let caller = admitted.inspect_err(|_| {
        let stranger = Actor::stranger(peer.map(|peer| peer.ip()));
        server.audit.refused(stranger, &Event::Call(called(&request)), ErrorCode::Unauthorized);
    })?;
    let named = params.iter().filter(|(name, _)| *name == "client");
    // What is no id is told as that.
    for client in named.filter_map(|(_, text)| ClientId::new(text).ok()) {
        caller.sees(&client).inspect_err(|_| {
            let event = Event::Call(called(&request));
            server.audit.refused(&caller, &event, ErrorCode::ClientNotFound);
        })?;
    }
    let allowance = server.allowances.of(&caller.token_id, &server.gate);
    let bytes = length(request.headers());
    allowance.take(bytes, Instant::now()).map_err(Error::TooManyRequests)?;
    request.extensions_mut().insert(caller);
    Ok(next.run(request).await)
}

/// Whether the caller may do what takes that role.
async fn allowed(
    State((server, wanted)): State<(Arc<Server>, Role)>,
    Extension(caller): Extension<Caller>,
    request: Request,
    next: Next,
) -> Result<Response, Failure> {
    if let Err(error) = caller.may(wanted) {
        server.audit.refused(&caller, &Event::Call(called(&request)), ErrorCode::Forbidden);
        return Err(error.into());
    }
    Ok(next.run(request).await)
}

/// Of a body that does not say how long it is: as much as one may be.
fn length(headers: &HeaderMap) -> usize {
    let is_chunked = headers.contains_key(header::TRANSFER_ENCODING);
    let said = headers.get(header::CONTENT_LENGTH).and_then(|length| length.to_str().ok());
    let said = said.and_then(|length| length.parse().ok());
    // More is never read, so more is not counted.
    said.unwrap_or(if is_chunked { BODY } else { 0 }).min(BODY)
}

/// What is called, without its query.
fn called(request: &Request) -> String {
    format!("{} /api{}", request.method(), request.uri().path())
}

/// What a form for a new agent offers.
async fn presets() -> Json<List<Preset>> {
    Json(List { items: Preset::all() })
}

async fn contract() -> impl IntoResponse {
    ([(header::CONTENT_TYPE, "application/yaml; charset=utf-8")], CONTRACT)
}
