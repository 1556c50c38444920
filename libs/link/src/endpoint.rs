//! Where a link goes.

use serde_json::Value;

/// A server's namespace, and what it is told to be let in.
#[derive(Clone)]
pub struct Endpoint {
    /// WebSocket address without path, such as `ws://host:8080`.
    base: String,
    /// Such as `/agents`.
    pub(crate) namespace: &'static str,
    /// Payload of the CONNECT packet.
    pub(crate) auth: Value,
}

/// The text is no address of a server.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("an endpoint is http://host:port or https://host:port, without user name or path")]
pub struct InvalidEndpoint;

impl Endpoint {
    /// An endpoint at an `http`, `https`, `ws` or `wss` address.
    ///
    /// # Errors
    /// [`InvalidEndpoint`]: another scheme, a user name, a path or no host.
    pub fn new(url: &str, namespace: &'static str, auth: Value) -> Result<Self, InvalidEndpoint> {
        let (scheme, rest) = url.split_once("://").ok_or(InvalidEndpoint)?;
        let scheme = match scheme {
            "http" | "ws" => "ws",
            "https" | "wss" => "wss",
            _ => return Err(InvalidEndpoint),
        };
        let host = rest.strip_suffix('/').unwrap_or(rest);
        let plain = host.bytes().all(|b| b.is_ascii_alphanumeric() || b".-_:[]".contains(&b));
        if host.is_empty() || host.starts_with(':') || !plain {
            return Err(InvalidEndpoint);
        }
        Ok(Self { base: format!("{scheme}://{host}"), namespace, auth })
    }

    pub(crate) fn url(&self) -> String {
        format!("{}/socket.io/?EIO=4&transport=websocket", self.base)
    }
}

impl std::fmt::Debug for Endpoint {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Endpoint")
            .field("base", &self.base)
            .field("namespace", &self.namespace)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_plain_addresses_are_taken() {
        for good in ["http://localhost:8080", "https://a.b.c/", "ws://[::1]:1", "wss://x"] {
            assert!(Endpoint::new(good, "/agents", Value::Null).is_ok(), "{good}");
        }
        for bad in [
            "",
            "localhost",
            "ftp://x",
            "http://",
            "http://u:p@h",
            "http://h/p",
            "http://h?x",
            "http://:80",
        ] {
            assert_eq!(
                Endpoint::new(bad, "/agents", Value::Null).err(),
                Some(InvalidEndpoint),
                "{bad}"
            );
        }
        let endpoint =
            Endpoint::new("https://h", "/agents", serde_json::json!({"token": "s3cret"})).unwrap();
        assert_eq!(endpoint.url(), "wss://h/socket.io/?EIO=4&transport=websocket");
        assert!(!format!("{endpoint:?}").contains("s3cret"));
    }
}
