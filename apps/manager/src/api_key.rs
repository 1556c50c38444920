//! The key that a controller must show to connect.

use std::io::Write;
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;

use anyhow::{Context, ensure};
use sha2::{Digest, Sha256};
use subtle::ConstantTimeEq;

/// Where the key is kept in the data directory when none is configured.
const FILE: &str = "manager.key";
/// Shorter than this could be guessed. Generated keys have 256 random bits.
const MIN_LENGTH: usize = 16;

/// A manager's API key.
#[derive(Clone)]
pub(crate) struct ApiKey {
    text: String,
}

impl std::fmt::Debug for ApiKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("ApiKey(***)")
    }
}

impl ApiKey {
    /// The configured key, else the one in the data directory, else a new one that is put there.
    pub(crate) fn load_or_create(
        data_dir: &Path,
        configured: Option<&str>,
    ) -> anyhow::Result<Self> {
        let path = data_dir.join(FILE);
        let text = match configured {
            Some(key) => key.to_owned(),
            None => match std::fs::read_to_string(&path) {
                Ok(text) => text.trim().to_owned(),
                Err(error) if error.kind() == std::io::ErrorKind::NotFound => create(&path)?,
                Err(error) => {
                    return Err(error).with_context(|| format!("read {}", path.display()));
                }
            },
        };
        ensure!(text.len() >= MIN_LENGTH, "the API key has fewer than {MIN_LENGTH} characters");
        Ok(Self { text })
    }

    pub(crate) fn as_str(&self) -> &str {
        &self.text
    }

    /// Whether that is the key. Hashed first, so that the time depends on neither content nor length.
    pub(crate) fn matches(&self, shown: &str) -> bool {
        let (own, other) = (Sha256::digest(self.text.as_bytes()), Sha256::digest(shown.as_bytes()));
        own.as_slice().ct_eq(other.as_slice()).into()
    }
}

/// Written whole under another name and then renamed: a crash leaves no half a key.
fn create(path: &Path) -> anyhow::Result<String> {
    let text = store::token("lsm_");
    let draft = path.with_extension("key.new");
    let write = || -> std::io::Result<()> {
        let mut file = std::fs::OpenOptions::new()
            .write(true)
            .create(true)
            .truncate(true)
            .mode(0o600)
            .open(&draft)?;
        file.write_all(text.as_bytes())?;
        file.sync_all()?;
        std::fs::rename(&draft, path)
    };
    write().with_context(|| format!("write {}", path.display()))?;
    Ok(text)
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    #[test]
    fn a_key_is_made_once_and_only_its_owner_can_read_it() {
        let dir = tempfile::tempdir().unwrap();

        let first = ApiKey::load_or_create(dir.path(), None).unwrap();
        let second = ApiKey::load_or_create(dir.path(), None).unwrap();

        assert_eq!(first.as_str(), second.as_str());
        assert!(first.as_str().starts_with("lsm_"));
        let mode = std::fs::metadata(dir.path().join(FILE)).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600);
    }

    #[test]
    fn a_configured_key_wins_and_must_not_be_short() {
        let dir = tempfile::tempdir().unwrap();
        let key = ApiKey::load_or_create(dir.path(), Some("lsm_configured_key")).unwrap();

        assert!(key.matches("lsm_configured_key"));
        for wrong in ["", "lsm_configured_ke", "lsm_configured_keyy", "LSM_configured_key"] {
            assert!(!key.matches(wrong), "{wrong}");
        }
        assert!(ApiKey::load_or_create(dir.path(), Some("")).is_err(), "an empty key is no key");
    }
}
