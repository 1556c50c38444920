//! `/api/tokens`: who is let in, and as what. A token is made and revoked; nothing of it is changed.

use std::sync::Arc;
use std::time::Duration;

use axum::extract::{Path, State};
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::IntoResponse;
use axum::{Extension, Json};
use protocol::{Clients, Role, Timestamp, TokenId};
use serde::{Deserialize, Serialize};
use store::{AccessToken, StoreError};

use super::answer::{Body, Failure, List};
use crate::access::Caller;
use crate::audit::Event;
use crate::error::Error;
use crate::server::Server;

/// Tokens that there may be. Each person and each script has one.
pub(crate) const MOST: usize = 1_000;
/// Characters of a name.
const NAME: usize = 64;
/// The longest that a token with an end may be good.
const LONGEST: Duration = Duration::from_hours(10 * 366 * 24);

/// A token without its secret, which is never shown again.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Token {
    token_id: TokenId,
    name: String,
    role: Role,
    /// Absent for all.
    #[serde(skip_serializing_if = "Clients::are_all")]
    clients: Clients,
    created_at: Timestamp,
    #[serde(skip_serializing_if = "Option::is_none")]
    expires_at: Option<Timestamp>,
    /// As of a minute before.
    #[serde(skip_serializing_if = "Option::is_none")]
    last_used_at: Option<Timestamp>,
    /// Whether it has ended. It can be seen for 30 days more.
    expired: bool,
    /// Whether it is the one that the server keeps for whoever started it.
    owner: bool,
    /// Whether the caller came in with it.
    current: bool,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(super) struct New {
    name: String,
    role: Role,
    #[serde(default)]
    clients: Clients,
    /// How long it is good; without it, until it is revoked.
    #[serde(default)]
    expires_in_secs: Option<u64>,
}

/// A new token, this once with its secret.
#[derive(Serialize)]
struct Created {
    token: String,
    #[serde(flatten)]
    shown: Token,
}

pub(super) async fn list(
    State(server): State<Arc<Server>>,
    Extension(caller): Extension<Caller>,
) -> Result<Json<List<Token>>, Failure> {
    let tokens = server.db.tokens().await?;
    Ok(Json(List { items: tokens.into_iter().map(|token| show(token, &caller)).collect() }))
}

pub(super) async fn add(
    State(server): State<Arc<Server>>,
    Extension(caller): Extension<Caller>,
    Body(new): Body<New>,
) -> Result<impl IntoResponse, Failure> {
    let made = check(new)?;
    if let Clients::Only(clients) = &made.clients {
        for client in clients {
            let known = server.db.client(client).await?;
            known.ok_or_else(|| Error::ClientNotFound(client.clone()))?;
        }
    }
    let secret = store::token("ls_");
    let has_room =
        server.db.add_token(&made, &secret, MOST).await.map_err(|error| match error {
            StoreError::Conflict => Error::TokenNameTaken,
            other => other.into(),
        })?;
    if !has_room {
        return Err(Error::TooManyTokens(MOST).into());
    }
    let event = Event::CreateToken(made.token_id.clone(), made.name.clone(), made.role);
    server.audit.note(&caller, &event);
    let created = Created { token: secret, shown: show(made, &caller) };
    let headers = [(header::CACHE_CONTROL, HeaderValue::from_static("no-store"))];
    Ok((StatusCode::CREATED, headers, Json(created)))
}

/// Whoever came in with it is sent away at once. That it is gone already is as good.
pub(super) async fn revoke(
    State(server): State<Arc<Server>>,
    Extension(caller): Extension<Caller>,
    Path(id): Path<String>,
) -> Result<StatusCode, Failure> {
    let Ok(id) = TokenId::new(&id) else { return Ok(StatusCode::NO_CONTENT) };
    match server.db.revoke_token(&id, Timestamp::now()).await {
        Ok(revoked) => {
            // Before those that it ends, of which the caller may be one.
            server.audit.note(&caller, &Event::RevokeToken(id, revoked.token.name));
            revoked.keys.into_iter().for_each(|key| server.seats.end(key));
        }
        Err(StoreError::NotFound) => {}
        Err(error) => return Err(error.into()),
    }
    Ok(StatusCode::NO_CONTENT)
}

fn show(token: AccessToken, caller: &Caller) -> Token {
    Token {
        current: token.token_id == caller.token_id,
        expired: token.expires_at.is_some_and(|end| end <= Timestamp::now()),
        token_id: token.token_id,
        name: token.name,
        role: token.role,
        clients: token.clients,
        created_at: token.created_at,
        expires_at: token.expires_at,
        last_used_at: token.last_used_at,
        owner: token.is_owner,
    }
}

/// What is asked for, as a token. The name is what others see of whoever has it, and stands in lines of logs.
fn check(new: New) -> Result<AccessToken, Error> {
    let name = new.name.trim();
    if name.is_empty() || name.chars().count() > NAME || name.chars().any(char::is_control) {
        return Err(Error::Invalid(format!("a name is 1 to {NAME} characters on one line")));
    }
    if new.role == Role::Admin && !new.clients.are_all() {
        // Who may make tokens and clients may see all of them anyway.
        return Err(Error::Invalid("an admin is not limited to clients".to_owned()));
    }
    if new.clients == Clients::Only([].into()) {
        return Err(Error::Invalid("clients names at least one, or is absent for all".to_owned()));
    }
    if new.expires_in_secs.is_some_and(|life| !(1..=LONGEST.as_secs()).contains(&life)) {
        return Err(Error::Invalid("expiresInSecs is 1 to ten years".to_owned()));
    }
    let mut token = AccessToken::new(name, new.role, new.clients);
    token.expires_at = new
        .expires_in_secs
        .map(|life| Timestamp::from_millis(token.created_at.as_millis() + life * 1_000));
    Ok(token)
}

#[cfg(test)]
mod tests {
    use protocol::ClientId;
    use serde_json::{Value, json};

    use super::*;

    fn read(value: &Value) -> Result<AccessToken, Error> {
        check(serde_json::from_value(value.clone()).map_err(|e| Error::Invalid(e.to_string()))?)
    }

    #[test]
    fn a_token_has_a_name_a_role_clients_and_an_end() {
        let made = read(
            &json!({ "name": " bob ", "role": "user", "clients": ["cl_1"], "expiresInSecs": 60 }),
        );
        let made = made.unwrap();

        assert_eq!((made.name.as_str(), made.role), ("bob", Role::User));
        assert!(made.clients.include(&ClientId::new("cl_1").unwrap()) && !made.clients.are_all());
        assert_eq!(made.expires_at.unwrap().as_millis() - made.created_at.as_millis(), 60_000);
        assert_eq!(read(&json!({ "name": "bob", "role": "admin" })).unwrap().expires_at, None);
    }

    #[test]
    fn what_makes_no_sense_is_refused() {
        for bad in [
            json!({ "name": "", "role": "user" }),
            json!({ "name": "a\nb", "role": "user" }),
            json!({ "name": "x".repeat(65), "role": "user" }),
            json!({ "name": "x", "role": "root" }),
            json!({ "name": "x" }),
            json!({ "name": "x", "role": "admin", "clients": ["cl_1"] }),
            json!({ "name": "x", "role": "user", "clients": [] }),
            json!({ "name": "x", "role": "user", "expiresInSecs": 0 }),
            json!({ "name": "x", "role": "user", "expiresInSecs": u64::MAX }),
            json!({ "name": "x", "role": "user", "secret": "y" }),
        ] {
            assert!(matches!(read(&bad), Err(Error::Invalid(_))), "{bad}");
        }
    }
}
