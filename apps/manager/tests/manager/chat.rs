use std::collections::HashMap;
use std::time::Duration;

use manager::Config;
use protocol::spec::AgentSpec;
use serde_json::{Value, json};

use crate::client::{answers, is_terminal};
use crate::fixture::{Home, Running};

#[tokio::test(flavor = "multi_thread")]
async fn a_chat_is_stored_answered_and_ended_in_order() {
    let manager = Running::echo().await;
    let mut client = manager.logged_in("echo").await;
    let origin = json!({ "viewerId": "vw_1", "user": "ada", "agentId": manager.agent("echo") });

    let call =
        client.begin_for(json!(["chat", { "message": "/stream 3 ab", "messageId": "m1" }, origin]));
    let accepted = client.ack(call).await["data"].clone();

    assert_eq!((&accepted["seq"], &accepted["state"]), (&json!(1), &json!("started")));
    let events = client.run_end(&accepted["runId"]).await;
    let seqs: Vec<_> = events.iter().filter_map(|event| event.payload["seq"].as_u64()).collect();
    assert_eq!(seqs, [1, 2, 3, 4]);
    let message = &events[0].payload;
    assert_eq!((&message["from"], &message["text"]), (&json!("user"), &json!("/stream 3 ab")));
    assert_eq!(
        (&message["viewerId"], &message["user"], &message["messageId"]),
        (&json!("vw_1"), &json!("ada"), &json!("m1"))
    );
    assert_eq!(events[1].payload["state"], "started");
    let deltas: Vec<_> =
        events.iter().filter(|event| event.payload["kind"] == "assistantDelta").collect();
    let sequences: Vec<_> =
        deltas.iter().map(|event| event.payload["sequence"].as_u64().unwrap()).collect();
    assert_eq!(sequences, [0, 1, 2]);
    let whole: String =
        deltas.iter().map(|event| event.payload["payload"]["delta"].as_str().unwrap()).collect();
    assert_eq!(answers(&events), [whole]);
    let end = events.last().unwrap();
    assert_eq!(end.payload["state"], "done");
    assert!(end.payload["durationMs"].is_u64());
    manager.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_same_message_again_gets_the_same_answer_and_changes_nothing() {
    let manager = Running::echo().await;
    let mut client = manager.logged_in("echo").await;
    let once = json!({ "agentId": manager.agent("echo"), "message": "once", "messageId": "m1", "runId": "run_1" });

    let together = [client.begin("chat", once.clone()), client.begin("chat", once.clone())];
    let first = client.ack(together[0]).await;
    assert_eq!(client.ack(together[1]).await, first, "while the run is open");
    client.run_end(&json!("run_1")).await;
    assert_eq!(client.call("chat", once.clone()).await, first, "when it has ended");

    let manager = manager.stop().await.start(&[]).await;
    let mut client = manager.logged_in("echo").await;
    assert_eq!(client.call("chat", once).await, first, "after a restart");
    let history = client.ok("getHistory", json!({ "agentId": manager.agent("echo") })).await;
    assert_eq!(history["headSeq"], 4);
    manager.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_run_id_is_used_once_at_a_time() {
    let manager = Running::echo().await;
    let mut client = manager.logged_in("echo").await;
    let stall = json!({ "agentId": manager.agent("echo"), "message": "/stall", "runId": "run_1" });
    client.ok("chat", stall.clone()).await;

    let error = client.refused("chat", stall.clone()).await;

    assert_eq!(error["code"], "RUN_EXISTS");
    client.ok("cancelRun", json!({ "runId": "run_1" })).await;
    client.run_end(&json!("run_1")).await;
    client.ok("chat", stall).await;
    manager.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_running_and_a_waiting_run_can_be_cancelled() {
    let manager = Running::echo().await;
    let mut client = manager.logged_in("echo").await;
    let running = client.ok("chat", manager.says("echo", "/stall")).await;
    let waiting = client.ok("chat", manager.says("echo", "never said")).await;
    let next = client.ok("chat", manager.says("echo", "said")).await;
    assert_eq!((&waiting["state"], &waiting["position"]), (&json!("queued"), &json!(1)));
    assert_eq!(next["position"], 2);

    let kind = client.ok("cancelRun", json!({ "runId": waiting["runId"] })).await;
    assert_eq!(kind["kind"], "cancelled_queued");
    let kind = client.ok("cancelRun", json!({ "runId": running["runId"] })).await;
    assert_eq!(kind["kind"], "cancelled_running");

    let events = client.run_end(&next["runId"]).await;
    let ends: Vec<_> =
        events.iter().filter(|event| is_terminal(event)).map(|event| &event.payload).collect();
    let told: Vec<_> = ends
        .iter()
        .map(|end| (&end["runId"], end["state"].as_str().unwrap(), &end["reason"]))
        .collect();
    assert_eq!(
        told,
        [
            (&waiting["runId"], "cancelled", &json!("user")),
            (&running["runId"], "cancelled", &json!("user")),
            (&next["runId"], "done", &Value::Null),
        ]
    );
    let error = client.refused("cancelRun", json!({ "runId": running["runId"] })).await;
    assert_eq!(
        (&error["code"], &error["message"]),
        (&json!("RUN_NOT_FOUND"), &json!("No active run to cancel"))
    );
    manager.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_cancel_right_behind_its_chat_finds_the_run() {
    let manager = Running::echo().await;
    let mut client = manager.logged_in("echo").await;
    let stall = json!({ "agentId": manager.agent("echo"), "message": "/stall", "runId": "run_1" });

    client.begin("chat", stall);
    let cancel = client.begin("cancelRun", json!({ "runId": "run_1" }));

    assert_eq!(client.ack(cancel).await["success"], true);
    let end = client.run_end(&json!("run_1")).await.pop().unwrap();
    assert_eq!(end.payload["state"], "cancelled");
    manager.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_hundred_runs_wait_and_no_more() {
    let manager = Running::echo().await;
    let mut client = manager.logged_in("echo").await;
    let chat = |n: usize| json!({ "agentId": manager.agent("echo"), "message": "/stall", "messageId": format!("m{n}") });
    for n in 0..=100 {
        client.ok("chat", chat(n)).await;
    }

    let error = client.refused("chat", chat(101)).await;

    assert_eq!(error["code"], "QUEUE_FULL");
    assert_eq!(error["message"], "Queue is full (100 requests). Try again after some complete.");
    assert_eq!(client.ok("chat", chat(50)).await["position"], 50, "a repetition is no new run");
    manager.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn ten_thousand_commands_at_once_are_each_answered_once() {
    let manager = Running::echo().await;
    let mut client = manager.logged_in("echo").await;
    let agent = manager.agent("echo");
    let mut calls = Vec::new();
    for n in 0..10_000 {
        let chat =
            json!({ "agentId": agent, "message": format!("{n}"), "messageId": format!("m{n}") });
        calls.push(client.begin("chat", chat));
    }

    let mut codes: HashMap<String, usize> = HashMap::new();
    let mut accepted = Vec::new();
    for call in calls {
        let ack = client.ack(call).await;
        *codes
            .entry(ack["error"]["code"].as_str().unwrap_or("accepted").to_owned())
            .or_default() += 1;
        accepted.extend(ack["data"]["runId"].as_str().map(str::to_owned));
    }

    assert!(
        codes
            .keys()
            .all(|code| ["accepted", "QUEUE_FULL", "RATE_LIMITED"].contains(&code.as_str())),
        "{codes:?}"
    );
    assert!(codes["accepted"] > 100, "{codes:?}");
    let history = client.ok("getHistory", json!({ "agentId": agent, "limit": 1 })).await;
    assert!(history["headSeq"].as_u64().unwrap() >= 2 * accepted.len() as u64);
    manager.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_agent_that_cannot_be_started_fails_its_runs_with_a_reason() {
    let manager =
        Home::new().start(&[AgentSpec::lines("gone", "/no/such/program", Vec::new())]).await;
    let mut client = manager.logged_in("gone").await;

    for _ in 0..2 {
        let run = client.ok("chat", manager.says("gone", "hello")).await["runId"].clone();
        let end = client.run_end(&run).await.pop().unwrap();
        assert_eq!(
            (&end.payload["state"], &end.payload["reason"]),
            (&json!("failed"), &json!("agent_unavailable"))
        );
        assert!(
            end.payload["error"].as_str().unwrap().contains("/no/such/program"),
            "{}",
            end.text
        );
    }
    manager.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_run_takes_at_most_its_time() {
    let home = Home::new();
    let mut config = home.config();
    config.run_timeout = Duration::from_millis(50);
    let manager = home.start_with(config, &[AgentSpec::echo("echo")]).await;
    let mut client = manager.logged_in("echo").await;

    let run = client.ok("chat", manager.says("echo", "/stall")).await["runId"].clone();

    let end = client.run_end(&run).await.pop().unwrap();
    assert_eq!(
        (&end.payload["state"], &end.payload["reason"]),
        (&json!("failed"), &json!("timeout"))
    );
    manager.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_program_converses_in_one_process() {
    let manager = Home::new().start(&[AgentSpec::lines("cat", "cat", Vec::new())]).await;
    let mut client = manager.logged_in("cat").await;

    for text in ["one", "two"] {
        let run = client.ok("chat", manager.says("cat", text)).await["runId"].clone();
        assert_eq!(answers(&client.run_end(&run).await), [text]);
    }
    manager.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_repetition_of_a_large_message_gets_the_same_answer() {
    let manager = Running::echo().await;
    let mut client = manager.logged_in("echo").await;
    let mut chat = manager.says("echo", &"\"".repeat(900_000));
    chat["messageId"] = json!("m1");
    chat["runId"] = json!("run_1");

    let first = client.ok("chat", chat.clone()).await;
    client.run_end(&json!("run_1")).await;
    let again = client.ok("chat", chat).await;

    assert_eq!(first, again);
    manager.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_nobody_has_joined_waits_as_long_as_what_somebody_has_left() {
    let home = Home::new();
    let config = Config { viewer_grace: Duration::from_secs(1), ..home.config() };
    let manager = home.start_with(config, &[AgentSpec::echo("echo")]).await;
    let mut client = manager.logged_in("echo").await;
    let agent = manager.agent("echo");
    let made = client.ok("createConversation", json!({ "agentId": agent })).await;
    let id = made["conversationId"].clone();
    let says = |text: &str, run: &str| json!({ "agentId": agent, "conversationId": id, "message": text, "runId": run });

    client.ok("chat", says("first", "run_1")).await;
    // Nobody has been there for longer than that by now.
    tokio::time::sleep(Duration::from_millis(1_100)).await;
    client.ok("chat", says("/sleep 50 second", "run_2")).await;
    client.ok("chat", says("third", "run_3")).await;
    client.ok("joinConversation", json!({ "agentId": agent, "conversationId": id })).await;

    let end = client.run_end(&json!("run_3")).await.pop().unwrap();
    assert_eq!(end.payload["state"], "done");
    manager.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn one_message_id_twice_in_what_is_inserted_is_refused() {
    let manager = Running::echo().await;
    let mut client = manager.logged_in("echo").await;
    let agent = manager.agent("echo");
    let made = client.ok("createConversation", json!({ "agentId": agent })).await;
    let message = json!({ "from": "user", "text": "x", "messageId": "m1" });

    let insert = json!({
        "agentId": agent, "conversationId": made["conversationId"], "messages": [message, message],
    });

    assert_eq!(client.refused("insertHistory", insert).await["code"], "INVALID_PAYLOAD");
    manager.stop().await;
}
