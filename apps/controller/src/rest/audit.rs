//! `/api/audit`: who came, who was refused, and who changed what.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use protocol::Timestamp;
use serde::{Deserialize, Serialize};
use store::{AuditEntry, AuditPage};

use super::answer::{Failure, Query};
use crate::error::Error;
use crate::server::Server;

/// Entries of a page, unless otherwise wanted.
const USUAL: u32 = 100;
/// Entries of a page at most.
const MOST: u32 = 1_000;

#[derive(Serialize)]
pub(super) struct Page {
    items: Vec<Entry>,
    /// For the page behind it, if there may be one.
    #[serde(skip_serializing_if = "Option::is_none")]
    next: Option<String>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Entry {
    id: u64,
    time: Timestamp,
    #[serde(skip_serializing_if = "Option::is_none")]
    user: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    token_id: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    address: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    connection_id: Option<String>,
    action: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    target: Option<String>,
    outcome: String,
}

/// The newest first; with `after`, what came after that entry, in the order in which it came.
#[derive(Deserialize)]
pub(super) struct Wanted {
    limit: Option<u32>,
    cursor: Option<u64>,
    after: Option<u64>,
}

pub(super) async fn list(
    State(server): State<Arc<Server>>,
    Query(Wanted { limit, cursor, after }): Query<Wanted>,
) -> Result<Json<Page>, Failure> {
    let limit = limit.unwrap_or(USUAL);
    if !(1..=MOST).contains(&limit) {
        return Err(Error::Invalid(format!("limit is 1 to {MOST}")).into());
    }
    let page = match (cursor, after) {
        (None, None) => AuditPage::Newest,
        (Some(id), None) => AuditPage::Before(id),
        (None, Some(id)) => AuditPage::After(id),
        (Some(_), Some(_)) => {
            return Err(Error::Invalid("cursor or after, not both".to_owned()).into());
        }
    };
    let entries = server.db.audit(page, limit).await?;
    let is_full = entries.len() == limit as usize && after.is_none();
    let next = entries.last().filter(|_| is_full).map(|last| last.id.to_string());
    Ok(Json(Page { items: entries.into_iter().map(Entry::from).collect(), next }))
}

impl From<AuditEntry> for Entry {
    fn from(entry: AuditEntry) -> Self {
        let AuditEntry { id, time, user, token_id, address, connection_id, .. } = entry;
        let (action, target, outcome) = (entry.action, entry.target, entry.outcome);
        Self { id, time, user, token_id, address, connection_id, action, target, outcome }
    }
}
