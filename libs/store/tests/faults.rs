//! Disks that fill up, processes that are killed.

// Helpers of tests are tests; clippy sees only the functions that are marked.
#![allow(clippy::unwrap_used)]

use std::collections::BTreeMap;
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use protocol::agents::EntryKind;
use protocol::spec::AgentSpec;
use protocol::{AgentId, Seq, Timestamp};
use store::{
    AgentRecord, Appended, Change, ConversationRecord, ManagerDb, NewEntry, SealedEnvironment,
    StoreError,
};
use tests::shim::Shim;

async fn log(db: &ManagerDb) -> ConversationRecord {
    if db.agents().await.unwrap().is_empty() {
        let record = AgentRecord {
            agent_id: AgentId::new("a").unwrap(),
            spec: AgentSpec::echo("a"),
            password_hash: String::new(),
            stopped: false,
            created_at: Timestamp::now(),
        };
        db.create_agent(record, SealedEnvironment::default()).await.unwrap();
    }
    let agent = AgentId::new("a").unwrap();
    if let Some(log) = db.conversations(&agent).await.unwrap().pop() {
        return log;
    }
    let record = ConversationRecord::new(agent, "default");
    db.create_conversation(record.clone()).await.unwrap();
    record
}

fn entry(text: &str) -> NewEntry {
    NewEntry {
        kind: EntryKind::ChatMessage,
        run_id: None,
        timestamp: Timestamp::now(),
        body: format!(r#"{{"text":"{text}"}}"#),
        message_id: None,
        text: None,
        change: Change::None,
    }
}

/// A directory on a file system of its own, of 2 MiB. Needs root, as the whole of `make test` does.
struct SmallDisk(tempfile::TempDir);

impl SmallDisk {
    fn mount() -> Self {
        let directory = tempfile::tempdir().unwrap();
        let mounted = Command::new("mount")
            .args(["-t", "tmpfs", "-o", "size=2m", "tmpfs"])
            .arg(directory.path())
            .status()
            .unwrap();
        assert!(mounted.success(), "mount a small tmpfs");
        Self(directory)
    }

    fn path(&self) -> &Path {
        self.0.path()
    }
}

impl Drop for SmallDisk {
    fn drop(&mut self) {
        Command::new("umount").arg("-l").arg(self.path()).status().ok();
    }
}

#[tokio::test]
async fn a_full_disk_stores_nothing_by_halves_and_is_over_when_there_is_room() {
    let disk = SmallDisk::mount();
    let filler = disk.path().join("filler");
    let db = ManagerDb::open(&disk.path().join("manager.db")).await.unwrap();
    let log = log(&db).await.conversation_id;
    std::fs::write(&filler, vec![0; 1 << 20]).unwrap();

    let large = "x".repeat(64 << 10);
    let mut stored = 0;
    let error = loop {
        match db.append(&log, vec![entry(&large), entry("tail")]).await {
            Ok(_) => stored += 2,
            Err(error) => break error,
        }
        assert!(stored < 1_000, "the disk never fills up");
    };
    assert!(matches!(error, StoreError::Unavailable(_)), "{error:?}");
    assert_eq!(db.entries_after(&log, Seq::ZERO, 500, None).await.unwrap().head, Seq(stored));

    std::fs::remove_file(&filler).unwrap();
    let next = db.append(&log, vec![entry("after")]).await.unwrap();
    assert_eq!(next, Appended::Stored { first: Seq(stored + 1) });
}

/// Appends from several tasks at once, entries of all sizes, and prints each position once it is acknowledged. Run by the
/// tests below in processes whose power goes or whose disk fails.
#[tokio::test]
async fn child_on_a_bad_disk() {
    let Some(path) = std::env::var_os("LONGSHORE_TEST_BAD_DISK") else { return };
    let db = ManagerDb::open(Path::new(&path)).await.unwrap();
    let log = log(&db).await.conversation_id;
    let end = Instant::now() + Duration::from_secs(3);
    let writers = (0..4_usize).map(|writer| {
        let (db, log) = (db.clone(), log.clone());
        tokio::spawn(async move {
            for number in 0_usize.. {
                if Instant::now() > end {
                    return;
                }
                let text = "x".repeat((writer * 7_919 + number * 104_729) % 20_000);
                if let Ok(Appended::Stored { first }) = db.append(&log, vec![entry(&text)]).await {
                    println!("\nacknowledged {first} {}", text.len());
                }
            }
        })
    });
    futures_util::future::join_all(writers).await;
    db.close().await;
}

struct BadDisk {
    directory: tempfile::TempDir,
    shim: Shim,
    /// Sizes of what was acknowledged, by position.
    acknowledged: BTreeMap<u64, usize>,
}

impl BadDisk {
    fn new() -> Self {
        let directory = tempfile::tempdir().unwrap();
        let library = tests::shim::build(directory.path()).unwrap();
        let shim = Shim::new(&library, directory.path().join("control")).unwrap();
        Self { directory, shim, acknowledged: BTreeMap::new() }
    }

    fn path(&self) -> PathBuf {
        self.directory.path().join("manager.db")
    }

    /// Lets the child write until it ends; calls `meanwhile` with what it has acknowledged so far.
    fn write(&mut self, mut meanwhile: impl FnMut(&Shim, u64)) {
        let mut child = Command::new(std::env::current_exe().unwrap())
            .args(["child_on_a_bad_disk", "--exact", "--nocapture"])
            .env("LONGSHORE_TEST_BAD_DISK", self.path())
            .envs(self.shim.environment())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut count = 0;
        for line in BufReader::new(child.stdout.take().unwrap()).lines() {
            let line = line.unwrap();
            let Some((seq, size)) =
                line.strip_prefix("acknowledged ").and_then(|line| line.split_once(' '))
            else {
                continue;
            };
            let known = self.acknowledged.insert(seq.parse().unwrap(), size.parse().unwrap());
            assert_eq!(known, None, "position {seq} was given twice");
            count += 1;
            meanwhile(&self.shim, count);
        }
        child.wait().unwrap();
    }

    /// All that was acknowledged is in the log, where it was said to be, and the log has no hole.
    async fn check(&self) {
        let db = ManagerDb::open(&self.path()).await.unwrap();
        let log = log(&db).await.conversation_id;
        let mut sizes = Vec::new();
        loop {
            let after = Seq(sizes.len() as u64);
            let page = db.entries_after(&log, after, 500, None).await.unwrap();
            if page.entries.is_empty() {
                assert_eq!(page.head, after);
                break;
            }
            for entry in page.entries {
                assert_eq!(entry.head.seq.0, sizes.len() as u64 + 1, "a hole");
                sizes.push(entry.body.len() - r#"{"text":""}"#.len());
            }
        }
        for (seq, size) in &self.acknowledged {
            let stored = sizes.get(usize::try_from(*seq).unwrap() - 1);
            assert_eq!(stored, Some(size), "position {seq} of {}", sizes.len());
        }
        db.close().await;
    }
}

#[tokio::test]
async fn what_was_acknowledged_survives_power_cuts() {
    let mut disk = BadDisk::new();
    for cut in 1..=12 {
        // The first writes are those of opening.
        disk.shim.cut_power(cut * 37 % 400 + 1, cut).unwrap();
        disk.write(|_, _| {});
        disk.shim.cut_power(0, 0).unwrap();
        disk.check().await;
    }
    assert!(disk.acknowledged.len() > 100, "{} acknowledged", disk.acknowledged.len());
}

#[tokio::test]
async fn what_was_acknowledged_survives_errors_of_the_disk() {
    const EIO: i32 = 5;
    const ENOSPC: i32 = 28;
    let mut disk = BadDisk::new();

    disk.write(|shim, count| {
        // While it fails nothing is acknowledged: something has to end it.
        let errno = match count % 50 {
            20 => EIO,
            40 => ENOSPC,
            _ => return,
        };
        shim.fail_writes(errno).unwrap();
        std::thread::sleep(Duration::from_millis(20));
        shim.fail_writes(0).unwrap();
    });

    disk.check().await;
    assert!(disk.acknowledged.len() > 100, "{} acknowledged", disk.acknowledged.len());
}

/// Appends for ever and prints each position once it is acknowledged. Run by the test below in a process of its own.
#[tokio::test]
async fn child_that_is_going_to_be_killed() {
    let Some(path) = std::env::var_os("LONGSHORE_TEST_DB") else { return };
    let db = ManagerDb::open(Path::new(&path)).await.unwrap();
    let log = log(&db).await.conversation_id;
    for number in 0_u64.. {
        let Appended::Stored { first } =
            db.append(&log, vec![entry(&number.to_string())]).await.unwrap()
        else {
            unreachable!()
        };
        println!("\nacknowledged {first}");
    }
}

#[tokio::test]
async fn what_was_acknowledged_survives_a_kill() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("manager.db");
    let mut child = Command::new(std::env::current_exe().unwrap())
        .args(["child_that_is_going_to_be_killed", "--exact", "--nocapture"])
        .env("LONGSHORE_TEST_DB", &path)
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();

    let mut acknowledged = 0;
    for line in BufReader::new(child.stdout.take().unwrap()).lines() {
        let line = line.unwrap();
        acknowledged =
            line.strip_prefix("acknowledged ").map_or(acknowledged, |seq| seq.parse().unwrap());
        if acknowledged == 200 {
            child.kill().unwrap();
        }
    }
    child.wait().unwrap();

    let db = ManagerDb::open(&path).await.unwrap();
    let page =
        db.entries_after(&log(&db).await.conversation_id, Seq::ZERO, 100_000, None).await.unwrap();
    assert!(acknowledged >= 200);
    assert!(page.head.0 >= acknowledged, "{} of {acknowledged}", page.head);
    assert_eq!(page.entries.len() as u64, page.head.0, "no holes");
}
