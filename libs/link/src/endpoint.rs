//! Where a link goes.

use std::io;

use serde_json::Value;
use tokio_tungstenite::tungstenite::http::Uri;

use crate::reach::{OutOfReach, Reach};
use crate::trust::Trust;

/// A server's namespace, and what it is told to be let in.
#[derive(Clone)]
pub struct Endpoint {
    /// WebSocket address without path, such as `ws://host:8080`.
    base: String,
    host: String,
    pub(crate) port: u16,
    pub(crate) reach: Reach,
    pub(crate) trust: Trust,
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
        let base = format!("{scheme}://{host}");
        let uri: Uri = base.parse().map_err(|_| InvalidEndpoint)?;
        let authority = uri.authority().ok_or(InvalidEndpoint)?;
        // What stands behind a colon and is no port would be taken for a part of the host.
        let port = match host.rsplit_once(':').filter(|_| !host.ends_with(']')) {
            Some((_, port)) => port.parse().map_err(|_| InvalidEndpoint)?,
            None if scheme == "wss" => 443,
            None => 80,
        };
        let host = authority.host().trim_start_matches('[').trim_end_matches(']').to_owned();
        let (reach, trust) = (Reach::anywhere(), Trust::default());
        Ok(Self { base, host, port, reach, trust, namespace, auth })
    }

    /// Goes nowhere else.
    #[must_use]
    pub fn within(self, reach: Reach) -> Self {
        Self { reach, ..self }
    }

    /// Over TLS, trusts these servers.
    #[must_use]
    pub fn trusting(self, trust: Trust) -> Self {
        Self { trust, ..self }
    }

    /// Whether it leads where it may go. A name that is not known now may be later.
    ///
    /// # Errors
    /// [`OutOfReach`].
    pub async fn check(&self) -> Result<(), OutOfReach> {
        match self.reach.resolve(&self.host, self.port).await {
            Err(error) if is_out_of_reach(&error) => Err(OutOfReach),
            _ => Ok(()),
        }
    }

    /// Host without brackets.
    pub(crate) fn host(&self) -> &str {
        &self.host
    }

    pub(crate) fn is_secure(&self) -> bool {
        self.base.starts_with("wss:")
    }

    pub(crate) fn url(&self) -> String {
        format!("{}/socket.io/?EIO=4&transport=websocket", self.base)
    }
}

fn is_out_of_reach(error: &io::Error) -> bool {
    error.get_ref().is_some_and(<dyn std::error::Error + Send + Sync>::is::<OutOfReach>)
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
            "http://h:99999",
            "http://h:",
            "http://a:b:80",
            "http://[::1",
            "http://h\r\nx",
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
        let place = |url| {
            let endpoint = Endpoint::new(url, "/agents", Value::Null).unwrap();
            (endpoint.host().to_owned(), endpoint.port)
        };
        assert_eq!(place("https://h"), ("h".to_owned(), 443));
        assert_eq!(place("http://[::1]"), ("::1".to_owned(), 80));
        assert_eq!(place("ws://[fd00::2]:9"), ("fd00::2".to_owned(), 9));
    }
}
