//! Accepting connections, and ending those that do not read.

use std::io;
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll};
use std::time::Duration;

use axum::extract::ConnectInfo;
use axum::extract::connect_info::Connected;
use axum::serve::{IncomingStream, Listener};
use socket2::SockRef;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::{TcpListener, TcpStream};
use tokio::time::{Instant, Sleep, sleep_until};

use crate::meters::Meters;

/// A write that makes no progress for so long fails. Longer than a ping and its answer take (45 s in all would be the
/// slowest sound client), shorter than anybody would wait for a dead one.
const STALL: Duration = Duration::from_secs(30);
/// After an error of `accept`, such as too many open files: time for some to close.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

/// Who is at the other end of a connection, and whether they read.
#[derive(Debug, Clone)]
pub(crate) struct Peer {
    pub(crate) address: SocketAddr,
    pub(crate) blocked: Blocked,
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

impl Connected<IncomingStream<'_, StallListener>> for Peer {
    fn connect_info(stream: IncomingStream<'_, StallListener>) -> Self {
        Self { address: *stream.remote_addr(), blocked: stream.io().blocked.clone() }
    }
}

/// A TCP listener whose connections fail when their peer does not read.
///
/// The library above never ends such a connection by itself: its writer waits for the socket for good, and closing waits
/// for the writer. So the stream below it gives up.
#[derive(Debug)]
pub struct StallListener {
    listener: TcpListener,
    meters: Meters,
}

impl StallListener {
    /// Takes over a bound listener.
    #[must_use]
    pub fn new(listener: TcpListener, meters: Meters) -> Self {
        Self { listener, meters }
    }
}

impl Listener for StallListener {
    type Io = StallStream;
    type Addr = SocketAddr;

    async fn accept(&mut self) -> (StallStream, SocketAddr) {
        loop {
            match self.listener.accept().await {
                Ok((stream, peer)) => {
                    let options = SockRef::from(&stream);
                    options.set_tcp_nodelay(true).ok();
                    options.set_tcp_user_timeout(Some(STALL)).ok();
                    let blocked = Blocked::default();
                    let meters = self.meters.clone();
                    return (StallStream { stream, stalled: None, blocked, meters }, peer);
                }
                Err(error) => {
                    tracing::warn!(%error, "accept failed");
                    tokio::time::sleep(ACCEPT_PAUSE).await;
                }
            }
        }
    }

    fn local_addr(&self) -> io::Result<SocketAddr> {
        self.listener.local_addr()
    }
}

/// A TCP stream that fails a write which has made no progress for 30 s.
#[derive(Debug)]
pub struct StallStream {
    stream: TcpStream,
    /// Runs while a write waits for the peer. Boxed: most connections never need it.
    stalled: Option<Pin<Box<Sleep>>>,
    blocked: Blocked,
    meters: Meters,
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
