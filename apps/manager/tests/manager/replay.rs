use serde_json::{Value, json};

use crate::client::{Client, Event};
use crate::fixture::Running;

/// Ten chats: forty entries.
async fn talk(manager: &Running, client: &mut Client) -> Vec<Event> {
    let mut events = Vec::new();
    for n in 0..10 {
        let run =
            client.ok("chat", manager.says("echo", &format!("message {n}"))).await["runId"].clone();
        events.extend(client.run_end(&run).await);
    }
    events.retain(|event| event.payload["seq"].is_u64());
    events
}

/// Logs in and returns the acknowledgement's data, what was replayed, and `historyEnd`.
async fn replay(manager: &Running, cursor: Value) -> (Value, Vec<Event>, Value) {
    let mut client = manager.connect().await;
    let mut login = manager.credentials("echo");
    login.as_object_mut().unwrap().extend(cursor.as_object().unwrap().clone());
    let data = client.ok("login", login).await;
    let mut events = client.until(|event| event.name == "historyEnd").await;
    let end = events.pop().unwrap().payload;
    events.remove(0);
    (data, events, end)
}

fn texts(events: &[Event]) -> Vec<(&str, &str)> {
    events.iter().map(|event| (event.name.as_str(), event.text.as_str())).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_replay_is_what_was_live_byte_for_byte() {
    let manager = Running::echo().await;
    let mut client = manager.logged_in("echo").await;
    let live = talk(&manager, &mut client).await;
    assert_eq!(live.len(), 40);

    let (_, from_memory, end) = replay(&manager, json!({})).await;
    assert_eq!(texts(&from_memory), texts(&live));
    assert_eq!(
        (&end["count"], &end["toSeq"], &end["hasMore"]),
        (&json!(40), &json!(40), &json!(false))
    );

    let manager = manager.stop().await.start(&[]).await;
    let (data, from_store, end) = replay(&manager, json!({})).await;
    assert_eq!(texts(&from_store), texts(&live));
    assert_eq!(data["headSeq"], 40);
    assert_eq!(end["recovered"], true);
    manager.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_cursor_gets_what_it_has_not_seen() {
    let manager = Running::echo().await;
    let mut client = manager.logged_in("echo").await;
    let live = talk(&manager, &mut client).await;
    let (data, ..) = replay(&manager, json!({})).await;

    let (_, rest, end) = replay(&manager, json!({ "afterSeq": 33, "epoch": data["epoch"] })).await;
    assert_eq!(texts(&rest), texts(&live[33..]));
    assert_eq!(
        (&end["fromSeq"], &end["count"], &end["recovered"]),
        (&json!(34), &json!(7), &json!(true))
    );

    let (_, newest, end) = replay(&manager, json!({ "limit": 5 })).await;
    assert_eq!(texts(&newest), texts(&live[35..]));
    assert_eq!(end["hasMore"], true);

    for cursor in [
        json!({ "afterSeq": 33, "epoch": "ep_other" }),
        json!({ "afterSeq": 41, "epoch": data["epoch"] }),
    ] {
        let (_, all, end) = replay(&manager, cursor.clone()).await;
        assert_eq!(texts(&all), texts(&live), "{cursor}");
        assert_eq!(end["recovered"], false, "{cursor}");
    }
    manager.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_replay_joins_what_is_live_without_gap_or_duplicate() {
    let manager = Running::echo().await;
    let mut writer = manager.logged_in("echo").await;
    let mut calls = Vec::new();
    for _ in 0..50 {
        calls.push(writer.begin("chat", manager.says("echo", "/lines 20")));
    }
    let mut readers = Vec::new();
    for _ in 0..4 {
        let mut reader = manager.connect().await;
        reader.begin("login", manager.credentials("echo"));
        readers.push(reader);
    }
    let mut last = Value::Null;
    for call in calls {
        last = writer.ack(call).await["data"]["runId"].clone();
    }

    for mut reader in readers {
        let events = reader.run_end(&last).await;
        let seqs: Vec<_> =
            events.iter().filter_map(|event| event.payload["seq"].as_u64()).collect();
        assert!(seqs.iter().copied().eq(1..=seqs.len() as u64), "{seqs:?}");
        assert!(seqs.len() > 1_000, "more than the tail keeps: {}", seqs.len());
    }
    manager.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn history_is_read_in_pages_both_ways() {
    let manager = Running::echo().await;
    let mut client = manager.logged_in("echo").await;
    let live = talk(&manager, &mut client).await;
    let agent = manager.agent("echo");
    let seqs = |page: &Value| -> Vec<u64> {
        let events = page["events"].as_array().unwrap().iter();
        events.map(|event| event["payload"]["seq"].as_u64().unwrap()).collect()
    };

    let newest = client.ok("getHistory", json!({ "agentId": agent, "limit": 3 })).await;
    assert_eq!((seqs(&newest), &newest["hasMore"]), (vec![38, 39, 40], &json!(true)));
    let before =
        client.ok("getHistory", json!({ "agentId": agent, "beforeSeq": 3, "limit": 500 })).await;
    assert_eq!((seqs(&before), &before["hasMore"]), (vec![1, 2], &json!(false)));
    let after =
        client.ok("getHistory", json!({ "agentId": agent, "afterSeq": 10, "limit": 2 })).await;
    assert_eq!((seqs(&after), &after["hasMore"]), (vec![11, 12], &json!(true)));
    let between =
        client.ok("getHistory", json!({ "agentId": agent, "afterSeq": 10, "beforeSeq": 12 })).await;
    assert_eq!((seqs(&between), &between["hasMore"]), (vec![11], &json!(false)));
    assert_eq!(after["events"][0]["event"], live[10].name.as_str());
    manager.stop().await;
}
