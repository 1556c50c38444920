//! `longshore backup`: a copy of a data directory whose servers may be running.
//!
//! The databases are copied by this process, not by the servers: a reader of a write-ahead log sees one moment of it
//! while others write. So it works the same whether they run or not, and no keys go over a wire.

pub mod archive;

use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context, anyhow, ensure};
use serde::Serialize;
use store::Tier;
use tempfile::{TempDir, TempPath};

use crate::cli::{Backup, BackupCommand, MakeBackup};
use crate::directories::{self, Directories};
use crate::hint::{Advise, Status};
use crate::out::{self, say};
use crate::progress::{Progress, Unit, bytes};
use crate::stop;
use archive::{Database, Manifest};

/// Without which the databases are of no use, or others would have to be told new ones.
const KEYS: [&str; 3] = ["secret.key", "manager.key", "owner.token"];
/// The configuration file's name, in a backup, too.
pub(crate) const CONFIGURATION: &str = "longshore.toml";
/// The key that seals stored secrets.
pub(crate) const SECRET_KEY: &str = "secret.key";

/// Names of backups: with the time, so that their order is that of their making.
const PREFIX: &str = "longshore-backup-";
const SUFFIX: &str = ".tar";
const TIME: &str = "%Y%m%d-%H%M%S-%3f";

/// Exit status of work that was told to stop.
const CANCELLED: u8 = 130;
/// How often the size of a growing copy is looked at.
const LOOK: Duration = Duration::from_millis(100);

/// Makes or verifies one.
///
/// # Errors
/// What kept it from being made, or what is wrong with it.
pub async fn execute(
    args: Backup,
    configuration: Option<PathBuf>,
    directories: Directories,
) -> anyhow::Result<()> {
    if let Some(BackupCommand::Verify { file, json }) = args.command {
        return verify(&file, json);
    }
    let stop = stop::on_signal()?;
    tokio::select! {
        made = make(&args.make, configuration.as_deref(), &directories) => tell(&made?, args.make.json),
        // What was begun goes with its directory.
        () = stop.cancelled() => Err(Status(CANCELLED).into()),
    }
}

/// A backup that was made.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct Made {
    file: PathBuf,
    bytes: u64,
    manifest: Manifest,
    /// Older ones, which are gone now.
    removed: Vec<PathBuf>,
}

fn tell(made: &Made, json: bool) -> anyhow::Result<()> {
    let seals = made.manifest.databases.iter().any(|database| database.tier == Tier::Controller);
    if seals && !made.manifest.has(SECRET_KEY) {
        eprintln!(
            "note: the key that seals stored passwords is not in it; keep secret.key with it"
        );
    }
    if json {
        out::json(made)?;
    } else {
        say!("{}", made.file.display());
    }
    Ok(())
}

async fn make(
    args: &MakeBackup,
    configuration: Option<&Path>,
    directories: &Directories,
) -> anyhow::Result<Made> {
    let data = &directories.data;
    let tiers: Vec<Tier> =
        Tier::ALL.into_iter().filter(|tier| data.join(tier.file_name()).exists()).collect();
    ensure_some(&tiers, data)?;
    let (directory, name) = destination(args.to.as_deref(), data)?;
    ensure!(
        args.keep.is_none() || is_ours(&name),
        "--keep needs a directory, as it goes by the names that backups get there"
    );
    directories::create_private(&directory)
        .with_context(|| format!("create directory {}", directory.display()))?;
    let target = directory.join(&name);
    ensure!(!target.exists(), "{} exists already", target.display());
    // Beside its place: moved there when it is whole, and gone with everything in it when it does not come to that.
    let staging = tempfile::Builder::new()
        .prefix(".longshore-backup-")
        .tempdir_in(&directory)
        .with_context(|| format!("write to {}", directory.display()))?;

    let databases = copy_databases(&tiers, data, staging.path()).await?;
    let mut names: Vec<String> = tiers.iter().map(|tier| tier.file_name().to_owned()).collect();
    if !args.without_keys {
        names.extend(copy_keys(data, configuration, staging.path())?);
    }
    let (manifest, length) = finish(staging, names, databases, target.clone()).await?;
    let removed = match args.keep {
        Some(keep) => prune(&directory, keep.get())?,
        None => Vec::new(),
    };
    Ok(Made { file: target, bytes: length, manifest, removed })
}

fn ensure_some(tiers: &[Tier], data: &Path) -> anyhow::Result<()> {
    let found =
        if tiers.is_empty() { Err(anyhow!("{} has no databases", data.display())) } else { Ok(()) };
    found.hint("say where the servers keep their data with --data-dir")
}

/// The directory that gets it, and its name there.
fn destination(to: Option<&Path>, data: &Path) -> anyhow::Result<(PathBuf, String)> {
    let named = to.filter(|to| to.extension().is_some_and(|it| it == "tar") && !to.is_dir());
    let Some(named) = named else {
        let directory = to.map_or_else(|| data.join("backups"), Path::to_owned);
        let time = jiff::Timestamp::now().strftime(TIME);
        return Ok((directory, format!("{PREFIX}{time}{SUFFIX}")));
    };
    let parent = named.parent().filter(|parent| !parent.as_os_str().is_empty());
    let name =
        named.file_name().and_then(|name| name.to_str()).context("the name is no Unicode")?;
    Ok((parent.unwrap_or(Path::new(".")).to_owned(), name.to_owned()))
}

async fn copy_databases(
    tiers: &[Tier],
    data: &Path,
    staging: &Path,
) -> anyhow::Result<Vec<Database>> {
    let mut databases = Vec::new();
    for &tier in tiers {
        let (from, to) = (data.join(tier.file_name()), staging.join(tier.file_name()));
        let place = || format!("copy {}", from.display());
        let total = tier.size(&from).await.with_context(place)?;
        tokio::select! {
            copied = tier.copy(&from, &to) => copied.with_context(place)?,
            () = watch(&to, total) => {}
        }
        let facts = tier
            .inspect(&to)
            .await
            .with_context(|| format!("check the copy of {}", from.display()))?;
        databases.push(Database { tier, facts });
    }
    Ok(databases)
}

/// Shows how a file grows; never ends.
async fn watch(path: &Path, total: u64) {
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    let mut progress = Progress::new(format!("copying {name}"), Unit::Bytes);
    let mut interval = tokio::time::interval(LOOK);
    loop {
        interval.tick().await;
        progress.at(fs::metadata(path).map_or(0, |file| file.len()), total);
    }
}

/// Copies what is there of keys, certificates and settings; gives their names.
fn copy_keys(
    data: &Path,
    configuration: Option<&Path>,
    staging: &Path,
) -> anyhow::Result<Vec<String>> {
    let mut sources: Vec<(String, PathBuf)> =
        KEYS.iter().map(|name| ((*name).to_owned(), data.join(name))).collect();
    sources.extend(configuration.map(|path| (CONFIGURATION.to_owned(), path.to_owned())));
    let mut names = Vec::new();
    for (name, path) in sources {
        if !path.is_file() || !archive::is_name(&name) {
            continue;
        }
        let target = staging.join(&name);
        if let Some(parent) = target.parent() {
            directories::create_private(parent)?;
        }
        fs::copy(&path, &target).with_context(|| format!("copy {}", path.display()))?;
        names.push(name);
    }
    Ok(names)
}

/// Makes one file of what was copied and moves it to its place; gives its length, too.
async fn finish(
    staging: TempDir,
    names: Vec<String>,
    databases: Vec<Database>,
    target: PathBuf,
) -> anyhow::Result<(Manifest, u64)> {
    let path = staging.path().to_owned();
    let work = move || {
        let manifest = Manifest::of(&path, &names, databases)?;
        let whole = path.join("whole.tar");
        archive::write(&whole, &manifest, &path)?;
        let length = fs::metadata(&whole)?.len();
        TempPath::try_from_path(whole)?
            .persist_noclobber(&target)
            .map_err(|error| error.error)
            .with_context(|| format!("write {}", target.display()))?;
        if let Some(directory) = target.parent() {
            directories::sync(directory)?;
        }
        Ok((manifest, length))
    };
    let finished = tokio::task::spawn_blocking(work).await?;
    drop(staging);
    finished
}

fn is_ours(name: &str) -> bool {
    let time = name.strip_prefix(PREFIX).and_then(|rest| rest.strip_suffix(SUFFIX));
    time.is_some_and(|time| {
        time.len() == 19 && time.chars().all(|c| c.is_ascii_digit() || c == '-')
    })
}

/// Removes all but the newest; gives those that are gone.
fn prune(directory: &Path, keep: usize) -> anyhow::Result<Vec<PathBuf>> {
    let mut ours: Vec<PathBuf> = fs::read_dir(directory)?
        .filter_map(Result::ok)
        .filter(|entry| entry.file_name().to_str().is_some_and(is_ours))
        .map(|entry| entry.path())
        .collect();
    ours.sort();
    let old = ours[..ours.len().saturating_sub(keep)].to_vec();
    for path in &old {
        fs::remove_file(path).with_context(|| format!("remove {}", path.display()))?;
    }
    Ok(old)
}

fn verify(path: &Path, json: bool) -> anyhow::Result<()> {
    let manifest = archive::read(path, None)?;
    if json {
        return out::json(&manifest);
    }
    say!("whole, made by longshore {} at {}", manifest.version, manifest.created_at);
    for database in &manifest.databases {
        let counts: Vec<String> = database
            .facts
            .counts
            .iter()
            .map(|(what, count)| format!("{count} {}", what.replace('_', " ")))
            .collect();
        say!(
            "  {:<15}schema {}: {}",
            database.tier.file_name(),
            database.facts.schema,
            counts.join(", ")
        );
    }
    for file in &manifest.files {
        say!("  {:<15}{}", file.name, bytes(file.bytes));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_made_or_given() {
        let data = Path::new("/data");

        let (directory, name) = destination(None, data).unwrap();
        assert_eq!(directory, data.join("backups"));
        assert!(is_ours(&name), "{name}");
        let (directory, name) = destination(Some(Path::new("x.tar")), data).unwrap();
        assert_eq!((directory.as_path(), name.as_str()), (Path::new("."), "x.tar"));
        let (directory, name) = destination(Some(Path::new("/mnt/b")), data).unwrap();
        assert_eq!(directory, Path::new("/mnt/b"));
        assert!(is_ours(&name));
    }

    #[test]
    fn the_newest_stay_and_nothing_else_goes() {
        let dir = tempfile::tempdir().unwrap();
        let name = |n: u32| format!("longshore-backup-20260101-00000{n}-000.tar");
        for n in 1..=4 {
            fs::write(dir.path().join(name(n)), "").unwrap();
        }
        fs::write(dir.path().join("longshore-backup-mine.tar"), "").unwrap();

        let removed = prune(dir.path(), 2).unwrap();

        assert_eq!(removed, [dir.path().join(name(1)), dir.path().join(name(2))]);
        assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 3);
    }
}
