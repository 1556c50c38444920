//! The HTTP server that carries namespaces and REST.

use std::future::IntoFuture;
use std::io;
use std::time::Duration;

use axum::Router;
use futures_util::future::join_all;
use protocol::catalogue::Namespace;
use protocol::limits::MAX_FRAME;
use socketioxide::SocketIo;
use socketioxide::extract::SocketRef;
use socketioxide::layer::SocketIoLayer;
use socketioxide::operators::BroadcastOperators;
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use tracing::Instrument;

use crate::listen::{Peer, StallListener};
use crate::meters::Meters;
use crate::namespace;

/// Bytes that a WebSocket reads at once. Every idle connection has such a buffer, and most messages are small.
const READ_BUFFER: usize = 1_024;
/// How long what was said last may take to reach the sockets. All of them are closed then, one whose peer does not read as well.
const LAST_WORDS: Duration = Duration::from_millis(500);
/// How long the goodbye of sockets may take; one whose peer does not read would hang it.
const GOODBYE: Duration = Duration::from_secs(1);

/// The Socket.IO layer with limits that a relay needs.
///
/// `buffer` is how many packets one socket's buffer holds. An outbox waits when it is full, so it only has to outlast a
/// wait of a millisecond; but packets may be large, and a peer that does not read has as many of them.
#[must_use]
pub fn socket_io(buffer: usize) -> (SocketIoLayer, SocketIo) {
    SocketIo::builder()
        .ping_interval(Duration::from_secs(25))
        .ping_timeout(Duration::from_secs(20))
        .connect_timeout(Duration::from_secs(10))
        .max_buffer_size(buffer)
        .max_payload(MAX_FRAME as u64)
        .ws_max_message_size(MAX_FRAME)
        .ws_max_frame_size(MAX_FRAME)
        .ws_read_buffer_size(READ_BUFFER)
        .build_layer()
}

/// Serves until `stop`, then says goodbye to every socket and waits for `tasks`, `grace` at most.
///
/// # Errors
/// The listener failed.
pub async fn serve(
    listener: TcpListener,
    router: Router,
    io: SocketIo,
    tasks: TaskTracker,
    stop: CancellationToken,
    grace: Duration,
    meters: Meters,
) -> io::Result<()> {
    let service = router.into_make_service_with_connect_info::<Peer>();
    let listener = StallListener::new(listener, meters);
    let server = tokio::spawn(axum::serve(listener, service).into_future().in_current_span());
    stop.cancelled().await;
    server.abort();
    let open = Namespace::ALL.iter().filter_map(|namespace| io.of(namespace.path()));
    let sockets: Vec<SocketRef> = open.flat_map(BroadcastOperators::sockets).collect();
    // What was said last, such as the acknowledgement of the command that led here, goes out before.
    let flushed = join_all(sockets.iter().map(namespace::flushed));
    tokio::time::timeout(LAST_WORDS, flushed).await.ok();
    tokio::time::timeout(GOODBYE, io.close()).await.ok();
    sockets.iter().for_each(namespace::hang_up);
    drop(sockets);
    tasks.close();
    if tokio::time::timeout(grace, tasks.wait()).await.is_err() {
        tracing::warn!(left = tasks.len(), "connections were left at the end of the grace period");
    }
    Ok(())
}

/// How many tasks this process has: what grows without end shows there.
#[must_use]
pub fn tasks() -> usize {
    tokio::runtime::Handle::current().metrics().num_alive_tasks()
}
