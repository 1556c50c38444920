//! Changing files.

use std::io::{self, Write};
use std::path::Path;

use cap_std::fs::{Dir, OpenOptions};
use protocol::agents::{Encoding, FileWritten};
use protocol::limits::MAX_WRITE;
use rustix::fs::{RenameFlags, renameat_with};

use super::{FileError, Files, check, decode, must_be_file, version};

impl Files {
    /// Puts a file in the place of the one that is there, or where none is: whoever reads it meanwhile sees the old one or
    /// the new one. With `expected`, the one there must be of that version; nobody else who writes by way of the same
    /// manager may be at it at the same time.
    ///
    /// # Errors
    /// [`FileError`]; nothing has changed.
    pub fn write(
        &self,
        path: &str,
        content: String,
        encoding: Option<Encoding>,
        expected: Option<&str>,
    ) -> Result<FileWritten, FileError> {
        let bytes = bytes(content, encoding)?;
        check(path)?;
        // A link to a file in the workspace stays one.
        let real = self.root.canonicalize(path).ok();
        let real = real.as_deref().and_then(Path::to_str).unwrap_or(path);
        let (directory, name) = self.place(real)?;
        let is_expected = || -> Result<Option<cap_std::fs::Metadata>, FileError> {
            let there = match directory.symlink_metadata(name) {
                Ok(metadata) => Some(metadata),
                Err(error) if error.kind() == io::ErrorKind::NotFound => None,
                Err(error) => return Err(error.into()),
            };
            if let Some(metadata) = there.as_ref().filter(|metadata| !metadata.is_symlink()) {
                must_be_file(metadata)?;
            }
            match (expected, &there) {
                (Some(expected), Some(metadata)) if version(metadata) != expected => {
                    Err(FileError::Changed)
                }
                (Some(_), None) => Err(FileError::Changed),
                _ => Ok(there),
            }
        };
        let before = is_expected()?;
        let draft = Draft::write(&directory, &bytes)?;
        if let Some(before) = before.filter(|before| !before.is_symlink()) {
            draft.file.set_permissions(before.permissions())?;
        }
        is_expected()?;
        draft.put(|draft| directory.rename(draft, &directory, name))
    }

    /// Makes a file where there is none.
    ///
    /// # Errors
    /// [`FileError`]; nothing has changed.
    pub fn create(
        &self,
        path: &str,
        content: String,
        encoding: Option<Encoding>,
    ) -> Result<FileWritten, FileError> {
        let bytes = bytes(content, encoding)?;
        let (directory, name) = self.place(path)?;
        let draft = Draft::write(&directory, &bytes)?;
        draft.put(|draft| {
            // Unlike renaming, it fails where there is something.
            directory.hard_link(draft, &directory, name)?;
            directory.remove_file(draft)
        })
    }

    /// Makes a directory where there is nothing.
    ///
    /// # Errors
    /// [`FileError`].
    pub fn create_directory(&self, path: &str) -> Result<(), FileError> {
        let (directory, name) = self.place(path)?;
        Ok(directory.create_dir(name)?)
    }

    /// Removes a file, a link (and not what it leads to), or a directory: an empty one, or with `recursive` any.
    ///
    /// # Errors
    /// [`FileError`]. Of a directory, a part may be gone.
    pub fn delete(&self, path: &str, recursive: bool) -> Result<(), FileError> {
        let (directory, name) = self.place(path)?;
        if !directory.symlink_metadata(name)?.is_dir() {
            directory.remove_file(name)?;
        } else if recursive {
            directory.remove_dir_all(name)?;
        } else {
            directory.remove_dir(name)?;
        }
        Ok(())
    }

    /// Moves a file, a link or a directory. Without `overwrite`, to where there is nothing.
    ///
    /// # Errors
    /// [`FileError`]; nothing has changed.
    pub fn rename(&self, from: &str, to: &str, overwrite: bool) -> Result<(), FileError> {
        let (old, from) = self.place(from)?;
        let (new, to) = self.place(to)?;
        if overwrite {
            old.rename(from, &new, to)?;
        } else {
            let flags = RenameFlags::NOREPLACE;
            renameat_with(&old, from, &new, to, flags).map_err(io::Error::from)?;
        }
        Ok(())
    }
}

fn bytes(content: String, encoding: Option<Encoding>) -> Result<Vec<u8>, FileError> {
    let bytes = decode(content, encoding)?;
    if bytes.len() > MAX_WRITE { Err(FileError::TooLarge) } else { Ok(bytes) }
}

/// A file that is written and has no place yet. Dropping it removes it.
struct Draft<'a> {
    directory: &'a Dir,
    name: String,
    file: cap_std::fs::File,
    is_placed: bool,
}

impl<'a> Draft<'a> {
    fn write(directory: &'a Dir, bytes: &[u8]) -> Result<Self, FileError> {
        let name = format!(".longshore-{:016x}", fastrand::u64(..));
        let file = directory.open_with(&name, OpenOptions::new().write(true).create_new(true))?;
        let mut draft = Self { directory, name, file, is_placed: false };
        draft.file.write_all(bytes)?;
        draft.file.sync_all()?;
        Ok(draft)
    }

    /// Gives it its place.
    fn put(mut self, place: impl FnOnce(&str) -> io::Result<()>) -> Result<FileWritten, FileError> {
        place(&self.name)?;
        self.is_placed = true;
        // The name is on disk, too. The file is there all the same where that cannot be said.
        self.directory.open(".").and_then(|directory| directory.sync_all()).ok();
        let metadata = self.file.metadata()?;
        Ok(FileWritten { size: metadata.len(), version: version(&metadata) })
    }
}

impl Drop for Draft<'_> {
    fn drop(&mut self) {
        if !self.is_placed {
            self.directory.remove_file(&self.name).ok();
        }
    }
}
