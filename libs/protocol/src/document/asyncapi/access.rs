//! The servers, and what proves to them that one may connect.

use serde_json::{Value, json};

use super::reference;
use crate::catalogue::Namespace;

/// Of browsers.
const COOKIE: &str = "sessionCookie";

pub(super) fn server(namespace: Namespace) -> Value {
    let (title, port, description) = match namespace {
        Namespace::Clients => ("Controller", "8081", "What people and their programs connect to."),
        Namespace::Agents => (
            "Manager",
            "8080",
            "Runs on the machine where its agents run; controllers connect to it.",
        ),
    };
    let reference = |kind: &str| reference(&format!("/components/securitySchemes/{kind}"));
    let (token, header) = scheme_ids(namespace);
    let mut security = vec![reference(token), reference(header)];
    if namespace == Namespace::Clients {
        security.push(reference(COOKIE));
    }
    json!({
        "host": "{host}:{port}",
        "pathname": "/socket.io/",
        "protocol": "ws",
        "title": title,
        "description": description,
        "variables": {
            "host": { "default": "127.0.0.1", "description": "Loopback, unless told otherwise." },
            "port": { "default": port },
        },
        "security": security,
    })
}

fn scheme_ids(namespace: Namespace) -> (&'static str, &'static str) {
    match namespace {
        Namespace::Clients => ("accessToken", "accessTokenHeader"),
        Namespace::Agents => ("apiKey", "apiKeyHeader"),
    }
}

pub(super) fn security_schemes() -> Value {
    let describe = |namespace| {
        let (token, header) = scheme_ids(namespace);
        let what = match namespace {
            Namespace::Clients => "An access token, `ls_…`",
            Namespace::Agents => "The manager's API key, `lsm_…`",
        };
        let in_auth = json!({
            "type": "apiKey",
            "in": "password",
            "description": format!("{what}, as `auth.token` of the handshake."),
        });
        let in_header = json!({
            "type": "http",
            "scheme": "bearer",
            "description": format!("{what}, as `Authorization: Bearer …` of the handshake's request."),
        });
        [(token.to_owned(), in_auth), (header.to_owned(), in_header)]
    };
    let in_cookie = json!({
        "type": "httpApiKey",
        "in": "cookie",
        "name": "longshore_8081",
        "description": "The session of a browser, `lss_…`, from `POST /api/session`. The name has the controller's port. It counts \
            from the controller's own pages only.",
    });
    let described = Namespace::ALL.into_iter().flat_map(describe);
    described.chain([(COOKIE.to_owned(), in_cookie)]).collect()
}
