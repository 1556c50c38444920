use std::collections::HashSet;

use protocol::spec::AgentSpec;
use serde_json::json;

use crate::fixture::Home;

#[tokio::test(flavor = "multi_thread")]
async fn of_a_deleted_conversation_nothing_is_told_any_more() {
    let manager = Home::new().start(&[AgentSpec::echo("echo")]).await;
    let agent = manager.agent("echo");
    let (mut writer, mut listener) = (manager.logged_in("echo").await, manager.connect().await);
    listener.ok("subscribe", json!({ "topics": ["activity"] })).await;
    listener.named("agentUpdate").await;

    for n in 0..50 {
        let create = json!({ "agentId": agent, "name": format!("{n}") });
        let id = writer.ok("createConversation", create).await["conversationId"].clone();
        let chat = json!({ "agentId": agent, "conversationId": id, "message": "/stall" });
        writer.ok("chat", chat).await;
        if n % 3 == 0 {
            writer.ok("clearHistory", json!({ "conversationId": id })).await;
        }
        writer.ok("deleteConversation", json!({ "conversationId": id })).await;
    }
    let chat = json!({ "agentId": agent, "message": "last" });
    let run = writer.ok("chat", chat).await["runId"].clone();

    let mut idle = false;
    let events = listener
        .until(|event| {
            idle |= event.name == "runActivity" && event.payload["runId"] == run;
            idle && event.name == "conversationActivity"
                && event.payload["conversation"]["running"] == false
        })
        .await;
    let (mut gone, mut cancelled) = (HashSet::new(), 0);
    for event in &events {
        let id = event.payload["conversationId"].to_string();
        match event.name.as_str() {
            "conversationUpdate" if event.payload["action"] == "deleted" => {
                gone.insert(id);
            }
            "conversationActivity" => assert!(!gone.contains(&id), "{event:?}"),
            "runActivity" => cancelled += usize::from(event.payload["state"] == "cancelled"),
            _ => {}
        }
    }
    assert_eq!((gone.len(), cancelled), (50, 50));
    manager.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_connection_that_goes_is_told_nothing_and_one_that_comes_is_told_all() {
    let specs: Vec<_> = (0..40).map(|n| AgentSpec::echo(format!("e{n}"))).collect();
    let manager = Home::new().start(&specs).await;

    for _ in 0..3 {
        let mut one = manager.connect().await;
        one.ok("subscribe", json!({ "topics": ["activity"] })).await;
        let mut told = HashSet::new();
        while told.len() < specs.len() {
            let update = one.named("agentUpdate").await.payload;
            assert_eq!((&update["action"], &update["state"]), (&json!("current"), &json!("idle")));
            assert!(told.insert(update["agentId"].to_string()), "each once");
        }
        one.disconnect();
    }
    manager.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn one_that_comes_is_told_what_was_asked_before() {
    let manager = Home::new().start(&[AgentSpec::echo("echo")]).await;
    let agent = manager.agent("echo");
    let mut writer = manager.logged_in("echo").await;
    let chat = json!({ "agentId": agent, "message": "/ask red green" });
    let run = writer.ok("chat", chat).await["runId"].clone();
    let asked = writer.named("interactionRequest").await.payload;

    let mut late = manager.connect().await;
    late.ok("subscribe", json!({ "topics": ["activity"] })).await;
    let events = late.until(|event| event.name == "runActivity").await;

    let told = &events.last().unwrap().payload;
    assert_eq!((&told["state"], &told["runId"]), (&json!("blocked"), &run));
    for same in ["interactionId", "message", "seq", "timestamp"] {
        assert_eq!(told[same], asked[same], "{same}");
    }
    assert!(events.iter().any(|event| event.name == "agentUpdate"), "its name is known by then");
    manager.stop().await;
}
