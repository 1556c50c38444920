use std::time::{Duration, Instant};

use protocol::spec::AgentSpec;
use serde_json::{Value, json};

use crate::client::{answers, is_terminal};
use crate::fixture::{Home, Running};

#[tokio::test(flavor = "multi_thread")]
async fn runs_that_were_open_at_a_crash_are_closed_and_history_is_kept() {
    let manager = Running::echo().await;
    let mut client = manager.logged_in("echo").await;
    let done = client.ok("chat", manager.says("echo", "hello")).await["runId"].clone();
    client.run_end(&done).await;
    let running = client.ok("chat", manager.says("echo", "/stall")).await["runId"].clone();
    let waiting = client.ok("chat", manager.says("echo", "waits")).await["runId"].clone();

    let manager = manager.kill().start(&[]).await;

    let mut client = manager.connect().await;
    client.ok("login", manager.credentials("echo")).await;
    let events = client.until(|event| event.name == "historyEnd").await;
    assert_eq!(answers(&events), ["hello"]);
    for run in [&running, &waiting] {
        let ends: Vec<&Value> = events
            .iter()
            .filter(|event| event.payload["runId"] == *run && is_terminal(event))
            .map(|event| &event.payload)
            .collect();
        assert_eq!(ends.len(), 1, "exactly one");
        assert_eq!(
            (&ends[0]["state"], &ends[0]["reason"]),
            (&json!("failed"), &json!("server_restart"))
        );
    }
    let run = client.ok("chat", manager.says("echo", "goes on")).await["runId"].clone();
    assert_eq!(answers(&client.run_end(&run).await), ["goes on"]);

    let head =
        client.ok("getHistory", json!({ "agentId": manager.agent("echo") })).await["headSeq"]
            .clone();
    let manager = manager.stop().await.start(&[]).await;
    let mut client = manager.logged_in("echo").await;
    let history = client.ok("getHistory", json!({ "agentId": manager.agent("echo") })).await;
    assert_eq!(history["headSeq"], head, "closed once and not at every start");
    manager.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn stopping_refuses_new_runs_and_lets_the_current_one_finish() {
    let manager = Running::echo().await;
    let mut client = manager.logged_in("echo").await;
    let running =
        client.ok("chat", manager.says("echo", "/sleep 500 finished")).await["runId"].clone();
    let waiting = client.ok("chat", manager.says("echo", "waits")).await["runId"].clone();

    manager.begin_stop();

    let cancelled = client.run_end(&waiting).await.pop().unwrap();
    assert_eq!(cancelled.payload["reason"], "server_stopping");
    assert_eq!(client.refused("chat", manager.says("echo", "x")).await["code"], "SERVER_STOPPING");
    let events = client.run_end(&running).await;
    assert_eq!(answers(&events), ["finished"]);
    assert_eq!(events.last().unwrap().payload["state"], "done");
    manager.stopped().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn stopping_leaves_no_process_and_returns_within_the_grace_period() {
    let home = Home::new();
    let pid_file = home.path().join("pid");
    let script =
        format!("sleep 1000 & echo $! > {0}.child; echo $$ > {0}; wait", pid_file.display());
    let spec = AgentSpec::lines("sleeper", "sh", vec!["-c".to_owned(), script]);
    let manager = home.start(&[spec]).await;
    let mut client = manager.logged_in("sleeper").await;
    let run = client.ok("chat", manager.says("sleeper", "hello")).await["runId"].clone();
    let pids = [read_pid(&pid_file).await, read_pid(&pid_file.with_extension("child")).await];
    assert!(pids.iter().all(|pid| is_alive(pid)));
    let begun = Instant::now();

    manager.begin_stop();

    let end = client.run_end(&run).await.pop().unwrap();
    assert!(is_terminal(&end));
    let home = manager.stopped().await;
    assert!(begun.elapsed() < Duration::from_secs(6), "{:?}", begun.elapsed());
    assert!(!pids.iter().any(|pid| is_alive(pid)), "no orphan");
    home.start(&[]).await.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn on_a_full_disk_nothing_is_stored_by_halves_and_it_goes_on_when_there_is_room() {
    let manager = Home::on_small_disk().start(&[AgentSpec::echo("echo")]).await;
    let mut client = manager.logged_in("echo").await;
    let filler = manager.home.path().join("filler");
    assert!(std::fs::write(&filler, vec![0; 8 << 20]).is_err(), "the disk is full");

    let large = manager.says("echo", &"x".repeat(1 << 19));
    let mut accepted = 0;
    let error = loop {
        let ack = client.call("chat", large.clone()).await;
        if ack["success"] == false {
            break ack["error"].clone();
        }
        accepted += 1;
        assert!(accepted < 100, "the store never refuses");
    };
    assert_eq!(error["code"], "STORE_UNAVAILABLE");

    std::fs::remove_file(&filler).unwrap();
    let accepted = client.ok("chat", manager.says("echo", "stored")).await;
    client.run_end(&accepted["runId"]).await;
    let history = client.ok("getHistory", json!({ "agentId": manager.agent("echo") })).await;
    let events = history["events"].as_array().unwrap();
    let messages = events.iter().filter(|event| event["payload"]["from"] == "user");
    let runs = events.iter().filter(|event| {
        event["payload"]["state"] == "done" || event["payload"]["state"] == "failed"
    });
    assert_eq!(
        messages.count(),
        runs.count(),
        "every message that was stored has a run that ended"
    );
    manager.stop().await;
}

/// The file appears when the program runs.
async fn read_pid(path: &std::path::Path) -> String {
    let appears = async {
        loop {
            match std::fs::read_to_string(path) {
                Ok(pid) if pid.ends_with('\n') => return pid.trim().to_owned(),
                _ => tokio::task::yield_now().await,
            }
        }
    };
    tokio::time::timeout(Duration::from_secs(10), appears).await.expect("the agent starts")
}

fn is_alive(pid: &str) -> bool {
    let state = std::fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
    !state.is_empty() && !state.contains(") Z ")
}
