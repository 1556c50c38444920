//! Agents' passwords: made, hashed and compared, never on an async worker.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Instant;

use anyhow::Context;
use argon2::password_hash::phc::{Output, PasswordHash, Salt};
use argon2::{Algorithm, Argon2, Block, Params, Version};
use base64::Engine;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use tokio::sync::Semaphore;

use crate::meters::Meters;

/// Argon2id with the crate's defaults (19 MiB, 2 passes): about 14 ms of a core each.
///
/// At most one fewer than there are cores are computed at once: the rest wait, so that a thousand
/// logins together take neither all cores nor 19 GiB.
#[derive(Debug, Clone)]
pub(crate) struct Passwords {
    turns: Arc<Semaphore>,
    /// Working memory between turns, one for each that was ever computed at the same time.
    ///
    /// Left to the allocator, each thread that computes keeps up to 57 MiB of its own for good.
    memory: Arc<Mutex<Vec<Memory>>>,
    /// What an unknown agent's password is compared with, so that it takes as long as a known one's.
    nobody: Arc<str>,
    meters: Meters,
}

type Memory = Vec<Block>;

impl Passwords {
    /// Computes the dummy hash, once.
    pub(crate) async fn new(meters: Meters) -> anyhow::Result<Self> {
        let cores = std::thread::available_parallelism().map_or(1, usize::from);
        let turns = Arc::new(Semaphore::new(cores.saturating_sub(1).max(1)));
        let mut passwords = Self { turns, memory: Arc::default(), nobody: "".into(), meters };
        passwords.nobody = passwords.hash(generate()).await?.into();
        Ok(passwords)
    }

    /// The hash of a new password, in PHC format.
    pub(crate) async fn hash(&self, password: String) -> anyhow::Result<String> {
        self.in_turn(move |memory| hash(&password, memory)).await?.context("hash a password")
    }

    /// Whether it is the password; `None` stands for an agent that does not exist and is never right.
    pub(crate) async fn verify(
        &self,
        hash: Option<Arc<str>>,
        password: String,
    ) -> anyhow::Result<bool> {
        let known = hash.is_some();
        let hash = hash.unwrap_or_else(|| self.nobody.clone());
        let right = self.in_turn(move |memory| verify(&hash, &password, memory)).await?;
        Ok(right.context("read a password hash")? && known)
    }

    async fn in_turn<T: Send + 'static>(
        &self,
        work: impl FnOnce(&mut Memory) -> T + Send + 'static,
    ) -> anyhow::Result<T> {
        let waiting = self.meters.password();
        let turn = self.turns.clone().acquire_owned().await.expect("nobody closes the semaphore");
        let (spare, meters) = (self.memory.clone(), self.meters.clone());
        let work = move || {
            // Held inside: work that nobody waits for any longer still occupies its core.
            let (_turn, _waiting, began) = (turn, waiting, Instant::now());
            let lock = || spare.lock().unwrap_or_else(PoisonError::into_inner);
            let mut memory = lock().pop().unwrap_or_default();
            let done = work(&mut memory);
            lock().push(memory);
            meters.computed(began.elapsed());
            done
        };
        tokio::task::spawn_blocking(work).await.context("compute a password hash")
    }
}

fn hash(password: &str, memory: &mut Memory) -> anyhow::Result<String> {
    let (argon2, salt) = (Argon2::default(), Salt::generate());
    let output = compute(&argon2, password, &salt, Params::DEFAULT_OUTPUT_LEN, memory)?;
    let hash = PasswordHash {
        algorithm: Algorithm::default().ident(),
        version: Some(Version::default().into()),
        params: argon2.params().try_into()?,
        salt: Some(salt),
        hash: Some(output),
    };
    Ok(hash.to_string())
}

fn verify(hash: &str, password: &str, memory: &mut Memory) -> anyhow::Result<bool> {
    let hash = PasswordHash::new(hash)?;
    let algorithm = Algorithm::try_from(hash.algorithm.as_str())?;
    let version = hash.version.map(Version::try_from).transpose()?.unwrap_or_default();
    let argon2 = Argon2::new(algorithm, version, Params::try_from(&hash)?);
    let (salt, expected) = (hash.salt.context("no salt")?, hash.hash.context("no hash")?);
    // Outputs are compared in constant time.
    Ok(compute(&argon2, password, &salt, expected.len(), memory)? == expected)
}

fn compute(
    argon2: &Argon2<'_>,
    password: &str,
    salt: &Salt,
    length: usize,
    memory: &mut Memory,
) -> anyhow::Result<Output> {
    memory.resize(argon2.params().block_count(), Block::new());
    let mut output = [0; Output::MAX_LENGTH];
    let output = &mut output[..length];
    argon2.hash_password_into_with_memory(password.as_bytes(), salt, output, memory)?;
    Ok(Output::new(output)?)
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
        let passwords = Passwords::new(Meters::default()).await.unwrap();
        let password = generate();
        let hash: Arc<str> = passwords.hash(password.clone()).await.unwrap().into();

        assert!(passwords.verify(Some(hash.clone()), password.clone()).await.unwrap());
        assert!(!passwords.verify(Some(hash.clone()), format!("{password} ")).await.unwrap());
        assert!(!passwords.verify(Some(hash), String::new()).await.unwrap());
        assert!(!passwords.verify(None, password).await.unwrap(), "nobody has a password");
    }

    #[tokio::test]
    async fn hashes_are_those_of_the_standard() {
        use argon2::password_hash::{PasswordHasher as _, PasswordVerifier as _};
        let passwords = Passwords::new(Meters::default()).await.unwrap();

        let ours = passwords.hash("one".to_owned()).await.unwrap();
        let theirs = Argon2::default().hash_password(b"two").unwrap().to_string();

        assert_eq!(Argon2::default().verify_password(b"one", ours.as_str()), Ok(()));
        assert!(passwords.verify(Some(theirs.into()), "two".to_owned()).await.unwrap());
        assert_eq!(passwords.memory.lock().unwrap().len(), 1, "the memory is used again");
    }

    #[tokio::test]
    async fn a_hash_that_cannot_be_read_is_an_error_and_no_login() {
        let passwords = Passwords::new(Meters::default()).await.unwrap();

        assert!(passwords.verify(Some("not a hash".into()), "x".to_owned()).await.is_err());
    }

    #[test]
    fn passwords_are_long_and_differ() {
        assert_eq!(generate().len(), 32);
        assert_ne!(generate(), generate());
    }
}
