//! `longshore server logs`.

use std::borrow::Cow;
use std::fs::File;
use std::io::{self, IsTerminal, Read, Seek, SeekFrom, Write};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context, anyhow};
use tokio::time::sleep;

use crate::directories::Directories;
use crate::hint::hinted;
use crate::log_file;
use crate::logs;
use crate::paint::Paint;
use crate::run_file::RunFile;

/// How often it is looked for what is new.
const LOOK: Duration = Duration::from_millis(250);

pub(super) async fn execute(
    follow: bool,
    lines: usize,
    directories: &Directories,
) -> anyhow::Result<()> {
    let path = path(directories)?;
    let opened = File::open(&path);
    let mut tail = match opened {
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            return Err(hinted(
                anyhow!("there is no log at {}", path.display()),
                "only servers that `longshore server start` has started, or with --log-file, have one",
            ));
        }
        opened => opened.with_context(|| format!("open {}", path.display()))?,
    };
    // Where it goes on, before what is shown first is read: what is written in between may come twice, and is not lost.
    tail.seek(SeekFrom::End(0))?;
    let newest = log_file::newest(&path, lines)?;
    let mut is_read = show(&newest)?;
    while is_read && follow {
        sleep(LOOK).await;
        is_read = go_on(&mut tail, &path)?;
    }
    Ok(())
}

/// The log of the server that runs here, else that of the last one.
fn path(directories: &Directories) -> anyhow::Result<PathBuf> {
    let servers = RunFile::all(&directories.run)?;
    let runs = !servers.is_empty();
    let mut logs = servers.into_iter().filter_map(|server| server.running?.log);
    let log = logs.next_back();
    if log.is_none() && runs {
        eprintln!(
            "note: the server that runs here logs to where it was started; this is of one before it"
        );
    }
    Ok(log.unwrap_or_else(|| directories.log()))
}

/// Shows what is new, in this file and in another that has taken its place. Whether anybody reads on.
fn go_on(tail: &mut File, path: &Path) -> anyhow::Result<bool> {
    let mut new = Vec::new();
    tail.read_to_end(&mut new)?;
    let before = tail.metadata()?;
    if let Ok(mut now) = File::open(path)
        && now.metadata()?.ino() != before.ino()
    {
        // What was written to the old one after it was read to its end.
        tail.read_to_end(&mut new)?;
        now.read_to_end(&mut new)?;
        *tail = now;
    }
    show(&new)
}

fn show(bytes: &[u8]) -> anyhow::Result<bool> {
    let mut out = io::stdout().lock();
    let shown = if out.is_terminal() { readable(bytes) } else { bytes.into() };
    match out.write_all(&shown).and_then(|()| out.flush()) {
        Ok(()) => Ok(true),
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Ok(false),
        Err(error) => Err(error).context("write the log"),
    }
}

/// JSON lines as those for people; whatever else there is, a panic say, as it is.
fn readable(bytes: &[u8]) -> Cow<'_, [u8]> {
    let colours = Paint::of(true).is_on();
    let lines = bytes.split_inclusive(|byte| *byte == b'\n').map(|line| {
        let json = std::str::from_utf8(line).ok();
        json.and_then(|json| logs::of_json(json, colours))
            .map_or(line.into(), |text| Cow::Owned(text.into_bytes()))
    });
    lines.collect::<Vec<Cow<'_, [u8]>>>().concat().into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn people_read_lines_and_not_json() {
        let line =
            br#"{"time":"T","level":"warn","target":"x","message":"it broke","run":"r 1","ms":3}
not json
{"half":"#;

        let text = String::from_utf8(readable(line).into_owned()).unwrap();

        let plain = text.replace("\x1b[33m", "").replace("\x1b[2m", "").replace("\x1b[0m", "");
        assert_eq!(plain, "T WARN  it broke run=\"r 1\" ms=3\nnot json\n{\"half\":");
    }

    #[test]
    fn the_end_of_a_file_that_was_replaced_is_read_and_then_the_new_one() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("server.log");
        std::fs::write(&path, "a\n").unwrap();
        let mut tail = File::open(&path).unwrap();
        let mut old = log_file::append(&path).unwrap();

        std::fs::rename(&path, log_file::aged(&path, 1)).unwrap();
        std::fs::write(&path, "c\n").unwrap();
        old.write_all(b"b\n").unwrap();

        assert!(go_on(&mut tail, &path).unwrap());
        let inode = |file: &File| file.metadata().unwrap().ino();
        assert_eq!(inode(&tail), inode(&File::open(&path).unwrap()));
        assert_eq!(tail.stream_position().unwrap(), 2);
    }
}
