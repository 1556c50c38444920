//! The controller's registry, on a real file.

// Helpers of tests are tests; clippy sees only the functions that are marked.
#![allow(clippy::unwrap_used)]

use protocol::{AgentId, ClientId, Timestamp};
use store::{ClientRecord, ControllerDb, SecretKey, StoreError, token};

fn client(name: &str) -> ClientRecord {
    ClientRecord {
        client_id: ClientId::random(),
        name: name.into(),
        endpoint: "http://127.0.0.1:8080".into(),
        api_key: "lsm_key".into(),
        created_at: Timestamp::from_millis(5),
    }
}

#[tokio::test]
async fn clients_and_credentials_come_back_and_are_sealed_in_the_file() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("controller.db");
    let key = SecretKey::load_or_create(&directory.path().join("secret.key"), None).unwrap();
    let (client, agent) = (client("local"), AgentId::random());
    {
        let db = ControllerDb::open(&path, key.clone()).await.unwrap();
        db.add_client(&client).await.unwrap();
        db.set_credentials(&client.client_id, &agent, "agent-password").await.unwrap();
        db.set_resume_token(&client.client_id, &agent, Some("resume-token")).await.unwrap();
        assert!(matches!(
            ControllerDb::open(&path, key.clone()).await,
            Err(StoreError::Locked { .. })
        ));
        db.close().await;
    }

    let file = std::fs::read(&path).unwrap();
    for secret in ["lsm_key", "agent-password", "resume-token"] {
        assert!(
            !file.windows(secret.len()).any(|bytes| bytes == secret.as_bytes()),
            "{secret} is readable"
        );
    }
    let db = ControllerDb::open(&path, key).await.unwrap();
    let found = db.client(&client.client_id).await.unwrap().unwrap();
    assert_eq!((found.name, found.api_key), ("local".into(), "lsm_key".into()));
    let credentials = db.credentials(&client.client_id, &agent).await.unwrap().unwrap();
    assert_eq!(credentials.password, "agent-password");
    assert_eq!(credentials.resume_token.as_deref(), Some("resume-token"));

    db.set_credentials(&client.client_id, &agent, "new").await.unwrap();
    let changed = db.credentials(&client.client_id, &agent).await.unwrap().unwrap();
    assert_eq!(changed.resume_token, None, "a new password ends the token");
    assert!(db.delete_client(&client.client_id).await.unwrap());
    assert_eq!(db.credentials(&client.client_id, &agent).await.unwrap(), None);
    db.close().await;

    let other = SecretKey::load_or_create(&directory.path().join("other.key"), None).unwrap();
    let db = ControllerDb::open(&path, other).await.unwrap();
    db.add_client(&found_again(&client)).await.unwrap();
    assert_eq!(db.clients().await.unwrap().len(), 1);
}

fn found_again(client: &ClientRecord) -> ClientRecord {
    ClientRecord { name: "again".into(), ..client.clone() }
}

#[tokio::test]
async fn names_are_unique_and_changes_are_kept() {
    let directory = tempfile::tempdir().unwrap();
    let key = SecretKey::load_or_create(&directory.path().join("secret.key"), None).unwrap();
    let db = ControllerDb::open(&directory.path().join("controller.db"), key).await.unwrap();
    let (one, mut two) = (client("one"), client("two"));
    db.add_client(&one).await.unwrap();
    db.add_client(&two).await.unwrap();

    assert!(matches!(db.add_client(&client("one")).await, Err(StoreError::Conflict)));
    two.name = "one".into();
    assert!(matches!(db.update_client(&two).await, Err(StoreError::Conflict)));
    two.name = "zwei".into();
    db.update_client(&two).await.unwrap();
    assert!(matches!(db.update_client(&client("x")).await, Err(StoreError::NotFound)));
    let nobody = db.set_credentials(&ClientId::random(), &AgentId::random(), "x").await;
    assert!(matches!(nobody, Err(StoreError::NotFound)), "{nobody:?}");

    let names: Vec<String> =
        db.clients().await.unwrap().into_iter().map(|client| client.name).collect();
    assert_eq!(names, ["one", "zwei"]);
}

#[tokio::test]
async fn a_token_is_known_by_its_hash() {
    let directory = tempfile::tempdir().unwrap();
    let key = SecretKey::load_or_create(&directory.path().join("secret.key"), None).unwrap();
    let path = directory.path().join("controller.db");
    let db = ControllerDb::open(&path, key).await.unwrap();
    let secret = token("ls_");

    db.accept_token("ada", &secret).await.unwrap();

    let now = Timestamp::now();
    assert_eq!(db.use_token(&secret, now).await.unwrap().unwrap().name, "ada");
    assert_eq!(db.use_token("ls_wrong", now).await.unwrap(), None);
    db.close().await;
    let file = std::fs::read(&path).unwrap();
    assert!(!file.windows(secret.len()).any(|bytes| bytes == secret.as_bytes()));
}
