use std::sync::Mutex;

use rcgen::{CertifiedKey, generate_simple_self_signed};
use rustls::ServerConfig;
use rustls::pki_types::PrivateKeyDer;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;
use tokio_rustls::TlsAcceptor;
use tokio_util::sync::CancellationToken;

use super::*;
use crate::{Bounds, Courier, Parcel, Webhook};

/// Longer than anything takes, so that a test that is going to fail does.
const PATIENCE: Duration = Duration::from_secs(20);

fn message(url: &str) -> Message {
    Webhook::new(Target::new(url).unwrap(), Some("s")).message("done", "d1", b"{\"a\":1}".to_vec())
}

/// Reads one request and gives that answer.
async fn answer(mut stream: impl AsyncRead + AsyncWrite + Unpin, answer: &str) -> String {
    let mut request = Vec::new();
    while !request.ends_with(b"{\"a\":1}") {
        assert_ne!(stream.read_buf(&mut request).await.unwrap(), 0, "the whole request");
    }
    stream.write_all(answer.as_bytes()).await.unwrap();
    stream.shutdown().await.ok();
    String::from_utf8(request).unwrap()
}

/// Gives these answers, one on each connection; gives the requests.
async fn server(
    answers: &'static [&'static str],
) -> (String, tokio::task::JoinHandle<Vec<String>>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}/hook?x=1", listener.local_addr().unwrap());
    let serving = tokio::spawn(async move {
        let mut requests = Vec::new();
        for text in answers {
            requests.push(answer(listener.accept().await.unwrap().0, text).await);
        }
        requests
    });
    (url, serving)
}

#[tokio::test]
async fn a_message_is_posted_once_and_a_redirect_is_not_followed() {
    const FOUND: &str =
        "HTTP/1.1 302 Found\r\nlocation: http://127.0.0.1:1/\r\ncontent-length: 6\r\n\r\nno\0 ok";
    let (url, serving) = server(&[FOUND]).await;

    let reply = Poster::new(Reach::Anywhere).post(&message(&url)).await.unwrap();

    assert_eq!(reply, Reply { status: 302, text: "no  ok".to_owned(), retry_after: None });
    assert_eq!(Verdict::of(&Ok(reply)), Verdict::Refused);
    let request = serving.await.unwrap().remove(0);
    assert!(request.starts_with("POST /hook?x=1 HTTP/1.1\r\n"), "{request}");
    assert!(request.contains("x-longshore-signature: sha256="), "{request}");
    assert!(request.to_lowercase().contains("content-length: 7\r\n"), "{request}");
}

#[tokio::test]
async fn what_is_said_decides_what_follows() {
    let reply = |status, after: Option<u64>| {
        Ok(Reply { status, text: String::new(), retry_after: after.map(Duration::from_secs) })
    };
    for status in [200, 201, 204] {
        assert_eq!(Verdict::of(&reply(status, None)), Verdict::Taken);
    }
    for status in [404, 410] {
        assert_eq!(Verdict::of(&reply(status, None)), Verdict::Gone);
    }
    for status in [101, 301, 400, 401, 403, 413] {
        assert_eq!(Verdict::of(&reply(status, None)), Verdict::Refused);
    }
    assert_eq!(Verdict::of(&reply(429, Some(9))), Verdict::Later(Some(Duration::from_secs(9))));
    assert_eq!(Verdict::of(&reply(503, None)), Verdict::Later(None));
    assert_eq!(Verdict::of(&Err(Failure::Timeout)), Verdict::Later(None));
    assert_eq!(Verdict::of(&Err(Failure::NotPublic)), Verdict::Refused);

    let (url, _) =
        server(&["HTTP/1.1 429 Slow\r\nretry-after: 7\r\ncontent-length: 0\r\n\r\n"]).await;
    let reply = Poster::new(Reach::Anywhere).post(&message(&url)).await.unwrap();
    assert_eq!(reply.retry_after, Some(Duration::from_secs(7)));
}

#[tokio::test]
async fn an_endless_answer_is_cut() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}/", listener.local_addr().unwrap());
    let serving = tokio::spawn(async move {
        let (mut stream, _) = listener.accept().await.unwrap();
        stream.write_all(b"HTTP/1.1 200 OK\r\n\r\n").await.unwrap();
        while stream.write_all(&[b'x'; 4_096]).await.is_ok() {}
    });

    let reply = Poster::new(Reach::Anywhere).post(&message(&url)).await.unwrap();

    assert_eq!((reply.status, reply.text.len()), (200, ANSWER));
    serving.await.unwrap();
}

#[tokio::test]
async fn a_private_address_is_not_dialled_whatever_its_name() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    let poster = Poster::new(Reach::Public);

    for host in ["127.0.0.1", "localhost", "[::1]", "2130706433"] {
        let attempt = poster.post(&message(&format!("http://{host}:{port}/"))).await;
        let is_refused = matches!(attempt, Err(Failure::NotPublic | Failure::Unreachable(_)));
        assert!(is_refused, "{host}: {attempt:?}");
    }
    assert_eq!(
        poster.post(&message(&format!("http://127.0.0.1:{port}/"))).await,
        Err(Failure::NotPublic)
    );
}

#[tokio::test]
async fn nobody_there_is_told_as_such() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}/", listener.local_addr().unwrap());
    drop(listener);

    let attempt = Poster::new(Reach::Anywhere).post(&message(&url)).await;

    assert!(matches!(attempt, Err(Failure::Unreachable(_))), "{attempt:?}");
}

#[tokio::test(start_paused = true)]
async fn who_does_not_answer_is_given_up() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}/", listener.local_addr().unwrap());

    let attempt = Poster::new(Reach::Anywhere).post(&message(&url)).await;

    assert_eq!(attempt, Err(Failure::Timeout));
    drop(listener);
}

#[tokio::test]
async fn https_needs_a_certificate_that_is_trusted() {
    let CertifiedKey { cert, signing_key } =
        generate_simple_self_signed(["localhost".to_owned()]).unwrap();
    let key = PrivateKeyDer::Pkcs8(signing_key.serialize_der().into());
    let config = ServerConfig::builder_with_provider(Arc::new(default_provider()))
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(vec![cert.der().clone()], key)
        .unwrap();
    let acceptor = TlsAcceptor::from(Arc::new(config));
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    let serving = tokio::spawn(async move {
        let refused = acceptor.accept(listener.accept().await.unwrap().0).await;
        let trusted = acceptor.accept(listener.accept().await.unwrap().0).await.unwrap();
        let created = "HTTP/1.1 201 Created\r\ncontent-length: 0\r\n\r\n";
        (refused.is_err(), answer(trusted, created).await)
    });
    let message = message(&format!("https://localhost:{port}/push"));

    let stranger = Poster::new(Reach::Anywhere).post(&message).await;
    let mut roots = RootCertStore::empty();
    roots.add(cert.der().clone()).unwrap();
    let known = Poster::trusting(Reach::Anywhere, roots).post(&message).await.unwrap();

    assert!(matches!(stranger, Err(Failure::Unreachable(_))), "{stranger:?}");
    assert_eq!(known.status, 201);
    let (was_refused, request) = serving.await.unwrap();
    assert!(was_refused);
    assert!(request.contains(&format!("host: localhost:{port}\r\n")), "{request}");
}

#[tokio::test]
async fn a_courier_tries_four_times_and_reports_once() {
    const BUSY: &str = "HTTP/1.1 503 Busy\r\nretry-after: 0\r\ncontent-length: 0\r\n\r\n";
    const FINE: &str = "HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n";
    for (answers, expected) in
        [(&[BUSY, BUSY, BUSY, BUSY][..], 503), (&[BUSY, FINE], 200), (&[FINE], 200)]
    {
        let (url, serving) = server(answers).await;
        let bounds = Bounds { waiting: 4, at_once: 2, pause: PATIENCE, gone_is_final: true };
        let courier = Courier::new(Poster::new(Reach::Anywhere), bounds);
        let (stop, statuses) = (CancellationToken::new(), Mutex::new(Vec::new()));

        courier.send(Parcel { tag: 7, subject: None, message: message(&url) });
        let running = courier.run(
            async |delivered| {
                statuses.lock().unwrap().push((delivered.tag, delivered.last.unwrap().status));
                stop.cancel();
            },
            stop.clone(),
        );
        timeout(PATIENCE, running).await.expect("a report");

        assert_eq!(*statuses.lock().unwrap(), [(7, expected)]);
        let requests = serving.await.unwrap();
        assert_eq!(requests.len(), answers.len());
        assert!(
            requests.iter().all(|r| r.contains("x-longshore-delivery: d1")),
            "the same id each time"
        );
    }
}
