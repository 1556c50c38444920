//! `/api/push`: browsers that are told when an agent needs somebody. Everybody sees their own.

use std::sync::Arc;

use axum::extract::{Path, State};
use axum::http::{HeaderMap, StatusCode};
use axum::response::IntoResponse;
use axum::{Extension, Json};
use notify::{Device, Verdict};
use protocol::{NotificationKind, SubscriptionId, Timestamp, ViewerId};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use store::PushRecord;

use super::answer::{Body, Failure, List};
use crate::access::{Caller, bearer};
use crate::error::Error;
use crate::notifications::said;
use crate::server::Server;

/// Subscriptions of one user. A browser is one, and few people have twenty.
const MOST: u32 = 20;
/// Characters of a label.
const LABEL: usize = 128;

/// Bytes of what a page calls itself.
const PAGE: usize = 64;

/// A subscription as its user sees it; how the browser is reached is never shown.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Shown {
    id: SubscriptionId,
    label: String,
    kinds: Vec<NotificationKind>,
    private: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    viewer_id: Option<ViewerId>,
    created_at: Timestamp,
    #[serde(skip_serializing_if = "Option::is_none")]
    last_delivered_at: Option<Timestamp>,
    #[serde(skip_serializing_if = "Option::is_none")]
    last_error: Option<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(super) struct New {
    /// As the browser gives it.
    subscription: Device,
    #[serde(default)]
    label: Option<String>,
    kinds: Vec<NotificationKind>,
    #[serde(default)]
    private: bool,
    #[serde(default)]
    viewer_id: Option<ViewerId>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(super) struct Changes {
    #[serde(default)]
    label: Option<String>,
    #[serde(default)]
    kinds: Option<Vec<NotificationKind>>,
    #[serde(default)]
    private: Option<bool>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(super) struct Visibility {
    visible: bool,
    /// What the page calls itself, so that another of the browser may be visible while this one is not.
    #[serde(default)]
    page: String,
}

/// What a push service said to a test.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Tested {
    delivered: bool,
    /// Its HTTP status, if it answered.
    #[serde(skip_serializing_if = "Option::is_none")]
    status: Option<u16>,
    message: String,
}

/// What a browser needs to subscribe.
pub(super) async fn key(State(server): State<Arc<Server>>) -> Result<Json<Value>, Failure> {
    Ok(Json(json!({ "publicKey": server.notifications.push.public_key().await? })))
}

pub(super) async fn list(
    State(server): State<Arc<Server>>,
    Extension(caller): Extension<Caller>,
) -> Result<Json<List<Shown>>, Failure> {
    let all = server.db.subscriptions().await?;
    let own = all.into_iter().filter(|record| record.user == caller.user);
    Ok(Json(List { items: own.map(show).collect() }))
}

/// Only in a session, with which it ends: whoever logs out or is shut out is told nothing any more.
pub(super) async fn add(
    State(server): State<Arc<Server>>,
    Extension(caller): Extension<Caller>,
    headers: HeaderMap,
    Body(new): Body<New>,
) -> Result<impl IntoResponse, Failure> {
    server.notifications.push.check(&new.subscription)?;
    let mut record = PushRecord {
        subscription_id: SubscriptionId::random(),
        user: caller.user,
        clients: caller.clients,
        device: serde_json::to_string(&new.subscription).map_err(Error::from)?,
        label: label(new.label.as_deref().unwrap_or("Browser"))?,
        kinds: kinds(new.kinds)?,
        private: new.private,
        viewer_id: new.viewer_id,
        created_at: Timestamp::now(),
        last_delivered_at: None,
        last_error: None,
    };
    // A token that is shown counts alone.
    let session = match bearer(&headers) {
        None => server.session_of(&headers).await,
        Some(_) => None,
    };
    let session = session.ok_or(Error::NoSession)?;
    let put =
        server.db.put_subscription(&record, &new.subscription.endpoint, session, MOST).await?;
    record.subscription_id = put.ok_or(Error::TooManySubscriptions(MOST))?;
    Ok((StatusCode::CREATED, Json(show(record))))
}

pub(super) async fn change(
    State(server): State<Arc<Server>>,
    Extension(caller): Extension<Caller>,
    Path(id): Path<String>,
    Body(changes): Body<Changes>,
) -> Result<Json<Shown>, Failure> {
    let mut record = find(&server, &caller.user, &id).await?;
    if let Some(new) = changes.label {
        record.label = label(&new)?;
    }
    if let Some(new) = changes.kinds {
        record.kinds = kinds(new)?;
    }
    record.private = changes.private.unwrap_or(record.private);
    server.db.update_subscription(&record).await?;
    Ok(Json(show(record)))
}

/// That it is gone already is as good.
pub(super) async fn delete(
    State(server): State<Arc<Server>>,
    Extension(caller): Extension<Caller>,
    Path(id): Path<String>,
) -> Result<StatusCode, Failure> {
    match find(&server, &caller.user, &id).await {
        Ok(record) => server.db.delete_subscription(&record.subscription_id).await?,
        Err(Error::SubscriptionNotFound(_)) => {}
        Err(error) => return Err(error.into()),
    }
    Ok(StatusCode::NO_CONTENT)
}

/// Sends one now, and answers with what the push service said.
pub(super) async fn test(
    State(server): State<Arc<Server>>,
    Extension(caller): Extension<Caller>,
    Path(id): Path<String>,
) -> Result<Json<Tested>, Failure> {
    let record = find(&server, &caller.user, &id).await?;
    let last = server.notifications.push.test(&record).await?;
    Ok(Json(Tested {
        delivered: Verdict::of(&last) == Verdict::Taken,
        status: last.as_ref().ok().map(|reply| reply.status),
        message: said(&last),
    }))
}

/// A page of this browser is visible for the next 45 s, or not any more.
pub(super) async fn presence(
    State(server): State<Arc<Server>>,
    Extension(caller): Extension<Caller>,
    Path(id): Path<String>,
    Body(Visibility { visible, page }): Body<Visibility>,
) -> Result<StatusCode, Failure> {
    let record = find(&server, &caller.user, &id).await?;
    if page.len() > PAGE {
        return Err(Error::Invalid(format!("a page is at most {PAGE} bytes")).into());
    }
    server.notifications.push.presence.set(&record, &page, visible);
    Ok(StatusCode::NO_CONTENT)
}

/// Somebody else's is none.
async fn find(server: &Server, user: &str, id: &str) -> Result<PushRecord, Error> {
    let missing = || Error::SubscriptionNotFound(id.to_owned());
    let id = SubscriptionId::new(id).map_err(|_| missing())?;
    let found = server.db.subscription(&id).await?;
    found.filter(|record| record.user == user).ok_or_else(missing)
}

fn show(record: PushRecord) -> Shown {
    Shown {
        id: record.subscription_id,
        label: record.label,
        kinds: record.kinds,
        private: record.private,
        viewer_id: record.viewer_id,
        created_at: record.created_at,
        last_delivered_at: record.last_delivered_at,
        last_error: record.last_error,
    }
}

fn label(text: &str) -> Result<String, Error> {
    let text = text.trim();
    if text.is_empty() || text.chars().count() > LABEL {
        return Err(Error::Invalid(format!("a label is 1 to {LABEL} characters")));
    }
    Ok(text.to_owned())
}

/// Each once.
fn kinds(mut kinds: Vec<NotificationKind>) -> Result<Vec<NotificationKind>, Error> {
    kinds.sort_unstable();
    kinds.dedup();
    if kinds.is_empty() {
        return Err(Error::Invalid("kinds names at least one".to_owned()));
    }
    Ok(kinds)
}

#[cfg(test)]
mod tests;
