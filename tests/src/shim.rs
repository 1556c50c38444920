//! A library that is preloaded into a process to make its databases fail, its clock jump or its power go; see `shim.c`.

use std::fs::File;
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::Context as _;

/// Where the fields are in the control file.
const FAIL_WRITES: u64 = 0;
const CLOCK_SECONDS: u64 = 8;
const CUT_AFTER: u64 = 16;
const SEED: u64 = 24;
const SIZE: u64 = 32;

/// Compiles the library into a directory, with the C compiler that Rust links with.
///
/// # Errors
///
/// There is none.
pub fn build(directory: &Path) -> anyhow::Result<PathBuf> {
    let (source, library) = (directory.join("shim.c"), directory.join("shim.so"));
    std::fs::write(&source, include_str!("shim.c"))?;
    let compiled = Command::new("cc")
        .args(["-O2", "-Wall", "-Wextra", "-Werror", "-shared", "-fPIC", "-o"])
        .args([&library, &source])
        .args(["-ldl", "-lpthread"])
        .status()
        .context("start cc")?;
    anyhow::ensure!(compiled.success(), "the shim does not compile");
    Ok(library)
}

/// What one process's library is told.
#[derive(Debug)]
pub struct Shim {
    library: PathBuf,
    path: PathBuf,
    control: File,
}

impl Shim {
    /// A control file at `path` for a process that is going to be started with [`Self::environment`].
    ///
    /// # Errors
    ///
    /// The file cannot be made.
    pub fn new(library: &Path, path: PathBuf) -> anyhow::Result<Self> {
        let control =
            File::options().read(true).write(true).create(true).truncate(true).open(&path)?;
        control.set_len(SIZE)?;
        Ok(Self { library: library.to_owned(), path, control })
    }

    /// What the process has to be started with.
    #[must_use]
    pub fn environment(&self) -> [(&'static str, PathBuf); 2] {
        [("LD_PRELOAD", self.library.clone()), ("CHAOS_CONTROL", self.path.clone())]
    }

    /// Lets every write and sync of a database fail with this; 0 for none.
    ///
    /// # Errors
    ///
    /// The control file cannot be written.
    pub fn fail_writes(&self, errno: i32) -> anyhow::Result<()> {
        self.set(FAIL_WRITES, i64::from(errno))
    }

    /// Sets the wall clock forward or back.
    ///
    /// # Errors
    ///
    /// The control file cannot be written.
    pub fn step_clock(&self, seconds: i64) -> anyhow::Result<()> {
        self.set(CLOCK_SECONDS, seconds)
    }

    /// Cuts the power at that one of the next writes; never, for 0. What of the unsynced arrives, the seed decides.
    ///
    /// # Errors
    ///
    /// The control file cannot be written.
    pub fn cut_power(&self, after: i64, seed: i64) -> anyhow::Result<()> {
        self.set(SEED, seed)?;
        self.set(CUT_AFTER, after)
    }

    fn set(&self, at: u64, value: i64) -> anyhow::Result<()> {
        Ok(self.control.write_all_at(&value.to_ne_bytes(), at)?)
    }
}
