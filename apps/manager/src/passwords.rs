//! Agents' passwords: made, hashed and compared, never on an async worker.

use std::sync::Arc;

use anyhow::Context;
use argon2::Argon2;
use argon2::password_hash::phc::PasswordHash;
use argon2::password_hash::{PasswordHasher, PasswordVerifier};
use base64::Engine;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use tokio::sync::Semaphore;

/// Argon2id with the crate's defaults (19 MiB, 2 passes): about 14 ms of a core each.
///
/// At most one fewer than there are cores are computed at once: the rest wait, so that a thousand
/// logins together take neither all cores nor 19 GiB.
#[derive(Debug, Clone)]
pub(crate) struct Passwords {
    turns: Arc<Semaphore>,
    /// What an unknown agent's password is compared with, so that it takes as long as a known one's.
    nobody: Arc<str>,
}

impl Passwords {
    /// Computes the dummy hash, once.
    pub(crate) async fn new() -> anyhow::Result<Self> {
        let cores = std::thread::available_parallelism().map_or(1, usize::from);
        let turns = Arc::new(Semaphore::new(cores.saturating_sub(1).max(1)));
        let mut passwords = Self { turns, nobody: "".into() };
        passwords.nobody = passwords.hash(generate()).await?.into();
        Ok(passwords)
    }

    /// The hash of a new password, in PHC format.
    pub(crate) async fn hash(&self, password: String) -> anyhow::Result<String> {
        let hash = move || {
            Argon2::default().hash_password(password.as_bytes()).map(|hash| hash.to_string())
        };
        self.in_turn(hash).await?.context("hash a password")
    }

    /// Whether it is the password; `None` stands for an agent that does not exist and is never right.
    pub(crate) async fn verify(
        &self,
        hash: Option<Arc<str>>,
        password: String,
    ) -> anyhow::Result<bool> {
        let known = hash.is_some();
        let hash = hash.unwrap_or_else(|| self.nobody.clone());
        let verify = move || {
            let parsed = PasswordHash::new(&hash);
            parsed.map(|hash| Argon2::default().verify_password(password.as_bytes(), &hash).is_ok())
        };
        let right = self.in_turn(verify).await?.context("read a password hash")?;
        Ok(right && known)
    }

    async fn in_turn<T: Send + 'static>(
        &self,
        work: impl FnOnce() -> T + Send + 'static,
    ) -> anyhow::Result<T> {
        let turn = self.turns.clone().acquire_owned().await.expect("nobody closes the semaphore");
        let work = move || {
            // Held inside: work that nobody waits for any longer still occupies its core.
            let _turn = turn;
            work()
        };
        tokio::task::spawn_blocking(work).await.context("compute a password hash")
    }
}

/// A new password: 192 random bits.
pub(crate) fn generate() -> String {
    let mut bytes = [0_u8; 24];
    getrandom::fill(&mut bytes).expect("the system has a source of randomness");
    BASE64_URL_SAFE_NO_PAD.encode(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn only_the_password_itself_is_right() {
        let passwords = Passwords::new().await.unwrap();
        let password = generate();
        let hash: Arc<str> = passwords.hash(password.clone()).await.unwrap().into();

        assert!(passwords.verify(Some(hash.clone()), password.clone()).await.unwrap());
        assert!(!passwords.verify(Some(hash.clone()), format!("{password} ")).await.unwrap());
        assert!(!passwords.verify(Some(hash), String::new()).await.unwrap());
        assert!(!passwords.verify(None, password).await.unwrap(), "nobody has a password");
    }

    #[tokio::test]
    async fn a_hash_that_cannot_be_read_is_an_error_and_no_login() {
        let passwords = Passwords::new().await.unwrap();

        assert!(passwords.verify(Some("not a hash".into()), "x".to_owned()).await.is_err());
    }

    #[test]
    fn passwords_are_long_and_differ() {
        assert_eq!(generate().len(), 32);
        assert_ne!(generate(), generate());
    }
}
