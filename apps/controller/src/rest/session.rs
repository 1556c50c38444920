//! `/api/session`: a browser's own session, which stands in for its access token.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use axum::http::{Extensions, HeaderMap, HeaderName, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use gateway::listen::peer_of;
use protocol::{Clients, ErrorCode, Role, Timestamp, TokenId};
use serde::{Deserialize, Serialize};
use store::{AccessKey, AccessToken, SESSION_LIFE};

use super::answer::{Body, Failure};
use crate::access::{Caller, bearer, cookie_name, is_own_page, is_secure};
use crate::audit::{Actor, Event};
use crate::error::Error;
use crate::guesses;
use crate::server::Server;

/// Characters of a header that are logged: it may have thousands.
const TOLD: usize = 200;

/// An access token, which the page forgets then.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Login {
    token: String,
}

/// Whose session it is.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Session {
    user: String,
    /// What they may do.
    role: Role,
    /// Which clients they may see; absent for all.
    #[serde(skip_serializing_if = "Clients::are_all")]
    clients: Clients,
    token_id: TokenId,
    /// When it ends, if it is not used until then; absent for one who shows a token.
    #[serde(skip_serializing_if = "Option::is_none")]
    expires_at: Option<Timestamp>,
}

impl Session {
    fn new(token: AccessToken, expires_at: Option<Timestamp>) -> Self {
        let AccessToken { token_id, name: user, role, clients, .. } = token;
        Self { user, role, clients, token_id, expires_at }
    }
}

pub(super) async fn open(
    State(server): State<Arc<Server>>,
    extensions: Extensions,
    headers: HeaderMap,
    Body(login): Body<Login>,
) -> Result<Response, Failure> {
    // Nobody else's page logs a browser in, not even with a token of its own.
    let own = is_own_page(&headers, &server.origins()) && cookie_name(&headers).is_some();
    let mut actor = Actor::stranger(peer_of(&extensions).map(|peer| peer.ip()));
    if !own {
        // Of many, some, as of all refusals.
        if server.audit.refused(actor, &Event::OpenSession, ErrorCode::Forbidden) {
            let [origin, host] = [header::ORIGIN, header::HOST].map(|name| told(&headers, &name));
            tracing::warn!(origin, host, "a login was refused: its page is not of this host");
        }
        return Err(Error::OtherOrigin.into());
    }
    // As a token that is shown in a header: one that was right may be tried when others of the address were wrong.
    let attempt = guesses::attempt(&extensions, &login.token)?;
    let secret = store::token("lss_");
    let key = AccessKey::of(&secret);
    let session = server.db.open_session(&login.token, key, Timestamp::now()).await?;
    if let Some(attempt) = attempt {
        if session.is_some() { attempt.succeeded() } else { attempt.failed() }
    }
    let Some(session) = session else {
        server.audit.refused(actor, &Event::OpenSession, ErrorCode::Unauthorized);
        return Err(Error::Unauthorized.into());
    };
    actor.user = Some(session.token.name.clone());
    actor.token_id = Some(session.token.token_id.to_string());
    server.audit.note(actor, &Event::OpenSession);
    let shown = Session::new(session.token, Some(session.expires_at));
    Ok(answer(Json(shown), cookie(&headers, &secret, SESSION_LIFE.as_secs())))
}

/// Says who the caller is. The cookie is given again, so that the browser keeps it for as long as the session lasts.
pub(super) async fn get(
    State(server): State<Arc<Server>>,
    extensions: Extensions,
    headers: HeaderMap,
) -> Result<Response, Failure> {
    let caller = server.admit(bearer(&headers), &headers, peer_of(&extensions)).await?;
    let secret = if caller.session.is_some() { server.secret_of(&headers).await } else { None };
    let renewed = secret.and_then(|secret| cookie(&headers, secret, SESSION_LIFE.as_secs()));
    let Caller { user, role, clients, token_id, session, .. } = caller;
    Ok(answer(Json(Session { user, role, clients, token_id, expires_at: session }), renewed))
}

/// Ends the session and its connections. That there is none is as good; that somebody else's page asks is not.
pub(super) async fn close(
    State(server): State<Arc<Server>>,
    extensions: Extensions,
    headers: HeaderMap,
) -> Result<Response, Failure> {
    if !is_own_page(&headers, &server.origins()) {
        return Err(Error::Unauthorized.into());
    }
    // Only who has one asks for a write.
    let session = server.session_of(&headers).await;
    if let Some(key) = session
        && server.db.has_session(key).await?
    {
        if let Ok(caller) = server.admit(None, &headers, peer_of(&extensions)).await {
            server.audit.note(&caller, &Event::CloseSession);
        }
        server.db.close_session(key).await?;
        server.seats.end(key);
    }
    Ok(answer(StatusCode::NO_CONTENT, cookie(&headers, "", 0)))
}

/// What a line of the log has of a header.
fn told(headers: &HeaderMap, name: &HeaderName) -> Option<String> {
    let value = String::from_utf8_lossy(headers.get(name)?.as_bytes());
    Some(value.chars().take(TOLD).flat_map(char::escape_debug).collect())
}

/// No script reads the cookie, and no link of another site brings it along.
fn cookie(headers: &HeaderMap, secret: &str, seconds: u64) -> Option<HeaderValue> {
    let name = cookie_name(headers)?;
    let secure = if is_secure(headers) { "; Secure" } else { "" };
    let text =
        format!("{name}={secret}; HttpOnly; SameSite=Strict; Path=/; Max-Age={seconds}{secure}");
    HeaderValue::from_str(&text).ok()
}

fn answer(body: impl IntoResponse, cookie: Option<HeaderValue>) -> Response {
    let mut response = body.into_response();
    let headers = response.headers_mut();
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    if let Some(cookie) = cookie {
        headers.insert(header::SET_COOKIE, cookie);
    }
    response
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_header_is_told_as_a_short_line() {
        let long = format!("http://x\t{}", "y".repeat(10_000));
        let headers =
            HeaderMap::from_iter([(header::ORIGIN, HeaderValue::from_str(&long).unwrap())]);

        let text = told(&headers, &header::ORIGIN).unwrap();

        assert!(text.starts_with("http://x\\ty") && text.len() == TOLD + 1, "{text}");
        assert_eq!(told(&headers, &header::HOST), None);
    }
}
