//! Disks that fill up, processes that are killed.

// Helpers of tests are tests; clippy sees only the functions that are marked.
#![allow(clippy::unwrap_used)]

use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Command, Stdio};

use protocol::agents::EntryKind;
use protocol::spec::AgentSpec;
use protocol::{AgentId, Seq, Timestamp};
use store::{AgentRecord, Appended, Change, ConversationRecord, ManagerDb, NewEntry, StoreError};

async fn log(db: &ManagerDb) -> ConversationRecord {
    if db.agents().await.unwrap().is_empty() {
        let record = AgentRecord {
            agent_id: AgentId::new("a").unwrap(),
            spec: AgentSpec::echo("a"),
            password_hash: String::new(),
            stopped: false,
            created_at: Timestamp::now(),
        };
        db.create_agent(record).await.unwrap();
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
