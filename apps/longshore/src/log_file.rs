//! The log file of a server: bounded, whatever is logged.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard, PoisonError};

use anyhow::Context;

/// Bytes after which another file is begun.
const MOST: u64 = 10 << 20;
/// Older files that are kept, `.1` the newest.
const KEPT: u32 = 4;

/// A file that lines are added to. Behind a lock that is held to write one.
#[derive(Debug)]
pub struct LogFile {
    path: PathBuf,
    most: u64,
    /// What is printed to stderr goes to it, too: a panic.
    is_stderr: bool,
    open: Mutex<Open>,
}

#[derive(Debug)]
struct Open {
    file: File,
    bytes: u64,
}

impl LogFile {
    /// Opens it, for its owner's eyes only; begins another one if it is too large. `is_stderr` makes it the process's stderr.
    ///
    /// # Errors
    /// The file system's.
    pub fn open(path: &Path, is_stderr: bool) -> anyhow::Result<Self> {
        Self::bounded(path, is_stderr, MOST)
            .with_context(|| format!("open log file {}", path.display()))
    }

    fn bounded(path: &Path, is_stderr: bool, most: u64) -> io::Result<Self> {
        let mut open = Open::at(path)?;
        if open.bytes >= most {
            shift(path)?;
            open = Open::at(path)?;
        }
        let log = Self { path: path.to_owned(), most, is_stderr, open: Mutex::new(open) };
        log.become_stderr(&log.lock().file)?;
        Ok(log)
    }

    fn become_stderr(&self, file: &File) -> io::Result<()> {
        if self.is_stderr {
            rustix::stdio::dup2_stderr(file)?;
        }
        Ok(())
    }

    /// Begins another file. One that cannot be begun is no reason to lose what is logged: this one goes on.
    fn rotate(&self, open: &mut Open) {
        let next = shift(&self.path).and_then(|()| Open::at(&self.path));
        match next.and_then(|next| self.become_stderr(&next.file).map(|()| next)) {
            Ok(next) => *open = next,
            Err(_) => open.bytes = 0,
        }
    }

    fn lock(&self) -> MutexGuard<'_, Open> {
        self.open.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Open {
    fn at(path: &Path) -> io::Result<Self> {
        let file = append(path)?;
        let bytes = file.metadata()?.len();
        Ok(Self { file, bytes })
    }
}

/// Opens a file to add to, for its owner's eyes only.
pub(crate) fn append(path: &Path) -> io::Result<File> {
    OpenOptions::new().append(true).create(true).mode(0o600).open(path)
}

/// The file of that age: 0 is the one that is written.
#[must_use]
pub fn aged(path: &Path, age: u32) -> PathBuf {
    if age == 0 {
        return path.to_owned();
    }
    let mut name = path.as_os_str().to_owned();
    name.push(format!(".{age}"));
    name.into()
}

/// Makes each file one older. The oldest goes.
fn shift(path: &Path) -> io::Result<()> {
    for age in (0..KEPT).rev() {
        match fs::rename(aged(path, age), aged(path, age + 1)) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
            _ => {}
        }
    }
    Ok(())
}

impl Write for &LogFile {
    fn write(&mut self, line: &[u8]) -> io::Result<usize> {
        let mut open = self.lock();
        if open.bytes > 0 && open.bytes + line.len() as u64 > self.most {
            self.rotate(&mut open);
        }
        open.bytes += line.len() as u64;
        open.file.write_all(line).map(|()| line.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// The newest lines of all files, the oldest first. Of a file only its end is read, as it is bounded.
///
/// # Errors
/// The file system's; that there is no file is none.
pub fn newest(path: &Path, lines: usize) -> io::Result<Vec<u8>> {
    let mut found = Vec::new();
    for age in 0..=KEPT {
        match fs::read(aged(path, age)) {
            Ok(mut older) => {
                older.append(&mut found);
                found = older;
            }
            Err(error) if error.kind() == io::ErrorKind::NotFound => break,
            Err(error) => return Err(error),
        }
        if let Some(start) = start_of_last(&found, lines) {
            return Ok(found.split_off(start));
        }
    }
    Ok(found)
}

/// Where the last lines begin, if there are more before them.
fn start_of_last(text: &[u8], lines: usize) -> Option<usize> {
    let text = text.strip_suffix(b"\n").unwrap_or(text);
    if lines == 0 {
        return Some(text.len() + 1);
    }
    let mut ends = text.iter().enumerate().rev().filter(|(_, byte)| **byte == b'\n');
    ends.nth(lines - 1).map(|(at, _)| at + 1)
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    fn fill(path: &Path, most: u64, lines: std::ops::Range<u32>) {
        let log = LogFile::bounded(path, false, most).unwrap();
        for line in lines {
            (&log).write_all(format!("line {line}\n").as_bytes()).unwrap();
        }
    }

    #[test]
    fn files_are_bounded_in_size_and_number_and_the_newest_lines_stay() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("server.log");

        fill(&path, 32, 0..100);

        for age in 0..=KEPT {
            let about = fs::metadata(aged(&path, age)).unwrap();
            assert!(about.len() <= 32 && about.permissions().mode() & 0o777 == 0o600);
        }
        assert!(!aged(&path, KEPT + 1).exists());
        let newest = String::from_utf8(newest(&path, 8).unwrap()).unwrap();
        let expected: String = (92..100).map(|line| format!("line {line}\n")).collect();
        assert_eq!(newest, expected);
    }

    #[test]
    fn it_goes_on_in_the_same_file_and_in_another_if_that_is_full() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("server.log");

        fill(&path, 100, 0..2);
        fill(&path, 100, 2..3);
        assert_eq!(fs::read_to_string(&path).unwrap(), "line 0\nline 1\nline 2\n");
        fill(&path, 10, 3..4);

        assert_eq!(fs::read_to_string(&path).unwrap(), "line 3\n");
        assert_eq!(newest(&path, 2).unwrap(), b"line 2\nline 3\n");
        assert_eq!(newest(&path, 99).unwrap(), b"line 0\nline 1\nline 2\nline 3\n");
        assert_eq!(newest(&path, 0).unwrap(), b"");
        assert_eq!(newest(&dir.path().join("none"), 9).unwrap(), b"");
    }
}
