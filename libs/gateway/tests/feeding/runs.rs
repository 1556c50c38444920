//! Open runs, the queue, filters, and a log that goes away.

use std::time::Duration;

use gateway::{Item, Outbox, Start};
use protocol::{Seq, ViewerId};

use crate::support::{Socket, Test, event, item, replay};

fn delta(run: &str, sequence: u64, text: &str) -> Item {
    let json = format!(
        r#"{{"runId":"{run}","sequence":{sequence},"kind":"assistantDelta","payload":{{"delta":"{text}"}}}}"#
    );
    event("chatEvent", &json)
}

fn begin(test: &mut Test, run: &str, viewer: &str) {
    let said = format!(r#"{{"runId":"{run}","viewerId":"{viewer}","text":"hello"}}"#);
    let state = format!(r#"{{"runId":"{run}","viewerId":"{viewer}","state":"started"}}"#);
    test.store(event("chatMessage", &said));
    test.store(event("runEvent", &state));
}

fn join(test: &Test) -> (Socket, Outbox) {
    let socket = Socket::with_room(10_000);
    let outbox = test.viewer(&socket);
    test.follow(&outbox, None, None);
    (socket, outbox)
}

/// The next packet: its name, or for a piece its field and text.
async fn next(socket: &Socket) -> String {
    let (name, payload) = socket.next().await;
    let json: serde_json::Value = serde_json::from_str(&payload).unwrap();
    let field = |field| json["payload"][field].as_str().map(|text| format!("{field} {text}"));
    field("delta").or_else(|| field("text")).unwrap_or(name)
}

async fn all(socket: &Socket) -> Vec<String> {
    tokio::time::sleep(Duration::from_secs(5)).await;
    std::iter::from_fn(|| socket.take()).map(|(name, _)| name).collect()
}

#[tokio::test(start_paused = true)]
async fn who_joins_in_mid_run_gets_the_end_of_history_the_text_and_the_next_pieces() {
    let mut test = Test::new();
    begin(&mut test, "r", "v");
    (0..20).for_each(|n| test.feed.append([delta("r", n, &format!("{n} "))]));

    let (socket, _outbox) = join(&test);
    let (texts, end) = replay(&socket).await;
    assert_eq!((texts.len(), end.count), (2, 2));
    let (name, snapshot) = socket.next().await;
    assert_eq!(name, "chatEvent");
    assert!(snapshot.contains(r#""sequence":19,"kind":"assistantSnapshot""#), "{snapshot}");
    assert!(snapshot.contains(r#"{"text":"0 1 2 3 "#), "{snapshot}");

    test.feed.append([delta("r", 20, "20 "), delta("r", 21, "21 ")]);
    assert_eq!(next(&socket).await, "delta 20 ");
    assert_eq!(next(&socket).await, "delta 21 ");
}

#[tokio::test(start_paused = true)]
async fn with_nothing_to_replay_the_end_of_history_still_comes_first() {
    let mut test = Test::new();
    begin(&mut test, "r", "v");
    test.feed.append([delta("r", 0, "a"), event("queueUpdate", r#"{"runs":1}"#)]);
    let socket = Socket::with_room(100);
    let outbox = test.viewer(&socket);

    test.follow(&outbox, Some((2, "e0")), None);
    let (texts, end) = replay(&socket).await;
    assert_eq!((texts.len(), end.count, end.to_seq.0), (0, 0, 2));
    assert_eq!(next(&socket).await, "text a");
    assert_eq!(next(&socket).await, "queueUpdate");
    test.feed.append([delta("r", 1, "b")]);
    assert_eq!(next(&socket).await, "delta b");
}

#[tokio::test(start_paused = true)]
async fn of_the_queue_only_the_newest_is_told() {
    let mut test = Test::new();
    let (socket, _outbox) = join(&test);
    replay(&socket).await;
    let slow = Socket::default();
    let slow_outbox = test.viewer(&slow);
    test.follow(&slow_outbox, None, None);

    for n in 0..50 {
        test.feed.append([event("queueUpdate", &format!(r#"{{"n":{n}}}"#))]);
        assert_eq!(socket.next().await.1, format!(r#"{{"n":{n}}}"#));
    }
    test.append();
    assert_eq!(next(&socket).await, "chatMessage");

    slow.make_room(100);
    replay(&slow).await;
    let told = [slow.next().await.1, slow.next().await.1];
    assert_eq!(told, [r#"{"text":"e0/1"}"#, r#"{"n":49}"#]);
    assert!(all(&slow).await.is_empty());
}

#[tokio::test(start_paused = true)]
async fn a_filter_shows_only_what_was_said_in_own_runs() {
    let mut test = Test::new();
    begin(&mut test, "mine", "v");
    begin(&mut test, "other", "w");
    test.store(event("chatMessage", r#"{"text":"unasked"}"#));
    test.store(event("chatEvent", r#"{"runId":"other","kind":"status"}"#));
    test.store(event("chatMessage", r#"{"runId":"mine","text":"answer"}"#));
    test.store(event("agentEvent", r#"{"topic":"x"}"#));
    test.feed.append([delta("mine", 0, "a"), delta("other", 0, "b")]);

    let filter = Some(ViewerId::new("v").unwrap());
    let socket = Socket::with_room(100);
    let outbox = test.viewer(&socket);
    test.follow_from(&outbox, Start { after: None, limit: None, filter: filter.clone() });
    let (texts, end) = replay(&socket).await;
    assert_eq!((texts.len(), end.count, end.from_seq.0, end.to_seq.0), (5, 5, 1, 8));
    assert!(!texts.iter().any(|text| text.contains("unasked") || text.contains("status")));
    assert_eq!(next(&socket).await, "text a");

    test.feed.append([delta("other", 1, "b"), delta("mine", 1, "c")]);
    assert_eq!(next(&socket).await, "delta c");
    begin(&mut test, "later", "v");
    test.feed.append([delta("later", 0, "d"), event("conversationUpdate", "{}")]);
    test.feed.append([event("queueUpdate", "{}")]);
    let mut told = Vec::new();
    while told.len() < 5 {
        told.push(next(&socket).await);
    }
    let expected = ["chatMessage", "runEvent", "delta d", "conversationUpdate", "queueUpdate"];
    assert_eq!(told, expected);

    // Whose run it is that is open, a follower knows that has not seen it begin.
    let after = Some((Seq(test.next - 1), None));
    test.follow_from(&outbox, Start { after, limit: None, filter });
    assert_eq!(replay(&socket).await.1.count, 0);
    assert_eq!(next(&socket).await, "text ac");
    assert_eq!(next(&socket).await, "text d");
}

#[tokio::test(start_paused = true)]
async fn a_closed_log_is_dropped_without_a_word() {
    let mut test = Test::new();
    test.append();
    let (socket, outbox) = join(&test);
    replay(&socket).await;
    assert!(!test.feed.is_closed());

    test.feed.close();
    test.feed.append([item(None, "too late")]);
    assert!(all(&socket).await.is_empty());
    assert!(test.feed.is_closed());
    assert_eq!(test.feed.followers(), 0);

    test.follow(&outbox, None, None);
    outbox.event("marker", &());
    assert_eq!(all(&socket).await, ["marker"]);
    assert_eq!(test.feed.followers(), 0);
}
