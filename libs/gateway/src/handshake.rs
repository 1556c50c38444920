//! What a client says when it connects.

use std::convert::Infallible;
use std::net::SocketAddr;
use std::sync::Arc;

use axum::http::HeaderMap;
use socketioxide::adapter::LocalAdapter;
use socketioxide::handler::FromConnectParts;
use socketioxide::socket::Socket;
use socketioxide_core::Value;

use crate::gate::{Attempt, Locked};
use crate::listen::Peer;

/// Bytes of a CONNECT packet's payload: a token, a key of the viewer's and what clients say of themselves.
const AUTH: usize = 16 << 10;

/// What whoever may not come in is told.
pub(crate) const UNAUTHORIZED: &str = "Unauthorized";

/// Why a client was not let in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Unwelcome {
    /// What it has shown is not known: it is told so.
    Unauthorized,
    /// It could not be looked at, as when the database is away: it comes again.
    Passing,
}

/// What a client says when it connects.
pub struct Handshake {
    /// The CONNECT packet's payload; `null` without one.
    pub auth: serde_json::Value,
    /// Headers of the HTTP request.
    pub headers: HeaderMap,
    /// Where it comes from, if the server knows.
    pub peer: Option<SocketAddr>,
    pub(crate) from: Option<Peer>,
}

/// Almost all of it may be a secret.
impl std::fmt::Debug for Handshake {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Handshake").field("peer", &self.peer).finish_non_exhaustive()
    }
}

impl Handshake {
    /// The token: `auth.token`, or that of an `Authorization: Bearer` header.
    #[must_use]
    pub fn token(&self) -> Option<&str> {
        let header = || self.headers.get("authorization")?.to_str().ok()?.strip_prefix("Bearer ");
        self.auth.get("token").and_then(serde_json::Value::as_str).or_else(header)
    }

    /// Whether to write down that it was refused: a flood must not become one of the log. Asked once it was.
    #[must_use]
    pub fn tells(&self) -> bool {
        self.from.as_ref().is_none_or(Peer::tells)
    }

    /// Whatever is shown to be let in: the token, or cookies that may have one.
    fn secret(&self) -> Option<&str> {
        self.token().or_else(|| self.headers.get("cookie")?.to_str().ok())
    }
}

/// One who shows nothing guesses nothing.
pub(crate) fn attempt(
    peer: Option<&Peer>,
    handshake: &Handshake,
) -> Result<Option<Attempt>, Locked> {
    let secret = handshake.secret();
    peer.zip(secret).map(|(peer, secret)| peer.attempt(secret)).transpose()
}

/// A refusal in one word of ours.
pub(crate) fn reason(told: &str) -> &'static str {
    if told == UNAUTHORIZED { "unauthorized" } else { "other" }
}

/// The CONNECT packet's payload, `null` without one, or what is wrong with it.
pub(crate) struct Auth(pub(crate) Result<serde_json::Value, &'static str>);

impl FromConnectParts<LocalAdapter> for Auth {
    type Error = Infallible;
    fn from_connect_parts(
        _: &Arc<Socket<LocalAdapter>>,
        auth: &Option<Value>,
    ) -> Result<Self, Infallible> {
        Ok(Self(match auth {
            None => Ok(serde_json::Value::Null),
            Some(Value::Str(text, _)) => read_auth(text.as_str()),
            Some(Value::Bytes(_)) => Err("The handshake cannot be read"),
        }))
    }
}

/// Looked at by its length first: what is read takes many times as much memory.
fn read_auth(text: &str) -> Result<serde_json::Value, &'static str> {
    if text.len() > AUTH {
        return Err("The handshake is too large");
    }
    let auth: serde_json::Value =
        serde_json::from_str(text).map_err(|_| "The handshake cannot be read")?;
    let token = auth.get("token");
    let is_sound = auth.is_null() || auth.is_object();
    if !is_sound {
        return Err("The handshake cannot be read");
    }
    // Nobody else's header or cookie counts in its place.
    if token.is_some_and(|token| !token.is_string() && !token.is_null()) {
        return Err(UNAUTHORIZED);
    }
    Ok(auth)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_handshake_is_an_object_of_a_sound_size() {
        for good in ["null", "{}", r#"{"token":"x"}"#, r#"{"token":null,"clientKey":5}"#] {
            assert!(read_auth(good).is_ok(), "{good}");
        }
        let large = format!(r#"{{"token":"{}"}}"#, "x".repeat(AUTH));
        let deep = "[".repeat(5_000);
        for bad in ["[]", "5", r#""x""#, r#"{"token":5}"#, r#"{"token":["x"]}"#, "{", &large, &deep]
        {
            assert!(read_auth(bad).is_err(), "{}", &bad[..bad.len().min(20)]);
        }
    }
}
