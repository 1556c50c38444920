use futures_util::FutureExt;
use protocol::ViewerId;
use protocol::names::agents::PRESENCE;
use serde_json::json;

use super::*;
use crate::scripted::{Asked, Screen, Scripted, agent, conversation, screen};

struct Viewer {
    connection: ConnectionId,
    membership: Membership,
    screen: Screen,
}

fn viewer(manager: &Scripted) -> Viewer {
    let (outbox, screen) = screen();
    let connection = ConnectionId::random();
    let origin = Origin {
        viewer_id: Some(ViewerId::random()),
        connection_id: Some(connection.clone()),
        user: None,
        ..Origin::default()
    };
    let membership = Membership::new(&manager.remote, &connection, &outbox, origin);
    Viewer { connection, membership, screen }
}

impl Viewer {
    fn is_origin_of(&self, asked: &Asked) -> bool {
        asked.origin["connectionId"] == json!(self.connection)
    }

    async fn log_in(&mut self, manager: &mut Scripted, id: &str) {
        let start = Start { after: None, limit: None, filter: None };
        self.membership.logged_in(follow(manager, id).await, start).unwrap().wait().await;
        let join = manager.expect(JOIN_CONVERSATION).await;
        assert!(self.is_origin_of(&join));
        manager.answer(&join, &json!({})).await;
    }
}

/// The link follows a conversation that nobody has asked for yet.
async fn follow(manager: &mut Scripted, id: &str) -> Followed {
    let (remote, id) = (Arc::clone(&manager.remote), conversation(id));
    let followed = tokio::spawn(async move { remote.follow(&agent(), Some(&id)).await });
    let login = manager.asked().await;
    manager.let_in(&login).await;
    followed.await.unwrap().unwrap()
}

#[tokio::test]
async fn who_goes_while_presence_is_restored_is_said_to_have_gone() {
    let mut manager = Scripted::start().await;
    let mut viewer = viewer(&manager);
    viewer.log_in(&mut manager, "x").await;

    manager.reconnect().await;
    let login = manager.asked().await;
    manager.let_in(&login).await;
    let presence = manager.expect(PRESENCE).await;
    assert_eq!(presence.payload["viewers"][0]["connectionId"], json!(viewer.connection));
    let connection = viewer.connection.clone();
    drop(viewer);
    manager.answer(&presence, &json!({})).await;

    let leave = manager.expect(LEAVE_CONVERSATION).await;
    assert_eq!(leave.origin["connectionId"], json!(connection));
}

#[tokio::test]
async fn who_goes_before_the_join_is_answered_is_said_to_have_gone() {
    let mut manager = Scripted::start().await;
    let mut viewer = viewer(&manager);
    let followed = follow(&mut manager, "x").await;

    viewer.membership.coming(&followed, &JoinConversation::default());
    assert_eq!(manager.remote.people().rooms().len(), 1, "a presence that is restored now has it");
    let connection = viewer.connection.clone();
    drop(viewer);

    let leave = manager.expect(LEAVE_CONVERSATION).await;
    assert_eq!(leave.origin["connectionId"], json!(connection));
    assert!(manager.remote.people().rooms().is_empty());
}

#[tokio::test]
async fn a_join_that_is_answered_after_the_logout_is_void() {
    let mut manager = Scripted::start().await;
    let mut viewer = viewer(&manager);
    let followed = follow(&mut manager, "x").await;
    let join = JoinConversation::default();

    let stay = viewer.membership.coming(&followed, &join);
    viewer.membership.log_out(&agent()).unwrap().wait().await;
    manager.expect(LEAVE_CONVERSATION).await;
    viewer.membership.joined(&stay, followed.clone(), &join);
    assert!(manager.remote.people().rooms().is_empty());

    let next = viewer.membership.coming(&followed, &join);
    assert!(viewer.membership.not_joined(&stay, &conversation("x")).is_none());
    assert!(!manager.remote.people().rooms().is_empty(), "that was the one before");
    viewer.membership.not_joined(&next, &conversation("x")).unwrap().wait().await;
    assert!(manager.remote.people().rooms().is_empty());
    manager.expect(LEAVE_CONVERSATION).await;
}

#[tokio::test]
async fn a_login_behind_a_leave_outlives_the_leaves_answer() {
    let mut manager = Scripted::start().await;
    let mut viewer = viewer(&manager);
    viewer.log_in(&mut manager, "x").await;

    let left = viewer.membership.going(&conversation("x")).unwrap();
    assert!(manager.remote.people().rooms().is_empty(), "a presence that is restored now lacks it");
    let followed = manager.remote.follow(&agent(), Some(&conversation("x"))).await.unwrap();
    let start = Start { after: None, limit: None, filter: None };
    viewer.membership.logged_in(followed, start).unwrap().wait().await;
    manager.expect(JOIN_CONVERSATION).await;
    viewer.membership.left(&left, &conversation("x"));

    assert_eq!(viewer.membership.owner(&conversation("x")), Some(&agent()));
    assert!(!manager.remote.people().rooms().is_empty());
}

#[tokio::test]
async fn a_leave_that_is_not_answered_changes_nothing() {
    let mut manager = Scripted::start().await;
    let mut viewer = viewer(&manager);
    viewer.log_in(&mut manager, "x").await;

    let left = viewer.membership.going(&conversation("x")).unwrap();
    viewer.membership.not_left(&left, &conversation("x"), None).unwrap().wait().await;

    assert_eq!(viewer.membership.owner(&conversation("x")), Some(&agent()));
    assert!(!manager.remote.people().rooms().is_empty());
    manager.expect(JOIN_CONVERSATION).await;
}

#[tokio::test]
async fn who_comes_to_a_conversation_that_is_deleted_meanwhile_is_told() {
    let mut manager = Scripted::start().await;
    let mut viewer = viewer(&manager);
    let followed = follow(&mut manager, "x").await;
    let update = crate::remote::people::deleted(agent(), conversation("x"));
    manager.event(CONVERSATION_UPDATE, &json!(update)).await;
    // One after the other: what was asked for later finds it done.
    follow(&mut manager, "y").await;
    assert!(followed.feed.is_closed());

    let start = Start { after: None, limit: None, filter: None };
    assert!(viewer.membership.logged_in(followed, start).is_none());

    let update = viewer.screen.shows(CONVERSATION_UPDATE).await;
    assert_eq!((&update["action"], &update["conversationId"]), (&json!("deleted"), &json!("x")));
    assert!(manager.remote.people().rooms().is_empty());
}

#[tokio::test]
async fn a_leaving_that_is_held_back_is_to_be_waited_for() {
    let mut manager = Scripted::start().await;
    let mut viewer = viewer(&manager);
    viewer.log_in(&mut manager, "x").await;
    viewer.log_in(&mut manager, "y").await;
    manager.reconnect().await;
    for _ in 0..2 {
        let login = manager.asked().await;
        manager.let_in(&login).await;
    }
    let presences = [manager.expect(PRESENCE).await, manager.expect(PRESENCE).await];

    let told = viewer.membership.end().unwrap().wait();
    tokio::pin!(told);
    assert!((&mut told).now_or_never().is_none());
    for presence in presences {
        manager.answer(&presence, &json!({})).await;
    }
    told.await;

    // Both have their places before what comes now.
    let chat = manager.remote.begin("chat", &[], link::WhenDown::Fail).await;
    assert!(chat.is_ok());
    manager.expect(LEAVE_CONVERSATION).await;
    manager.expect(LEAVE_CONVERSATION).await;
    manager.expect("chat").await;
}

#[tokio::test]
async fn of_a_command_given_twice_the_second_answer_may_be_looked_at_first() {
    let mut manager = Scripted::start().await;
    let mut viewer = viewer(&manager);
    let followed = follow(&mut manager, "x").await;
    let (id, join) = (conversation("x"), JoinConversation::default());

    assert!(!viewer.membership.has(&id));
    let stay = viewer.membership.coming(&followed, &join);
    assert!(viewer.membership.has(&id), "a second join is refused");
    viewer.membership.joined(&stay, followed, &join);
    assert_eq!(viewer.membership.places[&id].state, State::Here);

    let stay = viewer.membership.going(&id).unwrap();
    assert_eq!(viewer.membership.going(&id).unwrap(), stay);
    let again = Some(ErrorCode::NotJoined);
    assert!(viewer.membership.not_left(&stay, &id, again).is_none());
    viewer.membership.left(&stay, &id);
    assert!(viewer.membership.places.is_empty());
}
