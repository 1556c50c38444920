//! Where a message is posted to.

use std::net::IpAddr;

use hyper::Uri;
use hyper::http::uri::Scheme;

/// Longest address, in bytes. Those of push services have a few hundred.
const LONGEST: usize = 2_048;

/// An `http` or `https` address, in parts.
#[derive(Clone, PartialEq, Eq)]
pub struct Target {
    pub(crate) is_secure: bool,
    /// Without the brackets of IPv6.
    pub(crate) host: String,
    pub(crate) port: u16,
    /// As the `Host` header has it.
    pub(crate) authority: String,
    pub(crate) path: String,
}

/// The text is no address to post to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum InvalidTarget {
    /// No `http` or `https` address, without user name, of 2,048 bytes at most.
    #[error("an address is http://host/path or https://host/path, without user name")]
    Malformed,
    /// Where the address is a stranger's choice it has to be `https` at a public host name.
    #[error("an endpoint is https:// at a public host name")]
    NotPublic,
}

impl Target {
    /// Any `http` or `https` address.
    ///
    /// # Errors
    /// [`InvalidTarget::Malformed`]
    pub fn new(url: &str) -> Result<Self, InvalidTarget> {
        let malformed = InvalidTarget::Malformed;
        if url.len() > LONGEST {
            return Err(malformed);
        }
        let uri: Uri = url.parse().map_err(|_| malformed)?;
        let is_secure = match uri.scheme() {
            Some(scheme) if *scheme == Scheme::HTTPS => true,
            Some(scheme) if *scheme == Scheme::HTTP => false,
            _ => return Err(malformed),
        };
        let authority = uri.authority().ok_or(malformed)?;
        let host = authority.host();
        let has_port = authority.as_str() != host;
        let port =
            if has_port { authority.port_u16().ok_or(malformed)? } else { default_port(is_secure) };
        if host.is_empty() || port == 0 || authority.as_str().contains('@') {
            return Err(malformed);
        }
        // Its text begins with the query where there is no path, and is no path to ask for then; shown, it has the `/`.
        let path = uri.path_and_query().map_or_else(|| "/".to_owned(), ToString::to_string);
        Ok(Self {
            is_secure,
            host: host.trim_start_matches('[').trim_end_matches(']').to_ascii_lowercase(),
            port,
            authority: authority.as_str().to_ascii_lowercase(),
            path,
        })
    }

    /// An `https` address at the name of a host that may be a public one. Which addresses the name has is checked by whoever
    /// dials.
    ///
    /// # Errors
    /// [`InvalidTarget`]
    pub fn public(url: &str) -> Result<Self, InvalidTarget> {
        let target = Self::new(url)?;
        if target.is_secure && is_public_name(&target.host) {
            Ok(target)
        } else {
            Err(InvalidTarget::NotPublic)
        }
    }

    /// Scheme, host and port, without the port that is usual.
    #[must_use]
    pub fn origin(&self) -> String {
        let scheme = if self.is_secure { "https" } else { "http" };
        let host =
            if self.host.contains(':') { format!("[{}]", self.host) } else { self.host.clone() };
        if self.port == default_port(self.is_secure) {
            format!("{scheme}://{host}")
        } else {
            format!("{scheme}://{host}:{}", self.port)
        }
    }
}

fn default_port(is_secure: bool) -> u16 {
    if is_secure { 443 } else { 80 }
}

/// A name of several labels, the last of which is no number: all spellings of IPv4 addresses end in one.
fn is_public_name(host: &str) -> bool {
    let name = host.strip_suffix('.').unwrap_or(host);
    let Some((_, last)) = name.rsplit_once('.') else { return false };
    let is_address = host.parse::<IpAddr>().is_ok();
    !is_address
        && last != "localhost"
        && last.starts_with(|first: char| first.is_ascii_alphabetic())
}

/// The path of an endpoint is a secret: whoever has it can send.
impl std::fmt::Debug for Target {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Target({}/***)", self.origin())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_has_a_scheme_and_a_host() {
        let target = Target::new("https://Push.Example:8443/a/b?c=d").unwrap();

        assert_eq!((target.host.as_str(), target.port), ("push.example", 8443));
        assert_eq!(
            (target.authority.as_str(), target.path.as_str()),
            ("push.example:8443", "/a/b?c=d")
        );
        assert_eq!(target.origin(), "https://push.example:8443");
        assert_eq!(Target::new("https://a.b:443").unwrap().origin(), "https://a.b");
        assert_eq!(Target::new("http://[::1]:1/").unwrap().host, "::1");
        assert_eq!(Target::new("https://a.b?c=d").unwrap().path, "/?c=d");
        assert_eq!(Target::new("https://a.b").unwrap().path, "/");
        assert!(!format!("{target:?}").contains("a/b"));
        for bad in [
            "",
            "/path",
            "push.example",
            "ftp://a.b/",
            "https://",
            "https:///path",
            "https://user:password@a.b/",
            "https://a.b:0/",
            "https://a.b:/",
            "https://a.b:99999/",
            "https://a b/",
            &format!("https://a.b/{}", "x".repeat(2_048)),
        ] {
            assert_eq!(Target::new(bad), Err(InvalidTarget::Malformed), "{bad}");
        }
    }

    #[test]
    fn an_endpoint_is_https_at_a_public_name() {
        for good in ["https://fcm.googleapis.com/fcm/send/x", "https://updates.push.example:444/"] {
            assert!(Target::public(good).is_ok(), "{good}");
        }
        for bad in [
            "http://push.example/",
            "https://localhost/",
            "https://a.localhost/",
            "https://intranet/",
            "https://127.0.0.1/",
            "https://8.8.8.8/",
            "https://127.1/",
            "https://2130706433/",
            "https://0x7f.0.0.0x1/",
            "https://[::1]/",
            "https://[2606:4700::1111]/",
        ] {
            assert_eq!(Target::public(bad), Err(InvalidTarget::NotPublic), "{bad}");
        }
    }
}
