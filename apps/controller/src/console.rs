//! The browser console: files that are part of the binary, and what tells browsers to trust nothing else.

mod files;
mod headers;

use std::borrow::Cow;

use axum::Router;
use axum::body::Bytes;
use axum::http::{HeaderMap, HeaderValue, StatusCode, Uri, header};
use axum::middleware;
use axum::response::{Html, IntoResponse, Response};
use axum::routing::get;
use rust_embed::EmbeddedFile;
use tower_http::compression::CompressionLayer;
use tower_http::compression::predicate::{Predicate, SizeAbove};

use files::Found;

/// What is shown where the binary was compiled without the console.
const NOT_BUILT: &str = "<!doctype html><title>longshore</title><p>The console was not built into this binary: \
    <code>make console</code>, then compile again. The command line works: <code>longshore chat</code>.</p>";

/// Smaller answers are not worth compressing, in bytes.
const SMALL: u64 = 256;

/// Serves the console wherever `router` has nothing, and has every answer of both say what a browser may do with it.
pub(crate) fn mount(router: Router) -> Router {
    let worthwhile = SizeAbove::new(SMALL).and(is_text);
    let compressed = CompressionLayer::new().gzip(true).br(true).compress_when(worthwhile);
    router.fallback(get(serve).layer(compressed)).layer(middleware::map_response(headers::restrict))
}

async fn serve(uri: Uri, headers: HeaderMap) -> Response {
    match files::find(uri.path()) {
        Found::File(file, keep) => show(file, keep, &headers),
        Found::NotBuilt => ([(header::CACHE_CONTROL, "no-cache")], Html(NOT_BUILT)).into_response(),
        Found::Nothing => StatusCode::NOT_FOUND.into_response(),
    }
}

/// A file, or that the browser has it.
fn show(file: EmbeddedFile, keep: &'static str, headers: &HeaderMap) -> Response {
    let tag = tag(&file);
    let known = headers.get_all(header::IF_NONE_MATCH).iter().any(|known| knows(known, &tag));
    let described = [
        (header::CACHE_CONTROL, HeaderValue::from_static(keep)),
        (header::ETAG, HeaderValue::from_str(&tag).expect("hexadecimal digits")),
        (header::VARY, HeaderValue::from_static("accept-encoding")),
    ];
    if known {
        return (StatusCode::NOT_MODIFIED, described).into_response();
    }
    let content = [(header::CONTENT_TYPE, content_type(file.metadata.mimetype()))];
    let data = match file.data {
        // Part of the binary: nothing is copied.
        Cow::Borrowed(data) => Bytes::from_static(data),
        Cow::Owned(data) => data.into(),
    };
    (described, content, data).into_response()
}

/// Weak, as the same file is sent compressed in several ways.
fn tag(file: &EmbeddedFile) -> String {
    let hash = file.metadata.sha256_hash();
    let digits: String = hash[..16].iter().map(|byte| format!("{byte:02x}")).collect();
    format!("W/\"{digits}\"")
}

fn knows(known: &HeaderValue, tag: &str) -> bool {
    let strong = |tag: &str| tag.trim().trim_start_matches("W/").to_owned();
    let Ok(known) = known.to_str() else { return false };
    known.split(',').any(|known| known.trim() == "*" || strong(known) == strong(tag))
}

fn content_type(mime: &str) -> HeaderValue {
    let text = if mime.starts_with("text/") && !mime.contains("charset") {
        format!("{mime}; charset=utf-8")
    } else {
        mime.to_owned()
    };
    HeaderValue::from_str(&text).unwrap_or(HeaderValue::from_static("application/octet-stream"))
}

/// Whether an answer is text, which gets smaller.
fn is_text(
    _: StatusCode,
    _: axum::http::Version,
    headers: &HeaderMap,
    _: &axum::http::Extensions,
) -> bool {
    let mime = headers.get(header::CONTENT_TYPE).and_then(|mime| mime.to_str().ok());
    let mime = mime.and_then(|mime| mime.split(';').next()).unwrap_or_default();
    mime.starts_with("text/")
        || ["javascript", "json", "xml"].iter().any(|kind| mime.ends_with(kind))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_tag_is_known_however_it_is_compressed() {
        let knows = |known| knows(&HeaderValue::from_static(known), "W/\"ab\"");

        for known in ["W/\"ab\"", "\"ab\"", "\"x\", W/\"ab\"", "*"] {
            assert!(knows(known), "{known}");
        }
        for known in ["\"x\"", "", "ab", "\"ab"] {
            assert!(!knows(known), "{known}");
        }
    }

    #[test]
    fn text_is_compressed_and_images_are_not() {
        let compressed = |mime: &'static str| {
            let headers =
                HeaderMap::from_iter([(header::CONTENT_TYPE, HeaderValue::from_static(mime))]);
            is_text(StatusCode::OK, axum::http::Version::HTTP_11, &headers, &Default::default())
        };

        for mime in
            ["text/css", "text/html; charset=utf-8", "application/manifest+json", "image/svg+xml"]
        {
            assert!(compressed(mime), "{mime}");
        }
        assert!(!compressed("image/png") && !compressed("font/woff2"));
    }
}
