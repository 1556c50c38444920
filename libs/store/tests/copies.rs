//! Copies of databases that are in use, and what is made of them.

// Helpers of tests unwrap, too; clippy only allows it in test functions.
#![allow(clippy::unwrap_used)]

use std::path::Path;

use protocol::{AgentId, Timestamp};
use sqlx::{Connection, Row};
use store::{AgentRecord, Lock, ManagerDb, StoreError, Tier};

async fn with_agent(path: &Path, name: &str) -> ManagerDb {
    let db = ManagerDb::open(path).await.unwrap();
    add(&db, name).await;
    db
}

async fn add(db: &ManagerDb, name: &str) {
    let agent = AgentRecord {
        agent_id: AgentId::new(name).unwrap(),
        spec: protocol::spec::AgentSpec::echo(name),
        password_hash: String::new(),
        stopped: false,
        created_at: Timestamp::now(),
    };
    db.create_agent(agent, std::collections::BTreeMap::new()).await.unwrap();
}

#[tokio::test]
async fn a_copy_has_what_was_written_before_it_began_and_the_original_goes_on() {
    let dir = tempfile::tempdir().unwrap();
    let (original, copy) = (dir.path().join("manager.db"), dir.path().join("copy.db"));
    let db = with_agent(&original, "one").await;

    Tier::Manager.copy(&original, &copy).await.unwrap();
    add(&db, "two").await;

    let facts = Tier::Manager.inspect(&copy).await.unwrap();
    assert_eq!(facts.counts[0], ("agents".to_owned(), 1));
    assert_eq!(facts.schema, Tier::Manager.newest_schema());
    assert_eq!(Tier::Manager.glance(&original).await.unwrap().counts[0].1, 2);
    assert!(Tier::Manager.copy(&original, &copy).await.is_err(), "nothing is written over");
    db.close().await;
}

#[tokio::test]
async fn a_copy_that_begins_anew_has_other_epochs_and_opens() {
    let dir = tempfile::tempdir().unwrap();
    let (original, copy) = (dir.path().join("manager.db"), dir.path().join("copy.db"));
    let db = with_agent(&original, "one").await;
    let mut raw = sqlx::SqliteConnection::connect(original.to_str().unwrap()).await.unwrap();
    let insert =
        "INSERT INTO conversations (conversation_id, agent_id, name, name_key, epoch, created_at)
                  VALUES ('cv1', 'one', 'default', 'default', 'ep_old', 0)";
    sqlx::query(insert).execute(&mut raw).await.unwrap();
    raw.close().await.unwrap();
    Tier::Manager.copy(&original, &copy).await.unwrap();

    assert_eq!(Tier::Manager.begin_anew(&copy).await.unwrap(), 1);

    let mut raw = sqlx::SqliteConnection::connect(copy.to_str().unwrap()).await.unwrap();
    let row = sqlx::query("SELECT epoch FROM conversations").fetch_one(&mut raw).await.unwrap();
    assert_ne!(row.get::<String, _>(0), "ep_old");
    raw.close().await.unwrap();
    assert!(!dir.path().join("copy.db-wal").exists());
    let again = ManagerDb::open(&copy).await.unwrap();
    assert_eq!(again.agents().await.unwrap().len(), 1);
    again.close().await;
    db.close().await;
}

#[tokio::test]
async fn what_is_damaged_or_something_else_is_refused() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("x.db");
    std::fs::write(&path, "not a database, by far").unwrap();

    assert!(Tier::Manager.inspect(&path).await.is_err());
    assert!(Tier::Manager.inspect(&dir.path().join("none.db")).await.is_err());
    let controller = dir.path().join("manager.db");
    with_agent(&controller, "one").await.close().await;
    assert!(Tier::Controller.inspect(&controller).await.is_err());
}

#[tokio::test]
async fn a_lock_is_that_of_the_servers() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("manager.db");

    assert!(!Lock::is_taken(&path).unwrap());
    let db = with_agent(&path, "one").await;
    assert!(Lock::is_taken(&path).unwrap());
    assert!(matches!(Lock::take(&path), Err(StoreError::Locked { .. })));
    db.close().await;
    assert!(!Lock::is_taken(&path).unwrap());
    let held = Lock::take(&path).unwrap();
    assert!(matches!(ManagerDb::open(&path).await, Err(StoreError::Locked { .. })));
    drop(held);
}
