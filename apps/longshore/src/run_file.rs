//! The run file: how the command line finds the controller that runs on this machine.

use std::fs::{self, OpenOptions};
use std::io::Write;
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use anyhow::Context;
use protocol::ClientId;
use serde::{Deserialize, Serialize};

/// A running controller and a token for it.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct RunFile {
    /// Where it listens.
    pub url: String,
    /// Its access token for this user.
    pub token: String,
    /// The manager of the same process, with `up`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub client_id: Option<ClientId>,
    /// Its certificate, of a controller that listens with one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ca_file: Option<PathBuf>,
}

impl std::fmt::Debug for RunFile {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("RunFile")
            .field("url", &self.url)
            .field("token", &"***")
            .finish_non_exhaustive()
    }
}

/// A written run file; dropping it removes the file.
#[derive(Debug)]
pub struct Written {
    path: PathBuf,
    content: Vec<u8>,
}

fn path(run: &Path) -> PathBuf {
    run.join("controller.json")
}

impl RunFile {
    /// Writes it into the run directory, for its owner's eyes only.
    ///
    /// # Errors
    /// The file system's.
    pub fn write(&self, run: &Path) -> anyhow::Result<Written> {
        let path = path(run);
        let content = serde_json::to_vec_pretty(self)?;
        // A new name, then a rename: nobody reads half a file, and an old file's mode does not stay.
        let new = path.with_extension("new");
        let _ = fs::remove_file(&new);
        OpenOptions::new()
            .write(true)
            .create_new(true)
            .mode(0o600)
            .open(&new)
            .and_then(|mut file| file.write_all(&content))
            .and_then(|()| fs::rename(&new, &path))
            .with_context(|| format!("write run file {}", path.display()))?;
        Ok(Written { path, content })
    }

    /// Reads that of a controller that runs here, if there is one.
    ///
    /// # Errors
    /// It is there and cannot be read.
    pub fn read(run: &Path) -> anyhow::Result<Option<Self>> {
        let path = path(run);
        match fs::read(&path) {
            Ok(bytes) => Ok(Some(
                serde_json::from_slice(&bytes)
                    .with_context(|| format!("read run file {}", path.display()))?,
            )),
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(error).with_context(|| format!("read run file {}", path.display())),
        }
    }
}

impl Drop for Written {
    fn drop(&mut self) {
        // Another controller may have written its own since; that one stays.
        if fs::read(&self.path).is_ok_and(|content| content == self.content) {
            let _ = fs::remove_file(&self.path);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    fn file(url: &str) -> RunFile {
        RunFile { url: url.into(), token: "ls_x".into(), client_id: None, ca_file: None }
    }

    #[test]
    fn it_is_there_for_its_owner_while_the_server_runs() {
        let dir = tempfile::tempdir().unwrap();

        let written = file("http://a").write(dir.path()).unwrap();

        let mode = fs::metadata(path(dir.path())).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600);
        assert_eq!(RunFile::read(dir.path()).unwrap(), Some(file("http://a")));
        drop(written);
        assert_eq!(RunFile::read(dir.path()).unwrap(), None);
    }

    #[test]
    fn a_successor_keeps_its_file_when_the_predecessor_ends() {
        let dir = tempfile::tempdir().unwrap();

        let old = file("http://a").write(dir.path()).unwrap();
        let _new = file("http://b").write(dir.path()).unwrap();
        drop(old);

        assert_eq!(RunFile::read(dir.path()).unwrap(), Some(file("http://b")));
    }
}
