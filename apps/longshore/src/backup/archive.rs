//! The file of a backup: a tar archive that begins with its manifest and ends with the checksum of all that is before.
//!
//! Any tar shows and unpacks it. Ours reads it twice: first as bytes, so that nothing of a damaged or cut file is
//! believed, then as files, which have to be those that the manifest names.

use std::collections::BTreeMap;
use std::fs::{File, OpenOptions};
use std::io::{self, BufReader, BufWriter, Read, Seek, SeekFrom, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;

use anyhow::{Context, anyhow, bail, ensure};
use protocol::Timestamp;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use store::{Facts, Tier};
use tar::{Archive, EntryType, Header};

use crate::progress::{Progress, Unit};

/// What this program writes, and the newest that it reads.
const FORMAT: u32 = 1;
const MANIFEST: &str = "manifest.json";
const CHECKSUM: &str = "checksum.sha256";
/// Of tar: everything begins at a multiple of it.
const BLOCK: usize = 512;
/// Two empty blocks end an archive.
const END: usize = 2 * BLOCK;
/// What is behind the bytes that the checksum is of: its header, itself, the end.
const TAIL: usize = 2 * BLOCK + END;
/// A manifest has a line for each file, of which there are a dozen.
const LONGEST_MANIFEST: u64 = 1 << 20;

/// What is in a backup.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Manifest {
    /// How the file is made.
    pub format: u32,
    /// Of the program that made it.
    pub version: String,
    /// When it was begun.
    pub created_at: Timestamp,
    /// The databases, each as it was at one moment.
    pub databases: Vec<Database>,
    /// All files.
    pub files: Vec<Content>,
}

/// A database of a backup.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Database {
    /// Whose it is.
    pub tier: Tier,
    /// What is in it.
    #[serde(flatten)]
    pub facts: Facts,
}

/// A file of a backup.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Content {
    /// Where it is, below the data directory.
    pub name: String,
    /// How long it is.
    pub bytes: u64,
    /// Its SHA-256, in hexadecimal.
    pub sha256: String,
}

impl Manifest {
    /// Of files that are in this directory now.
    ///
    /// # Errors
    /// One of them cannot be read.
    pub fn of(
        directory: &Path,
        names: &[String],
        databases: Vec<Database>,
    ) -> anyhow::Result<Self> {
        let files: anyhow::Result<Vec<_>> = names
            .iter()
            .map(|name| {
                let path = directory.join(name);
                let mut sum = Sum::of(io::sink());
                let bytes = File::open(&path)
                    .and_then(|mut file| io::copy(&mut file, &mut sum))
                    .with_context(|| format!("read {}", path.display()))?;
                Ok(Content { name: name.clone(), bytes, sha256: sum.hex() })
            })
            .collect();
        Ok(Self {
            format: FORMAT,
            version: env!("CARGO_PKG_VERSION").to_owned(),
            created_at: Timestamp::now(),
            databases,
            files: files?,
        })
    }

    /// Whether it has a file of this name.
    #[must_use]
    pub fn has(&self, name: &str) -> bool {
        self.files.iter().any(|file| file.name == name)
    }

    fn bytes(&self) -> u64 {
        self.files.iter().map(|file| file.bytes).sum()
    }
}

/// Writes the files of a directory into a new archive.
///
/// # Errors
/// One cannot be read, has changed, or the archive cannot be written.
pub fn write(path: &Path, manifest: &Manifest, directory: &Path) -> anyhow::Result<()> {
    let place = || format!("write {}", path.display());
    let file = private(path).with_context(place)?;
    let mut out = Sum::of(BufWriter::with_capacity(1 << 16, file));
    let text = serde_json::to_vec_pretty(manifest)?;
    append(&mut out, MANIFEST, text.len() as u64, &mut text.as_slice()).with_context(place)?;
    let mut progress = Progress::new("writing", Unit::Bytes);
    let mut done = 0;
    for Content { name, bytes, .. } in &manifest.files {
        let source = File::open(directory.join(name)).with_context(|| format!("read {name}"))?;
        let mut source = Watched {
            from: source.take(*bytes),
            done: &mut done,
            total: manifest.bytes(),
            progress: &mut progress,
        };
        append(&mut out, name, *bytes, &mut source).with_context(place)?;
    }
    let tail = tail(&out.hex()).with_context(place)?;
    let mut file = out.into_inner();
    let written = file.write_all(&tail).and_then(|()| file.into_inner().map_err(io::Error::from));
    written.and_then(|file| file.sync_all()).with_context(place)
}

/// Reads an archive and says what is in it; nothing of one that is not whole is believed. With `into`, its files are
/// written to that directory.
///
/// # Errors
/// It is damaged, not whole, newer than this program, or no backup.
pub fn read(path: &Path, into: Option<&Path>) -> anyhow::Result<Manifest> {
    let place = || format!("backup {}", path.display());
    let mut file = File::open(path).with_context(place)?;
    let body = check(&mut file).with_context(place)?;
    file.seek(SeekFrom::Start(0)).with_context(place)?;
    let mut archive = Archive::new(BufReader::with_capacity(1 << 16, file.take(body)));
    unpack(&mut archive, into).with_context(place)
}

/// Compares the checksum at the end with what is before it, whose length it gives.
fn check(file: &mut File) -> anyhow::Result<u64> {
    let length = file.metadata()?.len();
    let body = length.checked_sub(TAIL as u64).context("it is too short to be one")?;
    let mut progress = Progress::new("checking", Unit::Bytes);
    let mut sum = Sum::of(io::sink());
    let mut done = 0;
    let mut source = Watched {
        from: Read::by_ref(file).take(body),
        done: &mut done,
        total: body,
        progress: &mut progress,
    };
    io::copy(&mut source, &mut sum)?;
    let mut end = [0; TAIL];
    file.read_exact(&mut end)?;
    ensure!(
        end.as_slice() == tail(&sum.hex())?,
        "it is damaged, not whole, or no backup of longshore"
    );
    Ok(body)
}

fn unpack(archive: &mut Archive<impl Read>, into: Option<&Path>) -> anyhow::Result<Manifest> {
    let mut entries = archive.entries()?;
    let first = entries.next().context("it is empty")??;
    let mut text = Vec::new();
    ensure!(first.path_bytes() == MANIFEST.as_bytes(), "it does not begin with a manifest");
    first.take(LONGEST_MANIFEST).read_to_end(&mut text)?;
    let manifest: Manifest = serde_json::from_slice(&text).context("read its manifest")?;
    ensure!(
        manifest.format <= FORMAT,
        "it was made by longshore {}, which is newer than this one",
        manifest.version
    );
    let mut wanted: BTreeMap<&str, &Content> =
        manifest.files.iter().map(|file| (file.name.as_str(), file)).collect();
    ensure!(
        wanted.keys().all(|name| is_name(name)),
        "it has a file of a name that backups do not have"
    );
    let mut progress = Progress::new("reading", Unit::Bytes);
    let mut done = 0;
    for entry in entries {
        let entry = entry?;
        let name = String::from_utf8_lossy(&entry.path_bytes()).into_owned();
        let content = wanted
            .remove(name.as_str())
            .with_context(|| format!("{name} is not in its manifest"))?;
        ensure!(entry.header().entry_type() == EntryType::Regular, "{name} is no file");
        let mut source = Watched {
            from: entry,
            done: &mut done,
            total: manifest.bytes(),
            progress: &mut progress,
        };
        let target = into.map(|directory| directory.join(&name));
        compare(&mut source, content, target.as_deref()).context(name)?;
    }
    if let Some((name, _)) = wanted.first_key_value() {
        bail!("{name} is missing");
    }
    Ok(manifest)
}

fn compare(source: &mut impl Read, content: &Content, target: Option<&Path>) -> anyhow::Result<()> {
    let sha256 = match target {
        None => {
            let mut sum = Sum::of(io::sink());
            io::copy(source, &mut sum)?;
            sum.hex()
        }
        Some(path) => {
            if let Some(parent) = path.parent() {
                crate::directories::create_private(parent)?;
            }
            let mut sum = Sum::of(private(path)?);
            io::copy(source, &mut sum)?;
            let sha256 = sum.hex();
            sum.into_inner().sync_all()?;
            sha256
        }
    };
    if sha256 == content.sha256 { Ok(()) } else { Err(anyhow!("the checksum is another")) }
}

/// Below the data directory, one level of directories at most; nothing that leads out of it.
pub(super) fn is_name(name: &str) -> bool {
    let is_part = |part: &str| {
        let fits = |c: char| c.is_ascii_alphanumeric() || "._-".contains(c);
        !part.is_empty() && !part.starts_with('.') && part.len() <= 64 && part.chars().all(fits)
    };
    name.split('/').count() <= 2 && name.split('/').all(is_part)
}

fn append(out: &mut impl Write, name: &str, bytes: u64, source: &mut impl Read) -> io::Result<()> {
    let mut header = Header::new_ustar();
    header.set_path(name)?;
    header.set_size(bytes);
    header.set_mode(0o600);
    header.set_entry_type(EntryType::Regular);
    header.set_cksum();
    out.write_all(header.as_bytes())?;
    if io::copy(source, out)? != bytes {
        return Err(io::Error::other(format!("{name} became shorter meanwhile")));
    }
    let padding = bytes.next_multiple_of(BLOCK as u64) - bytes;
    io::copy(&mut io::repeat(0).take(padding), out).map(drop)
}

/// What follows on bytes of this checksum.
fn tail(sha256: &str) -> io::Result<Vec<u8>> {
    let mut tail = Vec::with_capacity(TAIL);
    append(&mut tail, CHECKSUM, sha256.len() as u64, &mut sha256.as_bytes())?;
    tail.resize(TAIL, 0);
    Ok(tail)
}

/// A new file, for its owner's eyes only.
fn private(path: &Path) -> io::Result<File> {
    OpenOptions::new().write(true).create_new(true).mode(0o600).open(path)
}

/// A writer that knows the SHA-256 of what went through it.
struct Sum<W> {
    to: W,
    hash: Sha256,
}

impl<W> Sum<W> {
    fn of(to: W) -> Self {
        Self { to, hash: Sha256::new() }
    }

    fn hex(&self) -> String {
        self.hash.clone().finalize().iter().map(|byte| format!("{byte:02x}")).collect()
    }

    fn into_inner(self) -> W {
        self.to
    }
}

impl<W: Write> Write for Sum<W> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let taken = self.to.write(bytes)?;
        self.hash.update(&bytes[..taken]);
        Ok(taken)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.to.flush()
    }
}

/// A reader that shows how far it is.
struct Watched<'a, R> {
    from: R,
    done: &'a mut u64,
    total: u64,
    progress: &'a mut Progress,
}

impl<R: Read> Read for Watched<'_, R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let read = self.from.read(buffer)?;
        *self.done += read as u64;
        self.progress.at(*self.done, self.total);
        Ok(read)
    }
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    fn archive(dir: &Path) -> std::path::PathBuf {
        fs::write(dir.join("manager.db"), vec![7; 1_000]).unwrap();
        fs::write(dir.join("secret.key"), "key").unwrap();
        let names = ["manager.db".to_owned(), "secret.key".to_owned()];
        let manifest = Manifest::of(dir, &names, Vec::new()).unwrap();
        let path = dir.join("a.tar");
        write(&path, &manifest, dir).unwrap();
        path
    }

    #[test]
    fn what_was_written_is_read() {
        let dir = tempfile::tempdir().unwrap();
        let path = archive(dir.path());

        let into = dir.path().join("into");
        let manifest = read(&path, Some(&into)).unwrap();

        assert_eq!(manifest, read(&path, None).unwrap());
        assert_eq!(fs::read(into.join("manager.db")).unwrap(), vec![7; 1_000]);
        assert_eq!(fs::read_to_string(into.join("secret.key")).unwrap(), "key");
    }

    #[test]
    fn flipped_bits_and_cuts_are_noticed() {
        let dir = tempfile::tempdir().unwrap();
        let path = archive(dir.path());
        let whole = fs::read(&path).unwrap();

        // A prime, so that every kind of byte and every bit has its turn.
        for at in (0..whole.len()).step_by(29) {
            let mut damaged = whole.clone();
            damaged[at] ^= 1 << (at % 7);
            fs::write(&path, damaged).unwrap();
            assert!(read(&path, None).is_err(), "byte {at}");
        }
        for length in (0..whole.len()).step_by(97) {
            fs::write(&path, &whole[..length]).unwrap();
            assert!(read(&path, None).is_err(), "{length} bytes");
        }
        fs::write(&path, [whole.as_slice(), b"more"].concat()).unwrap();
        assert!(read(&path, None).is_err());
    }

    #[test]
    fn a_name_leads_nowhere_else() {
        for good in ["manager.db", "tls/ca.pem"] {
            assert!(is_name(good), "{good}");
        }
        for bad in ["", "/etc/passwd", "../x", "a/../b", "a/b/c", ".bashrc", "a//b", "a\0", "tls/"]
        {
            assert!(!is_name(bad), "{bad}");
        }
    }

    #[test]
    fn a_backup_of_the_future_is_refused_by_name() {
        let dir = tempfile::tempdir().unwrap();
        let mut manifest = Manifest::of(dir.path(), &[], Vec::new()).unwrap();
        (manifest.format, manifest.version) = (FORMAT + 1, "99.0.0".to_owned());
        let path = dir.path().join("a.tar");
        write(&path, &manifest, dir.path()).unwrap();

        let error = format!("{:#}", read(&path, None).unwrap_err());

        assert!(error.contains("longshore 99.0.0, which is newer"), "{error}");
    }
}
