//! Wrong tokens over REST: who shows many is not listened to for a while.
//!
//! Handshakes of `/clients` are counted in the same place, by the gateway.

use std::sync::Arc;

use axum::extract::{ConnectInfo, MatchedPath, Request, State};
use axum::http::{Extensions, Method, StatusCode};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use gateway::Peer;
use gateway::gate::Attempt;

use crate::error::Error;
use crate::rest::Failure;
use crate::server::Server;

/// Lets requests through that show nothing, or what may be right, and notes whether it was.
pub(crate) async fn guard(
    State(server): State<Arc<Server>>,
    request: Request,
    next: Next,
) -> Response {
    let shown = if is_own_affair(&request) { None } else { server.shown(request.headers()).await };
    let attempt = shown.map(|secret| attempt(request.extensions(), &secret)).transpose();
    let attempt = match attempt {
        Ok(attempt) => attempt.flatten(),
        Err(refused) => return Failure::from(refused).into_response(),
    };
    let response = next.run(request).await;
    if let Some(attempt) = attempt {
        match response.status() {
            StatusCode::UNAUTHORIZED => attempt.failed(),
            status if status.is_success() => attempt.succeeded(),
            _ => {}
        }
    }
    response
}

/// Who logs in shows a token in the body, which is tried where that is read. Who logs out is told the same whatever is shown, so
/// that nothing was right.
fn is_own_affair(request: &Request) -> bool {
    // By the route, as agents and actions can be called like that, too.
    let route = request.extensions().get::<MatchedPath>();
    route.is_some_and(|route| route.as_str() == "/api/session")
        && [Method::POST, Method::DELETE].contains(request.method())
}

/// Tries a secret that a request shows. What comes of it has to be said.
///
/// # Errors
/// [`Error::Locked`]: too many were wrong that came from there.
pub(crate) fn attempt(extensions: &Extensions, secret: &str) -> Result<Option<Attempt>, Error> {
    let Some(ConnectInfo(peer)) = extensions.get::<ConnectInfo<Peer>>() else { return Ok(None) };
    let attempt = peer.attempt(secret).map_err(|locked| {
        tracing::debug!(peer = %peer.address, "a request was not looked at");
        Error::Locked(locked)
    })?;
    Ok(Some(attempt))
}
