//! Which processes are an agent's, for statistics.
//!
//! A list for the whole program and not one that is handed from place to place: what it lists, process groups and
//! sessions, belongs to the whole program, too. Behind a lock that is held to note and to copy.

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::sync::{LazyLock, Mutex, MutexGuard, PoisonError};

use rustix::process::Pid;

/// By the own directory of the agent, which no other has.
type Families = HashMap<PathBuf, Vec<Family>>;

static FAMILIES: LazyLock<Mutex<Families>> = LazyLock::new(Mutex::default);

/// Processes that belong together.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Family {
    /// A process group.
    Group(Pid),
    /// A session: what runs in one terminal.
    Session(Pid),
}

/// Dropping it strikes a family off the list.
#[derive(Debug)]
pub(crate) struct Counted {
    home: PathBuf,
    family: Family,
}

/// Counts a family among those of the agent whose own directory that is.
pub(crate) fn enter(home: &Path, family: Family) -> Counted {
    lock().entry(home.to_owned()).or_default().push(family);
    Counted { home: home.to_owned(), family }
}

/// The agent's families.
pub(crate) fn of(home: &Path) -> Vec<Family> {
    lock().get(home).cloned().unwrap_or_default()
}

impl Drop for Counted {
    fn drop(&mut self) {
        let mut all = lock();
        if let Some(families) = all.get_mut(&self.home) {
            families.retain(|family| *family != self.family);
            if families.is_empty() {
                all.remove(&self.home);
            }
        }
    }
}

fn lock() -> MutexGuard<'static, Families> {
    FAMILIES.lock().unwrap_or_else(PoisonError::into_inner)
}
