//! Another process, and whether it is still the one that it was.
//!
//! Process ids come again, so an id that was written down some time ago may be anybody's. The id together with the time at
//! which the process began, and the boot that this time counts from, is one process and no other. It stays the same when a
//! process replaces its program.

use std::fs;
use std::os::unix::fs::MetadataExt;

use anyhow::{Context, ensure};
use rustix::process::{Pid, PidfdFlags, Signal, pidfd_open, pidfd_send_signal};
use serde::{Deserialize, Serialize};

/// Field of `/proc/…/stat` behind the name that has the time of the beginning.
const START_TIME: usize = 19;

/// A process by what nobody else ever has.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Process {
    /// Its id.
    pub pid: u32,
    /// When it began, in ticks since the boot.
    pub start_time: u64,
    /// Which boot.
    pub boot_id: String,
}

impl Process {
    /// This one.
    ///
    /// # Errors
    /// There is no `/proc`.
    pub fn this() -> anyhow::Result<Self> {
        let pid = std::process::id();
        let start_time = start_time(pid).context("read /proc: this needs Linux")?;
        Ok(Self { pid, start_time, boot_id: boot_id()? })
    }

    /// Whether it still runs. One that has ended and whose parent has not taken note does not.
    #[must_use]
    pub fn is_alive(&self) -> bool {
        boot_id().is_ok_and(|boot| boot == self.boot_id)
            && start_time(self.pid) == Some(self.start_time)
    }

    /// Sends it a signal, and nobody else.
    ///
    /// # Errors
    /// It has ended, it is not that user's, or it may not be signalled.
    pub fn signal(&self, signal: Signal, user: u32) -> anyhow::Result<()> {
        let pid = i32::try_from(self.pid).ok().and_then(Pid::from_raw).context("no process id")?;
        // Held before it is looked at: whatever happens to the id afterwards, this is what was looked at.
        let held = pidfd_open(pid, PidfdFlags::empty()).context("hold the process")?;
        ensure!(self.is_alive(), "process {} is another one by now", self.pid);
        let owner = fs::metadata(format!("/proc/{}", self.pid)).map(|about| about.uid());
        ensure!(owner.is_ok_and(|owner| owner == user), "process {} is not ours", self.pid);
        pidfd_send_signal(held, signal).context("signal the process")
    }
}

fn boot_id() -> anyhow::Result<String> {
    let id = fs::read_to_string("/proc/sys/kernel/random/boot_id").context("read the boot's id")?;
    Ok(id.trim().to_owned())
}

fn start_time(pid: u32) -> Option<u64> {
    started(&fs::read_to_string(format!("/proc/{pid}/stat")).ok()?)
}

/// The name, in parentheses, may have any character. The dead that nobody has asked for count as gone.
fn started(stat: &str) -> Option<u64> {
    let mut fields = stat.get(stat.rfind(')')? + 1..)?.split_ascii_whitespace();
    match fields.next()? {
        "Z" | "X" => None,
        _ => fields.nth(START_TIME - 1)?.parse().ok(),
    }
}

#[cfg(test)]
mod tests {
    use std::process::{Command, Stdio};

    use super::*;

    const STAT: &str =
        "71 (a ) b) (c) S 1 71 70 34816 71 4194304 100 0 0 0 7 5 0 0 20 0 1 0 9000 8192 33 184";

    #[test]
    fn the_time_is_found_behind_any_name() {
        assert_eq!(started(STAT), Some(9_000));
        assert_eq!(started(&STAT.replace(" S ", " Z ")), None);
        for length in 0..40 {
            assert_eq!(started(&STAT[..length]), None);
        }
    }

    #[test]
    fn a_process_is_itself_and_no_other_of_the_same_id() {
        let this = Process::this().unwrap();

        assert!(this.is_alive());
        assert!(!Process { start_time: this.start_time + 1, ..this.clone() }.is_alive());
        assert!(!Process { boot_id: "another".into(), ..this.clone() }.is_alive());
        assert!(!Process { pid: u32::MAX, ..this }.is_alive());
    }

    #[test]
    fn a_signal_reaches_only_the_process_that_was_meant() {
        let mut child = Command::new("cat").stdin(Stdio::piped()).spawn().unwrap();
        let start_time = start_time(child.id()).unwrap();
        let meant = Process { pid: child.id(), start_time, boot_id: boot_id().unwrap() };
        let ours = rustix::process::geteuid().as_raw();

        let earlier = Process { start_time: start_time - 1, ..meant.clone() };
        assert!(earlier.signal(Signal::KILL, ours).is_err());
        assert!(meant.signal(Signal::KILL, ours + 1).is_err());
        assert!(child.try_wait().unwrap().is_none(), "it lives");
        meant.signal(Signal::KILL, ours).unwrap();
        child.wait().unwrap();
        assert!(!meant.is_alive());
    }
}
