//! A link against a scripted server in memory, on a paused clock.

// Helpers of tests are tests; clippy sees only the functions that are marked.
#![allow(clippy::unwrap_used)]

use std::io;
use std::time::Duration;

use futures_util::{SinkExt, StreamExt};
use link::transport::{BoxFuture, Dial, Incoming, Outgoing};
use link::{CallError, Endpoint, Link, Session, Signal, WhenDown};
use serde_json::json;
use serde_json::value::RawValue;
use tokio::sync::mpsc;
use tokio::time::{Instant, timeout};

const OPEN: &str =
    r#"0{"sid":"s","upgrades":[],"pingInterval":25000,"pingTimeout":20000,"maxPayload":1000}"#;

/// The server's side of one connection.
struct Peer {
    to_link: mpsc::Sender<io::Result<String>>,
    from_link: mpsc::Receiver<String>,
}

/// Hands every attempt to the test, which lets it through or not.
struct Script(mpsc::Sender<Option<Peer>>, mpsc::Receiver<bool>);

impl Dial for Script {
    fn dial(&mut self) -> BoxFuture<io::Result<(Outgoing, Incoming)>> {
        let attempts = self.0.clone();
        let works = self.1.try_recv().unwrap_or(true);
        Box::pin(async move {
            if !works {
                attempts.send(None).await.ok();
                return Err(io::Error::new(io::ErrorKind::ConnectionRefused, "refused"));
            }
            let (to_link, incoming) = mpsc::channel(4_096);
            let (outgoing, from_link) = mpsc::channel::<String>(4_096);
            attempts.send(Some(Peer { to_link, from_link })).await.ok();
            let incoming = futures_util::stream::unfold(incoming, async |mut incoming| {
                let text = incoming.recv().await?;
                Some((text, incoming))
            });
            let outgoing = futures_util::sink::unfold(outgoing, async |outgoing, text: String| {
                outgoing.send(text).await.map_err(io::Error::other)?;
                Ok::<_, io::Error>(outgoing)
            });
            Ok((Box::pin(outgoing) as Outgoing, Box::pin(incoming) as Incoming))
        })
    }
}

struct Test {
    link: Link,
    signals: mpsc::Receiver<Signal>,
    attempts: mpsc::Receiver<Option<Peer>>,
}

/// A link whose first attempts fail or work as said; later ones work.
fn open(outcomes: &[bool]) -> Test {
    let (attempts_in, attempts) = mpsc::channel(64);
    let (outcomes_in, outcomes_out) = mpsc::channel(outcomes.len().max(1));
    for works in outcomes {
        outcomes_in.try_send(*works).unwrap();
    }
    let endpoint = Endpoint::new("http://test", "/agents", json!({"token": "t"})).unwrap();
    let (link, signals) = Link::open_over(Script(attempts_in, outcomes_out), endpoint);
    Test { link, signals, attempts }
}

impl Test {
    async fn signal(&mut self) -> Signal {
        timeout(Duration::from_secs(600), self.signals.recv())
            .await
            .expect("a signal")
            .expect("a link")
    }

    async fn peer(&mut self) -> Peer {
        timeout(Duration::from_secs(600), self.attempts.recv())
            .await
            .unwrap()
            .unwrap()
            .expect("an open connection")
    }

    /// Lets the link in, and returns both sides.
    async fn connect(&mut self) -> (Peer, Session) {
        let mut peer = self.peer().await;
        peer.send(OPEN).await;
        assert_eq!(peer.next().await, r#"40/agents,{"token":"t"}"#);
        peer.send(r#"40/agents,{"sid":"x"}"#).await;
        loop {
            if let Signal::Connected(session) = self.signal().await {
                return (peer, session);
            }
        }
    }
}

impl Peer {
    async fn send(&mut self, text: &str) {
        self.to_link.send(Ok(text.to_owned())).await.unwrap();
    }

    async fn next(&mut self) -> String {
        timeout(Duration::from_secs(600), self.from_link.recv())
            .await
            .expect("a packet")
            .expect("a link")
    }
}

fn raw(json: &str) -> Box<RawValue> {
    RawValue::from_string(json.to_owned()).unwrap()
}

fn call(
    link: &Link,
    event: &'static str,
    when: WhenDown,
) -> tokio::task::JoinHandle<Result<String, CallError>> {
    let link = link.clone();
    tokio::spawn(async move {
        link.call(event, &[&raw(r#"{"n":1}"#)], when).await.map(|answer| answer.get().to_owned())
    })
}

#[tokio::test(start_paused = true)]
async fn a_first_connect_that_fails_is_tried_again() {
    let mut test = open(&[false, false, true]);

    assert!(
        matches!(test.signal().await, Signal::RetryFailed { error } if error.contains("refused"))
    );
    let Signal::Retrying { attempt: 1, delay } = test.signal().await else { panic!() };
    assert!(delay <= Duration::from_millis(500));
    assert!(matches!(test.signal().await, Signal::RetryFailed { .. }));
    assert!(matches!(test.signal().await, Signal::Retrying { attempt: 2, .. }));
    assert!(test.attempts.recv().await.unwrap().is_none());
    assert!(test.attempts.recv().await.unwrap().is_none());
    let (_peer, session) = test.connect().await;
    assert_eq!(session.nth, 1);
}

#[tokio::test(start_paused = true)]
async fn only_the_credentials_go_out_before_the_server_lets_the_link_in() {
    let mut test = open(&[]);
    let waiting = call(&test.link, "chat", WhenDown::Wait);
    let mut peer = test.peer().await;
    peer.send(OPEN).await;
    assert_eq!(peer.next().await, r#"40/agents,{"token":"t"}"#);
    peer.send("2").await;
    assert_eq!(peer.next().await, "3", "a ping is answered and nothing else said");

    peer.send(r#"40/agents,{"sid":"x"}"#).await;
    let Signal::Connected(session) = test.signal().await else { panic!() };
    let privileged = tokio::spawn(async move {
        let answer = session.call("login", &[&raw("{}")]).await.unwrap();
        session.ready();
        answer.get().to_owned()
    });
    assert_eq!(peer.next().await, r#"42/agents,0["login",{}]"#);
    peer.send(r#"43/agents,0[{"in":true}]"#).await;
    assert_eq!(privileged.await.unwrap(), r#"{"in":true}"#);
    assert_eq!(
        peer.next().await,
        r#"42/agents,1["chat",{"n":1}]"#,
        "an ordinary call waits for ready"
    );
    peer.send(r#"43/agents,1[7]"#).await;
    assert_eq!(waiting.await.unwrap().unwrap(), "7");
}

#[tokio::test(start_paused = true)]
async fn a_refusal_is_told_and_asked_again() {
    let mut test = open(&[]);
    let mut peer = test.peer().await;
    peer.send(OPEN).await;
    peer.next().await;
    peer.send(r#"44/agents,{"message":"Unauthorized"}"#).await;

    assert!(
        matches!(test.signal().await, Signal::Refused { message } if message == "Unauthorized")
    );
    assert!(matches!(test.signal().await, Signal::Retrying { attempt: 1, .. }));
    test.connect().await;
}

#[tokio::test(start_paused = true)]
async fn a_thousand_calls_get_their_own_answers() {
    let mut test = open(&[]);
    let (mut peer, session) = test.connect().await;
    session.ready();
    let mut calls = Vec::new();
    for number in 0..1_000 {
        let link = test.link.clone();
        calls.push(tokio::spawn(async move {
            let answer =
                link.call("x", &[&raw(&number.to_string())], WhenDown::Fail).await.unwrap();
            assert_eq!(answer.get(), number.to_string());
        }));
    }
    for _ in 0..1_000 {
        let packet = peer.next().await;
        let (id, arguments) = packet["42/agents,".len()..].split_once('[').unwrap();
        let argument = arguments.strip_prefix(r#""x","#).unwrap().strip_suffix(']').unwrap();
        peer.send(&format!("43/agents,{id}[{argument}]")).await;
    }
    for call in calls {
        call.await.unwrap();
    }
}

#[tokio::test(start_paused = true)]
async fn an_idempotent_call_is_sent_again_and_another_is_lost() {
    let mut test = open(&[]);
    let (mut peer, session) = test.connect().await;
    session.ready();
    let again = call(&test.link, "chat", WhenDown::Wait);
    assert!(peer.next().await.contains("chat"));
    let lost = call(&test.link, "other", WhenDown::Fail);
    assert!(peer.next().await.contains("other"));
    drop(peer);

    assert_eq!(lost.await.unwrap(), Err(CallError::Lost));
    assert!(matches!(test.signal().await, Signal::Down { .. }));
    let refused = test.link.call("other", &[], WhenDown::Fail).await;
    assert!(matches!(refused, Err(CallError::Unavailable { .. })), "{refused:?}");
    let (mut peer, session) = test.connect().await;
    assert_eq!(session.nth, 2);
    session.ready();
    let packet = peer.next().await;
    assert!(packet.ends_with(r#"["chat",{"n":1}]"#), "{packet}");
    let id = packet["42/agents,".len()..].split('[').next().unwrap();
    peer.send(&format!("43/agents,{id}[1]")).await;
    assert_eq!(again.await.unwrap().unwrap(), "1");
}

#[tokio::test(start_paused = true)]
async fn waiting_is_bounded_in_count_and_time() {
    let test = open(&[false; 60]);
    let start = Instant::now();
    let calls: Vec<_> = (0..1_000).map(|_| call(&test.link, "chat", WhenDown::Wait)).collect();
    // Every call has reached the worker when one more finds no room.
    loop {
        if call(&test.link, "chat", WhenDown::Wait).await.unwrap() == Err(CallError::QueueFull) {
            break;
        }
    }

    for call in calls {
        assert!(matches!(call.await.unwrap(), Err(CallError::Unavailable { .. })));
    }
    let waited = start.elapsed();
    assert!((30..32).contains(&waited.as_secs()), "{waited:?}");
}

#[tokio::test(start_paused = true)]
async fn a_call_without_an_answer_times_out() {
    let mut test = open(&[]);
    let (mut peer, session) = test.connect().await;
    session.ready();
    let silent = call(&test.link, "x", WhenDown::Fail);
    peer.next().await;

    // Pings keep the connection, so that it is the call that ends.
    for _ in 0..4 {
        tokio::time::sleep(Duration::from_secs(10)).await;
        peer.send("2").await;
    }
    assert_eq!(silent.await.unwrap(), Err(CallError::Timeout));
}

#[tokio::test(start_paused = true)]
async fn a_silent_server_is_left() {
    let mut test = open(&[]);
    let (_peer, session) = test.connect().await;
    session.ready();
    let start = Instant::now();

    let Signal::Down { reason } = test.signal().await else { panic!() };

    assert_eq!(reason, "the server is silent");
    assert!((45..47).contains(&start.elapsed().as_secs()), "{:?}", start.elapsed());
}

#[tokio::test(start_paused = true)]
async fn a_server_that_is_away_for_a_day_is_neither_given_up_nor_run_down() {
    const ATTEMPTS: u32 = 5_000;
    let mut test = open(&[false; ATTEMPTS as usize]);
    let start = Instant::now();

    let mut counted = 0;
    while counted < ATTEMPTS {
        match test.signal().await {
            Signal::Retrying { attempt, delay } => {
                counted += 1;
                assert_eq!(attempt, counted);
                assert!(delay <= Duration::from_secs(30));
            }
            Signal::RetryFailed { .. } => assert!(test.attempts.recv().await.unwrap().is_none()),
            other => panic!("{other:?}"),
        }
    }
    let (_peer, session) = test.connect().await;

    assert_eq!(session.nth, 1);
    let hours = start.elapsed().as_secs() / 3_600;
    // Half of 30 s each, on the average.
    assert!((18..24).contains(&hours), "{hours} hours");
}

#[tokio::test(start_paused = true)]
async fn attempts_count_on_until_a_connection_was_stable() {
    let mut test = open(&[]);
    for attempt in 1..4 {
        let (peer, session) = test.connect().await;
        session.ready();
        drop(peer);
        assert!(matches!(test.signal().await, Signal::Down { .. }));
        let Signal::Retrying { attempt: counted, .. } = test.signal().await else { panic!() };
        assert_eq!(counted, attempt);
    }
    let (peer, session) = test.connect().await;
    session.ready();
    tokio::time::sleep(Duration::from_secs(11)).await;
    drop(peer);
    assert!(matches!(test.signal().await, Signal::Down { .. }));
    assert!(matches!(test.signal().await, Signal::Retrying { attempt: 1, .. }));
}

#[tokio::test(start_paused = true)]
async fn a_session_gets_its_answer_while_its_owner_reads_no_signals() {
    let mut test = open(&[]);
    let (mut peer, session) = test.connect().await;
    let flood = tokio::spawn(async move {
        peer.next().await;
        for number in 0..5_000 {
            peer.send(&format!(r#"42/agents,["e",{number}]"#)).await;
        }
        peer.send("43/agents,0[true]").await;
        peer
    });

    let answer = session.call("login", &[]).await.unwrap();
    session.ready();

    assert_eq!(answer.get(), "true");
    for number in 0..5_000 {
        let Signal::Event { name, payload } = test.signal().await else { panic!() };
        assert_eq!((name.as_str(), payload.get()), ("e", number.to_string().as_str()));
    }
    flood.await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn closing_ends_what_is_under_way() {
    let mut test = open(&[]);
    let (mut peer, session) = test.connect().await;
    session.ready();
    let open = call(&test.link, "x", WhenDown::Wait);
    peer.next().await;

    test.link.close().await;
    test.link.close().await;

    assert_eq!(open.await.unwrap(), Err(CallError::Closed));
    assert_eq!(test.link.call("x", &[], WhenDown::Wait).await.unwrap_err(), CallError::Closed);
    assert!(test.signals.recv().await.is_none());
}

#[tokio::test]
async fn a_real_websocket_carries_it_and_tls_has_a_provider() {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move {
        let (stream, _) = listener.accept().await.unwrap();
        let mut socket = tokio_tungstenite::accept_async(stream).await.unwrap();
        socket.send(OPEN.into()).await.unwrap();
        assert!(socket.next().await.unwrap().unwrap().to_text().unwrap().starts_with("40/agents,"));
        socket.send(r#"40/agents,{"sid":"x"}"#.into()).await.unwrap();
        socket.send(r#"42/agents,["hello",{"a":1.10}]"#.into()).await.unwrap();
        // The second connection is a TLS client's, which has to fail and not to panic.
        let (stream, _) = listener.accept().await.unwrap();
        drop(stream);
    });

    let endpoint = |url: &str| Endpoint::new(url, "/agents", json!({})).unwrap();
    let (link, mut signals) = Link::open(endpoint(&format!("http://{address}")));
    assert!(matches!(signals.recv().await, Some(Signal::Connected(_))));
    let Some(Signal::Event { name, payload }) = signals.recv().await else { panic!() };
    assert_eq!((name.as_str(), payload.get()), ("hello", r#"{"a":1.10}"#));
    link.close().await;

    let (tls, mut signals) = Link::open(endpoint(&format!("https://{address}")));
    assert!(matches!(signals.recv().await, Some(Signal::RetryFailed { .. })));
    tls.close().await;
}

#[tokio::test(start_paused = true)]
async fn a_call_right_behind_the_session_goes_through() {
    // Which of two things that have happened is seen first is chance, so once proves nothing.
    for _ in 0..16 {
        let mut test = open(&[]);
        let (mut peer, session) = test.connect().await;

        session.ready();
        let answer = test.link.begin("x", &[], WhenDown::Fail).await.unwrap();
        let answer = tokio::spawn(answer.wait());

        assert_eq!(peer.next().await, r#"42/agents,0["x"]"#);
        peer.send("43/agents,0[1]").await;
        assert_eq!(answer.await.unwrap().unwrap().get(), "1");
    }
}
