//! History, then what is new.

use std::time::Duration;

use gateway::Message;
use protocol::{ConversationId, Seq};
use serde_json::value::RawValue;
use tokio::time::timeout;

use crate::support::{Socket, Test, item, replay};

#[tokio::test(start_paused = true)]
async fn a_late_follower_gets_all_of_it_then_the_end_then_what_is_new() {
    let mut test = Test::new();
    (0..20).for_each(|_| test.append());
    let socket = Socket::with_room(1_000);
    let outbox = test.viewer(&socket);

    test.follow(&outbox, None, None);
    let (texts, end) = replay(&socket).await;
    test.append();

    assert_eq!(texts.len(), 20);
    assert_eq!((end.from_seq, end.to_seq, end.count), (Seq(1), Seq(20), 20));
    assert!(end.recovered && !end.has_more);
    assert_eq!(socket.next().await.1, r#"{"text":"e0/21"}"#);
}

#[tokio::test(start_paused = true)]
async fn a_feed_with_a_history_of_its_own_is_read_from_that() {
    let (mut here, mut elsewhere) = (Test::new(), Test::elsewhere());
    (0..20).for_each(|_| here.append());
    (0..10).for_each(|_| elsewhere.store(item(None, "there")));
    let socket = Socket::with_room(1_000);
    let outbox = here.viewer(&socket);

    elsewhere.follow(&outbox, None, None);
    let (texts, _) = replay(&socket).await;
    assert_eq!(texts, vec![r#"{"text":"there"}"#; 10]);

    here.follow(&outbox, None, None);
    let (texts, _) = replay(&socket).await;
    assert_eq!(texts.len(), 20);
}

#[tokio::test(start_paused = true)]
async fn a_cursor_a_limit_and_a_foreign_epoch_decide_where_it_begins() {
    let mut test = Test::new();
    (0..20).for_each(|_| test.append());
    let socket = Socket::with_room(1_000);
    let outbox = test.viewer(&socket);

    let begin = async |after, limit| {
        test.follow(&outbox, after, limit);
        let (texts, end) = replay(&socket).await;
        (texts.len(), end.recovered, end.has_more, end.to_seq.0)
    };
    assert_eq!(begin(Some((18, "e0")), None).await, (2, true, false, 20));
    assert_eq!(begin(Some((20, "e0")), None).await, (0, true, false, 20));
    assert_eq!(begin(Some((21, "e0")), None).await, (20, false, false, 20), "beyond the head");
    assert_eq!(begin(Some((18, "other")), None).await, (20, false, false, 20));
    assert_eq!(begin(None, Some(3)).await, (3, true, true, 20));
    assert_eq!(begin(Some((19, "e0")), Some(3)).await, (1, true, false, 20));
    assert_eq!(begin(None, Some(0)).await, (0, true, true, 20));
}

#[tokio::test(start_paused = true)]
async fn a_tail_that_begins_anew_in_the_same_log_is_not_noticed() {
    let mut test = Test::new();
    (0..20).for_each(|_| test.append());
    let socket = Socket::with_room(1_000);
    let outbox = test.viewer(&socket);
    test.follow(&outbox, None, None);
    replay(&socket).await;

    let (epoch, head) = test.feed.head();
    test.feed.reset(epoch, head, head);
    test.append();

    assert_eq!(socket.next().await.1, r#"{"text":"e0/21"}"#);
}

#[tokio::test(start_paused = true)]
async fn what_is_not_in_the_log_any_more_is_not_waited_for() {
    let mut test = Test::new();
    (0..20).for_each(|_| test.append());
    let socket = Socket::with_room(1_000);
    let outbox = test.viewer(&socket);

    test.prune(15);
    test.follow(&outbox, None, None);
    let (some, _) = replay(&socket).await;
    test.prune(20);
    test.follow(&outbox, None, None);
    let (none, end) = replay(&socket).await;
    test.append();

    assert_eq!((some.len(), none.len()), (5, 0));
    assert_eq!((end.to_seq, end.count), (Seq(20), 0));
    assert_eq!(socket.next().await.1, r#"{"text":"e0/21"}"#);
}

#[tokio::test(start_paused = true)]
async fn live_deltas_reach_those_who_are_there_and_are_never_replayed() {
    let mut test = Test::new();
    let (early, late) = (Socket::with_room(100), Socket::with_room(100));
    let (one, two) = (test.viewer(&early), test.viewer(&late));
    test.follow(&one, None, None);
    replay(&early).await;

    test.append();
    test.feed.append([item(None, "delta")]);
    assert_eq!(early.next().await.1, r#"{"text":"e0/1"}"#);
    assert_eq!(early.next().await.1, r#"{"text":"delta"}"#);

    test.follow(&two, None, None);
    let (texts, _) = replay(&late).await;
    assert_eq!(texts, [r#"{"text":"e0/1"}"#]);
    test.append();
    assert_eq!(late.next().await.1, r#"{"text":"e0/2"}"#);
}

#[tokio::test(start_paused = true)]
async fn a_full_socket_loses_nothing_acknowledgements_included() {
    let mut test = Test::new();
    let socket = Socket::with_room(0);
    let outbox = test.viewer(&socket);
    outbox.send(Message::Ack(7, RawValue::from_string("1".into()).unwrap()));
    test.follow(&outbox, None, None);
    (0..50).for_each(|_| test.append());

    for _ in 0..60 {
        tokio::time::sleep(Duration::from_millis(100)).await;
        socket.make_room(1);
    }

    assert_eq!(socket.next().await, ("ack 7".to_owned(), "1".to_owned()));
    let mut seen = Vec::new();
    while seen.len() < 50 {
        let packet = socket.next().await;
        if packet.0 != "historyEnd" {
            seen.push(packet.1);
        }
    }
    let expected: Vec<String> = (1..=50).map(|n| format!(r#"{{"text":"e0/{n}"}}"#)).collect();
    assert_eq!(seen, expected);
}

#[tokio::test(start_paused = true)]
async fn a_connection_that_does_not_read_its_answers_is_closed() {
    let test = Test::new();
    let socket = Socket::with_room(0);
    let outbox = test.viewer(&socket);

    for id in 0..10_000 {
        outbox.send(Message::Ack(id, RawValue::from_string("1".into()).unwrap()));
        tokio::task::yield_now().await;
    }

    timeout(Duration::from_secs(60), outbox.closed()).await.expect("the outbox ends");
    assert!(socket.is_closed());
}

#[tokio::test(start_paused = true)]
async fn a_connection_ends_behind_its_last_words() {
    let test = Test::new();
    let socket = Socket::with_room(0);
    let outbox = test.viewer(&socket);

    outbox.event("goodbye", &());
    outbox.end();
    tokio::time::sleep(Duration::from_secs(1)).await;
    assert!(!socket.is_closed());
    socket.make_room(1);

    timeout(Duration::from_secs(60), outbox.closed()).await.expect("the outbox ends");
    assert_eq!(socket.next().await.0, "goodbye");
    assert!(socket.is_closed());
}

#[tokio::test(start_paused = true)]
async fn who_stops_following_hears_no_more() {
    let mut test = Test::new();
    let socket = Socket::with_room(100);
    let outbox = test.viewer(&socket);
    test.follow(&outbox, None, None);
    replay(&socket).await;
    assert_eq!(test.feed.followers(), 1);

    outbox.send(Message::Unfollow(ConversationId::new("c").unwrap()));
    outbox.event("marker", &());
    assert_eq!(socket.next().await.0, "marker");
    test.append();
    outbox.event("marker", &());

    assert_eq!(socket.next().await.0, "marker");
    assert_eq!(test.feed.followers(), 0);
}
