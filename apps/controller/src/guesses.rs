//! Wrong tokens over REST: who shows many is not listened to for a while.
//!
//! Handshakes of `/clients` are counted in the same place, by the gateway.

use std::sync::Arc;

use axum::extract::{ConnectInfo, Request, State};
use axum::http::{HeaderMap, Method, StatusCode, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use gateway::Peer;
use gateway::gate::Attempt;

use crate::access::bearer;
use crate::error::Error;
use crate::rest::Failure;
use crate::server::Server;

/// Lets requests through that show nothing, or what may be right, and notes whether it was.
pub(crate) async fn guard(State(_): State<Arc<Server>>, request: Request, next: Next) -> Response {
    let peer = request.extensions().get::<ConnectInfo<Peer>>().map(|info| info.0.clone());
    let attempt = match peer.and_then(|peer| attempt(&peer, &request)) {
        None => None,
        Some(Ok(attempt)) => Some(attempt),
        Some(Err(refused)) => return Failure::from(refused).into_response(),
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

/// One who logs in shows a token in the body, which nobody has read yet.
fn attempt(peer: &Peer, request: &Request) -> Option<Result<Attempt, Error>> {
    let is_login = request.method() == Method::POST && request.uri().path().ends_with("/session");
    let attempt =
        if is_login { peer.attempt_unseen() } else { peer.attempt(secret(request.headers())?) };
    Some(attempt.map_err(|locked| {
        tracing::debug!(peer = %peer.address, "a request was not looked at");
        Error::Locked(locked)
    }))
}

/// A token, or cookies that may have one.
fn secret(headers: &HeaderMap) -> Option<&str> {
    bearer(headers).or_else(|| headers.get(header::COOKIE)?.to_str().ok())
}
