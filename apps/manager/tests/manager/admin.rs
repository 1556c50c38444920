use serde_json::json;

use crate::client::answers;
use crate::fixture::Running;

#[tokio::test(flavor = "multi_thread")]
async fn an_agent_is_created_used_and_deleted() {
    let manager = Running::echo().await;
    let mut client = manager.connect().await;
    let spec = json!({ "spec": { "name": "new", "codec": { "type": "echo" } } });

    let created = client.ok("createAgent", spec.clone()).await;
    assert_eq!(client.refused("createAgent", spec.clone()).await["code"], "NAME_TAKEN");
    let agent = created["agentId"].clone();
    client.ok("login", json!({ "agentId": agent, "password": created["password"] })).await;
    let run =
        client.ok("chat", json!({ "agentId": agent, "message": "hello" })).await["runId"].clone();
    assert_eq!(answers(&client.run_end(&run).await), ["hello"]);

    client.ok("chat", json!({ "agentId": agent, "message": "/stall", "runId": "run_1" })).await;
    client.ok("deleteAgent", json!({ "agentId": agent })).await;
    let end = client.run_end(&json!("run_1")).await.pop().unwrap();
    assert_eq!(
        (&end.payload["state"], &end.payload["reason"]),
        (&json!("cancelled"), &json!("agent_stopped"))
    );
    assert_eq!(
        client.refused("chat", json!({ "agentId": agent, "message": "x" })).await["code"],
        "AGENT_NOT_FOUND"
    );
    assert_eq!(
        client.refused("deleteAgent", json!({ "agentId": agent })).await["code"],
        "AGENT_NOT_FOUND"
    );
    client.ok("createAgent", spec).await;
    manager.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stopped_agent_takes_no_messages_until_it_is_started() {
    let manager = Running::echo().await;
    let mut client = manager.logged_in("echo").await;
    let agent = json!({ "agentId": manager.agent("echo") });
    client.ok("chat", manager.says("echo", "/stall")).await;
    let waiting = client.ok("chat", manager.says("echo", "waits")).await["runId"].clone();
    assert_eq!(client.ok("listAgents", json!({})).await["agents"][0]["state"], "running");

    client.ok("stopAgent", agent.clone()).await;

    let ends = client.run_end(&waiting).await;
    assert_eq!(ends.last().unwrap().payload["reason"], "agent_stopped");
    assert_eq!(
        client.refused("chat", manager.says("echo", "x")).await["code"],
        "AGENT_UNAVAILABLE"
    );
    let manager = manager.stop().await.start(&[]).await;
    let mut client = manager.logged_in("echo").await;
    assert_eq!(
        client.ok("listAgents", json!({})).await["agents"][0]["state"],
        "stopped",
        "also after a restart"
    );
    client.ok("startAgent", agent).await;
    let run = client.ok("chat", manager.says("echo", "again")).await["runId"].clone();
    assert_eq!(answers(&client.run_end(&run).await), ["again"]);
    manager.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_restart_ends_the_current_run_and_what_waits_goes_on() {
    let manager = Running::echo().await;
    let mut client = manager.logged_in("echo").await;
    let running = client.ok("chat", manager.says("echo", "/stall")).await["runId"].clone();
    let waiting = client.ok("chat", manager.says("echo", "waits")).await["runId"].clone();

    client.ok("restartAgent", json!({ "agentId": manager.agent("echo") })).await;

    let events = client.run_end(&waiting).await;
    let ended = events
        .iter()
        .find(|event| event.payload["runId"] == running && event.payload["reason"].is_string());
    assert_eq!(ended.unwrap().payload["reason"], "agent_stopped");
    assert_eq!(answers(&events), ["waits"]);
    manager.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_agent_from_the_wire_stays_in_its_directory() {
    let manager = Running::echo().await;
    let mut client = manager.connect().await;
    let host = json!({ "type": "process", "command": "cat", "cwd": "/etc" });
    let spec = json!({ "spec": { "name": "out", "codec": { "type": "lines" }, "host": host } });

    let error = client.refused("createAgent", spec).await;

    assert_eq!(error["code"], "INVALID_PAYLOAD");
    assert!(error["message"].as_str().unwrap().contains("/etc"));
    manager.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_last_of_what_is_asked_of_an_agent_counts() {
    let manager = Running::echo().await;
    let mut client = manager.logged_in("echo").await;
    let agent = json!({ "agentId": manager.agent("echo") });
    client.ok("chat", manager.says("echo", "/stall")).await;

    // It runs already: nothing to wait for.
    client.ok("startAgent", agent.clone()).await;
    for name in ["restartAgent", "startAgent", "stopAgent"] {
        client.ok(name, agent.clone()).await;
    }

    let refused = client.refused("chat", manager.says("echo", "x")).await;
    assert_eq!(refused["code"], "AGENT_UNAVAILABLE");
    assert_eq!(client.ok("listAgents", json!({})).await["agents"][0]["state"], "stopped");
    manager.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_private_ends_with_the_agent() {
    let manager = Running::echo().await;
    let mut client = manager.logged_in("echo").await;
    let agent = json!({ "agentId": manager.agent("echo") });
    let mut chat = manager.says("echo", "/stall");
    chat["ephemeral"] = json!(true);
    let run = client.ok("chat", chat).await["runId"].clone();

    client.ok("stopAgent", agent).await;

    let end = client.run_end(&run).await.pop().unwrap();
    assert_eq!(
        (&end.payload["state"], &end.payload["reason"]),
        (&json!("cancelled"), &json!("agent_stopped"))
    );
    manager.stop().await;
}
