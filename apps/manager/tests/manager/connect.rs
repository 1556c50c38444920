use serde_json::json;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::client::Client;
use crate::fixture::{Home, Running};

#[tokio::test(flavor = "multi_thread")]
async fn only_the_api_key_opens_the_namespace() {
    let manager = Running::echo().await;

    for (auth, says) in [
        (json!({}), "Unauthorized"),
        (json!(null), "Unauthorized"),
        (json!({ "token": "lsm_wrong" }), "Unauthorized"),
        (json!({ "token": 1 }), "Unauthorized"),
        (json!([]), "The handshake cannot be read"),
    ] {
        let refused = Client::connect(manager.address, auth.clone()).await.err();
        assert_eq!(refused.as_deref(), Some(says), "{auth}");
    }
    manager.connect().await;
    manager.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn bad_input_is_answered_and_the_connection_stays() {
    let manager = Running::echo().await;
    let mut client = manager.logged_in("echo").await;
    let agent = manager.agent("echo");

    for (command, payload, code, part) in [
        ("nonsense", json!({}), "UNKNOWN_EVENT", "nonsense"),
        ("login", json!({}), "INVALID_PAYLOAD", "agentId"),
        ("login", json!({ "agentId": agent }), "INVALID_PAYLOAD", "password or resumeToken"),
        ("login", json!({ "agentId": 7 }), "INVALID_PAYLOAD", "integer"),
        ("chat", json!({ "agentId": agent }), "INVALID_PAYLOAD", "missing field `message`"),
        ("chat", json!({ "agentId": agent, "message": 1 }), "INVALID_PAYLOAD", "string"),
        (
            "chat",
            json!({ "agentId": agent, "message": " " }),
            "INVALID_PAYLOAD",
            "message is required",
        ),
        ("chat", json!({ "agentId": "a b", "message": "x" }), "INVALID_PAYLOAD", "an id is"),
        ("chat", json!({ "agentId": "nobody", "message": "x" }), "UNAUTHORIZED", "login first"),
        (
            "chat",
            json!({ "agentId": agent, "message": "x", "conversationId": "cv_x" }),
            "CONVERSATION_NOT_FOUND",
            "cv_x",
        ),
        ("chat", json!("x"), "INVALID_PAYLOAD", "invalid type"),
        (
            "chat",
            json!({ "agentId": agent, "message": "x".repeat(2 << 20) }),
            "PAYLOAD_TOO_LARGE",
            "1048576",
        ),
        ("cancelRun", json!({ "agentId": agent }), "INVALID_PAYLOAD", "runId"),
        ("cancelRun", json!({ "runId": "run_x" }), "RUN_NOT_FOUND", "No active run"),
        ("getHistory", json!({ "agentId": "nobody" }), "UNAUTHORIZED", "login"),
        ("logout", json!({ "agentId": "nobody" }), "UNAUTHORIZED", "login"),
        ("stopAgent", json!({ "agentId": "nobody" }), "AGENT_NOT_FOUND", "nobody"),
        ("createAgent", json!({ "spec": { "name": "x" } }), "INVALID_PAYLOAD", "codec"),
    ] {
        let error = client.refused(command, payload.clone()).await;
        assert_eq!(error["code"], code, "{command} {error}");
        assert!(error["message"].as_str().unwrap().contains(part), "{command} {error}");
    }
    client.ok("listAgents", json!({})).await;
    manager.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn without_an_acknowledgement_an_error_is_an_event() {
    let manager = Running::echo().await;
    let mut client = manager.connect().await;

    client.emit("chat", manager.says("echo", "x"));

    let error = client.named("error").await.payload;
    assert_eq!((&error["code"], &error["event"]), (&json!("UNAUTHORIZED"), &json!("chat")));
    manager.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn health_readiness_and_the_contract_are_served() {
    let manager = Running::echo().await;

    for (path, part) in [
        ("/health", r#""ok":true"#),
        ("/ready", r#"{"ok":true,"checks":[{"#),
        ("/asyncapi.yaml", "asyncapi:"),
    ] {
        let mut stream = TcpStream::connect(manager.address).await.unwrap();
        let request = format!("GET {path} HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n");
        stream.write_all(request.as_bytes()).await.unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).await.unwrap();
        assert!(answer.starts_with("HTTP/1.1 200") && answer.contains(part), "{path}: {answer}");
    }
    manager.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_second_manager_on_the_same_data_is_refused() {
    let manager = Running::echo().await;

    let second = manager::Manager::open(manager.home.config()).await.unwrap_err();

    let text = format!("{second:#}");
    assert!(text.contains("in use by another process") && !text.contains('\n'), "{text}");
    let home: Home = manager.stop().await;
    home.start(&[]).await.stop().await;
}
