//! Run files: how the command line finds the servers that run on this machine.
//!
//! There is one for what people connect to, be it of `up` or of `controller`, and one for a `manager` alone. A file that is
//! there says what was so when it was written: whether the server still runs, its [`Process`] says.

use std::fs::{self, OpenOptions};
use std::io::Write;
use std::os::unix::fs::{MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context, anyhow};
use protocol::{ClientId, Timestamp};
use rustix::process::Signal;
use serde::{Deserialize, Serialize};
use store::StoreError;

use crate::directories::Directories;
use crate::hint::hinted;
use crate::https;
use crate::process::Process;

/// A server, and what it takes to be let in.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct RunFile {
    /// Where it listens: the controller, for `up`.
    pub url: String,
    /// Its access token for this user; a manager's API key.
    pub token: String,
    /// The manager of the same process, with `up`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub client_id: Option<ClientId>,
    /// Its certificate, of a controller that listens with one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ca_file: Option<PathBuf>,
    /// About its process. A file of an older version has nothing of it.
    #[serde(default, flatten, skip_serializing_if = "Option::is_none")]
    pub running: Option<Running>,
}

/// A server's process.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Running {
    /// Which it is.
    #[serde(flatten)]
    pub process: Process,
    /// What it serves.
    pub kind: Kind,
    /// Where the manager of the same process listens, with `up`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub manager_url: Option<String>,
    /// Its version.
    pub version: String,
    /// Since when it serves. Another time is another start, be it of the same process.
    pub started_at: Timestamp,
    /// Its data directory.
    pub data_dir: String,
    /// Its log file, if it has one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub log: Option<PathBuf>,
    /// It is about to end or to start again.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub stopping: bool,
}

/// What a server serves.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Kind {
    /// Both tiers.
    Up,
    /// What people connect to.
    Controller,
    /// What runs agents.
    Manager,
}

impl Kind {
    fn file(self) -> &'static str {
        match self {
            Self::Up | Self::Controller => "controller.json",
            Self::Manager => "manager.json",
        }
    }
}

impl std::fmt::Debug for RunFile {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("RunFile")
            .field("url", &self.url)
            .field("token", &"***")
            .field("running", &self.running)
            .finish_non_exhaustive()
    }
}

/// A written run file; dropping it removes the file.
#[derive(Debug)]
pub struct Written {
    path: PathBuf,
    file: RunFile,
    content: Vec<u8>,
}

impl Running {
    /// This process, as a server of that kind that begins now.
    ///
    /// # Errors
    /// There is no `/proc`.
    pub fn this(kind: Kind, directories: &Directories, log: Option<&Path>) -> anyhow::Result<Self> {
        Ok(Self {
            process: Process::this()?,
            kind,
            manager_url: None,
            version: env!("CARGO_PKG_VERSION").to_owned(),
            started_at: Timestamp::now(),
            data_dir: directories.data.display().to_string(),
            log: log.map(Path::to_owned),
            stopping: false,
        })
    }
}

impl RunFile {
    /// Writes it into the run directory, for its owner's eyes only.
    ///
    /// # Errors
    /// The file system's.
    pub fn write(self, run: &Path) -> anyhow::Result<Written> {
        let path = run.join(self.kind().file());
        let content = put(&path, &self)?;
        Ok(Written { path, file: self, content })
    }

    /// Reads that of a controller that runs here, if there is one.
    ///
    /// # Errors
    /// It is there and cannot be read.
    pub fn read(run: &Path) -> anyhow::Result<Option<Self>> {
        get(&run.join(Kind::Controller.file()))
    }

    /// As [`read`](Self::read), but one that is damaged counts as none: no server of ours has left it so.
    ///
    /// # Errors
    /// It is there and not for us to read.
    pub fn here(run: &Path) -> anyhow::Result<Option<Self>> {
        usable(&run.join(Kind::Controller.file()))
    }

    /// Those of all servers that run here, a manager first. One that is damaged counts as none.
    ///
    /// # Errors
    /// One is there and not for us to read.
    pub fn all(run: &Path) -> anyhow::Result<Vec<Self>> {
        let files = [Kind::Manager, Kind::Controller].map(|kind| usable(&run.join(kind.file())));
        let files: Vec<Option<Self>> = files.into_iter().collect::<anyhow::Result<_>>()?;
        Ok(files.into_iter().flatten().filter(|file| !file.is_over()).collect())
    }

    /// What it is of.
    #[must_use]
    pub fn kind(&self) -> Kind {
        self.running.as_ref().map_or(Kind::Controller, |running| running.kind)
    }

    /// Whether its server has certainly ended.
    #[must_use]
    pub fn is_over(&self) -> bool {
        self.running.as_ref().is_some_and(|running| !running.process.is_alive())
    }

    /// Whether its server is about to end or to start again.
    #[must_use]
    pub fn is_stopping(&self) -> bool {
        self.running.as_ref().is_some_and(|running| running.stopping)
    }

    /// Whether a server answers at its URL.
    #[must_use]
    pub fn answers(&self, timeout: Duration) -> bool {
        let agent = https::agent(self.ca_file.as_deref(), timeout);
        let answer = agent.get(format!("{}/health", self.url)).call();
        answer.is_ok_and(|answer| answer.status().is_success())
    }

    /// Sends its process a signal, if that is still what it was, and whose file this is.
    ///
    /// # Errors
    /// It has ended, it is somebody else's, or the file does not say which it is.
    pub fn signal(&self, run: &Path, signal: Signal) -> anyhow::Result<()> {
        let running = self.running.as_ref().context("the run file does not name the process")?;
        let path = run.join(running.kind.file());
        let owner = fs::metadata(&path).with_context(|| format!("look at {}", path.display()))?;
        running.process.signal(signal, owner.uid())
    }

    /// Removes the file of a server that has not done so itself, unless another one has taken its place.
    pub fn clean(&self, run: &Path) {
        let path = run.join(self.kind().file());
        if get(&path).is_ok_and(|now| now.as_ref() == Some(self)) {
            let _ = fs::remove_file(path);
        }
    }
}

/// A new name, then a rename: nobody reads half a file, and an old file's mode does not stay.
fn put(path: &Path, file: &RunFile) -> anyhow::Result<Vec<u8>> {
    let content = serde_json::to_vec_pretty(file)?;
    let new = path.with_extension("new");
    let _ = fs::remove_file(&new);
    OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(0o600)
        .open(&new)
        .and_then(|mut file| file.write_all(&content))
        .and_then(|()| fs::rename(&new, path))
        .with_context(|| format!("write run file {}", path.display()))?;
    Ok(content)
}

fn get(path: &Path) -> anyhow::Result<Option<RunFile>> {
    match fs::read(path) {
        Ok(bytes) => Ok(Some(
            serde_json::from_slice(&bytes)
                .with_context(|| format!("read run file {}", path.display()))?,
        )),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error).with_context(|| format!("read run file {}", path.display())),
    }
}

fn usable(path: &Path) -> anyhow::Result<Option<RunFile>> {
    match get(path) {
        Err(error) if error.is::<serde_json::Error>() => {
            tracing::warn!(error = format!("{error:#}"), "the run file counts as none");
            Ok(None)
        }
        got => got,
    }
}

impl Written {
    /// Notes that the server is about to end or to start again: nobody new should come.
    pub fn stopping(&mut self) {
        if let Some(running) = &mut self.file.running {
            running.stopping = true;
        }
        match put(&self.path, &self.file) {
            Ok(content) => self.content = content,
            Err(error) => tracing::warn!(error = format!("{error:#}"), "run file not changed"),
        }
    }

    /// Leaves the file for the next start of the same process.
    pub fn leave(mut self) {
        self.content.clear();
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

/// Says who has the data directory, where that is why a server could not be opened.
pub(crate) fn occupied(error: anyhow::Error, directories: &Directories) -> anyhow::Error {
    let is_locked = |cause: &(dyn std::error::Error + 'static)| {
        matches!(cause.downcast_ref(), Some(StoreError::Locked { .. }))
    };
    if !error.chain().any(is_locked) {
        return error;
    }
    let others = RunFile::all(&directories.run).unwrap_or_default();
    let pids: Vec<String> = others
        .iter()
        .filter_map(|other| Some(format!("process {}", other.running.as_ref()?.process.pid)))
        .collect();
    let who = if pids.is_empty() { "another process".to_owned() } else { pids.join(" and ") };
    let data = directories.data.display();
    hinted(anyhow!("{data} is in use: longshore runs already, as {who}"), "longshore server status")
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    fn file(url: &str) -> RunFile {
        RunFile {
            url: url.into(),
            token: "ls_x".into(),
            client_id: None,
            ca_file: None,
            running: None,
        }
    }

    fn running(dir: &Path, kind: Kind) -> RunFile {
        let directories = Directories::find(Some(dir)).unwrap();
        let running = Running::this(kind, &directories, None).unwrap();
        RunFile { running: Some(running), ..file("http://a") }
    }

    #[test]
    fn it_is_there_for_its_owner_while_the_server_runs() {
        let dir = tempfile::tempdir().unwrap();

        let written = file("http://a").write(dir.path()).unwrap();

        let path = dir.path().join("controller.json");
        let mode = fs::metadata(path).unwrap().permissions().mode();
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

    #[test]
    fn a_manager_has_a_file_of_its_own_and_those_of_the_dead_do_not_count() {
        let dir = tempfile::tempdir().unwrap();
        let manager = running(dir.path(), Kind::Manager);
        let up = running(dir.path(), Kind::Up);
        let _written = [manager.clone(), up.clone()].map(|file| file.write(dir.path()).unwrap());

        assert_eq!(RunFile::all(dir.path()).unwrap(), [manager, up.clone()]);
        let mut dead = up;
        dead.running.as_mut().unwrap().process.start_time += 1;
        let _written = dead.clone().write(dir.path()).unwrap();
        assert_eq!(RunFile::all(dir.path()).unwrap().len(), 1);
        assert!(dead.is_over() && dead.signal(dir.path(), Signal::KILL).is_err());
        dead.clean(dir.path());
        assert_eq!(RunFile::read(dir.path()).unwrap(), None);
    }

    #[test]
    fn a_server_that_stops_says_so_and_leaves_its_file_to_the_next_start() {
        let dir = tempfile::tempdir().unwrap();
        let mut written = running(dir.path(), Kind::Up).write(dir.path()).unwrap();

        written.stopping();
        assert!(RunFile::read(dir.path()).unwrap().unwrap().is_stopping());
        written.leave();

        assert!(RunFile::read(dir.path()).unwrap().is_some());
    }

    #[test]
    fn a_damaged_file_is_none_to_whoever_does_not_look_for_damage() {
        let dir = tempfile::tempdir().unwrap();
        fs::write(dir.path().join("controller.json"), "{").unwrap();

        assert!(RunFile::read(dir.path()).is_err());
        assert_eq!(RunFile::here(dir.path()).unwrap(), None);
        assert_eq!(RunFile::all(dir.path()).unwrap(), []);
    }

    #[test]
    fn a_file_of_an_older_version_is_read() {
        let dir = tempfile::tempdir().unwrap();
        let old = r#"{"url": "http://a", "token": "ls_x", "clientId": "cl_1"}"#;
        fs::write(dir.path().join("controller.json"), old).unwrap();

        let read = RunFile::read(dir.path()).unwrap().unwrap();

        assert_eq!((read.kind(), read.is_over(), read.running), (Kind::Controller, false, None));
    }
}
