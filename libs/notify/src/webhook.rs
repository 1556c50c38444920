//! An address of the operator's that is told by JSON.

use hyper::HeaderMap;
use hyper::header::{CONTENT_TYPE, HeaderValue};
use ring::hmac;

use crate::{Message, Target};

/// Where to, and what it is signed with.
#[derive(Clone)]
pub struct Webhook {
    target: Target,
    key: Option<hmac::Key>,
}

impl Webhook {
    /// A webhook at that address. With a secret, what is posted there is signed.
    #[must_use]
    pub fn new(target: Target, secret: Option<&str>) -> Self {
        let key = secret.map(|secret| hmac::Key::new(hmac::HMAC_SHA256, secret.as_bytes()));
        Self { target, key }
    }

    /// A message of that event. `delivery` is its id, the same for every attempt, by which a receiver knows it again; both are
    /// letters, digits, `_` and `-`.
    ///
    /// # Panics
    /// With another `event` or `delivery`, if a header cannot have it.
    #[must_use]
    pub fn message(&self, event: &str, delivery: &str, json: Vec<u8>) -> Message {
        let text = |value: &str| HeaderValue::from_str(value).expect("letters and digits");
        let mut headers = HeaderMap::new();
        headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
        headers.insert("x-longshore-event", text(event));
        headers.insert("x-longshore-delivery", text(delivery));
        if let Some(key) = &self.key {
            let signature = hmac::sign(key, &json);
            headers.insert(
                "x-longshore-signature",
                text(&format!("sha256={}", hex(signature.as_ref()))),
            );
        }
        Message { target: self.target.clone(), headers, body: json }
    }
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

impl std::fmt::Debug for Webhook {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Webhook").field("target", &self.target).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_message_is_signed_when_there_is_a_secret() {
        let target = Target::new("http://hooks.example/a").unwrap();
        let body = b"what do ya want for nothing?".to_vec();

        let signed =
            Webhook::new(target.clone(), Some("Jefe")).message("done", "d-1", body.clone());
        let plain = Webhook::new(target, None).message("done", "d-1", body);

        // Test case 2 of RFC 4231.
        let expected = "sha256=5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843";
        assert_eq!(signed.headers["x-longshore-signature"], expected);
        assert_eq!(signed.headers["x-longshore-event"], "done");
        assert_eq!(signed.headers["x-longshore-delivery"], "d-1");
        assert_eq!(plain.headers.get("x-longshore-signature"), None);
    }
}
