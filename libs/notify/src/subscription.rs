//! A browser that is to be told, and a message for it.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use hyper::HeaderMap;
use hyper::header::{AUTHORIZATION, CONTENT_ENCODING, CONTENT_TYPE, HeaderValue};
use ring::digest::{SHA256, digest};
use serde::{Deserialize, Serialize};

use crate::encryption::Keys;
use crate::{InvalidTarget, Message, Reach, Target, VapidKey};

/// Longest payload, in bytes. Every push service carries 4 KiB, encryption included.
pub const MAX_PAYLOAD: usize = 3 << 10;
/// Seconds that a push service keeps a message for a device that is off: a day.
const TTL: u64 = 86_400;
/// Characters of a topic, the most that RFC 8030 allows; 24 bytes in base64url.
const TOPIC: usize = 32;

/// What a browser's `PushSubscription` is as JSON.
#[derive(Clone, Serialize, Deserialize)]
pub struct Device {
    /// Where its push service takes messages.
    pub endpoint: String,
    /// What to encrypt with.
    pub keys: DeviceKeys,
}

/// What to encrypt with, in base64url.
#[derive(Clone, Serialize, Deserialize)]
pub struct DeviceKeys {
    /// Its public key, an uncompressed point of P-256.
    pub p256dh: String,
    /// 16 bytes that the push service does not have.
    pub auth: String,
}

/// Whoever has the endpoint and the keys can send.
impl std::fmt::Debug for Device {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Device(***)")
    }
}

impl std::fmt::Debug for DeviceKeys {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("DeviceKeys(***)")
    }
}

/// A checked [`Device`].
#[derive(Clone, PartialEq, Eq)]
pub struct Subscription {
    target: Target,
    keys: Keys,
}

/// The device cannot be pushed to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum InvalidSubscription {
    /// The endpoint is none.
    #[error(transparent)]
    Endpoint(#[from] InvalidTarget),
    /// `p256dh` is not a point of P-256 in base64url.
    #[error("keys.p256dh is an uncompressed P-256 public key in base64url")]
    PublicKey,
    /// `auth` is not 16 bytes in base64url.
    #[error("keys.auth is 16 bytes in base64url")]
    Auth,
}

/// How much it matters that the device wakes up for it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Urgency {
    /// Like a call.
    High,
    /// Like a message.
    Normal,
}

/// What a message says, and who sends it.
#[derive(Debug, Clone, Copy)]
pub struct Notice<'a> {
    /// For the page's service worker; [`MAX_PAYLOAD`] bytes at most.
    pub payload: &'a [u8],
    /// Whether the device is woken up.
    pub urgency: Urgency,
    /// A waiting message about the same subject is replaced by this one. The push service sees a hash of it.
    pub subject: &'a str,
    /// Whose message it is.
    pub key: &'a VapidKey,
    /// `mailto:` or `https:` address where the push service's people reach the sender's.
    pub contact: &'a str,
}

impl Subscription {
    /// Checks what a browser gave. With [`Reach::Public`] the endpoint has to be `https` at a public host name.
    ///
    /// # Errors
    /// [`InvalidSubscription`] says what is wrong.
    pub fn new(device: &Device, reach: Reach) -> Result<Self, InvalidSubscription> {
        let target = match reach {
            Reach::Public => Target::public(&device.endpoint)?,
            Reach::Anywhere => Target::new(&device.endpoint)?,
        };
        let public = decode(&device.keys.p256dh).ok_or(InvalidSubscription::PublicKey)?;
        let auth = decode(&device.keys.auth).ok_or(InvalidSubscription::Auth)?;
        let keys = Keys { public, auth };
        if keys.are_valid() {
            Ok(Self { target, keys })
        } else {
            Err(InvalidSubscription::PublicKey)
        }
    }

    /// Encrypts, signs, and addresses a notice. Good for hours.
    ///
    /// # Panics
    /// With a payload of more than [`MAX_PAYLOAD`] bytes.
    #[must_use]
    pub fn message(&self, notice: Notice<'_>) -> Message {
        assert!(notice.payload.len() <= MAX_PAYLOAD, "a payload fits one record");
        let body = self.keys.encrypt(notice.payload).expect("the key was checked");
        let subject = URL_SAFE_NO_PAD.encode(digest(&SHA256, notice.subject.as_bytes()));
        let authorization = notice.key.authorization(&self.target, notice.contact);
        let mut headers = HeaderMap::new();
        headers.insert("ttl", TTL.into());
        headers.insert("urgency", HeaderValue::from_static(notice.urgency.name()));
        headers.insert("topic", text(&subject[..TOPIC]));
        headers.insert(AUTHORIZATION, text(&authorization));
        headers.insert(CONTENT_ENCODING, HeaderValue::from_static("aes128gcm"));
        headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/octet-stream"));
        Message { target: self.target.clone(), headers, body }
    }
}

impl std::fmt::Debug for Subscription {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Subscription").field("target", &self.target).finish_non_exhaustive()
    }
}

impl Urgency {
    fn name(self) -> &'static str {
        match self {
            Self::High => "high",
            Self::Normal => "normal",
        }
    }
}

/// Exactly so many bytes in base64url, with or without padding.
fn decode<const N: usize>(text: &str) -> Option<[u8; N]> {
    URL_SAFE_NO_PAD.decode(text.trim_end_matches('=')).ok()?.try_into().ok()
}

fn text(value: &str) -> HeaderValue {
    HeaderValue::from_str(value).expect("base64url is plain text")
}

#[cfg(test)]
mod tests {
    use super::*;

    const P256DH: &str =
        "BCVxsr7N_eNgVRqvHtD0zTZsEc6-VV-JvLexhqUzORcxaOzi6-AYWXvTBHm4bjyPjs7Vd8pZGH6SRpkNtoIAiw4";
    const AUTH: &str = "BTBZMqHH6r4Tts7J_aSIgg";

    fn device(endpoint: &str, p256dh: &str, auth: &str) -> Device {
        let keys = DeviceKeys { p256dh: p256dh.to_owned(), auth: auth.to_owned() };
        Device { endpoint: endpoint.to_owned(), keys }
    }

    #[test]
    fn what_cannot_be_pushed_to_is_refused_with_a_reason() {
        let check = |endpoint: &str, p256dh: &str, auth: &str| {
            Subscription::new(&device(endpoint, p256dh, auth), Reach::Public)
        };
        let good = "https://push.example/x";

        assert!(check(good, P256DH, AUTH).is_ok());
        assert!(check(good, &format!("{P256DH}="), &format!("{AUTH}==")).is_ok());
        let endpoint = |error| Err(InvalidSubscription::Endpoint(error));
        assert_eq!(
            check("http://push.example/x", P256DH, AUTH),
            endpoint(InvalidTarget::NotPublic)
        );
        assert_eq!(check("https://127.0.0.1/x", P256DH, AUTH), endpoint(InvalidTarget::NotPublic));
        assert_eq!(check("nonsense", P256DH, AUTH), endpoint(InvalidTarget::Malformed));
        let beside = P256DH.replace("iw4", "iw8");
        for bad in ["", "AAAA", "not base64!", beside.as_str()] {
            assert_eq!(check(good, bad, AUTH), Err(InvalidSubscription::PublicKey), "{bad}");
        }
        for bad in ["", "AAAA", AUTH.repeat(2).as_str()] {
            assert_eq!(check(good, P256DH, bad), Err(InvalidSubscription::Auth), "{bad}");
        }
        let local = device("http://127.0.0.1:1/x", P256DH, AUTH);
        assert!(Subscription::new(&local, Reach::Anywhere).is_ok());
        assert!(!format!("{local:?}").contains("127.0.0.1"));
    }

    #[test]
    fn a_message_says_how_it_is_to_be_handled_and_hides_what_it_is_about() {
        let subscription =
            Subscription::new(&device("https://push.example/x", P256DH, AUTH), Reach::Public)
                .unwrap();
        let key = VapidKey::new(&VapidKey::generate()).unwrap();
        let notice = |subject| Notice {
            payload: &[b'x'; MAX_PAYLOAD],
            urgency: Urgency::High,
            subject,
            key: &key,
            contact: "mailto:a@b.c",
        };

        let message = subscription.message(notice("conversation 1"));

        let header = |name: &str| message.headers.get(name).unwrap().to_str().unwrap();
        assert_eq!((header("ttl"), header("urgency")), ("86400", "high"));
        assert_eq!(header("content-encoding"), "aes128gcm");
        assert!(header("authorization").starts_with("vapid t="));
        assert_eq!(header("topic").len(), 32);
        assert!(message.body.len() <= 4_096, "what every service takes");
        let topic = |subject| subscription.message(notice(subject)).headers["topic"].clone();
        assert_eq!(topic("conversation 1"), header("topic"));
        assert_ne!(topic("conversation 2"), header("topic"));
    }
}
