//! Whether a server is ready, with reasons.

use axum::Json;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use serde::Serialize;
use serde_json::json;

/// One thing that was looked at. Reasons are for everybody to read: they name nothing that is not public.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Check {
    name: &'static str,
    ok: bool,
    /// Whether the server is of no use without it. What is not says only that something is not as it could be.
    required: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    reason: Option<String>,
}

impl Check {
    /// What the server is of no use without; an error is the reason.
    #[must_use]
    pub fn required(name: &'static str, found: Result<(), String>) -> Self {
        Self { name, ok: found.is_ok(), required: true, reason: found.err() }
    }

    /// What it can do without.
    #[must_use]
    pub fn optional(name: &'static str, found: Result<(), String>) -> Self {
        Self { required: false, ..Self::required(name, found) }
    }
}

/// The answer of `/ready`: 503 when something is missing that is required.
#[must_use]
pub fn answer(checks: &[Check]) -> Response {
    let ok = checks.iter().all(|check| check.ok || !check.required);
    let status = if ok { StatusCode::OK } else { StatusCode::SERVICE_UNAVAILABLE };
    (status, Json(json!({ "ok": ok, "checks": checks }))).into_response()
}

/// The answer of `/health`: the process is there, and its runtime answers.
#[must_use]
pub fn health(tier: &'static str, version: &'static str) -> Response {
    let tasks = crate::server::tasks();
    Json(json!({ "ok": true, "tier": tier, "version": version, "tasks": tasks })).into_response()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_is_required_makes_it_unready() {
        let (good, bad) = (Ok(()), || Err("full".to_owned()));
        let store = Check::required("store", good.clone());

        assert_eq!(answer(&[store.clone(), Check::optional("managers", bad())]).status(), 200);
        assert_eq!(answer(&[store, Check::required("disk", bad())]).status(), 503);
    }
}
