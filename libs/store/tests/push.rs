//! Subscriptions of browsers, on a real file.

// Helpers of tests are tests; clippy sees only the functions that are marked.
#![allow(clippy::unwrap_used)]

use std::path::Path;

use protocol::{Clients, NotificationKind, SubscriptionId, Timestamp, ViewerId};
use store::{AccessKey, ControllerDb, PushRecord, SecretKey, StoreError};

fn session() -> AccessKey {
    AccessKey::of("lss_ada")
}

/// The same with somebody who has logged in.
async fn with_session(directory: &Path) -> ControllerDb {
    let db = open(directory).await;
    db.accept_token("ada", "ls_ada").await.unwrap();
    db.open_session("ls_ada", session(), Timestamp::now()).await.unwrap().unwrap();
    db
}

async fn open(directory: &Path) -> ControllerDb {
    let key = SecretKey::load_or_create(&directory.join("secret.key"), None).unwrap();
    ControllerDb::open(&directory.join("controller.db"), key).await.unwrap()
}

fn record(user: &str, device: &str) -> PushRecord {
    PushRecord {
        subscription_id: SubscriptionId::random(),
        user: user.into(),
        device: device.into(),
        clients: Clients::All,
        label: "phone".into(),
        kinds: vec![NotificationKind::NeedsYou, NotificationKind::Failed],
        private: true,
        viewer_id: Some(ViewerId::new("me").unwrap()),
        created_at: Timestamp::from_millis(5),
        last_delivered_at: None,
        last_error: None,
    }
}

#[tokio::test]
async fn the_key_is_made_once_and_outlives_a_restart_sealed() {
    let directory = tempfile::tempdir().unwrap();
    let db = open(directory.path()).await;

    let made = db.push_key(|| b"a private key".to_vec()).await.unwrap();
    let again = db.push_key(|| b"another".to_vec()).await.unwrap();
    db.close().await;

    assert_eq!((made.as_slice(), again.as_slice()), (&b"a private key"[..], &b"a private key"[..]));
    let file = std::fs::read(directory.path().join("controller.db")).unwrap();
    assert!(!file.windows(made.len()).any(|bytes| bytes == made));
    let db = open(directory.path()).await;
    assert_eq!(db.push_key(|| unreachable!("it is kept")).await.unwrap(), made);
}

#[tokio::test]
async fn a_subscription_comes_back_as_it_was_and_its_device_is_sealed() {
    let directory = tempfile::tempdir().unwrap();
    let db = with_session(directory.path()).await;
    let put = db.put_subscription(&record("ada", "the device"), "https://a", session(), 20).await;
    let id = put.unwrap().unwrap();
    db.close().await;

    let file = std::fs::read(directory.path().join("controller.db")).unwrap();
    for secret in ["the device", "https://a"] {
        assert!(!file.windows(secret.len()).any(|bytes| bytes == secret.as_bytes()), "{secret}");
    }
    let db = open(directory.path()).await;
    let mut found = db.subscription(&id).await.unwrap().unwrap();
    assert_eq!((found.user.as_str(), found.device.as_str()), ("ada", "the device"));
    assert_eq!(found.kinds, [NotificationKind::NeedsYou, NotificationKind::Failed]);
    assert!(found.private && found.viewer_id == ViewerId::new("me").ok());
    assert_eq!(found.created_at, Timestamp::from_millis(5));

    db.note_delivery(&id, Some("no")).await.unwrap();
    assert_eq!(db.subscription(&id).await.unwrap().unwrap().last_error.as_deref(), Some("no"));
    db.note_delivery(&id, None).await.unwrap();
    (found.label, found.private, found.kinds) = ("laptop".into(), false, Vec::new());
    db.update_subscription(&found).await.unwrap();

    let changed = db.subscription(&id).await.unwrap().unwrap();
    assert_eq!((changed.label.as_str(), changed.private), ("laptop", false));
    assert!(changed.kinds.is_empty() && changed.last_error.is_none());
    assert!(changed.last_delivered_at.is_some());
    db.delete_subscription(&id).await.unwrap();
    db.delete_subscription(&id).await.unwrap();
    assert!(db.subscription(&id).await.unwrap().is_none());
    assert!(matches!(db.update_subscription(&found).await, Err(StoreError::NotFound)));
}

#[tokio::test]
async fn a_browser_is_subscribed_once_and_a_user_not_too_often() {
    let directory = tempfile::tempdir().unwrap();
    let db = with_session(directory.path()).await;
    let put = async |user, device, endpoint| {
        db.put_subscription(&record(user, device), endpoint, session(), 2).await.unwrap()
    };
    let devices = async || {
        let all = db.subscriptions().await.unwrap();
        let mut all: Vec<_> = all.into_iter().map(|one| (one.user, one.device)).collect();
        all.sort();
        all
    };
    let of = |user: &str, device: &str| (user.to_owned(), device.to_owned());

    let first = put("ada", "1", "https://a").await.unwrap();
    let second = put("ada", "2", "https://b").await.unwrap();

    assert_ne!(first, second);
    assert_eq!(put("ada", "3", "https://c").await, None, "two are enough");
    assert_eq!(
        put("ada", "1 again", "https://a").await,
        Some(first.clone()),
        "in place of the first"
    );
    assert_eq!(devices().await, [of("ada", "1 again"), of("ada", "2")]);
    let moved = put("bob", "1 of bob", "https://a").await.unwrap();
    assert_ne!(moved, first, "what was ada's id is no way to what is bob's");
    assert_eq!(devices().await, [of("ada", "2"), of("bob", "1 of bob")]);
    put("ada", "3", "https://c").await.unwrap();
    assert_eq!(put("ada", "taken over", "https://a").await, None);
    assert_eq!(devices().await.last(), Some(&of("bob", "1 of bob")), "a refusal changes nothing");
}

#[tokio::test]
async fn a_subscription_goes_with_the_session_that_it_was_made_in() {
    let directory = tempfile::tempdir().unwrap();
    let db = with_session(directory.path()).await;
    let other = AccessKey::of("lss_other");
    db.open_session("ls_ada", other, Timestamp::now()).await.unwrap().unwrap();
    let put = async |endpoint, session| {
        db.put_subscription(&record("ada", endpoint), endpoint, session, 20).await
    };
    put("https://a", session()).await.unwrap();
    put("https://b", session()).await.unwrap();
    put("https://b", other).await.unwrap();

    db.close_session(session()).await.unwrap();

    let left = db.subscriptions().await.unwrap();
    assert_eq!(left.iter().map(|one| one.device.as_str()).collect::<Vec<_>>(), ["https://b"]);
    assert!(put("https://a", session()).await.is_err(), "there is no such session any more");
}
