//! The log as a manager uses it, on real files.

// Helpers of tests are tests; clippy sees only the functions that are marked.
#![allow(clippy::unwrap_used)]

use std::path::Path;

use protocol::agents::EntryKind;
use protocol::spec::AgentSpec;
use protocol::{AgentId, ConversationId, MessageId, RunId, Seq, Timestamp};
use store::{
    AgentRecord, Appended, Change, ConversationRecord, ManagerDb, NewEntry, SealedEnvironment,
    StoreError,
};

async fn open(directory: &Path) -> ManagerDb {
    ManagerDb::open(&directory.join("manager.db")).await.unwrap()
}

async fn agent(db: &ManagerDb, name: &str) -> AgentId {
    let agent_id = AgentId::random();
    let record = AgentRecord {
        agent_id: agent_id.clone(),
        spec: AgentSpec::echo(name),
        password_hash: "hash".into(),
        stopped: false,
        created_at: Timestamp::now(),
    };
    db.create_agent(record, SealedEnvironment::default()).await.unwrap();
    agent_id
}

async fn conversation(db: &ManagerDb) -> ConversationRecord {
    let agent = agent(db, AgentId::random().as_str()).await;
    create(db, &agent, "default").await
}

async fn create(db: &ManagerDb, agent: &AgentId, name: &str) -> ConversationRecord {
    let record = ConversationRecord::new(agent.clone(), name);
    db.create_conversation(record.clone()).await.unwrap();
    record
}

fn entry(text: &str) -> NewEntry {
    NewEntry {
        kind: EntryKind::ChatMessage,
        run_id: None,
        timestamp: Timestamp::from_millis(7),
        body: format!(r#"{{"text":"{text}"}}"#),
        message_id: None,
        text: None,
        change: Change::None,
    }
}

fn with_message(text: &str, message: &str) -> NewEntry {
    NewEntry { message_id: Some(MessageId::new(message).unwrap()), ..entry(text) }
}

fn of_run(run: &RunId, change: Change) -> NewEntry {
    NewEntry { run_id: Some(run.clone()), change, ..entry("run") }
}

async fn bodies(db: &ManagerDb, conversation: &ConversationId) -> Vec<String> {
    let page = db.entries_after(conversation, Seq::ZERO, 1_000, None).await.unwrap();
    page.entries.into_iter().map(|entry| entry.body).collect()
}

#[tokio::test]
async fn concurrent_appends_leave_no_holes_and_keep_each_writers_order() {
    let directory = tempfile::tempdir().unwrap();
    let db = open(directory.path()).await;
    let logs = [conversation(&db).await, conversation(&db).await, conversation(&db).await];

    let mut writers = Vec::new();
    for writer in 0..30 {
        let (db, log) = (db.clone(), logs[writer % 3].conversation_id.clone());
        writers.push(tokio::spawn(async move {
            for round in 0..20 {
                let group = vec![
                    entry(&format!("{writer}/{round}a")),
                    entry(&format!("{writer}/{round}b")),
                ];
                db.append(&log, group).await.unwrap();
            }
        }));
    }
    for writer in writers {
        writer.await.unwrap();
    }

    for log in &logs {
        let page = db.entries_after(&log.conversation_id, Seq::ZERO, 1_000, None).await.unwrap();
        assert_eq!(page.head, Seq(400));
        let seqs: Vec<u64> = page.entries.iter().map(|entry| entry.head.seq.0).collect();
        assert_eq!(seqs, (1..=400).collect::<Vec<_>>());
        for pair in page.entries.chunks(2) {
            assert_eq!(pair[0].body.replace('a', "b"), pair[1].body, "a group stays together");
        }
    }
}

#[tokio::test]
async fn a_message_id_is_stored_once_per_conversation() {
    let directory = tempfile::tempdir().unwrap();
    let db = open(directory.path()).await;
    let (one, two) =
        (conversation(&db).await.conversation_id, conversation(&db).await.conversation_id);

    let group = || vec![with_message("hello", "m1"), entry("queued")];
    let (first, again) = tokio::join!(db.append(&one, group()), db.append(&one, group()));
    let later = db.append(&one, group()).await.unwrap();
    let elsewhere = db.append(&two, group()).await.unwrap();

    assert_eq!(first.unwrap(), Appended::Stored { first: Seq(1) });
    assert_eq!(again.unwrap(), Appended::Duplicate { seq: Seq(1) });
    assert_eq!(later, Appended::Duplicate { seq: Seq(1) });
    assert_eq!(elsewhere, Appended::Stored { first: Seq(1) });
    assert_eq!(bodies(&db, &one).await.len(), 2);
}

#[tokio::test]
async fn a_reopened_log_goes_on_where_it_was() {
    let directory = tempfile::tempdir().unwrap();
    let db = open(directory.path()).await;
    let log = conversation(&db).await;
    db.append(&log.conversation_id, vec![entry("one")]).await.unwrap();
    db.close().await;
    assert!(matches!(
        db.append(&log.conversation_id, vec![entry("x")]).await,
        Err(StoreError::Closed)
    ));

    let db = open(directory.path()).await;
    let appended = db.append(&log.conversation_id, vec![entry("two")]).await.unwrap();

    assert_eq!(appended, Appended::Stored { first: Seq(2) });
    let found = db.conversations(&log.agent_id).await.unwrap().remove(0);
    assert_eq!((found.epoch, found.head), (log.epoch, Seq(2)));
    assert_eq!(bodies(&db, &log.conversation_id).await, [r#"{"text":"one"}"#, r#"{"text":"two"}"#]);
}

#[tokio::test]
async fn a_second_process_is_refused() {
    let directory = tempfile::tempdir().unwrap();
    let db = open(directory.path()).await;
    let path = directory.path().join("manager.db");

    let error = ManagerDb::open(&path).await.unwrap_err();

    assert_eq!(error.to_string(), format!("{} is in use by another process", path.display()));
    db.close().await;
    ManagerDb::open(&path).await.unwrap();
}

#[tokio::test]
async fn open_runs_are_those_without_an_end() {
    let directory = tempfile::tempdir().unwrap();
    let db = open(directory.path()).await;
    let log = conversation(&db).await.conversation_id;
    let (ended, open) = (RunId::random(), RunId::random());

    db.append(&log, vec![of_run(&ended, Change::RunOpened)]).await.unwrap();
    db.append(&log, vec![of_run(&open, Change::RunOpened)]).await.unwrap();
    db.append(&log, vec![of_run(&ended, Change::RunClosed)]).await.unwrap();

    assert_eq!(db.open_runs().await.unwrap(), [(log, open)]);
}

#[tokio::test]
async fn pages_go_both_ways() {
    let directory = tempfile::tempdir().unwrap();
    let db = open(directory.path()).await;
    let log = conversation(&db).await.conversation_id;
    db.append(&log, (1..=10).map(|n| entry(&n.to_string())).collect()).await.unwrap();

    let seqs =
        |page: &store::Page| page.entries.iter().map(|entry| entry.head.seq.0).collect::<Vec<_>>();
    let after = db.entries_after(&log, Seq(7), 2, None).await.unwrap();
    let last = db.entries_after(&log, Seq(9), 2, None).await.unwrap();
    let none = db.entries_after(&log, Seq(u64::MAX), 2, None).await.unwrap();
    let before = db.entries_before(&log, Some(Seq(4)), 2, None).await.unwrap();
    let newest = db.entries_before(&log, None, 10, None).await.unwrap();

    assert_eq!((seqs(&after), after.has_more), (vec![8, 9], true));
    assert_eq!((seqs(&last), last.has_more), (vec![10], false));
    assert_eq!((seqs(&none), none.head), (vec![], Seq(10)));
    assert_eq!((seqs(&before), before.has_more), (vec![2, 3], true));
    assert_eq!((newest.entries.len(), newest.has_more), (10, false));
    let nobody = ConversationId::random();
    assert!(matches!(
        db.entries_after(&nobody, Seq::ZERO, 1, None).await,
        Err(StoreError::NotFound)
    ));
}

#[tokio::test]
async fn a_page_of_large_entries_is_cut_by_its_bytes() {
    let directory = tempfile::tempdir().unwrap();
    let db = open(directory.path()).await;
    let log = conversation(&db).await.conversation_id;
    let large = "x".repeat(600 << 10);
    db.append(&log, (0..5).map(|_| entry(&large)).collect()).await.unwrap();

    let page = db.entries_after(&log, Seq::ZERO, 500, None).await.unwrap();

    assert_eq!((page.entries.len(), page.has_more), (2, true));
}

#[tokio::test]
async fn a_group_for_nobody_does_not_fail_its_neighbours() {
    let directory = tempfile::tempdir().unwrap();
    let db = open(directory.path()).await;
    let log = conversation(&db).await.conversation_id;
    let nobody = ConversationId::random();

    let (lost, kept) =
        tokio::join!(db.append(&nobody, vec![entry("x")]), db.append(&log, vec![entry("y")]));

    assert!(matches!(lost, Err(StoreError::NotFound)));
    assert_eq!(kept.unwrap(), Appended::Stored { first: Seq(1) });
}

#[tokio::test]
async fn agents_have_names_of_their_own_and_take_their_logs_with_them() {
    let directory = tempfile::tempdir().unwrap();
    let db = open(directory.path()).await;
    let agent_id = agent(&db, "calc").await;
    let log = create(&db, &agent_id, "default").await;
    db.append(&log.conversation_id, vec![entry("x")]).await.unwrap();
    let again = AgentRecord { agent_id: AgentId::random(), ..db.agents().await.unwrap().remove(0) };

    assert!(matches!(
        db.create_agent(again, SealedEnvironment::default()).await,
        Err(StoreError::Conflict)
    ));
    db.set_agent_stopped(&agent_id, true).await.unwrap();
    assert!(db.agents().await.unwrap()[0].stopped);
    assert!(db.delete_agent(&agent_id).await.unwrap());
    assert!(!db.delete_agent(&agent_id).await.unwrap());
    assert!(matches!(
        db.append(&log.conversation_id, vec![entry("y")]).await,
        Err(StoreError::NotFound)
    ));
    let orphan = ConversationRecord::new(agent_id, "default");
    assert!(matches!(db.create_conversation(orphan).await, Err(StoreError::NotFound)));
}
