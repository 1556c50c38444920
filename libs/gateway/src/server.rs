//! The HTTP server that carries namespaces and REST.

use std::convert::Infallible;
use std::io;
use std::pin::pin;
use std::time::Duration;

use axum::Router;
use axum::extract::{ConnectInfo, Request, State};
use axum::http::{HeaderName, HeaderValue, StatusCode, header};
use axum::middleware::{self, Next};
use axum::response::{IntoResponse, Response};
use futures_util::future::join_all;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use protocol::catalogue::Namespace;
use protocol::limits::MAX_FRAME;
use protocol::{ErrorCode, WireError};
use socketioxide::extract::SocketRef;
use socketioxide::layer::SocketIoLayer;
use socketioxide::operators::BroadcastOperators;
use socketioxide::{ParserConfig, SocketIo};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use tower::ServiceExt;
use tracing::Instrument;

use crate::deadline;
use crate::gate::{Gate, Refused};
use crate::listen::{Deaf, Listener, Peer, SOCKET_IO, StallStream, session};
use crate::meters::Meters;
use crate::namespace;
use crate::tls::Tls;

/// Bytes that a WebSocket reads at once. Every idle connection has such a buffer, and most messages are small.
const READ_BUFFER: usize = 1_024;
/// How long what was said last may take to reach the sockets. All of them are closed then, one whose peer does not read as well.
const LAST_WORDS: Duration = Duration::from_millis(500);
/// Binary payloads are refused, but by their event, which comes first: what belongs to it is thrown away.
const ATTACHMENTS: usize = 16;
/// How long a connection may have nobody let in.
pub(crate) const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);
/// How long the headers of a request may take, and how long a connection may have none. The slowest sound client sends them in
/// one packet.
const HEADERS: Duration = Duration::from_secs(10);
/// Bytes of headers, with the address. Cookies of everything else on the same host are among them.
const HEADER_BYTES: usize = 16 << 10;
/// Bytes of a connection that wait to be read.
const BUFFER: usize = 64 << 10;
/// Says by what a browser came.
const PROTOCOL: HeaderName = HeaderName::from_static("x-forwarded-proto");
/// How long the goodbye of sockets may take; one whose peer does not read would hang it.
const GOODBYE: Duration = Duration::from_secs(1);

/// The Socket.IO layer with limits that a relay needs.
///
/// `buffer` is how many packets one socket's buffer holds. An outbox waits when it is full, so it only has to outlast a
/// wait of a millisecond; but packets may be large, and a peer that does not read has as many of them.
#[must_use]
pub fn socket_io(buffer: usize) -> (SocketIoLayer, SocketIo) {
    let parser = ParserConfig::common()
        .max_incoming_binaries(ATTACHMENTS)
        .max_incoming_binary_buf_size(MAX_FRAME);
    SocketIo::builder()
        .ping_interval(Duration::from_secs(25))
        .ping_timeout(Duration::from_secs(20))
        .connect_timeout(CONNECT_TIMEOUT)
        .max_buffer_size(buffer)
        .max_payload(MAX_FRAME as u64)
        .ws_max_message_size(MAX_FRAME)
        .ws_max_frame_size(MAX_FRAME)
        .ws_read_buffer_size(READ_BUFFER)
        .with_parser(parser)
        .build_layer()
}

/// Where a server listens, and how it holds strangers off.
#[derive(Debug)]
pub struct Door {
    /// Bound already.
    pub listener: TcpListener,
    /// Counts who comes.
    pub gate: Gate,
    /// Without it, everybody in between can read along.
    pub tls: Option<Tls>,
    /// Counts what goes through.
    pub meters: Meters,
}

/// Serves until `stop`, then says goodbye to every socket and waits for `tasks`, `grace` at most.
///
/// # Errors
/// None any more; listening goes on whatever happens.
pub async fn serve(
    door: Door,
    router: Router,
    io: SocketIo,
    tasks: TaskTracker,
    stop: CancellationToken,
    grace: Duration,
) -> io::Result<()> {
    // Or every request would get layers of its own, and with them a Socket.IO server of its own.
    let router = router.with_state(());
    let router = router.layer(middleware::from_fn_with_state(io.clone(), strangers));
    let deaf = Deaf::default();
    let accepting = accept(door, router, tasks.clone(), stop.clone(), deaf.clone());
    let server = tokio::spawn(accepting.in_current_span());
    stop.cancelled().await;
    server.abort();
    let open = Namespace::ALL.iter().filter_map(|namespace| io.of(namespace.path()));
    let sockets: Vec<SocketRef> = open.flat_map(BroadcastOperators::sockets).collect();
    // What was said last, such as the acknowledgement of the command that led here, goes out before.
    let flushed = join_all(sockets.iter().map(namespace::flushed));
    tokio::time::timeout(LAST_WORDS, flushed).await.ok();
    deaf.begin();
    tokio::time::timeout(GOODBYE, io.close()).await.ok();
    sockets.iter().for_each(namespace::hang_up);
    drop(sockets);
    tasks.close();
    if tokio::time::timeout(grace, tasks.wait()).await.is_err() {
        tracing::warn!(left = tasks.len(), "connections were left at the end of the grace period");
    }
    Ok(())
}

/// Accepts connections until it is dropped.
async fn accept(
    door: Door,
    router: Router,
    tasks: TaskTracker,
    stop: CancellationToken,
    deaf: Deaf,
) {
    let Door { listener, gate, tls, meters } = door;
    let listener = Listener::new(listener, gate, meters, deaf);
    let certificate = async {
        match &tls {
            Some(tls) => tls.watch().await,
            None => std::future::pending().await,
        }
    };
    let accepting = async {
        loop {
            let (stream, peer) = listener.accept().await;
            let (router, tls, stop) = (router.clone(), tls.clone(), stop.clone());
            tasks.spawn(serve_one(stream, peer, tls, router, stop).in_current_span());
        }
    };
    tokio::join!(certificate, accepting);
}

/// Serves one connection until it ends or becomes a WebSocket, which the library's own tasks serve.
async fn serve_one(
    stream: StallStream,
    peer: Peer,
    tls: Option<Tls>,
    router: Router,
    stop: CancellationToken,
) {
    let Some(tls) = tls else { return http(stream, peer, None, router, stop).await };
    let accepted = tokio::select! {
        accepted = tls.accept(stream) => accepted,
        () = stop.cancelled() => return,
    };
    match accepted {
        // Boxed: the state of the handshake would make every plain connection's task larger.
        Ok(stream) => Box::pin(http(stream, peer, Some("https"), router, stop)).await,
        Err(error) => tracing::debug!(peer = %peer.address, %error, "no handshake"),
    }
}

async fn http<S>(
    stream: S,
    peer: Peer,
    protocol: Option<&'static str>,
    router: Router,
    stop: CancellationToken,
) where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    let address = peer.address;
    let answer = service_fn(move |request: hyper::Request<Incoming>| {
        let (peer, router) = (peer.clone(), router.clone());
        async move { Ok::<_, Infallible>(answer(request, &peer, protocol, router).await) }
    });
    let mut builder = http1::Builder::new();
    builder
        .timer(TokioTimer::new())
        .header_read_timeout(HEADERS)
        .max_header_size(HEADER_BYTES)
        .max_buf_size(BUFFER);
    let connection = builder.serve_connection(TokioIo::new(stream), answer).with_upgrades();
    let mut connection = pin!(connection);
    let served = tokio::select! {
        served = connection.as_mut() => served,
        () = stop.cancelled() => {
            connection.as_mut().graceful_shutdown();
            connection.await
        }
    };
    if let Err(error) = served {
        tracing::debug!(peer = %address, %error, "connection ended");
    }
}

async fn answer(
    request: hyper::Request<Incoming>,
    peer: &Peer,
    protocol: Option<&'static str>,
    router: Router,
) -> Response {
    let mut request: Request = request.map(deadline::limited);
    let peer = match peer.of(&request) {
        Ok(peer) => peer,
        Err(refused) => return turned_away(refused),
    };
    if let Some(protocol) = protocol {
        // As a proxy that ends TLS would say.
        request.headers_mut().insert(PROTOCOL, HeaderValue::from_static(protocol));
    }
    request.extensions_mut().insert(ConnectInfo(peer));
    router.oneshot(request).await.unwrap_or_else(|never| match never {})
}

/// What is said by polling while nobody is let in has little time and little room.
async fn strangers(State(io): State<SocketIo>, request: Request, next: Next) -> Response {
    let is_strange =
        request.uri().path().starts_with(SOCKET_IO) && !is_let_in(&io, session(request.uri()));
    let request = if is_strange { request.map(deadline::of_stranger) } else { request };
    next.run(request).await
}

/// Whether somebody was let in on the session.
fn is_let_in(io: &SocketIo, session: Option<&str>) -> bool {
    let Some(sid) = session.and_then(|sid| sid.parse().ok()) else { return false };
    let mut open = Namespace::ALL.iter().filter_map(|namespace| io.of(namespace.path()));
    open.any(|namespace| namespace.get_socket(sid).is_some())
}

fn turned_away(refused: Refused) -> Response {
    let error =
        WireError::new(ErrorCode::RateLimited, refused.why).retry_after(refused.retry_after);
    let seconds = refused.retry_after.as_secs() + 1;
    let headers = [(header::RETRY_AFTER, HeaderValue::from(seconds))];
    let body = axum::Json(serde_json::json!({ "error": error }));
    (StatusCode::TOO_MANY_REQUESTS, headers, body).into_response()
}

/// How many tasks this process has: what grows without end shows there.
#[must_use]
pub fn tasks() -> usize {
    tokio::runtime::Handle::current().metrics().num_alive_tasks()
}
