//! What a link runs over: a way to connect that gives text both ways. A test has another than the network.

use std::io;
use std::pin::Pin;
use std::time::Duration;

use futures_util::{Sink, SinkExt, Stream, StreamExt};
use protocol::limits::MAX_FRAME;
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::tungstenite::protocol::WebSocketConfig;

// Named for its feature `ring`: without a provider the first `https` endpoint would panic.
use rustls as _;

use crate::Endpoint;

/// A future that can be kept.
pub type BoxFuture<T> = Pin<Box<dyn Future<Output = T> + Send>>;
/// Text from the server.
pub type Incoming = Pin<Box<dyn Stream<Item = io::Result<String>> + Send>>;
/// Text to the server.
pub type Outgoing = Pin<Box<dyn Sink<String, Error = io::Error> + Send>>;

/// Bytes read at once. One link carries all viewers of a manager, so this is spent once.
const READ_BUFFER: usize = 64 << 10;
/// Frames larger than this in all wait for a flush before more are taken.
const WRITE_BUFFER: usize = 128 << 10;
/// Connecting includes DNS, TCP, TLS and the upgrade.
pub(crate) const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);

/// A way to connect.
pub trait Dial: Send + 'static {
    /// Connects once.
    fn dial(&mut self) -> BoxFuture<io::Result<(Outgoing, Incoming)>>;
}

/// WebSocket over TCP or TLS.
#[derive(Debug)]
pub struct WebSocket {
    url: String,
}

impl WebSocket {
    pub(crate) fn new(endpoint: &Endpoint) -> Self {
        Self { url: endpoint.url() }
    }
}

impl Dial for WebSocket {
    fn dial(&mut self) -> BoxFuture<io::Result<(Outgoing, Incoming)>> {
        let url = self.url.clone();
        Box::pin(async move {
            let config = WebSocketConfig::default()
                .read_buffer_size(READ_BUFFER)
                .write_buffer_size(WRITE_BUFFER)
                .max_message_size(Some(MAX_FRAME))
                .max_frame_size(Some(MAX_FRAME));
            let connected =
                tokio_tungstenite::connect_async_with_config(&url, Some(config), true).await;
            let (stream, _) = connected.map_err(io::Error::other)?;
            let (sink, stream) = stream.split();
            let sink = sink
                .sink_map_err(io::Error::other)
                .with(async |text: String| Ok(Message::text(text)));
            let stream = stream.filter_map(async |message| match message {
                Ok(Message::Text(text)) => Some(Ok(text.as_str().to_owned())),
                Ok(_) => None,
                Err(error) => Some(Err(io::Error::other(error))),
            });
            Ok((Box::pin(sink) as Outgoing, Box::pin(stream) as Incoming))
        })
    }
}
