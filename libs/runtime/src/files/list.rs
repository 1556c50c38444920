//! What is in a directory.

use std::collections::BinaryHeap;
use std::ffi::OsString;

use cap_std::fs::{FileType, Metadata};
use protocol::Timestamp;
use protocol::agents::{FileInfo, FileKind, Files as Page};

use super::{FileError, Files, check};

impl Files {
    /// At most `limit` files of a directory, by name, those behind `after`. The empty path is the workspace.
    ///
    /// A directory may be of any size: no more names are kept than are asked for.
    ///
    /// # Errors
    /// [`FileError`].
    pub fn list(&self, path: &str, after: Option<&str>, limit: usize) -> Result<Page, FileError> {
        let path = if path.is_empty() { "." } else { path };
        check(path)?;
        let directory = self.root.open_dir(path)?;
        let mut first: BinaryHeap<(String, OsString)> = BinaryHeap::with_capacity(limit + 2);
        for entry in directory.entries()? {
            let original = entry?.file_name();
            let name = original.to_string_lossy().into_owned();
            if after.is_none_or(|after| *name > *after) {
                first.push((name, original));
                if first.len() > limit + 1 {
                    first.pop();
                }
            }
        }
        let mut names = first.into_sorted_vec();
        let has_more = names.len() > limit;
        names.truncate(limit);
        let next = names.last().filter(|_| has_more).map(|(name, _)| name.clone());
        // One that is gone meanwhile is not there.
        let info = |(name, original): (String, OsString)| {
            let metadata = directory.symlink_metadata(original).ok()?;
            Some(info(name, &metadata))
        };
        Ok(Page { files: names.into_iter().filter_map(info).collect(), next })
    }
}

fn info(name: String, metadata: &Metadata) -> FileInfo {
    let since = |time: std::time::SystemTime| time.duration_since(std::time::UNIX_EPOCH).ok();
    let modified = metadata.modified().ok().and_then(|time| since(time.into_std()));
    FileInfo {
        name,
        kind: kind(metadata.file_type()),
        size: metadata.len(),
        modified_at: modified
            .and_then(|since| u64::try_from(since.as_millis()).ok())
            .map(Timestamp::from_millis),
    }
}

fn kind(file_type: FileType) -> FileKind {
    match () {
        () if file_type.is_file() => FileKind::File,
        () if file_type.is_dir() => FileKind::Directory,
        () if file_type.is_symlink() => FileKind::Link,
        () => FileKind::Other,
    }
}
