//! The processes of the machine, as `/proc` shows them. Where there is no `/proc`, there are none to see.

use std::fs;

use rustix::process::{Pid, Signal, kill_process_group};

use super::families::Family;

/// One process.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Seen {
    pub(crate) id: i32,
    group: i32,
    session: i32,
    /// Processor time that it has used, in ticks of the clock.
    pub(crate) ticks: u64,
    /// Since when, in ticks; with the id it names the process, as ids come again.
    pub(crate) since: u64,
    /// Memory that is resident, in pages.
    pub(crate) pages: u64,
}

impl Seen {
    /// Reads a line of `/proc/…/stat`. The name in parentheses may have any character.
    fn read(stat: &str) -> Option<Self> {
        let (id, rest) = stat.split_once(" (")?;
        let fields: Vec<&str> =
            rest.get(rest.rfind(')')? + 1..)?.split_ascii_whitespace().collect();
        let number = |at: usize| fields.get(at)?.parse::<u64>().ok();
        let small = |at: usize| fields.get(at)?.parse::<i32>().ok();
        // The dead that nobody has asked for are no processes any more.
        if matches!(*fields.first()?, "Z" | "X") {
            return None;
        }
        Some(Self {
            id: id.parse().ok()?,
            group: small(2)?,
            session: small(3)?,
            ticks: number(11)? + number(12)?,
            since: number(19)?,
            pages: number(21)?,
        })
    }

    fn is_of(&self, family: Family) -> bool {
        match family {
            Family::Group(group) => self.group == group.as_raw_pid(),
            Family::Session(session) => self.session == session.as_raw_pid(),
        }
    }
}

/// The processes of some families. Reads files: not for async workers.
pub(crate) fn of(families: &[Family]) -> Vec<Seen> {
    let entries = fs::read_dir("/proc").into_iter().flatten().flatten();
    let numbered = entries.filter(|entry| {
        entry.file_name().to_str().is_some_and(|name| name.bytes().all(|b| b.is_ascii_digit()))
    });
    let stats = numbered.filter_map(|entry| fs::read_to_string(entry.path().join("stat")).ok());
    let seen = stats.filter_map(|stat| Seen::read(&stat));
    seen.filter(|seen| families.iter().any(|family| seen.is_of(*family))).collect()
}

/// Sends a signal to every process group of a session.
pub(crate) fn signal_session(session: Pid, signal: Signal) {
    let mut groups: Vec<i32> =
        of(&[Family::Session(session)]).into_iter().map(|seen| seen.group).collect();
    groups.push(session.as_raw_pid());
    groups.sort_unstable();
    groups.dedup();
    for group in groups.into_iter().filter_map(Pid::from_raw) {
        if let Err(error) = kill_process_group(group, signal) {
            // It is gone already.
            tracing::debug!(%error, ?signal, "process group not signalled");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_with_blanks_and_parentheses_hides_nothing() {
        let stat = "71 (a ) b) (c) S 1 71 70 34816 71 4194304 100 0 0 0 7 5 0 0 20 0 1 0 9000 8192 33 18446744073709551615";

        let seen = Seen::read(stat).unwrap();

        let expected = Seen { id: 71, group: 71, session: 70, ticks: 12, since: 9_000, pages: 33 };
        assert_eq!(seen, expected);
        assert_eq!(Seen::read(&stat.replace(" S ", " Z ")), None);
        for length in 0..50 {
            assert_eq!(Seen::read(&stat[..length]), None);
        }
    }
}
