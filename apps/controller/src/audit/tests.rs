use protocol::{ClientId, TokenId};
use store::{AuditPage, SecretKey};
use tempfile::TempDir;

use super::*;

async fn start() -> (Audit, ControllerDb, TempDir) {
    let dir = TempDir::new().unwrap();
    let key = SecretKey::load_or_create(&dir.path().join("secret.key"), None).unwrap();
    let db = ControllerDb::open(&dir.path().join("controller.db"), key).await.unwrap();
    (Audit::start(db.clone()), db, dir)
}

fn ann() -> Actor {
    let address = Some("10.0.0.7".parse().unwrap());
    Actor { user: Some("ann".into()), token_id: Some("tk_1".into()), address, connection: None }
}

#[tokio::test]
async fn what_is_noted_is_there_when_it_is_closed() {
    let (audit, db, _dir) = start().await;
    let connection = ConnectionId::new("cn_1").unwrap();
    let token = TokenId::new("tk_2").unwrap();

    audit.note(ann().on(&connection), &Event::Connect);
    audit.note(ann(), &Event::RevokeToken(token, "bob".into()));
    audit.refused(Actor::stranger(None), &Event::OpenSession, ErrorCode::Unauthorized);
    audit.close().await;

    let entries = db.audit(AuditPage::After(0), 10).await.unwrap();
    let [connect, revoke, open] = entries.as_slice() else { panic!("{entries:?}") };
    assert_eq!(connect.connection_id.as_deref(), Some("cn_1"));
    assert_eq!((connect.action.as_str(), connect.target.as_deref()), ("connect", None));
    assert_eq!(
        (revoke.action.as_str(), revoke.target.as_deref()),
        ("token.revoke", Some("tk_2 bob"))
    );
    assert_eq!(revoke.address.as_deref(), Some("10.0.0.7"));
    assert_eq!((open.user.as_deref(), open.outcome.as_str()), (None, "UNAUTHORIZED"));
}

#[tokio::test]
async fn guessing_does_not_fill_it() {
    let (audit, db, _dir) = start().await;

    for _ in 0..5_000 {
        audit.refused(Actor::stranger(None), &Event::Connect, ErrorCode::Unauthorized);
    }
    audit.close().await;

    let entries = db.audit(AuditPage::After(0), 5_000).await.unwrap();
    let (count, told) = entries.split_last().unwrap();
    assert_eq!(told.len(), 60);
    assert_eq!(
        (count.action.as_str(), count.target.as_deref()),
        ("refusals.left_out", Some("4940"))
    );
}

#[tokio::test]
async fn coming_and_going_does_not_fill_it_and_changes_are_all_there() {
    let (audit, db, _dir) = start().await;
    let client = ClientId::new("cl_1").unwrap();

    for _ in 0..500 {
        audit.note(ann(), &Event::Connect);
        audit.note(ann(), &Event::CloseSession);
        audit.note(ann(), &Event::DeleteClient(client.clone()));
    }
    audit.close().await;

    let entries = db.audit(AuditPage::After(0), 5_000).await.unwrap();
    let count = |action: &str| entries.iter().filter(|entry| entry.action == action).count();
    assert_eq!(count("connect") + count("session.close"), 60);
    assert_eq!(count("client.delete"), 500);
    let left_out = entries.last().unwrap();
    assert_eq!(
        (left_out.action.as_str(), left_out.target.as_deref()),
        ("visits.left_out", Some("940"))
    );
    assert_eq!(left_out.token_id.as_deref(), Some("tk_1"));
}

#[tokio::test]
async fn a_name_cannot_break_a_line() {
    let (audit, db, _dir) = start().await;
    let client = ClientId::new("cl_1").unwrap();
    let name = format!("a\nok\u{1b}[2J\u{202e}x{}", "y".repeat(10_000));

    audit.note(ann(), &Event::AddClient(client, name));
    audit.close().await;

    let target = db.audit(AuditPage::Newest, 1).await.unwrap().remove(0).target.unwrap();
    assert!(target.starts_with("cl_1 a\u{fffd}ok\u{fffd}[2J\u{fffd}xyy"), "{target}");
    assert_eq!(target.chars().count(), LONGEST);
}
