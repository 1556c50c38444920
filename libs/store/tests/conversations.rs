//! Many conversations: names, search, clearing, retention, interactions.

// Helpers of tests are tests; clippy sees only the functions that are marked.
#![allow(clippy::unwrap_used)]

use protocol::agents::{EntryKind, Role};
use protocol::spec::AgentSpec;
use protocol::{AgentId, Epoch, InteractionId, RunId, Seq, Timestamp};
use store::{
    AgentRecord, Change, ConversationRecord, Hit, Keep, ManagerDb, NewEntry, SealedEnvironment,
    StoreError,
};
use tempfile::TempDir;

async fn open() -> (TempDir, ManagerDb, AgentId) {
    let directory = tempfile::tempdir().unwrap();
    let db = ManagerDb::open(&directory.path().join("manager.db")).await.unwrap();
    let agent_id = AgentId::random();
    let record = AgentRecord {
        agent_id: agent_id.clone(),
        spec: AgentSpec::echo("a"),
        password_hash: String::new(),
        stopped: false,
        created_at: Timestamp::now(),
    };
    db.create_agent(record, SealedEnvironment::default()).await.unwrap();
    (directory, db, agent_id)
}

async fn create(db: &ManagerDb, agent: &AgentId, name: &str) -> ConversationRecord {
    let record = ConversationRecord::new(agent.clone(), name);
    db.create_conversation(record.clone()).await.unwrap();
    record
}

fn said(from: &str, text: &str) -> NewEntry {
    NewEntry {
        kind: EntryKind::ChatMessage,
        run_id: None,
        timestamp: Timestamp::now(),
        body: format!(r#"{{"from":"{from}","text":"{text}"}}"#),
        message_id: None,
        text: Some(text.into()),
        change: Change::None,
    }
}

fn with(change: Change) -> NewEntry {
    NewEntry { kind: EntryKind::RunEvent, text: None, change, ..said("user", "x") }
}

async fn search(db: &ManagerDb, agent: &AgentId, words: &str) -> Vec<Hit> {
    db.search(std::slice::from_ref(agent), words, 10).await.unwrap()
}

#[tokio::test]
async fn names_are_unique_within_an_agent_whatever_the_case() {
    let (_directory, db, agent) = open().await;
    let first = create(&db, &agent, "Sums").await;
    let other = create(&db, &agent, "Other").await;

    let again = db.create_conversation(ConversationRecord::new(agent.clone(), " sUMS ")).await;
    let renamed = db.rename_conversation(&other.conversation_id, "SUMS").await;
    db.rename_conversation(&first.conversation_id, "sums").await.unwrap();

    assert!(matches!(again, Err(StoreError::Conflict)));
    assert!(matches!(renamed, Err(StoreError::Conflict)));
    let names: Vec<_> = db.conversations(&agent).await.unwrap();
    assert_eq!(names.iter().map(|c| c.name.as_str()).collect::<Vec<_>>(), ["sums", "Other"]);
}

#[tokio::test]
async fn names_and_messages_are_found_until_they_are_gone() {
    let (_directory, db, agent) = open().await;
    let sums = create(&db, &agent, "Naïve sums").await;
    let other = create(&db, &agent, "Other").await;
    let (id, other_id) = (&sums.conversation_id, &other.conversation_id);
    db.append(id, vec![said("user", "how much is forty-two"), with(Change::None)]).await.unwrap();
    db.append(other_id, vec![said("agent", "forty")]).await.unwrap();

    let by_name = search(&db, &agent, "naive SUM").await;
    assert_eq!((&by_name[0].conversation, by_name[0].seq), (id, None));
    let both = search(&db, &agent, "fort").await;
    assert_eq!(both.len(), 2);
    assert!(both[0].score >= both[1].score);
    let one = search(&db, &agent, "forty two").await;
    assert_eq!((one.len(), one[0].seq), (1, Some(Seq(1))));
    assert!(search(&db, &AgentId::random(), "forty").await.is_empty());
    assert!(search(&db, &agent, "\" OR *").await.is_empty());

    db.rename_conversation(id, "Additions").await.unwrap();
    assert!(search(&db, &agent, "naive").await.is_empty());
    assert_eq!(search(&db, &agent, "addit").await.len(), 1);
    db.clear_conversation(id, &Epoch::random(), Vec::new()).await.unwrap();
    assert!(search(&db, &agent, "two").await.is_empty());
    assert_eq!(search(&db, &agent, "addit").await.len(), 1);
    assert!(db.delete_conversation(other_id).await.unwrap());
    assert!(!db.delete_conversation(other_id).await.unwrap());
    assert!(search(&db, &agent, "forty").await.is_empty());
    db.delete_agent(&agent).await.unwrap();
    assert!(search(&db, &agent, "addit").await.is_empty());
}

#[tokio::test]
async fn a_cleared_log_begins_anew_with_what_is_carried_over() {
    let (_directory, db, agent) = open().await;
    let log = create(&db, &agent, "a").await;
    let id = &log.conversation_id;
    db.append(id, vec![said("user", "one"), said("agent", "two"), said("user", "three")])
        .await
        .unwrap();
    let epoch = Epoch::random();

    let head = db.clear_conversation(id, &epoch, vec![said("user", "three")]).await.unwrap();
    let appended = db.append(id, vec![said("agent", "four")]).await.unwrap();

    assert_eq!(head, Seq(1));
    assert_eq!(appended, store::Appended::Stored { first: Seq(2) });
    let page = db.entries_after(id, Seq::ZERO, 10, None).await.unwrap();
    assert_eq!((page.epoch, page.head, page.entries.len()), (epoch, Seq(2), 2));
    let found = db.conversations(&agent).await.unwrap().remove(0);
    assert_eq!((found.messages, found.head), (2, Seq(2)));
}

#[tokio::test]
async fn a_page_of_one_side_has_only_its_messages() {
    let (_directory, db, agent) = open().await;
    let id = create(&db, &agent, "a").await.conversation_id;
    db.append(
        &id,
        vec![said("user", "1"), with(Change::None), said("agent", "2"), said("user", "3")],
    )
    .await
    .unwrap();

    let user = db.entries_after(&id, Seq::ZERO, 10, Some(Role::User)).await.unwrap();
    let agent = db.entries_before(&id, None, 10, Some(Role::Agent)).await.unwrap();

    assert_eq!(user.entries.iter().map(|e| e.head.seq.0).collect::<Vec<_>>(), [1, 4]);
    assert_eq!(agent.entries.iter().map(|e| e.head.seq.0).collect::<Vec<_>>(), [3]);
}

#[tokio::test]
async fn interactions_are_open_until_they_are_answered_and_known_afterwards() {
    let (directory, db, agent) = open().await;
    let id = create(&db, &agent, "a").await.conversation_id;
    let (one, two) = (InteractionId::random(), InteractionId::random());
    let asked_as = InteractionId::new("q").unwrap();
    let ask = |interaction: &InteractionId| {
        with(Change::Asked { interaction: interaction.clone(), asked_as: asked_as.clone() })
    };
    db.append(&id, vec![ask(&one), ask(&two), with(Change::Answered(one.clone()))]).await.unwrap();
    db.close().await;
    let db = ManagerDb::open(&directory.path().join("manager.db")).await.unwrap();

    let open = db.open_interactions().await.unwrap();

    assert_eq!(open.len(), 1);
    assert_eq!((&open[0].interaction, &open[0].asked_as), (&two, &asked_as));
    assert_eq!(open[0].entry.head.seq, Seq(2));
    assert_eq!(db.interaction(&one).await.unwrap(), Some(id.clone()));
    assert_eq!(db.interaction(&InteractionId::random()).await.unwrap(), None);
}

#[tokio::test]
async fn retention_keeps_what_is_new_and_what_is_open() {
    let (_directory, db, agent) = open().await;
    let id = create(&db, &agent, "a").await.conversation_id;
    let old = |text| NewEntry { timestamp: Timestamp::from_millis(1), ..said("user", text) };
    db.append(&id, vec![old("1"), old("2"), said("user", "3"), said("user", "4")]).await.unwrap();
    let seqs = async || {
        let page = db.entries_after(&id, Seq::ZERO, 10, None).await.unwrap();
        page.entries.iter().map(|entry| entry.head.seq.0).collect::<Vec<_>>()
    };

    assert_eq!(db.prune(&id, Keep::default()).await.unwrap(), 0);
    let since = Some(Timestamp::from_millis(2));
    let imported = create(&db, &agent, "b").await.conversation_id;
    db.append(&imported, vec![said("user", "new"), old("inserted")]).await.unwrap();
    assert_eq!(db.prune(&imported, Keep { since, newest: None }).await.unwrap(), 0);
    let all_old = create(&db, &agent, "c").await.conversation_id;
    db.append(&all_old, vec![old("5"), old("6")]).await.unwrap();
    assert_eq!(db.prune(&all_old, Keep { since, newest: None }).await.unwrap(), 2);
    assert_eq!(db.prune(&id, Keep { since, newest: None }).await.unwrap(), 2);
    assert_eq!(seqs().await, [3, 4]);
    assert!(search(&db, &agent, "1").await.is_empty());
    let run = Some(RunId::random());
    let opened = NewEntry { run_id: run.clone(), ..with(Change::RunOpened) };
    db.append(&id, vec![opened, said("agent", "6")]).await.unwrap();
    assert_eq!(db.prune(&id, Keep { since: None, newest: Some(1) }).await.unwrap(), 2);
    assert_eq!(seqs().await, [5, 6], "the run is open");
    let closed = NewEntry { run_id: run, ..with(Change::RunClosed) };
    db.append(&id, vec![closed]).await.unwrap();
    assert_eq!(db.prune(&id, Keep { since: None, newest: Some(1) }).await.unwrap(), 2);
    assert_eq!(seqs().await, [7]);
}
