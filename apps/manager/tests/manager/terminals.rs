use std::time::Duration;

use protocol::spec::AgentSpec;
use serde_json::{Value, json};

use crate::client::Client;
use crate::fixture::{Home, Running};

fn agent() -> AgentSpec {
    let mut spec = AgentSpec::lines("lines", "cat", Vec::new());
    let host = spec.host.as_mut().expect("it has one");
    host.env_mut().insert("PS1".to_owned(), "$ ".to_owned());
    spec
}

async fn manager(grace: Duration) -> Running {
    let home = Home::new();
    let config = manager::Config { viewer_grace: grace, ..home.config() };
    home.start_with(config, &[agent()]).await
}

/// What a client has been shown of a terminal.
async fn until(client: &mut Client, end: &str) -> String {
    let mut shown = String::new();
    let fits = |event: &crate::client::Event| {
        if event.name == "terminalOutput" {
            shown.push_str(event.payload["data"].as_str().unwrap());
        }
        shown.contains(end)
    };
    client.until(fits).await;
    shown
}

/// A terminal whose prompt has come.
async fn terminal(client: &mut Client, manager: &Running) -> Value {
    let create = json!({ "agentId": manager.agent("lines"), "shell": "/bin/sh" });
    let info = client.ok("createTerminal", create).await;
    until(client, "$ ").await;
    info["sessionId"].clone()
}

async fn types(client: &mut Client, session: &Value, line: &str) {
    let input = json!({ "sessionId": session, "data": format!("{line}\r") });
    client.ok("terminalInput", input).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_terminal_ends_when_nobody_has_watched_it_for_a_while() {
    let manager = manager(Duration::from_millis(50)).await;
    let mut maker = manager.logged_in("lines").await;
    let mut other = manager.logged_in("lines").await;
    let session = terminal(&mut maker, &manager).await;

    maker.disconnect();

    let closed = other.named("terminalClosed").await.payload;
    assert_eq!((&closed["sessionId"], &closed["reason"]), (&session, &json!("unwatched")));
    let list = json!({ "agentId": manager.agent("lines") });
    assert_eq!(other.ok("listTerminals", list).await["terminals"], json!([]));
    manager.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_terminal_that_is_watched_again_in_time_goes_on() {
    let manager = manager(Duration::from_secs(60)).await;
    let mut maker = manager.logged_in("lines").await;
    let session = terminal(&mut maker, &manager).await;
    types(&mut maker, &session, "echo be''fore").await;
    until(&mut maker, "\nbefore").await;
    maker.disconnect();

    let mut other = manager.logged_in("lines").await;
    let join = json!({ "agentId": manager.agent("lines"), "sessionId": session });
    let info = other.ok("joinTerminal", join).await;

    assert!(until(&mut other, "\nbefore").await.starts_with("$ "));
    assert!(info["offset"].as_u64().unwrap() > 10);
    types(&mut other, &session, "exit 3").await;
    let closed = other.named("terminalClosed").await.payload;
    assert_eq!((&closed["exitCode"], &closed["reason"]), (&json!(3), &json!("exited")));
    manager.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stop_ends_terminals_and_what_runs_in_them() {
    let manager = manager(Duration::from_secs(60)).await;
    let mut client = manager.logged_in("lines").await;
    let session = terminal(&mut client, &manager).await;
    let workdir = manager.home.path().join("agents").join(manager.agent("lines"));
    types(&mut client, &session, "trap '' HUP; sleep 1000 & echo $! > id; echo do''ne").await;
    until(&mut client, "\ndone").await;
    let id = std::fs::read_to_string(workdir.join("id")).unwrap();

    manager.begin_stop();
    let closed = client.named("terminalClosed").await.payload;
    let home = manager.stopped().await;

    assert_eq!(closed["reason"], "serverStopping");
    let state = std::fs::read_to_string(format!("/proc/{}/stat", id.trim())).unwrap_or_default();
    assert!(state.is_empty() || state.contains(") Z "), "{state}");
    drop(home);
}

#[tokio::test(flavor = "multi_thread")]
async fn who_has_logged_out_has_left() {
    let manager = manager(Duration::from_secs(60)).await;
    let mut client = manager.logged_in("lines").await;
    let session = terminal(&mut client, &manager).await;

    client.ok("logout", json!({ "agentId": manager.agent("lines") })).await;

    let input = json!({ "sessionId": session, "data": "x" });
    assert_eq!(client.refused("terminalInput", input).await["code"], "TERMINAL_NOT_FOUND");
    let join = json!({ "agentId": manager.agent("lines"), "sessionId": session });
    assert_eq!(client.refused("joinTerminal", join).await["code"], "UNAUTHORIZED");
    manager.stop().await;
}
