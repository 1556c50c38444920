//! The databases: whether they are whole, whose they are, and of which version.

use std::fs;
use std::path::Path;

use store::{Facts, Lock, StoreError, Tier};

use super::{Finding, Subject};
use crate::progress::bytes;

/// A log of writes is folded into its database long before this, unless a reader never ends.
const LONG: u64 = 256 << 20;

pub(super) fn look(subject: &Subject) -> Vec<Finding> {
    let data = &subject.directories.data;
    let there: Vec<Tier> =
        Tier::ALL.into_iter().filter(|tier| data.join(tier.file_name()).exists()).collect();
    if there.is_empty() {
        return vec![Finding::ok("databases", "none yet")];
    }
    there
        .into_iter()
        .flat_map(|tier| one(tier, &data.join(tier.file_name()), subject.quick))
        .collect()
}

fn one(tier: Tier, path: &Path, quick: bool) -> Vec<Finding> {
    let name = tier.file_name();
    let user = match Lock::is_taken(path) {
        Ok(true) => "in use by a server",
        Ok(false) => "not in use",
        Err(error) => {
            return vec![Finding::problem(
                name,
                error.to_string(),
                "run this as the user of the servers",
            )];
        }
    };
    let mut findings = if quick {
        vec![Finding::ok(name, user)]
    } else {
        vec![contents(tier, user, glance(tier, path))]
    };
    findings.extend(log(name, path));
    findings
}

fn glance(tier: Tier, path: &Path) -> Result<Facts, StoreError> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(tier.glance(path))
}

fn contents(tier: Tier, user: &str, found: Result<Facts, StoreError>) -> Finding {
    let name = tier.file_name();
    let facts = match found {
        Ok(facts) => facts,
        Err(error) => {
            let fix = "stop the server and put a backup back: longshore restore FILE --force";
            return Finding::problem(name, error.to_string(), fix);
        }
    };
    let counts: Vec<String> = facts
        .counts
        .iter()
        .map(|(what, count)| format!("{count} {}", what.replace('_', " ")))
        .collect();
    let (schema, newest) = (facts.schema, tier.newest_schema());
    let says = format!("whole, {user}, schema {schema}: {}", counts.join(", "));
    match schema.cmp(&newest) {
        std::cmp::Ordering::Greater => {
            let says = format!("it has schema {schema}, and this program knows up to {newest}");
            Finding::problem(name, says, "use the version that made it, or a newer one")
        }
        std::cmp::Ordering::Less => {
            Finding::ok(name, format!("{says}; the next start brings it to {newest}"))
        }
        std::cmp::Ordering::Equal => Finding::ok(name, says),
    }
}

fn log(name: &str, path: &Path) -> Option<Finding> {
    let mut wal = path.as_os_str().to_owned();
    wal.push("-wal");
    let length = fs::metadata(wal).ok()?.len();
    let says = format!("its write-ahead log has {}", bytes(length));
    (length > LONG).then(|| {
        Finding::warning(name, says, "restart the server, which folds it into the database")
    })
}

#[cfg(test)]
mod tests {
    use super::super::Verdict;
    use super::*;

    fn facts(schema: i64) -> Result<Facts, StoreError> {
        Ok(Facts { schema, counts: vec![("agents".to_owned(), 2)] })
    }

    #[test]
    fn a_database_of_a_newer_program_is_a_problem_and_an_older_one_is_not() {
        let newest = Tier::Manager.newest_schema();
        let verdict = |found| contents(Tier::Manager, "not in use", found).verdict;

        assert_eq!(verdict(facts(newest + 1)), Verdict::Problem);
        assert_eq!(verdict(facts(newest)), Verdict::Ok);
        assert_eq!(verdict(facts(newest - 1)), Verdict::Ok);
        assert_eq!(verdict(Err(StoreError::Closed)), Verdict::Problem);
    }

    #[test]
    fn damage_is_found() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("manager.db");
        fs::write(&path, vec![b'x'; 8192]).unwrap();

        let [found] = one(Tier::Manager, &path, false).try_into().unwrap();

        assert_eq!(found.verdict, Verdict::Problem);
        assert!(found.fix.unwrap().contains("longshore restore"));
    }
}
