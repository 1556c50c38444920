//! Who sends: a key pair by which push services know this server again (RFC 8292).

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use ring::rand::SystemRandom;
use ring::signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, KeyPair as _};
use serde_json::json;

use crate::Target;

/// How long a signature is good. Services take 24 hours at most.
const LIFETIME: Duration = Duration::from_secs(12 * 60 * 60);

/// The key pair, on P-256. Browsers are bound to its public half, so it must not change while anyone is subscribed.
pub struct VapidKey {
    pair: EcdsaKeyPair,
    random: SystemRandom,
}

/// The bytes are no key pair.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("this is no P-256 key pair in PKCS #8")]
pub struct InvalidKey;

impl VapidKey {
    /// Makes a key pair, in PKCS #8 for [`Self::new`].
    #[must_use]
    pub fn generate() -> Vec<u8> {
        let algorithm = &ECDSA_P256_SHA256_FIXED_SIGNING;
        let document = EcdsaKeyPair::generate_pkcs8(algorithm, &SystemRandom::new());
        document.expect("the system has a source of randomness").as_ref().to_vec()
    }

    /// The key pair in these bytes.
    ///
    /// # Errors
    /// [`InvalidKey`]
    pub fn new(pkcs8: &[u8]) -> Result<Self, InvalidKey> {
        let random = SystemRandom::new();
        let pair = EcdsaKeyPair::from_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, pkcs8, &random);
        Ok(Self { pair: pair.map_err(|_| InvalidKey)?, random })
    }

    /// The public half in base64url, as browsers take it for `applicationServerKey`.
    #[must_use]
    pub fn public(&self) -> String {
        URL_SAFE_NO_PAD.encode(self.pair.public_key().as_ref())
    }

    /// The header `Authorization` of a message to that push service. `contact` is where its people reach ours.
    pub(crate) fn authorization(&self, target: &Target, contact: &str) -> String {
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        let head = json!({ "typ": "JWT", "alg": "ES256" });
        let claims =
            json!({ "aud": target.origin(), "exp": (now + LIFETIME).as_secs(), "sub": contact });
        let part = |value: serde_json::Value| URL_SAFE_NO_PAD.encode(value.to_string());
        let signed = format!("{}.{}", part(head), part(claims));
        let signature = self.pair.sign(&self.random, signed.as_bytes());
        let signature = signature.expect("the system has a source of randomness");
        format!("vapid t={signed}.{}, k={}", URL_SAFE_NO_PAD.encode(signature), self.public())
    }
}

impl std::fmt::Debug for VapidKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "VapidKey({})", self.public())
    }
}

#[cfg(test)]
mod tests {
    use ring::signature::{ECDSA_P256_SHA256_FIXED, UnparsedPublicKey};
    use serde_json::Value;

    use super::*;

    #[test]
    fn a_signature_is_for_one_service_and_verifies_with_the_key_that_it_names() {
        let key = VapidKey::new(&VapidKey::generate()).unwrap();
        let target = Target::new("https://push.example:444/secret").unwrap();

        let header = key.authorization(&target, "mailto:me@example.org");

        let (token, public) = header.strip_prefix("vapid t=").unwrap().split_once(", k=").unwrap();
        assert_eq!(public, key.public());
        let (signed, signature) = token.rsplit_once('.').unwrap();
        let decode = |text: &str| URL_SAFE_NO_PAD.decode(text).unwrap();
        let verifier = UnparsedPublicKey::new(&ECDSA_P256_SHA256_FIXED, decode(public));
        verifier.verify(signed.as_bytes(), &decode(signature)).unwrap();
        let (head, claims) = signed.split_once('.').unwrap();
        let read = |part| serde_json::from_slice::<Value>(&decode(part)).unwrap();
        assert_eq!(read(head), json!({ "typ": "JWT", "alg": "ES256" }));
        let claims = read(claims);
        assert_eq!(claims["aud"], "https://push.example:444");
        assert_eq!(claims["sub"], "mailto:me@example.org");
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs();
        assert!((now + 11 * 3_600..=now + 24 * 3_600).contains(&claims["exp"].as_u64().unwrap()));
    }

    #[test]
    fn a_key_comes_back_from_its_bytes_and_is_not_shown() {
        let bytes = VapidKey::generate();
        let (one, two) = (VapidKey::new(&bytes).unwrap(), VapidKey::new(&bytes).unwrap());

        assert_eq!(one.public(), two.public());
        assert_ne!(one.public(), VapidKey::new(&VapidKey::generate()).unwrap().public());
        assert_eq!(format!("{one:?}"), format!("VapidKey({})", one.public()));
        assert_eq!(VapidKey::new(&bytes[1..]).err(), Some(InvalidKey));
        assert_eq!(VapidKey::new(&[]).err(), Some(InvalidKey));
    }
}
