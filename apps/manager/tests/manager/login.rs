use protocol::spec::AgentSpec;
use serde_json::json;

use crate::client::answers;
use crate::fixture::{Home, Running};

#[tokio::test(flavor = "multi_thread")]
async fn a_login_greets_replays_and_says_so() {
    let manager = Running::echo().await;
    let mut client = manager.connect().await;

    let data = client.ok("login", manager.credentials("echo")).await;

    let greeting = client.event().await;
    assert_eq!(greeting.name, "loginSuccess");
    assert_eq!(greeting.payload["message"], "Welcome, echo!");
    assert_eq!(greeting.payload["headSeq"], 0);
    assert!(greeting.payload["resumeToken"].is_null(), "only the caller gets it");
    assert_eq!(data["conversationId"], greeting.payload["conversationId"]);
    let end = client.event().await;
    assert_eq!((end.name.as_str(), &end.payload["count"]), ("historyEnd", &json!(0)));
    assert_eq!(end.payload["recovered"], true);
    manager.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_refusal_does_not_say_what_was_wrong() {
    let manager = Running::echo().await;
    let mut client = manager.connect().await;
    let mut answers = Vec::new();

    for agent in [manager.agent("echo"), "ag_nobody".to_owned()] {
        let error = client.refused("login", json!({ "agentId": agent, "password": "wrong" })).await;
        let event = client.named("loginError").await.payload;
        assert_eq!(event["agentId"], json!(agent));
        assert_eq!((&event["code"], &event["message"]), (&error["code"], &error["message"]));
        answers.push(error);
    }

    assert_eq!(answers[0], answers[1]);
    assert_eq!(answers[0]["code"], "INVALID_CREDENTIALS");
    assert_eq!(answers[0]["message"], "Invalid credentials");
    manager.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn passwords_are_tried_ten_times_and_then_later() {
    let manager = Running::echo().await;
    let mut client = manager.connect().await;
    let wrong = json!({ "agentId": manager.agent("echo"), "password": "wrong" });
    for _ in 0..10 {
        assert_eq!(client.refused("login", wrong.clone()).await["code"], "INVALID_CREDENTIALS");
    }

    let error = client.refused("login", manager.credentials("echo")).await;

    assert_eq!(error["code"], "RATE_LIMITED");
    assert!(error["retryAfterMs"].as_u64().unwrap() > 1_000);
    manager.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_resume_token_logs_in_after_a_restart_too() {
    let manager = Running::echo().await;
    let mut client = manager.connect().await;
    let data = client.ok("login", manager.credentials("echo")).await;
    let resume = json!({ "agentId": manager.agent("echo"), "resumeToken": data["resumeToken"] });

    let manager = manager.stop().await.start(&[]).await;

    let mut client = manager.connect().await;
    client.ok("login", resume.clone()).await;
    let wrong = json!({ "agentId": "ag_other", "resumeToken": resume["resumeToken"] });
    assert_eq!(client.refused("login", wrong).await["code"], "INVALID_CREDENTIALS");
    manager.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn commands_behind_a_login_wait_for_it() {
    let manager = Running::echo().await;
    let mut client = manager.connect().await;

    let login = client.begin("login", manager.credentials("echo"));
    let chat = client.begin("chat", manager.says("echo", "hello"));
    let list = client.begin("listAgents", json!({}));

    assert_eq!(client.ack(list).await["success"], true, "others do not wait");
    assert_eq!(client.ack(login).await["success"], true);
    let run = client.ack(chat).await["data"]["runId"].clone();
    assert_eq!(answers(&client.run_end(&run).await), ["hello"]);
    manager.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn logout_ends_what_follows_and_nothing_else() {
    let manager = Running::echo().await;
    let (mut one, mut other) = (manager.logged_in("echo").await, manager.logged_in("echo").await);
    let agent = json!({ "agentId": manager.agent("echo") });

    one.ok("logout", agent.clone()).await;

    assert_eq!(one.named("logoutSuccess").await.payload, agent);
    assert_eq!(one.refused("chat", manager.says("echo", "x")).await["code"], "UNAUTHORIZED");
    let run = other.ok("chat", manager.says("echo", "still here")).await["runId"].clone();
    assert_eq!(answers(&other.run_end(&run).await), ["still here"]);
    let list = one.ok("listAgents", json!({})).await;
    assert_eq!(list["agents"][0]["clientCount"], 1);
    manager.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn two_agents_on_one_connection_answer_each_under_their_own_name() {
    let manager = Home::new().start(&[AgentSpec::echo("one"), AgentSpec::echo("two")]).await;
    let mut client = manager.connect().await;

    let calls = [
        client.begin("login", manager.credentials("one")),
        client.begin("login", manager.credentials("two")),
        client.begin("chat", manager.says("one", "for one")),
        client.begin("chat", manager.says("two", "for two")),
    ];
    let mut ended = 0;
    let events = client.until(|event| {
        ended += usize::from(crate::client::is_terminal(event));
        ended == 2
    });
    let events = events.await;
    for call in calls {
        assert_eq!(client.ack(call).await["success"], true);
    }

    for name in ["one", "two"] {
        let agent = json!(manager.agent(name));
        let own: Vec<_> =
            events.iter().filter(|event| event.payload["agentId"] == agent).cloned().collect();
        assert_eq!(answers(&own), [format!("for {name}")]);
        assert!(own.iter().all(
            |event| event.payload["agentName"].is_null() || event.payload["agentName"] == name
        ));
    }
    manager.stop().await;
}
