//! The key of an installation, and what is made with it.

use std::fs;
use std::io::Write;
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use chacha20poly1305::aead::{Aead, KeyInit, Payload};
use chacha20poly1305::{XChaCha20Poly1305, XNonce};
use hmac::{Hmac, Mac};
use sha2::{Digest, Sha256};

use crate::StoreError;

/// Bytes of XChaCha20's nonce: long enough to be drawn at random for every value.
const NONCE: usize = 24;

/// 256 bits that seal what the databases must not show, and from which other keys are derived.
#[derive(Clone)]
pub struct SecretKey([u8; 32]);

impl std::fmt::Debug for SecretKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("SecretKey(***)")
    }
}

impl SecretKey {
    /// The key given by the environment, else that of the file, which is made with mode 0600 when there is none.
    ///
    /// # Errors
    /// The file cannot be read or made, or the text is no key: 32 bytes in base64url without padding.
    pub fn load_or_create(path: &Path, from_env: Option<&str>) -> Result<Self, StoreError> {
        if let Some(text) = from_env {
            return Self::parse(text, "the environment");
        }
        match fs::read_to_string(path) {
            Ok(text) => Self::parse(text.trim(), &path.display().to_string()),
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => Self::create(path),
            Err(error) => Err(StoreError::Unavailable(format!("{}: {error}", path.display()))),
        }
    }

    fn create(path: &Path) -> Result<Self, StoreError> {
        let key = Self(random());
        if let Some(directory) = path.parent() {
            fs::create_dir_all(directory)?;
        }
        // Written aside and linked into place: never half a key, and of two processes one wins.
        let aside = path.with_extension(format!("new-{}", std::process::id()));
        let mut file = fs::OpenOptions::new()
            .write(true)
            .create(true)
            .truncate(true)
            .mode(0o600)
            .open(&aside)?;
        file.write_all(URL_SAFE_NO_PAD.encode(key.0).as_bytes())?;
        file.sync_all()?;
        let linked = fs::hard_link(&aside, path);
        fs::remove_file(&aside)?;
        match linked {
            Ok(()) => Ok(key),
            Err(error) if error.kind() == std::io::ErrorKind::AlreadyExists => {
                Self::load_or_create(path, None)
            }
            Err(error) => Err(error.into()),
        }
    }

    fn parse(text: &str, place: &str) -> Result<Self, StoreError> {
        let bytes = URL_SAFE_NO_PAD.decode(text).ok().and_then(|bytes| bytes.try_into().ok());
        let problem = || format!("the key in {place} is not 32 bytes in base64url");
        bytes.map(Self).ok_or_else(|| StoreError::Unavailable(problem()))
    }

    /// A key of its own for each purpose: HMAC-SHA256 of the purpose.
    #[must_use]
    pub fn derive(&self, purpose: &str) -> [u8; 32] {
        let mut mac = <Hmac<Sha256> as hmac::KeyInit>::new_from_slice(&self.0)
            .expect("HMAC takes any length");
        mac.update(purpose.as_bytes());
        mac.finalize().into_bytes().into()
    }

    /// Seals a value for one place. It opens only there.
    #[must_use]
    pub fn seal(&self, context: &str, plain: &[u8]) -> Vec<u8> {
        let nonce: [u8; NONCE] = random();
        let payload = Payload { msg: plain, aad: context.as_bytes() };
        let sealed =
            self.cipher().encrypt(&XNonce::from(nonce), payload).expect("a value fits in memory");
        [nonce.as_slice(), &sealed].concat()
    }

    /// Opens what [`Self::seal`] made with the same key and context.
    ///
    /// # Errors
    /// [`StoreError::Unsealed`]: another key or place, or damaged.
    pub fn open(&self, context: &str, sealed: &[u8]) -> Result<Vec<u8>, StoreError> {
        let (nonce, sealed) = sealed.split_first_chunk::<NONCE>().ok_or(StoreError::Unsealed)?;
        let payload = Payload { msg: sealed, aad: context.as_bytes() };
        self.cipher().decrypt(&XNonce::from(*nonce), payload).map_err(|_| StoreError::Unsealed)
    }

    fn cipher(&self) -> XChaCha20Poly1305 {
        XChaCha20Poly1305::new(&self.0.into())
    }
}

/// A new token: `prefix` and 256 random bits in base64url.
#[must_use]
pub fn token(prefix: &str) -> String {
    format!("{prefix}{}", URL_SAFE_NO_PAD.encode(random::<32>()))
}

/// What is stored of a token. It has 256 random bits, so a plain hash cannot be guessed.
#[must_use]
pub fn hash_token(token: &str) -> [u8; 32] {
    Sha256::digest(token.as_bytes()).into()
}

fn random<const N: usize>() -> [u8; N] {
    let mut bytes = [0; N];
    getrandom::fill(&mut bytes).expect("the system has a source of randomness");
    bytes
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    #[test]
    fn the_key_file_is_made_once_and_is_the_owners_alone() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("data/secret.key");

        let key = SecretKey::load_or_create(&path, None).unwrap();
        let again = SecretKey::load_or_create(&path, None).unwrap();

        assert_eq!(key.0, again.0);
        assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
        assert_eq!(format!("{key:?}"), "SecretKey(***)");
        assert!(SecretKey::load_or_create(&path, Some("short")).is_err());
    }

    #[test]
    fn a_sealed_value_opens_with_its_key_in_its_place_only() {
        let (key, other) = (SecretKey([1; 32]), SecretKey([2; 32]));
        let sealed = key.seal("here", b"secret");

        assert_eq!(key.open("here", &sealed).unwrap(), b"secret");
        assert!(matches!(key.open("there", &sealed), Err(StoreError::Unsealed)));
        assert!(matches!(other.open("here", &sealed), Err(StoreError::Unsealed)));
        for length in 0..sealed.len() {
            assert!(key.open("here", &sealed[..length]).is_err());
        }
        assert_ne!(sealed, key.seal("here", b"secret"), "a nonce is never used again");
    }

    #[test]
    fn derived_keys_differ_by_purpose() {
        let key = SecretKey([1; 32]);

        assert_eq!(key.derive("a"), key.derive("a"));
        assert_ne!(key.derive("a"), key.derive("b"));
        assert!(token("ls_").starts_with("ls_"));
        assert_eq!(token("ls_").len(), 3 + 43);
    }
}
