//! Accepting connections, and ending those that do not read.

use std::io;
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll};
use std::time::Duration;

use axum::extract::ConnectInfo;
use axum::http::{Request, Uri, header};
use socket2::SockRef;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::{TcpListener, TcpStream};
use tokio::time::{Instant, Sleep, sleep_until};

use crate::gate::{Attempt, Gate, Locked, Place, Refused};
use crate::meters::Meters;

/// A write that makes no progress for so long fails. Longer than a ping and its answer take (45 s in all would be the
/// slowest sound client), shorter than anybody would wait for a dead one.
const STALL: Duration = Duration::from_secs(30);
/// After an error of `accept`, such as too many open files: time for some to close.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);
/// Where Socket.IO is.
pub(crate) const SOCKET_IO: &str = "/socket.io/";

/// Who is at the other end of a connection, and whether they read. A request finds it in its `ConnectInfo`.
#[derive(Debug, Clone)]
pub struct Peer {
    /// Where it comes from; behind a proxy that is trusted, what that says.
    pub address: SocketAddr,
    pub(crate) blocked: Blocked,
    gate: Gate,
    /// Of a connection from a trusted proxy: none, as every request has its own.
    place: Option<Arc<Place>>,
}

impl Peer {
    /// Tries a secret, such as an access token.
    ///
    /// # Errors
    /// Too many were wrong that came from there.
    pub fn attempt(&self, secret: &str) -> Result<Attempt, Locked> {
        self.gate.attempt(self.address.ip(), self.gate.hash(secret))
    }

    /// Somebody was let in on the connection.
    pub(crate) fn let_in(&self) {
        if let Some(place) = &self.place {
            place.let_in();
        }
    }

    /// For whom a request is. One of a trusted proxy gets a place of its own, for as long as what comes of it.
    pub(crate) fn of<B>(&self, request: &Request<B>) -> Result<Self, Refused> {
        if !self.gate.trusts(self.address.ip()) {
            return Ok(self.clone());
        }
        let (begins, now) = (Begins::of(request), std::time::Instant::now());
        let behind = self.gate.behind(request.headers());
        let behind = behind.filter(|&address| !self.gate.trusts(address));
        let place = match (behind, begins) {
            (Some(behind), Begins::Session) => self.gate.enter(behind, now)?,
            (Some(behind), Begins::Connection) => {
                self.gate.connects(behind, now)?;
                self.gate.enter_besides()?
            }
            _ => self.gate.enter_besides()?,
        };
        let address = behind.map_or(self.address, |behind| SocketAddr::new(behind, 0));
        Ok(Self { address, place: Some(Arc::new(place)), ..self.clone() })
    }

    /// Whether it may be written down that somebody was not let in who came from there: of many, some.
    pub(crate) fn tells(&self) -> bool {
        self.gate.tells(self.address.ip(), std::time::Instant::now())
    }
}

/// The sid of the Socket.IO session that a request belongs to. Elsewhere it means nothing.
pub(crate) fn session(uri: &Uri) -> Option<&str> {
    let query = uri.query().filter(|_| uri.path().starts_with(SOCKET_IO))?;
    query.split('&').find_map(|field| field.strip_prefix("sid="))
}

/// What begins with a request of a proxy.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Begins {
    /// What has no place yet.
    Session,
    /// A session goes on by WebSocket.
    Connection,
    /// Nothing: one who polls asks again and again, and has a place.
    Nothing,
}

impl Begins {
    fn of<B>(request: &Request<B>) -> Self {
        // A sid of nobody is refused at once.
        if session(request.uri()).is_none() {
            Self::Session
        } else if request.headers().contains_key(header::UPGRADE) {
            Self::Connection
        } else {
            Self::Nothing
        }
    }
}

/// Where a request comes from, if the server knows.
#[must_use]
pub fn peer_of(request: &axum::http::Extensions) -> Option<SocketAddr> {
    request.get::<ConnectInfo<Peer>>().map(|info| info.0.address)
}

/// Whether a write waits for the peer to read.
#[derive(Debug, Clone, Default)]
pub(crate) struct Blocked(Arc<AtomicBool>);

impl Blocked {
    pub(crate) fn get(&self) -> bool {
        self.0.load(Ordering::Relaxed)
    }
}

/// Whether nothing is read any more, of all connections of a listener. The library forgets its namespaces when it is closed, and
/// whoever connects to one in that moment is told that there is none: an end to the official clients, which come again after
/// a connection that ended, and not after a refusal.
#[derive(Debug, Clone, Default)]
pub(crate) struct Deaf(Arc<AtomicBool>);

impl Deaf {
    /// From now on.
    pub(crate) fn begin(&self) {
        self.0.store(true, Ordering::Relaxed);
    }

    fn get(&self) -> bool {
        self.0.load(Ordering::Relaxed)
    }
}

/// A TCP listener whose connections have a place each, and fail when their peer does not read.
///
/// The library above never ends such a connection by itself: its writer waits for the socket for good, and closing waits
/// for the writer. So the stream below it gives up.
#[derive(Debug)]
pub(crate) struct Listener {
    listener: TcpListener,
    gate: Gate,
    meters: Meters,
    deaf: Deaf,
}

impl Listener {
    /// Takes over a bound listener.
    pub(crate) fn new(listener: TcpListener, gate: Gate, meters: Meters, deaf: Deaf) -> Self {
        Self { listener, gate, meters, deaf }
    }

    /// The next connection that has a place. One without is told so, as far as its buffer takes it, and closed.
    pub(crate) async fn accept(&self) -> (StallStream, Peer) {
        loop {
            match self.listener.accept().await {
                Ok((stream, address)) => match self.place(address) {
                    Ok(place) => return self.let_through(stream, address, place),
                    Err(refused) => turn_away(&stream, refused),
                },
                Err(error) => {
                    tracing::warn!(%error, "accept failed");
                    tokio::time::sleep(ACCEPT_PAUSE).await;
                }
            }
        }
    }

    /// The places of those behind a trusted proxy are looked for with their requests.
    fn place(&self, address: SocketAddr) -> Result<Option<Arc<Place>>, Refused> {
        if self.gate.trusts(address.ip()) {
            return Ok(None);
        }
        let place = self.gate.enter(address.ip(), std::time::Instant::now())?;
        Ok(Some(Arc::new(place)))
    }

    fn let_through(
        &self,
        stream: TcpStream,
        address: SocketAddr,
        place: Option<Arc<Place>>,
    ) -> (StallStream, Peer) {
        let options = SockRef::from(&stream);
        options.set_tcp_nodelay(true).ok();
        options.set_tcp_user_timeout(Some(STALL)).ok();
        let blocked = Blocked::default();
        let peer = Peer {
            address,
            blocked: blocked.clone(),
            gate: self.gate.clone(),
            place: place.clone(),
        };
        let (meters, deaf) = (self.meters.clone(), self.deaf.clone());
        (StallStream { stream, stalled: None, blocked, meters, deaf, _place: place }, peer)
    }
}

fn turn_away(stream: &TcpStream, refused: Refused) {
    let seconds = refused.retry_after.as_secs() + 1;
    let answer = format!(
        "HTTP/1.1 429 Too Many Requests\r\nretry-after: {seconds}\r\nconnection: close\r\ncontent-length: 0\r\n\r\n"
    );
    // The buffer of a new connection is empty, and nobody waits here.
    stream.try_write(answer.as_bytes()).ok();
}

/// A TCP stream that fails a write which has made no progress for 30 s.
#[derive(Debug)]
pub(crate) struct StallStream {
    stream: TcpStream,
    /// Runs while a write waits for the peer. Boxed: most connections never need it.
    stalled: Option<Pin<Box<Sleep>>>,
    blocked: Blocked,
    meters: Meters,
    deaf: Deaf,
    /// Kept for as long as the connection is open.
    _place: Option<Arc<Place>>,
}

impl StallStream {
    fn wrote(&self, poll: &Poll<io::Result<usize>>) {
        if let Poll::Ready(Ok(bytes)) = poll {
            self.meters.sent(*bytes);
        }
    }

    fn watch<T>(&mut self, cx: &mut Context<'_>, poll: Poll<io::Result<T>>) -> Poll<io::Result<T>> {
        if poll.is_ready() {
            if self.stalled.take().is_some() {
                self.blocked.0.store(false, Ordering::Relaxed);
                self.meters.flows();
            }
            return poll;
        }
        self.blocked.0.store(true, Ordering::Relaxed);
        let meters = &self.meters;
        let stalled = self.stalled.get_or_insert_with(|| {
            meters.stalls();
            Box::pin(sleep_until(Instant::now() + STALL))
        });
        match stalled.as_mut().poll(cx) {
            Poll::Ready(()) => {
                meters.closed("stalled");
                Poll::Ready(Err(io::Error::new(io::ErrorKind::TimedOut, "the peer does not read")))
            }
            Poll::Pending => Poll::Pending,
        }
    }
}

impl Drop for StallStream {
    fn drop(&mut self) {
        self.blocked.0.store(false, Ordering::Relaxed);
        if self.stalled.is_some() {
            self.meters.flows();
        }
    }
}

impl AsyncRead for StallStream {
    fn poll_read(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let (this, before) = (self.get_mut(), buf.filled().len());
        if this.deaf.get() {
            // Nobody has to be woken: who reads is going to be ended.
            return Poll::Pending;
        }
        let poll = Pin::new(&mut this.stream).poll_read(cx, buf);
        this.meters.received(buf.filled().len() - before);
        poll
    }
}

impl AsyncWrite for StallStream {
    fn poll_write(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &[u8],
    ) -> Poll<io::Result<usize>> {
        let this = self.get_mut();
        let poll = Pin::new(&mut this.stream).poll_write(cx, buf);
        this.wrote(&poll);
        this.watch(cx, poll)
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let this = self.get_mut();
        let poll = Pin::new(&mut this.stream).poll_write_vectored(cx, bufs);
        this.wrote(&poll);
        this.watch(cx, poll)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.get_mut().stream).poll_flush(cx)
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.get_mut().stream).poll_shutdown(cx)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_polls_of_a_session_begin_nothing() {
        let begins = |uri: &str, upgrade: bool| {
            let mut request = Request::builder().uri(uri);
            if upgrade {
                request = request.header(header::UPGRADE, "websocket");
            }
            Begins::of(&request.body(()).unwrap())
        };

        assert_eq!(begins("/socket.io/?EIO=4&transport=polling", false), Begins::Session);
        assert_eq!(begins("/socket.io/?EIO=4&transport=polling&sid=x", false), Begins::Nothing);
        assert_eq!(begins("/socket.io/?EIO=4&transport=websocket&sid=x", true), Begins::Connection);
        assert_eq!(begins("/socket.io/?EIO=4&transport=websocket", true), Begins::Session);
        assert_eq!(begins("/api/clients?sid=x", false), Begins::Session);
    }
}
