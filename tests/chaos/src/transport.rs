//! How a viewer reaches the controller: a client of our own, or the official JavaScript client in a process of its own. Both
//! come back by themselves when they are cut off.

mod javascript;
mod plain;

use serde_json::Value;
use tokio::sync::mpsc;

/// What a transport says.
#[derive(Debug)]
pub(crate) enum Heard {
    Connected,
    Lost,
    Event(String, Value),
    Ack(u64, Value),
}

/// An event to be sent, and the number under which its acknowledgement is wanted.
#[derive(Debug)]
pub(crate) struct Emit {
    pub(crate) id: u64,
    pub(crate) event: &'static str,
    pub(crate) payload: Value,
}

/// Which client.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Client {
    Plain,
    JavaScript,
}

/// A running client. It ends when `emit` is dropped.
#[derive(Debug)]
pub(crate) struct Transport {
    pub(crate) emit: mpsc::UnboundedSender<Emit>,
    pub(crate) heard: mpsc::UnboundedReceiver<Heard>,
}

impl Client {
    pub(crate) fn start(self, url: &str, auth: Value) -> anyhow::Result<Transport> {
        let (emit, emits) = mpsc::unbounded_channel();
        let (hear, heard) = mpsc::unbounded_channel();
        match self {
            Self::Plain => {
                tokio::spawn(plain::run(url.to_owned(), auth, emits, hear));
            }
            Self::JavaScript => javascript::start(url, &auth, emits, hear)?,
        }
        Ok(Transport { emit, heard })
    }
}
