//! What a link runs over: a way to connect that gives text both ways. A test has another than the network.

use std::io;
use std::pin::Pin;
use std::time::Duration;

use futures_util::{Sink, SinkExt, Stream, StreamExt};
use protocol::limits::MAX_FRAME;
use tokio::net::TcpStream;
use tokio::time::timeout;
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::tungstenite::protocol::WebSocketConfig;
use tokio_tungstenite::{Connector, client_async_tls_with_config};

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
/// How long one of several addresses may take to let us in, so that there is time for the next.
const ADDRESS: Duration = Duration::from_secs(3);

/// A way to connect.
pub trait Dial: Send + 'static {
    /// Connects once.
    fn dial(&mut self) -> BoxFuture<io::Result<(Outgoing, Incoming)>>;
}

/// WebSocket over TCP or TLS.
#[derive(Debug)]
pub struct WebSocket {
    endpoint: Endpoint,
}

impl WebSocket {
    pub(crate) fn new(endpoint: &Endpoint) -> Self {
        Self { endpoint: endpoint.clone() }
    }
}

/// Connects to the first of the host's addresses that lets us in, of those where the endpoint may lead. It is looked up anew
/// each time, and what was looked at is what is dialled: a name that means something else a moment later leads nowhere.
async fn connect(endpoint: &Endpoint) -> io::Result<TcpStream> {
    let mut last = io::Error::from(io::ErrorKind::AddrNotAvailable);
    for address in endpoint.reach.resolve(endpoint.host(), endpoint.port).await? {
        let late = |_| Err(io::Error::from(io::ErrorKind::TimedOut));
        match timeout(ADDRESS, TcpStream::connect(address)).await.unwrap_or_else(late) {
            Ok(stream) => {
                stream.set_nodelay(true)?;
                return Ok(stream);
            }
            Err(error) => last = error,
        }
    }
    Err(last)
}

impl Dial for WebSocket {
    fn dial(&mut self) -> BoxFuture<io::Result<(Outgoing, Incoming)>> {
        let endpoint = self.endpoint.clone();
        Box::pin(async move {
            let config = WebSocketConfig::default()
                .read_buffer_size(READ_BUFFER)
                .write_buffer_size(WRITE_BUFFER)
                .max_message_size(Some(MAX_FRAME))
                .max_frame_size(Some(MAX_FRAME));
            let stream = connect(&endpoint).await?;
            // Redirects are not followed, and of another answer only its status is told.
            let connector = if endpoint.is_secure() {
                Connector::Rustls(endpoint.trust.config().map_err(io::Error::other)?)
            } else {
                Connector::Plain
            };
            let url = endpoint.url();
            let connected =
                client_async_tls_with_config(&url, stream, Some(config), Some(connector)).await;
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
