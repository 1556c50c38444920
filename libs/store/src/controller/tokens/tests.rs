use super::*;
use crate::secret::{SecretKey, token as new_secret};
use protocol::ClientId;

const DAY: Duration = Duration::from_hours(24);

async fn open() -> (tempfile::TempDir, ControllerDb) {
    let directory = tempfile::tempdir().unwrap();
    let key = SecretKey::load_or_create(&directory.path().join("secret.key"), None).unwrap();
    let db = ControllerDb::open(&directory.path().join("controller.db"), key).await.unwrap();
    (directory, db)
}

fn at(days: u32) -> Timestamp {
    after(Timestamp::from_millis(1_000), DAY * days)
}

fn token(name: &str, role: Role, expires_at: Option<Timestamp>) -> AccessToken {
    AccessToken { expires_at, created_at: at(0), ..AccessToken::new(name, role, Clients::All) }
}

#[tokio::test]
async fn a_token_says_who_what_where_and_until_when() {
    let (_directory, db) = open().await;
    let clients = Clients::Only([ClientId::new("cl_a").unwrap()].into());
    let made = AccessToken { clients, ..token("Bob", Role::User, Some(at(2))) };

    assert!(db.add_token(&made, "ls_bob", 10).await.unwrap());

    let used = db.use_token("ls_bob", at(1)).await.unwrap().unwrap();
    assert_eq!(used, made);
    assert_eq!(db.use_token("ls_bob", at(2)).await.unwrap(), None, "it has expired");
    assert_eq!(db.use_token("ls_bo", at(1)).await.unwrap(), None);
    let listed = db.tokens().await.unwrap();
    assert_eq!(listed, [AccessToken { last_used_at: Some(at(1)), ..made }]);
}

#[tokio::test]
async fn a_use_is_written_once_a_minute() {
    let (_directory, db) = open().await;
    db.add_token(&token("ann", Role::User, None), "ls_ann", 10).await.unwrap();
    let last = async || db.tokens().await.unwrap()[0].last_used_at.unwrap();

    db.use_token("ls_ann", at(1)).await.unwrap();
    db.use_token("ls_ann", after(at(1), USE - Duration::from_millis(1))).await.unwrap();
    assert_eq!(last().await, at(1));
    db.use_token("ls_ann", after(at(1), USE)).await.unwrap();
    assert_eq!(last().await, after(at(1), USE));
}

#[tokio::test]
async fn a_name_is_one_persons_until_it_expires_and_there_is_an_end_of_them() {
    let (_directory, db) = open().await;
    let add = async |name, end, most| {
        db.add_token(&token(name, Role::User, end), &new_secret("ls_"), most).await
    };

    assert!(add("Ann", None, 3).await.unwrap());
    assert!(matches!(add(" ann", None, 3).await, Err(StoreError::Conflict)));
    assert!(add("bob", Some(at(0)), 3).await.unwrap());
    assert!(add("bob", None, 3).await.unwrap());
    assert!(!add("eve", None, 3).await.unwrap());
}

#[tokio::test]
async fn what_is_revoked_takes_its_sessions_along_and_names_them() {
    let (_directory, db) = open().await;
    db.accept_token("owner", "ls_owner").await.unwrap();
    let (bob, session) = (token("bob", Role::User, None), AccessKey::of("lss_bob"));
    db.add_token(&bob, "ls_bob", 10).await.unwrap();
    db.open_session("ls_bob", session, at(0)).await.unwrap().unwrap();

    let revoked = db.revoke_token(&bob.token_id, at(0)).await.unwrap();

    assert_eq!(revoked.keys, [AccessKey::of("ls_bob"), session]);
    assert_eq!(db.use_session(session, at(0)).await.unwrap(), None);
    assert_eq!(db.use_token("ls_bob", at(0)).await.unwrap(), None);
    assert!(matches!(db.revoke_token(&bob.token_id, at(0)).await, Err(StoreError::NotFound)));
}

#[tokio::test]
async fn the_last_admin_stays() {
    let (_directory, db) = open().await;
    let [ann, bob, old] = [
        token("ann", Role::Admin, None),
        token("bob", Role::Admin, None),
        token("old", Role::Admin, Some(at(1))),
    ];
    for (token, secret) in [(&ann, "a"), (&bob, "b"), (&old, "c")] {
        db.add_token(token, secret, 10).await.unwrap();
    }

    assert!(db.revoke_token(&ann.token_id, at(1)).await.is_ok());
    assert!(matches!(db.revoke_token(&bob.token_id, at(1)).await, Err(StoreError::LastAdmin)));
    assert!(db.revoke_token(&old.token_id, at(1)).await.is_ok(), "it lets nobody in anyway");
    assert!(db.use_token("b", at(1)).await.unwrap().is_some());
}

#[tokio::test]
async fn a_session_may_what_its_token_may_and_ends_with_it() {
    let (_directory, db) = open().await;
    let [bob, eve] = [AccessKey::of("b"), AccessKey::of("e")];
    db.add_token(&token("bob", Role::ReadOnly, Some(at(2))), "ls_bob", 10).await.unwrap();
    db.add_token(&token("eve", Role::User, None), "ls_eve", 10).await.unwrap();
    db.open_session("ls_bob", bob, at(0)).await.unwrap().unwrap();
    db.open_session("ls_eve", eve, at(0)).await.unwrap().unwrap();

    assert_eq!(db.use_session(bob, at(1)).await.unwrap().unwrap().token.role, Role::ReadOnly);
    assert_eq!(db.use_session(bob, at(2)).await.unwrap(), None);
    assert_eq!(db.open_session("ls_bob", AccessKey::of("x"), at(2)).await.unwrap(), None);
    let open = db.open_keys(at(2)).await.unwrap();
    assert_eq!(open, [eve, AccessKey::of("ls_eve")].into());
    assert_eq!(db.tokens().await.unwrap().len(), 2, "it can still be seen");
    db.open_keys(at(32)).await.unwrap();
    assert_eq!(db.tokens().await.unwrap().len(), 1);
}

#[tokio::test]
async fn the_owners_token_takes_the_place_of_those_of_earlier_starts() {
    let (_directory, db) = open().await;
    db.accept_token("owner", "ls_old").await.unwrap();
    let early = sqlx::query("UPDATE access_tokens SET created_at = 0 WHERE name = 'owner'");
    early.execute(&db.writer).await.unwrap();
    db.add_token(&token("ann", Role::Admin, None), "ls_ann", 10).await.unwrap();
    let [old, ann, new] = ["old", "ann", "new"].map(AccessKey::of);
    db.open_session("ls_old", old, at(0)).await.unwrap().unwrap();
    db.open_session("ls_ann", ann, at(0)).await.unwrap().unwrap();

    db.replace_owner("owner", "ls_kept", at(0)).await.unwrap();

    assert!(db.is_owner("ls_kept").await.unwrap() && !db.is_owner("ls_old").await.unwrap());
    assert!(db.use_token("ls_old", at(29)).await.unwrap().is_some());
    assert!(db.use_token("ls_old", at(30)).await.unwrap().is_none());
    assert!(db.use_session(old, at(20)).await.unwrap().is_some());
    assert!(db.use_session(old, at(40)).await.unwrap().is_some(), "nobody was logged out");

    db.open_session("ls_kept", new, at(40)).await.unwrap().unwrap();
    db.replace_owner("owner", "ls_next", at(40)).await.unwrap();

    assert!(!db.is_owner("ls_kept").await.unwrap() && db.is_owner("ls_next").await.unwrap());
    for gone in [old, new] {
        assert_eq!(db.use_session(gone, at(40)).await.unwrap(), None);
    }
    assert!(db.use_token("ls_ann", at(40)).await.unwrap().is_some());
}

#[tokio::test]
async fn a_revoked_owners_token_leaves_those_of_its_name_to_themselves() {
    let (_directory, db) = open().await;
    db.replace_owner("owner", "ls_kept", at(0)).await.unwrap();
    db.accept_token("other", "ls_other").await.unwrap();
    let kept = db.use_token("ls_kept", at(0)).await.unwrap().unwrap();
    db.revoke_token(&kept.token_id, at(0)).await.unwrap();
    let theirs = AccessToken::new("owner", Role::Admin, Clients::All);
    db.add_token(&theirs, "ls_theirs", 10).await.unwrap();
    let session = AccessKey::of("lss_theirs");
    db.open_session("ls_theirs", session, at(0)).await.unwrap().unwrap();

    db.replace_owner("owner", "ls_next", at(0)).await.unwrap();

    let theirs = db.use_token("ls_theirs", at(40)).await.unwrap().unwrap();
    assert_eq!(theirs.expires_at, None);
    let used = db.use_session(session, at(0)).await.unwrap().unwrap();
    assert_eq!(used.token.token_id, theirs.token_id);
}
