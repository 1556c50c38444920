//! `longshore restore`: a backup becomes a data directory. Nothing is changed before all of it is known to be good.

use std::fs;
use std::os::unix::fs::{MetadataExt, chown, lchown};
use std::path::{Path, PathBuf};

use anyhow::{Context, anyhow, ensure};
use serde::Serialize;
use store::{Lock, StoreError, Tier};

use crate::backup::archive::{self, Manifest};
use crate::backup::{CONFIGURATION, SECRET_KEY};
use crate::cli::Restore;
use crate::directories::{self, Directories};
use crate::hint::Advise;
use crate::out::{self, say};

/// What SQLite keeps beside a database. Beside another one it would damage that.
const BESIDE: [&str; 3] = ["-wal", "-shm", "-journal"];

/// What was done.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct Restored {
    data_dir: PathBuf,
    /// Where that is which was there before.
    #[serde(skip_serializing_if = "Option::is_none")]
    moved_aside: Option<PathBuf>,
    /// Each with a new epoch.
    conversations: u64,
    manifest: Manifest,
}

/// Puts a backup back.
///
/// # Errors
/// It is not whole, does not fit this program, or the data directory is in use or not empty.
pub async fn execute(args: Restore, directories: Directories) -> anyhow::Result<()> {
    let manifest = archive::read(&args.file, None)?;
    for database in &manifest.databases {
        ensure_known(database.tier, database.facts.schema)?;
    }
    let data = &directories.data;
    let time = jiff::Timestamp::now().strftime("%Y%m%d-%H%M%S-%3f");
    let aside = data.join(format!("before-restore-{time}"));
    let made = not_there_yet(&manifest, &directories, &aside);
    let restored = restore(&args, manifest, &directories, aside).await;
    // What was refused has made some of it, too.
    let given = made.iter().try_for_each(|path| give(path, data));
    let restored = restored?;
    given?;
    tell(&restored, args.json)
}

async fn restore(
    args: &Restore,
    manifest: Manifest,
    directories: &Directories,
    aside: PathBuf,
) -> anyhow::Result<Restored> {
    let data = &directories.data;
    directories.create()?;
    let _locks: Vec<Lock> =
        Tier::ALL.into_iter().map(|tier| lock(data, tier)).collect::<Result<_, _>>()?;
    let old = old_files(&manifest, data);
    let is_free = if old.is_empty() || args.force {
        Ok(())
    } else {
        Err(anyhow!("{} has a store already", data.display()))
    };
    is_free.hint("--force moves it aside, or choose another place with --data-dir")?;

    let staging = tempfile::Builder::new().prefix(".restore-").tempdir_in(data)?;
    archive::read(&args.file, Some(staging.path()))?;
    let mut conversations = 0;
    for database in &manifest.databases {
        let path = staging.path().join(database.tier.file_name());
        let place = || format!("check {} of the backup", database.tier.file_name());
        let facts = database.tier.inspect(&path).await.with_context(place)?;
        ensure_known(database.tier, facts.schema)?;
        conversations += database.tier.begin_anew(&path).await.with_context(place)?;
    }
    own(&manifest, staging.path(), data)?;
    swap(&manifest, &old, staging.path(), data, &aside)?;
    let moved_aside = (!old.is_empty()).then_some(aside);
    Ok(Restored { data_dir: data.clone(), moved_aside, conversations, manifest })
}

fn ensure_known(tier: Tier, schema: i64) -> anyhow::Result<()> {
    let newest = tier.newest_schema();
    let known = || {
        ensure!(
            schema <= newest,
            "{} has schema {schema}, and this program knows up to {newest}",
            tier.file_name()
        );
        Ok(())
    };
    known().hint("restore it with the version that made it, or a newer one")
}

fn lock(data: &Path, tier: Tier) -> anyhow::Result<Lock> {
    match Lock::take(&data.join(tier.file_name())) {
        Err(StoreError::Locked { .. }) => {
            Err(anyhow!("a server runs on {}", data.display())).hint("stop it first")
        }
        taken => Ok(taken?),
    }
}

/// What is in the way, with what belongs to it.
fn old_files(manifest: &Manifest, data: &Path) -> Vec<PathBuf> {
    let names = manifest.files.iter().map(|file| file.name.clone());
    let databases = manifest.databases.iter().map(|database| database.tier.file_name());
    let beside = databases.flat_map(|name| BESIDE.map(|suffix| format!("{name}{suffix}")));
    names.chain(beside).map(PathBuf::from).filter(|name| data.join(name).exists()).collect()
}

/// Whoever owns the directory owns what is put into it: root may restore for the user that the servers run as.
fn own(manifest: &Manifest, staging: &Path, data: &Path) -> anyhow::Result<()> {
    let owner = fs::metadata(data)?;
    for file in &manifest.files {
        let mut path = staging.join(&file.name);
        while path != staging {
            let now = fs::metadata(&path)?;
            if (now.uid(), now.gid()) != (owner.uid(), owner.gid()) {
                chown(&path, Some(owner.uid()), Some(owner.gid()))
                    .with_context(|| format!("give {} to its owner", file.name))?;
            }
            path.pop();
        }
    }
    Ok(())
}

/// What the command may make in the data directory besides the files, as far as it is not there: directories and locks.
fn not_there_yet(manifest: &Manifest, directories: &Directories, aside: &Path) -> Vec<PathBuf> {
    let data = &directories.data;
    let locks = Tier::ALL.into_iter().map(|tier| data.join(format!("{}.lock", tier.file_name())));
    let parents = manifest.files.iter().flat_map(|file| {
        let parents = Path::new(&file.name).ancestors().skip(1);
        parents.flat_map(|parent| [data.join(parent), aside.join(parent)])
    });
    let all = locks.chain(parents).chain([directories.run.clone(), aside.to_owned()]);
    let in_data = all.filter(|path| path.starts_with(data) && path != data);
    in_data.filter(|path| path.symlink_metadata().is_err()).collect()
}

/// Without the lock files and the run directory a server could not start, as the user who owns the data.
fn give(path: &Path, data: &Path) -> anyhow::Result<()> {
    let (Ok(now), Ok(owner)) = (path.symlink_metadata(), data.metadata()) else { return Ok(()) };
    if (now.uid(), now.gid()) == (owner.uid(), owner.gid()) {
        return Ok(());
    }
    lchown(path, Some(owner.uid()), Some(owner.gid()))
        .with_context(|| format!("give {} to the owner of {}", path.display(), data.display()))
}

/// Moves the old files aside and the new ones into place. When one cannot be moved, those that were go back.
fn swap(
    manifest: &Manifest,
    old: &[PathBuf],
    staging: &Path,
    data: &Path,
    aside: &Path,
) -> anyhow::Result<()> {
    let away = old.iter().map(|name| (data.join(name), aside.join(name)));
    let here = manifest.files.iter().map(|file| (staging.join(&file.name), data.join(&file.name)));
    let mut moved: Vec<(PathBuf, PathBuf)> = Vec::new();
    for (from, to) in away.chain(here) {
        let parent = to.parent().unwrap_or(data).to_owned();
        let step = directories::create_private(&parent).and_then(|()| fs::rename(&from, &to));
        if let Err(error) = step {
            for (from, to) in moved.iter().rev() {
                let _ = fs::rename(to, from);
            }
            return Err(error)
                .with_context(|| format!("move {} to {}", from.display(), to.display()));
        }
        moved.push((from, to));
    }
    directories::sync(data)?;
    Ok(())
}

fn tell(restored: &Restored, json: bool) -> anyhow::Result<()> {
    let Restored { data_dir, moved_aside, conversations, manifest } = restored;
    let data = data_dir.display();
    if json {
        out::json(restored)?;
    } else {
        say!("restored {data} as of {}, conversations: {conversations}", manifest.created_at);
        if let Some(aside) = moved_aside {
            say!("what was there is in {}", aside.display());
        }
    }
    if manifest.has(CONFIGURATION) {
        eprintln!(
            "note: its settings are in {data}/{CONFIGURATION}, where no server looks for them"
        );
    }
    let seals = manifest.databases.iter().any(|database| database.tier == Tier::Controller);
    if seals && !data_dir.join(SECRET_KEY).exists() {
        eprintln!(
            "note: before the start put the secret.key of then into {data}: stored passwords are sealed with it"
        );
    }
    Ok(())
}
