//! The servers, and what proves to them that one may connect.

use serde_json::{Value, json};

use super::reference;
use crate::catalogue::Namespace;

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
        "security": [reference(token), reference(header)],
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
    Namespace::ALL.into_iter().flat_map(describe).collect()
}
