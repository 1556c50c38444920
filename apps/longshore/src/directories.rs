//! Where things are kept: data, configuration and run files.

use std::env;
use std::fs::{DirBuilder, File};
use std::io;
use std::os::unix::fs::DirBuilderExt;
use std::path::{Path, PathBuf};

use anyhow::Context;

/// Directories of one installation.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Directories {
    /// Databases and keys.
    pub data: PathBuf,
    /// What exists only while a server runs.
    pub run: PathBuf,
    /// What servers in the background have logged.
    pub logs: PathBuf,
}

impl Directories {
    /// Those below `data_dir`, or the user's own by the XDG rules.
    ///
    /// # Errors
    /// Neither `data_dir` nor a home directory is known.
    pub fn find(data_dir: Option<&Path>) -> anyhow::Result<Self> {
        if let Some(data) = data_dir {
            return Ok(Self {
                data: data.to_owned(),
                run: data.join("run"),
                logs: data.join("logs"),
            });
        }
        let data = xdg("XDG_DATA_HOME", ".local/share")
            .context("no home directory: set --data-dir, XDG_DATA_HOME or HOME")?;
        let run = absolute("XDG_RUNTIME_DIR")
            .map_or_else(|| data.join("run"), |dir| dir.join("longshore"));
        Ok(Self { logs: data.join("logs"), data, run })
    }

    /// The log file of a server in the background.
    #[must_use]
    pub fn log(&self) -> PathBuf {
        self.logs.join("server.log")
    }

    /// Creates those for data and run files, readable by their owner only.
    ///
    /// # Errors
    /// The file system's.
    pub fn create(&self) -> anyhow::Result<()> {
        [&self.data, &self.run].into_iter().try_for_each(|dir| create(dir))
    }

    /// Creates the one for logs, too.
    ///
    /// # Errors
    /// The file system's.
    pub fn create_all(&self) -> anyhow::Result<()> {
        self.create()?;
        create(&self.logs)
    }
}

fn create(dir: &Path) -> anyhow::Result<()> {
    create_private(dir).with_context(|| format!("create directory {}", dir.display()))
}

/// Creates a directory, and those above it, readable by their owner only. One that is there stays as it is.
pub(crate) fn create_private(path: &Path) -> io::Result<()> {
    DirBuilder::new().recursive(true).mode(0o700).create(path)
}

/// Waits until the names in a directory are on the disk.
pub(crate) fn sync(path: &Path) -> io::Result<()> {
    File::open(path)?.sync_all()
}

/// The configuration directory, when a home is known.
#[must_use]
pub fn configuration() -> Option<PathBuf> {
    xdg("XDG_CONFIG_HOME", ".config")
}

fn xdg(variable: &str, below_home: &str) -> Option<PathBuf> {
    let base = absolute(variable).or_else(|| Some(absolute("HOME")?.join(below_home)))?;
    Some(base.join("longshore"))
}

/// A directory from the environment; a relative one is to be ignored, says the XDG specification.
fn absolute(variable: &str) -> Option<PathBuf> {
    env::var_os(variable).map(PathBuf::from).filter(|path| path.is_absolute())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_data_directory_moves_run_files_too() {
        let found = Directories::find(Some(Path::new("/d"))).unwrap();

        let expected =
            Directories { data: "/d".into(), run: "/d/run".into(), logs: "/d/logs".into() };
        assert_eq!(found, expected);
        assert_eq!(found.log(), Path::new("/d/logs/server.log"));
    }

    #[test]
    fn they_are_created_for_their_owner_only() {
        use std::os::unix::fs::PermissionsExt;
        let dir = tempfile::tempdir().unwrap();
        let directories = Directories::find(Some(&dir.path().join("a/b"))).unwrap();

        directories.create().unwrap();

        let mode = std::fs::metadata(&directories.run).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o700);
    }
}
