//! What a browser may do with an answer.

use axum::http::{HeaderName, HeaderValue, header};
use axum::response::Response;

/// Everything comes from the controller itself. `'self'` covers its WebSocket, too, in browsers since 2022.
const POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data: blob:; \
    font-src 'self'; connect-src 'self'; manifest-src 'self'; worker-src 'self'; base-uri 'none'; form-action 'self'; \
    frame-ancestors 'none'";

const PERMISSIONS: &str = "camera=(), microphone=(), geolocation=(), payment=()";

const RESTRICTIONS: [(HeaderName, &str); 5] = [
    (header::CONTENT_SECURITY_POLICY, POLICY),
    (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
    (header::REFERRER_POLICY, "no-referrer"),
    (HeaderName::from_static("cross-origin-opener-policy"), "same-origin"),
    (HeaderName::from_static("permissions-policy"), PERMISSIONS),
];

/// Adds the restrictions.
pub(super) async fn restrict(mut response: Response) -> Response {
    for (name, value) in RESTRICTIONS {
        response.headers_mut().insert(name, HeaderValue::from_static(value));
    }
    response
}
