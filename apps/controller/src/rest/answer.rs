//! Shapes of what REST answers.

use axum::Json;
use axum::extract::rejection::{JsonRejection, QueryRejection};
use axum::extract::{FromRequest, FromRequestParts};
use axum::http::request::Parts;
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use protocol::{ErrorCode, WireError};
use serde::Serialize;
use serde_json::json;

use crate::correlate;
use crate::error::Error;

/// `{"items": […]}`. There are few enough to fit one page; `next` is left for when there are not.
#[derive(Serialize)]
pub(super) struct List<T> {
    pub(super) items: Vec<T>,
}

/// `{"error": {"code", "message", "details?"}}` with the fitting status.
pub(crate) struct Failure(WireError);

impl<E: Into<Error>> From<E> for Failure {
    fn from(error: E) -> Self {
        Self(error.into().into())
    }
}

impl IntoResponse for Failure {
    fn into_response(self) -> Response {
        let correlation = correlate::current().map(|context| context.correlation);
        let error = self.0.correlated(correlation.as_ref());
        let status = status(error.code);
        let seconds = error.retry_after_ms.map(|millis| millis.div_ceil(1_000));
        let mut response = (status, Json(json!({ "error": error }))).into_response();
        if let Some(seconds) = seconds {
            response.headers_mut().insert(header::RETRY_AFTER, HeaderValue::from(seconds));
        }
        response
    }
}

/// Tells a refusal of the router's own, which is text or nothing, as every other error.
pub(super) async fn as_json(response: Response) -> Response {
    let (status, content) = (response.status(), response.headers().get(header::CONTENT_TYPE));
    let is_json = content.is_some_and(|content| content == "application/json");
    if is_json || !(status.is_client_error() || status.is_server_error()) {
        return response;
    }
    let (code, message) = match status {
        StatusCode::NOT_FOUND => (ErrorCode::UnknownEvent, "There is no such address"),
        StatusCode::METHOD_NOT_ALLOWED => {
            (ErrorCode::UnknownEvent, "This address has no such method")
        }
        status if status.is_server_error() => (ErrorCode::Internal, "Processing failed"),
        _ => (ErrorCode::InvalidPayload, "The address or the request cannot be read"),
    };
    let (mut parts, _) = response.into_parts();
    parts.headers.remove(header::CONTENT_TYPE);
    parts.headers.remove(header::CONTENT_LENGTH);
    let error = WireError::new(code, message);
    (parts.status, parts.headers, Json(json!({ "error": error }))).into_response()
}

fn status(code: ErrorCode) -> StatusCode {
    match code {
        ErrorCode::Unauthorized => StatusCode::UNAUTHORIZED,
        ErrorCode::Forbidden | ErrorCode::InvalidCredentials | ErrorCode::ReadOnly => {
            StatusCode::FORBIDDEN
        }
        ErrorCode::ClientNotFound
        | ErrorCode::AgentNotFound
        | ErrorCode::ConversationNotFound
        | ErrorCode::RunNotFound
        | ErrorCode::InteractionNotFound
        | ErrorCode::TerminalNotFound
        | ErrorCode::SubscriptionNotFound
        | ErrorCode::FileNotFound => StatusCode::NOT_FOUND,
        ErrorCode::NameTaken
        | ErrorCode::RunExists
        | ErrorCode::AlreadyAnswered
        | ErrorCode::AlreadyJoined
        | ErrorCode::NotJoined
        | ErrorCode::TerminalExists
        | ErrorCode::FileExists
        | ErrorCode::FileChanged
        | ErrorCode::Unsupported
        | ErrorCode::LimitReached
        | ErrorCode::LastAdmin => StatusCode::CONFLICT,
        ErrorCode::PayloadTooLarge => StatusCode::PAYLOAD_TOO_LARGE,
        ErrorCode::RateLimited | ErrorCode::QueueFull => StatusCode::TOO_MANY_REQUESTS,
        ErrorCode::RemoteUnavailable
        | ErrorCode::AgentUnavailable
        | ErrorCode::StoreUnavailable
        | ErrorCode::ServerStopping => StatusCode::SERVICE_UNAVAILABLE,
        ErrorCode::Internal => StatusCode::INTERNAL_SERVER_ERROR,
        _ => StatusCode::BAD_REQUEST,
    }
}

/// A JSON body; a wrong one is told as every other error.
pub(super) struct Body<T>(pub(super) T);

impl<S: Send + Sync, T> FromRequest<S> for Body<T>
where
    Json<T>: FromRequest<S, Rejection = JsonRejection>,
{
    type Rejection = Failure;

    async fn from_request(request: axum::extract::Request, state: &S) -> Result<Self, Failure> {
        let Json(body) = Json::from_request(request, state).await.map_err(refusal)?;
        Ok(Self(body))
    }
}

fn refusal(error: JsonRejection) -> Error {
    if error.status() == StatusCode::PAYLOAD_TOO_LARGE {
        return WireError::new(ErrorCode::PayloadTooLarge, "The body is too large").into();
    }
    Error::Invalid(error.body_text())
}

/// The query of an address; a wrong one is told as every other error.
pub(super) struct Query<T>(pub(super) T);

impl<S: Send + Sync, T> FromRequestParts<S> for Query<T>
where
    axum::extract::Query<T>: FromRequestParts<S, Rejection = QueryRejection>,
{
    type Rejection = Failure;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Failure> {
        let axum::extract::Query(query) = axum::extract::Query::from_request_parts(parts, state)
            .await
            .map_err(|error| Error::Invalid(error.body_text()))?;
        Ok(Self(query))
    }
}
