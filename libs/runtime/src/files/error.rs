//! Why something cannot be done with a file.

use std::io;

use crate::place::Unsupported;

/// Why something cannot be done with a file.
#[derive(Debug, thiserror::Error)]
pub enum FileError {
    /// What is wrong with the path.
    #[error("The path cannot be used: {0}")]
    Path(&'static str),
    /// There is none.
    #[error("There is no such file or directory")]
    NotFound,
    /// There is one.
    #[error("There is a file or directory of that name already")]
    Exists,
    /// It leads out of the workspace, or the system does not allow it.
    #[error("The path leads out of the workspace or may not be used")]
    Denied,
    /// A directory where a file is wanted.
    #[error("It is a directory")]
    IsDirectory,
    /// A file where a directory is wanted.
    #[error("It is no directory")]
    NotDirectory,
    /// It has files.
    #[error("The directory is not empty")]
    NotEmpty,
    /// A device, a pipe or a socket.
    #[error("It is no ordinary file")]
    Special,
    /// Somebody else has written it.
    #[error("The file has been changed meanwhile")]
    Changed,
    /// Larger than may be written.
    #[error("A file that is written has 4 MiB at most")]
    TooLarge,
    /// The part that is wanted as text is none.
    #[error("It is no UTF-8 text")]
    NotText,
    /// The content that was given as base64 is none.
    #[error("content is no base64")]
    NotBase64,
    /// There is no workspace.
    #[error(transparent)]
    Unsupported(#[from] Unsupported),
    /// The system's words.
    #[error("The file system says: {0}")]
    System(io::Error),
}

impl From<io::Error> for FileError {
    fn from(error: io::Error) -> Self {
        match error.kind() {
            io::ErrorKind::NotFound => Self::NotFound,
            io::ErrorKind::AlreadyExists => Self::Exists,
            io::ErrorKind::PermissionDenied => Self::Denied,
            io::ErrorKind::IsADirectory => Self::IsDirectory,
            io::ErrorKind::NotADirectory => Self::NotDirectory,
            io::ErrorKind::DirectoryNotEmpty => Self::NotEmpty,
            io::ErrorKind::InvalidFilename => Self::Path("a name is too long"),
            _ => match rustix::io::Errno::from_io_error(&error) {
                Some(rustix::io::Errno::LOOP) => Self::Path("its links lead in a circle"),
                Some(rustix::io::Errno::NXIO) => Self::Special,
                Some(rustix::io::Errno::XDEV) => Self::Denied,
                _ => Self::System(error),
            },
        }
    }
}
