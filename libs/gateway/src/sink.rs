//! Where an outbox writes: a socket's bounded buffer.

use std::sync::Arc;

use serde::Serialize;
use serde::ser::{SerializeTuple, Serializer};
use serde_json::value::RawValue;
use socketioxide::SendError;
use socketioxide::SocketError;
use socketioxide::adapter::LocalAdapter;
use socketioxide::extract::AckSender;
use socketioxide::handler::FromMessageParts;
use socketioxide::socket::Socket;

use crate::listen::Blocked;

/// Why a packet was not taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Refusal {
    /// The buffer is full; the packet may be offered again.
    Full,
    /// The socket is gone.
    Closed,
}

/// A socket, as an outbox sees it. A test has another.
pub trait Sink: Send + 'static {
    /// Offers an event.
    ///
    /// # Errors
    /// [`Refusal`]; the packet was not sent.
    fn event(&mut self, name: &str, payload: &RawValue) -> Result<(), Refusal>;

    /// Offers an acknowledgement.
    ///
    /// # Errors
    /// [`Refusal`]; the packet was not sent.
    fn ack(&mut self, id: i64, payload: &RawValue) -> Result<(), Refusal>;

    /// Ends the connection. Again is as good.
    ///
    /// # Errors
    /// [`Refusal`]; there is no room for saying so, and the connection goes on.
    fn close(&mut self) -> Result<(), Refusal>;
}

/// How events of namespace `/agents` are told.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Envelope {
    /// As they are.
    Direct,
    /// Wrapped into `forwardedEvent`.
    Forwarded,
}

/// Bytes that are taken for a peer that does not read.
const UNREAD: usize = 64 << 10;

/// A socketioxide socket. The library bounds its buffer by the number of packets; for a peer that does not read, it is
/// bounded by their size here.
#[derive(Debug)]
pub(crate) struct SocketSink {
    socket: Arc<Socket<LocalAdapter>>,
    blocked: Blocked,
    /// What was taken since the peer has stopped reading.
    unread: usize,
}

impl SocketSink {
    pub(crate) fn new(socket: Arc<Socket<LocalAdapter>>, blocked: Blocked) -> Self {
        Self { socket, blocked, unread: 0 }
    }

    fn admit(&mut self, payload: &RawValue) -> Result<(), Refusal> {
        if !self.blocked.get() {
            self.unread = 0;
        } else if self.unread > UNREAD && self.socket.connected() {
            return Err(Refusal::Full);
        } else {
            self.unread += payload.get().len();
        }
        Ok(())
    }
}

impl Sink for SocketSink {
    fn event(&mut self, name: &str, payload: &RawValue) -> Result<(), Refusal> {
        self.admit(payload)?;
        self.socket.emit(name, &One(payload)).map_err(|error| refusal(&error))
    }

    fn ack(&mut self, id: i64, payload: &RawValue) -> Result<(), Refusal> {
        self.admit(payload)?;
        // An `AckSender` is consumed even when the buffer is full, so each offer makes its own.
        let mut nothing = socketioxide_core::Value::Str("[]".into(), None);
        let Ok(sender) =
            AckSender::<LocalAdapter>::from_message_parts(&self.socket, &mut nothing, &Some(id));
        sender.send(&One(payload)).map_err(|error| refusal(&error))
    }

    fn close(&mut self) -> Result<(), Refusal> {
        Arc::clone(&self.socket).disconnect().map_err(|error| match error {
            SocketError::InternalChannelFull => Refusal::Full,
            SocketError::Closed => Refusal::Closed,
        })
    }
}

fn refusal(error: &SendError) -> Refusal {
    match error {
        SendError::Socket(SocketError::InternalChannelFull) => Refusal::Full,
        _ => Refusal::Closed,
    }
}

/// One argument. A tuple, because the library spreads tuples over an event's arguments and nothing else.
struct One<'a>(&'a RawValue);

impl Serialize for One<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut tuple = serializer.serialize_tuple(1)?;
        SerializeTuple::serialize_element(&mut tuple, self.0)?;
        SerializeTuple::end(tuple)
    }
}

/// `forwardedEvent`'s payload around another payload.
pub(crate) fn wrap(event: &str, payload: &RawValue) -> Box<RawValue> {
    let name = serde_json::to_string(event).expect("a string is JSON");
    let json = format!(r#"{{"event":{name},"payload":{}}}"#, payload.get());
    RawValue::from_string(json).expect("JSON within JSON")
}
