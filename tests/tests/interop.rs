//! A Socket.IO client of other people, `rust_socketio`, holds a conversation with the controller.

// Helpers of tests are tests; clippy sees only the functions that are marked.
#![allow(clippy::unwrap_used)]

use std::ffi::OsString;
use std::time::Duration;

use futures_util::FutureExt;
use gateway::Stop;
use longshore::cli::Command;
use longshore::directories::Directories;
use longshore::life::Life;
use longshore::settings;
use longshore::up::{Both, First};
use rust_socketio::asynchronous::{Client, ClientBuilder};
use rust_socketio::{Payload, TransportType};
use serde_json::{Value, json};
use tokio::sync::mpsc;
use tokio::time::timeout;

/// Longest wait for anything.
const PATIENCE: Duration = Duration::from_secs(30);

/// Both tiers in this process, on free ports.
async fn both() -> (Both, Stop, tempfile::TempDir) {
    let dir = tempfile::tempdir().unwrap();
    let args = ["longshore", "up", "--controller-port=0", "--manager-port=0"].map(OsString::from);
    let invocation = settings::read(args).unwrap();
    let Command::Up(up) = invocation.cli.command else { panic!("up") };
    let directories = Directories::find(Some(dir.path())).unwrap();
    let stop = Stop::new(Duration::ZERO);
    let mut life = Life::begin(&up.server.life, stop.clone()).unwrap();
    (Both::open(&up, Vec::new(), &directories, &mut life).await.unwrap(), stop, dir)
}

type Event = (String, Value);

async fn connect(first: &First) -> (Client, mpsc::UnboundedReceiver<Event>) {
    let (send, events) = mpsc::unbounded_channel();
    let client = ClientBuilder::new(first.controller.as_str())
        .namespace("/clients")
        .transport_type(TransportType::Websocket)
        .auth(json!({ "token": first.token }))
        .reconnect(false)
        .on_any(move |event, payload, _| {
            if let Payload::Text(mut values) = payload {
                let _ = send.send((event.to_string(), values.pop().unwrap_or_default()));
            }
            async {}.boxed()
        })
        .connect()
        .await
        .unwrap();
    (client, events)
}

async fn next(events: &mut mpsc::UnboundedReceiver<Event>) -> Event {
    timeout(PATIENCE, events.recv())
        .await
        .expect("an event in time")
        .expect("the connection is open")
}

async fn until(events: &mut mpsc::UnboundedReceiver<Event>, name: &str) -> Value {
    loop {
        let (event, payload) = next(events).await;
        if event == name {
            return payload;
        }
    }
}

/// The data of a command that must succeed.
async fn call(client: &Client, event: &str, payload: Value) -> Value {
    let (send, mut answer) = mpsc::channel(1);
    let callback = move |payload: Payload, _: Client| {
        let send = send.clone();
        async move {
            if let Payload::Text(values) = payload {
                let _ = send.send(values).await;
            }
        }
        .boxed()
    };
    client.emit_with_ack(event, payload, PATIENCE, callback).await.unwrap();
    let values =
        timeout(PATIENCE, answer.recv()).await.expect("an answer in time").expect("an answer");
    // This client hands the arguments of an acknowledgement over as one array in one argument.
    let ack = values.into_iter().next().unwrap_or_default();
    let ack = ack.as_array().and_then(|args| args.first().cloned()).unwrap_or(ack);
    assert_eq!(ack["success"], true, "{event}: {ack}");
    ack["data"].clone()
}

#[tokio::test(flavor = "multi_thread")]
async fn rust_socketio_holds_a_conversation() {
    let (both, stop, _dir) = both().await;
    let first = both.first.clone();
    let serving = tokio::spawn(both.serve());
    first.connected().await;
    let agent = first.agents[0].agent_id.as_str();

    let (client, mut events) = connect(&first).await;
    let connected = until(&mut events, "connected").await;
    assert!(connected["viewerId"].is_string());
    call(&client, "setClient", json!({ "clientId": first.client_id })).await;
    call(
        &client,
        "forward",
        json!({ "event": "login", "agentId": agent, "payload": { "agentId": agent } }),
    )
    .await;
    let chat =
        json!({ "event": "chat", "agentId": agent, "payload": { "message": "hello from Rust" } });
    let accepted = call(&client, "forward", chat).await;

    let mut run = Vec::new();
    while run.last().is_none_or(|payload: &Value| payload["state"] != "done") {
        let forwarded = until(&mut events, "forwardedEvent").await;
        if forwarded["payload"]["runId"] == accepted["runId"]
            && forwarded["payload"]["seq"].is_u64()
        {
            run.push(forwarded["payload"].clone());
        }
    }
    let seqs: Vec<u64> = run.iter().filter_map(|payload| payload["seq"].as_u64()).collect();
    assert_eq!(seqs, [1, 2, 3, 4]);
    assert_eq!(run[0]["text"], "hello from Rust");
    assert_eq!(run[2]["response"], json!({ "type": "text", "result": "hello from Rust" }));

    client.disconnect().await.unwrap();
    stop.order(None, false);
    timeout(PATIENCE, serving).await.expect("it stops in time").unwrap().unwrap();
}
