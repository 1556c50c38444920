//! Where things are kept: the data directory, the secrets in it, and the configuration file.

use std::fs::{self, Metadata};
use std::io::ErrorKind;
use std::os::unix::fs::MetadataExt;
use std::path::Path;

use rustix::fs::{Access, access, statfs, statvfs};

use super::{Finding, Subject};
use crate::progress::bytes;
use crate::settings;

/// Below it a busy day may fill the disk.
const LITTLE: u64 = 1 << 30;
/// Below it a few long answers do.
const NOTHING: u64 = 100 << 20;

/// File systems whose locks are not, or not always, those of one machine: by their numbers in `linux/magic.h`.
const REMOTE: [(u64, &str); 6] = [
    (0x6969, "NFS"),
    (0x517b, "SMB"),
    (0xff53_4d42, "CIFS"),
    (0xfe53_4d42, "SMB2"),
    (0x0102_1997, "9p"),
    (0x00c3_6400, "Ceph"),
];

/// Files that only their owner may read, below the data directory.
const SECRETS: [&str; 6] =
    ["secret.key", "manager.key", "owner.token", "agent-passwords", "controller.db", "manager.db"];

pub(super) fn configuration(subject: &Subject) -> Vec<Finding> {
    let name = "configuration";
    if let Some(problem) = &subject.problem {
        return vec![Finding::problem(
            name,
            format!("{problem:#}"),
            "correct it, or name another with --config",
        )];
    }
    let Some(path) = &subject.file else {
        return vec![Finding::ok(name, "no file; flags and defaults hold")];
    };
    match settings::check(path) {
        Ok(()) => vec![Finding::ok(name, path.display().to_string())],
        Err(error) => vec![Finding::problem(
            name,
            format!("{error:#}"),
            format!("correct {}", path.display()),
        )],
    }
}

pub(super) fn data(subject: &Subject) -> Vec<Finding> {
    let (name, path) = ("data directory", &subject.directories.data);
    let place = path.display();
    let about = match fs::metadata(path) {
        Ok(about) if about.is_dir() => about,
        Ok(_) => {
            return vec![Finding::problem(
                name,
                format!("{place} is no directory"),
                "choose another with --data-dir",
            )];
        }
        Err(error) if error.kind() == ErrorKind::NotFound => {
            return vec![Finding::ok(name, format!("{place}: made at the first start"))];
        }
        Err(error) => {
            return vec![Finding::problem(
                name,
                format!("{place}: {error}"),
                "run this as the user of the servers",
            )];
        }
    };
    let mut findings = vec![reach(name, path, &about)];
    findings.extend(space(path));
    findings.extend(remote(path));
    findings
}

fn reach(name: &str, path: &Path, about: &Metadata) -> Finding {
    let place = path.display();
    if access(path, Access::READ_OK | Access::WRITE_OK | Access::EXEC_OK).is_err() {
        let says = format!("{place} belongs to user {} and cannot be written", about.uid());
        return Finding::problem(
            name,
            says,
            format!("run this as that user: sudo -u '#{}' longshore doctor", about.uid()),
        );
    }
    if about.mode() & 0o077 != 0 {
        let says =
            format!("{place} can be looked into by others (mode {:o})", about.mode() & 0o777);
        return Finding::warning(name, says, format!("chmod 700 {place}"));
    }
    Finding::ok(name, place.to_string())
}

fn space(path: &Path) -> Option<Finding> {
    let about = statvfs(path).ok()?;
    let free = about.f_bavail.saturating_mul(about.f_frsize);
    let says = format!("{} free", bytes(free));
    let fix = "make room, or move the data directory to another disk";
    Some(match free {
        NOTHING.. if free >= LITTLE => Finding::ok("disk", says),
        NOTHING.. => Finding::warning("disk", says, fix),
        _ => Finding::problem("disk", says, fix),
    })
}

fn remote(path: &Path) -> Option<Finding> {
    // The kernel's number; its type differs between machines, and only the lower half means something.
    let kind = statfs(path).ok()?.f_type as u64 & 0xffff_ffff;
    let (_, called) = REMOTE.iter().find(|(number, _)| *number == kind)?;
    let says = format!(
        "the data directory is on a network file system ({called}), whose locks databases cannot rely on"
    );
    Some(Finding::warning("disk", says, "move the data directory to a disk of this machine"))
}

pub(super) fn secrets(subject: &Subject) -> Vec<Finding> {
    let data = &subject.directories.data;
    let closed = fs::metadata(data).is_ok_and(|about| about.mode() & 0o077 == 0);
    let files = SECRETS
        .map(|name| data.join(name))
        .into_iter()
        .chain([subject.directories.run.join("controller.json")]);
    let there: Vec<_> =
        files.filter_map(|path| Some((fs::metadata(&path).ok()?.mode(), path))).collect();
    let open: Vec<String> = there
        .iter()
        // A database in a closed directory is closed.
        .filter(|(mode, path)| {
            mode & 0o077 != 0 && !(closed && path.extension().is_some_and(|it| it == "db"))
        })
        .map(|(_, path)| path.display().to_string())
        .collect();
    match (there.len(), open.as_slice()) {
        (0, _) => vec![Finding::ok("secrets", "none yet")],
        (_, []) => vec![Finding::ok("secrets", "readable by their owner only")],
        (_, open) => {
            let paths = open.join(" ");
            vec![Finding::problem(
                "secrets",
                format!("others can read {paths}"),
                format!("chmod 600 {paths}"),
            )]
        }
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use super::super::Verdict;
    use super::*;
    use crate::cli::Target;
    use crate::directories::Directories;

    fn subject(data: &Path) -> Subject {
        let directories = Directories::find(Some(data)).unwrap();
        let target = Target { url: None, token: None, token_file: None, ca_file: None };
        Subject { directories, file: None, problem: None, target, quick: true }
    }

    #[test]
    fn what_others_may_read_is_told_with_its_remedy() {
        let dir = tempfile::tempdir().unwrap();
        let key = dir.path().join("secret.key");
        fs::write(&key, "x").unwrap();
        fs::set_permissions(&key, fs::Permissions::from_mode(0o644)).unwrap();
        fs::set_permissions(dir.path(), fs::Permissions::from_mode(0o755)).unwrap();

        let [secrets] = secrets(&subject(dir.path())).try_into().unwrap();
        assert_eq!(
            (secrets.verdict, secrets.fix),
            (Verdict::Problem, Some(format!("chmod 600 {}", key.display())))
        );
        assert_eq!(data(&subject(dir.path()))[0].verdict, Verdict::Warning);

        fs::set_permissions(&key, fs::Permissions::from_mode(0o600)).unwrap();
        fs::set_permissions(dir.path(), fs::Permissions::from_mode(0o700)).unwrap();
        assert_eq!(super::secrets(&subject(dir.path()))[0].verdict, Verdict::Ok);
        assert_eq!(data(&subject(dir.path()))[0].verdict, Verdict::Ok);
    }

    #[test]
    fn a_file_in_its_place_is_no_data_directory() {
        let file = tempfile::NamedTempFile::new().unwrap();

        assert_eq!(data(&subject(file.path()))[0].verdict, Verdict::Problem);
    }
}
