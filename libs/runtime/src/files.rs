//! Files in a workspace.
//!
//! Every path is looked up by the kernel below the workspace, so that neither `..` nor a link leads out of it, also when it
//! is changed between a check and its use. Files that are none, such as pipes and devices, are refused, and never waited
//! for. All of it waits for the disk: not for async workers.

mod error;
mod list;
mod write;

use std::fs::File;
use std::os::unix::fs::FileExt;
use std::path::Path;

use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use cap_std::ambient_authority;
use cap_std::fs::{Dir, Metadata, MetadataExt, OpenOptions, OpenOptionsExt};
use protocol::agents::{Encoding, FileContent};
use protocol::limits::MAX_PATH;
use rustix::fs::OFlags;

pub use error::FileError;

/// An open workspace.
#[derive(Debug)]
pub struct Files {
    root: Dir,
}

impl Files {
    pub(crate) fn open(directory: &Path) -> Result<Self, FileError> {
        Ok(Self { root: Dir::open_ambient_dir(directory, ambient_authority())? })
    }

    /// Reads at most `limit` bytes from `offset` on.
    ///
    /// # Errors
    /// [`FileError`].
    pub fn read(
        &self,
        path: &str,
        offset: u64,
        limit: usize,
        wanted: Option<Encoding>,
    ) -> Result<FileContent, FileError> {
        let (file, metadata) = self.regular(path)?;
        let mut bytes = vec![0; limit.min(usize::try_from(metadata.len()).unwrap_or(limit))];
        let mut length = 0;
        while length < bytes.len() {
            match file.read_at(&mut bytes[length..], offset.saturating_add(length as u64)) {
                Ok(0) => break,
                Ok(more) => length += more,
                Err(error) if error.kind() == std::io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error.into()),
            }
        }
        bytes.truncate(length);
        let size = metadata.len();
        let is_end = offset.saturating_add(length as u64) >= size;
        let (content, encoding, length) = encode(bytes, wanted, is_end)?;
        let end = offset.saturating_add(length as u64);
        Ok(FileContent {
            content,
            encoding,
            offset,
            bytes: length as u64,
            size,
            version: version(&metadata),
            has_more: end < size,
        })
    }

    /// Opens a file to read. What is no file is not opened, or a program that waits at a pipe would be woken; one that is
    /// put in its place meanwhile does not hold us up.
    fn regular(&self, path: &str) -> Result<(File, Metadata), FileError> {
        check(path)?;
        must_be_file(&self.root.metadata(path)?)?;
        let mut options = OpenOptions::new();
        options.read(true).custom_flags(not_waiting());
        let file = self.root.open_with(path, &options)?;
        let metadata = file.metadata()?;
        must_be_file(&metadata)?;
        Ok((file.into_std(), metadata))
    }

    /// The directory that something is in, and its name there. A link in its place is not followed.
    fn place<'a>(&self, path: &'a str) -> Result<(Dir, &'a Path), FileError> {
        check(path)?;
        let path = Path::new(path);
        let name = path.file_name().ok_or(FileError::Path("it names no file"))?;
        let parent = path.parent().filter(|parent| !parent.as_os_str().is_empty());
        let directory = match parent {
            Some(parent) => self.root.open_dir(parent)?,
            None => self.root.try_clone()?,
        };
        Ok((directory, Path::new(name)))
    }
}

/// What the kernel need not see.
fn check(path: &str) -> Result<(), FileError> {
    if path.is_empty() {
        return Err(FileError::Path("it is empty"));
    }
    if path.len() > MAX_PATH {
        return Err(FileError::Path("it has more than 4,096 bytes"));
    }
    if path.contains('\0') {
        return Err(FileError::Path("it has a NUL"));
    }
    Ok(())
}

fn not_waiting() -> i32 {
    // Both are small numbers on every system.
    (OFlags::NONBLOCK | OFlags::NOCTTY).bits().cast_signed()
}

fn must_be_file(metadata: &Metadata) -> Result<(), FileError> {
    match () {
        () if metadata.is_file() => Ok(()),
        () if metadata.is_dir() => Err(FileError::IsDirectory),
        () => Err(FileError::Special),
    }
}

/// Names what a file is now. Whoever writes by way of longshore makes a new file, and whoever writes in place changes its
/// time.
fn version(metadata: &Metadata) -> String {
    let time = i128::from(metadata.ctime()) * 1_000_000_000 + i128::from(metadata.ctime_nsec());
    format!("{:x}-{time:x}-{:x}", metadata.ino(), metadata.len())
}

/// How a part of a file is told, and how many bytes of it are: a text ends before a character that the part cuts.
fn encode(
    bytes: Vec<u8>,
    wanted: Option<Encoding>,
    is_end: bool,
) -> Result<(String, Encoding, usize), FileError> {
    let base64 = |bytes: &[u8]| (BASE64_STANDARD.encode(bytes), Encoding::Base64, bytes.len());
    if wanted == Some(Encoding::Base64) {
        return Ok(base64(&bytes));
    }
    let valid = match std::str::from_utf8(&bytes) {
        Ok(_) => bytes.len(),
        Err(error) if error.error_len().is_none() && !is_end && error.valid_up_to() > 0 => {
            error.valid_up_to()
        }
        Err(_) if wanted.is_some() => return Err(FileError::NotText),
        Err(_) => return Ok(base64(&bytes)),
    };
    let mut bytes = bytes;
    bytes.truncate(valid);
    let text = String::from_utf8(bytes).map_err(|_| FileError::NotText)?;
    Ok((text, Encoding::Text, valid))
}

/// The bytes that content stands for.
fn decode(content: String, encoding: Option<Encoding>) -> Result<Vec<u8>, FileError> {
    match encoding {
        None | Some(Encoding::Text) => Ok(content.into_bytes()),
        Some(Encoding::Base64) => BASE64_STANDARD.decode(content).map_err(|_| FileError::NotBase64),
    }
}

#[cfg(test)]
mod tests;
