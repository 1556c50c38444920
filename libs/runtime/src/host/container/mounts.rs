//! What of the machine a container may see.

use std::io;
use std::os::unix::fs::FileTypeExt;
use std::path::{Path, PathBuf};

use protocol::spec::Mount;

/// A mount that is not allowed, or cannot be.
#[derive(Debug, thiserror::Error)]
pub enum MountRefused {
    /// There is nothing there.
    #[error("mount {}: {error}", .path.display())]
    Missing {
        /// As it was configured.
        path: PathBuf,
        /// Why.
        error: io::Error,
    },
    /// It is not below a directory that may be mounted, once links are followed.
    #[error("mount {}: the manager does not allow it", .0.display())]
    Outside(PathBuf),
    /// It is, or holds, the engine's socket or what the manager keeps to itself.
    #[error("mount {}: it can never be mounted", .0.display())]
    Never(PathBuf),
}

/// The mounts with the sources that they lead to. Links are followed first, and what they lead to is what is mounted.
///
/// `hidden` can never be seen: neither they, nor what is in them, nor a directory that they are in.
pub(super) fn resolve(
    mounts: &[Mount],
    allowed: &[PathBuf],
    hidden: &[&PathBuf],
) -> Result<Vec<Mount>, MountRefused> {
    let allowed: Vec<PathBuf> =
        allowed.iter().filter_map(|root| root.canonicalize().ok()).collect();
    let hidden: Vec<PathBuf> = hidden.iter().map(|path| resolved(path)).collect();
    let resolve_one = |mount: &Mount| {
        let given = mount.source.clone();
        let missing = |error| MountRefused::Missing { path: given.clone(), error };
        let source = given.canonicalize().map_err(missing)?;
        let kind = source.symlink_metadata().map_err(missing)?.file_type();
        let shows = |hidden: &PathBuf| source.starts_with(hidden) || hidden.starts_with(&source);
        if !allowed.iter().any(|root| source.starts_with(root)) {
            return Err(MountRefused::Outside(given));
        }
        // Any socket leads out of the container, whoever listens on it.
        if kind.is_socket()
            || kind.is_block_device()
            || kind.is_char_device()
            || hidden.iter().any(shows)
        {
            return Err(MountRefused::Never(given));
        }
        Ok(Mount { source, ..mount.clone() })
    };
    mounts.iter().map(resolve_one).collect()
}

/// Where a path leads as far as it exists; the rest of it as it is.
fn resolved(path: &Path) -> PathBuf {
    path.canonicalize().unwrap_or_else(|_| match (path.parent(), path.file_name()) {
        (Some(parent), Some(name)) => resolved(parent).join(name),
        _ => path.to_owned(),
    })
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::os::unix::fs::symlink;
    use std::os::unix::net::UnixListener;

    use super::*;

    struct Disk(tempfile::TempDir);

    impl Disk {
        fn new() -> Self {
            let disk = Self(tempfile::tempdir().unwrap());
            fs::create_dir_all(disk.at("open/project")).unwrap();
            fs::create_dir_all(disk.at("closed")).unwrap();
            disk
        }

        fn at(&self, path: &str) -> PathBuf {
            self.0.path().canonicalize().unwrap().join(path)
        }

        fn source(&self, path: &str, hidden: &[&PathBuf]) -> Result<PathBuf, MountRefused> {
            let mount = Mount { source: self.at(path), target: "/x".into(), read_only: true };
            let resolved = resolve(&[mount], &[self.at("open")], hidden)?;
            Ok(resolved[0].source.clone())
        }
    }

    #[test]
    fn only_what_is_below_the_allowed_directories_is_mounted() {
        let disk = Disk::new();
        symlink(disk.at("closed"), disk.at("open/out")).unwrap();
        symlink(disk.at("open/project"), disk.at("in")).unwrap();

        assert_eq!(disk.source("open/project", &[]).unwrap(), disk.at("open/project"));
        assert_eq!(disk.source("in", &[]).unwrap(), disk.at("open/project"));
        for outside in ["closed", "open/out", "", "open/../closed"] {
            let refused = disk.source(outside, &[]);
            assert!(matches!(refused, Err(MountRefused::Outside(_))), "{outside}: {refused:?}");
        }
        assert!(matches!(disk.source("open/none", &[]), Err(MountRefused::Missing { .. })));
        assert!(resolve(&[], &[], &[]).unwrap().is_empty());
    }

    #[test]
    fn the_socket_is_never_mounted() {
        let disk = Disk::new();
        fs::create_dir(disk.at("open/run")).unwrap();
        let socket = disk.at("open/run/docker.sock");
        symlink(&socket, disk.at("open/project/link")).unwrap();
        let hidden = [&socket];

        // Not even the directory where it will be.
        assert!(matches!(disk.source("open/run", &hidden), Err(MountRefused::Never(_))));
        let _listener = UnixListener::bind(&socket).unwrap();

        for path in ["open", "open/run", "open/run/docker.sock", "open/project/link"] {
            assert!(matches!(disk.source(path, &hidden), Err(MountRefused::Never(_))), "{path}");
        }
        let by_kind = disk.source("open/run/docker.sock", &[]);
        assert!(matches!(by_kind, Err(MountRefused::Never(_))));
        assert!(disk.source("open/project", &hidden).is_ok());
    }
}
