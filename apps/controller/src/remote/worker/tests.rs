use std::sync::Arc;

use protocol::ConnectionId;
use protocol::agents::Attendee;
use protocol::names::agents::{CONVERSATION_UPDATE, LOGIN_ERROR, PRESENCE};
use serde_json::{Value, json};
use tokio::task::JoinHandle;

use crate::error::Error;
use crate::remote::Followed;
use crate::scripted::{Screen, Scripted, agent, conversation, screen};

/// Somebody asks for a conversation.
fn ask(manager: &Scripted, id: &str) -> JoinHandle<Result<Followed, Error>> {
    let (remote, id) = (Arc::clone(&manager.remote), conversation(id));
    tokio::spawn(async move { remote.follow(&agent(), Some(&id)).await })
}

/// The link follows a conversation, and somebody is present there.
async fn present(manager: &mut Scripted, id: &str) -> (Followed, Screen) {
    let followed = ask(manager, id);
    let login = manager.asked().await;
    manager.let_in(&login).await;
    let followed = followed.await.unwrap().unwrap();
    let ((outbox, screen), connection_id) = (screen(), ConnectionId::random());
    let people = manager.remote.people();
    people.log_in(&agent(), &connection_id, &outbox);
    let attendee = Attendee { connection_id, viewer_id: None, user: None, client_type: None };
    people.enter(&agent(), &conversation(id), attendee);
    (followed, screen)
}

/// The manager refuses the login again that comes with a new connection, and then the presence.
async fn reconnect_and_refuse(manager: &mut Scripted, code: &str) {
    manager.reconnect().await;
    let login = manager.asked().await;
    manager.refuse_login(&login, code).await;
    let presence = manager.expect(PRESENCE).await;
    manager.refuse(&presence, "UNAUTHORIZED").await;
}

#[tokio::test]
async fn a_login_that_fails_in_passing_is_tried_again_and_the_presence_told() {
    let mut manager = Scripted::start().await;
    let (followed, _screen) = present(&mut manager, "x").await;

    reconnect_and_refuse(&mut manager, "STORE_UNAVAILABLE").await;
    let login = manager.asked().await;
    manager.let_in(&login).await;

    let presence = manager.expect(PRESENCE).await;
    assert_eq!(presence.payload["viewers"].as_array().map(Vec::len), Some(1), "{presence:?}");
    assert_eq!(presence.origin, Value::Null);
    assert!(!followed.feed.is_closed());
}

#[tokio::test]
async fn a_conversation_that_is_gone_after_a_reconnect_is_said_to_be() {
    let mut manager = Scripted::start().await;
    let (followed, mut screen) = present(&mut manager, "x").await;

    reconnect_and_refuse(&mut manager, "CONVERSATION_NOT_FOUND").await;

    let update = screen.shows(CONVERSATION_UPDATE).await;
    assert_eq!((&update["action"], &update["conversationId"]), (&json!("deleted"), &json!("x")));
    assert!(followed.feed.is_closed());
}

#[tokio::test]
async fn viewers_are_told_that_the_link_is_not_let_in_any_more() {
    let mut manager = Scripted::start().await;
    let (followed, mut screen) = present(&mut manager, "x").await;

    reconnect_and_refuse(&mut manager, "INVALID_CREDENTIALS").await;

    let error = screen.shows(LOGIN_ERROR).await;
    assert_eq!((&error["agentId"], &error["code"]), (&json!("a"), &json!("INVALID_CREDENTIALS")));
    assert!(followed.feed.is_closed());
}

#[tokio::test]
async fn nobody_is_let_in_to_a_feed_before_the_manager_feeds_it() {
    let mut manager = Scripted::start().await;
    let (_, _screen) = present(&mut manager, "x").await;

    manager.reconnect().await;
    let login = manager.asked().await;
    let asking = ask(&manager, "x");
    manager.refuse_login(&login, "RATE_LIMITED").await;
    let presence = manager.expect(PRESENCE).await;
    manager.answer(&presence, &json!({})).await;
    assert!(asking.await.unwrap().is_err(), "it was the login that failed");

    let asking = ask(&manager, "x");
    let login = manager.asked().await;
    manager.let_in(&login).await;
    assert!(asking.await.unwrap().is_ok());
}

#[tokio::test]
async fn who_waits_for_a_login_need_not_wait_for_all_that_is_restored() {
    let mut manager = Scripted::start().await;
    let (_, _screen) = present(&mut manager, "x").await;

    manager.reconnect().await;
    let login = manager.asked().await;
    let asking = ask(&manager, "x");
    manager.let_in(&login).await;

    assert!(asking.await.unwrap().is_ok());
    manager.expect(PRESENCE).await;
}
