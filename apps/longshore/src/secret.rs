//! Secrets: given in the clear, or in a file that only the server can read.

use std::ffi::OsString;
use std::fs::File;
use std::io::Read;
use std::path::Path;

use anyhow::{Context, ensure};

/// The longest secret that a file may have, in bytes. Ours have less than 64.
const LIMIT: u64 = 4096;

/// A secret; never shown.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret(pub String);

impl std::fmt::Debug for Secret {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("***")
    }
}

impl From<OsString> for Secret {
    fn from(text: OsString) -> Self {
        Self(text.to_string_lossy().into_owned())
    }
}

impl Secret {
    /// The text of a file, without the white space around it.
    ///
    /// # Errors
    /// The file cannot be read, is empty, or is too long to be a secret.
    pub fn read(path: &Path) -> anyhow::Result<Self> {
        let mut text = String::new();
        File::open(path)
            .and_then(|file| file.take(LIMIT + 1).read_to_string(&mut text))
            .with_context(|| format!("read {}", path.display()))?;
        let secret = text.trim();
        ensure!(!secret.is_empty(), "{} is empty", path.display());
        ensure!(text.len() as u64 <= LIMIT, "{} has more than {LIMIT} bytes", path.display());
        Ok(Self(secret.to_owned()))
    }

    /// What was given in the clear, else what the file has.
    ///
    /// # Errors
    /// As for [`Secret::read`].
    pub fn either(clear: Option<&Self>, file: Option<&Path>) -> anyhow::Result<Option<String>> {
        let secret = match (clear, file) {
            (Some(clear), _) => Some(clear.clone()),
            (None, Some(path)) => Some(Self::read(path)?),
            (None, None) => None,
        };
        Ok(secret.map(|secret| secret.0))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(content: &str) -> Result<Secret, String> {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("key");
        std::fs::write(&path, content).unwrap();
        Secret::read(&path).map_err(|error| error.to_string())
    }

    #[test]
    fn a_file_has_a_secret_with_or_without_a_newline() {
        assert_eq!(of("lsm_x\n"), Ok(Secret("lsm_x".to_owned())));
        assert_eq!(of("lsm_x"), Ok(Secret("lsm_x".to_owned())));
    }

    #[test]
    fn a_file_that_has_no_secret_is_an_error_that_does_not_show_it() {
        assert!(of(" \n").unwrap_err().contains("is empty"));
        let error = of(&"hidden".repeat(1000)).unwrap_err();
        assert!(error.contains("more than 4096 bytes") && !error.contains("hidden"), "{error}");
        assert!(Secret::read(Path::new("/nonexistent")).is_err());
        assert!(Secret::read(Path::new("/")).is_err());
    }

    #[test]
    fn what_is_given_in_the_clear_counts() {
        let clear = Secret("a".to_owned());

        let nothing = Path::new("/nonexistent");
        assert_eq!(Secret::either(Some(&clear), Some(nothing)).unwrap().as_deref(), Some("a"));
        assert_eq!(Secret::either(None, None).unwrap(), None);
    }
}
