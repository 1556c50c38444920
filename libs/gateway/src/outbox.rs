//! The one writer of one connection.
//!
//! An outbox is told answers and is given feeds to follow. Answers go out in order; of each feed it holds a cursor and
//! reads on as fast as the socket drains. Nothing is dropped: a full socket is offered the same packet again.

mod filter;
mod follow;
mod task;
mod watch;

use std::collections::VecDeque;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use protocol::{ConversationId, Epoch, Seq, SessionId, ViewerId};
use serde::Serialize;
use serde_json::value::RawValue;
use tokio::sync::{Notify, mpsc, oneshot};
use tokio_util::sync::CancellationToken;

use crate::feed::Feed;
use crate::scroll::Scroll;
pub use task::spawn;
pub(crate) use task::start;

/// Messages that may wait for the socket. With so many waiting the connection is closed: its reader does not read.
const WAITING: usize = 4_096;
/// A connection's commands are taken only while it has room for this many more answers, so that a burst of commands waits
/// with the commands and does not close the connection by its answers.
const ROOM: usize = 2_048;
/// Commands that may be refused for want of room and still wait for being told so; 16 bytes each.
const REFUSED: usize = 65_536;

/// Where a follower begins.
#[derive(Debug, Clone)]
pub struct Start {
    /// The newest entry that the follower has, and the life of the log that it is of.
    pub after: Option<(Seq, Option<Epoch>)>,
    /// At most this many of the newest entries are replayed.
    pub limit: Option<u64>,
    /// Of `chatMessage` and `chatEvent`, those of this viewer's own runs only are told.
    pub filter: Option<ViewerId>,
}

/// Something to be told, in the order given.
#[derive(Debug)]
pub enum Message {
    /// An event of the connection's own namespace.
    Event(&'static str, Box<RawValue>),
    /// An event of namespace `/agents`, told in the connection's envelope.
    Relayed(Arc<str>, Arc<RawValue>),
    /// An acknowledgement.
    Ack(i64, Box<RawValue>),
    /// Follow a conversation: history from `start`, `historyEnd`, what open runs have said, then what is new. Again:
    /// begin again.
    Follow(Arc<Feed>, Start),
    /// Stop following.
    Unfollow(ConversationId),
    /// Watch a terminal: its output from that offset on, or from the oldest that is kept, then its end. Again: begin again.
    Watch(Arc<Scroll>, Option<u64>),
    /// Stop watching.
    Unwatch(SessionId),
    /// End the connection.
    End,
}

/// Handle of a connection's outbox.
#[derive(Debug, Clone)]
pub struct Outbox {
    // Boxed, so that a channel's first block is small: an idle connection pays for it.
    messages: mpsc::Sender<Box<Message>>,
    shared: Arc<Shared>,
}

/// What a socket's read loop, which cannot wait, says to the outbox.
#[derive(Debug, Default)]
pub(crate) struct Shared {
    /// The connection is gone. Said, because a socket that nobody writes to does not show it.
    gone: CancellationToken,
    /// More was to be told than may wait.
    overrun: AtomicBool,
    /// Acknowledgement ids of commands that there was no room for.
    refused: Mutex<VecDeque<Option<i64>>>,
    refusing: Notify,
    /// Those who wait until all has been told.
    flushing: Mutex<Vec<oneshot::Sender<()>>>,
    flush: Notify,
}

impl Outbox {
    /// An outbox and what its task reads.
    pub(crate) fn channel() -> (Self, mpsc::Receiver<Box<Message>>) {
        let (messages, receiver) = mpsc::channel(WAITING);
        (Self { messages, shared: Arc::default() }, receiver)
    }

    /// Tells something. With 4,096 messages waiting the connection is closed: its reader does not read answers.
    pub fn send(&self, message: Message) {
        if self.messages.try_send(Box::new(message)).is_err() {
            self.shared.overrun.store(true, Ordering::Relaxed);
        }
    }

    /// Answers a command for which there is no room. Never waits.
    pub(crate) fn refuse(&self, ack: Option<i64>) {
        let mut refused = self.shared.refused.lock().unwrap_or_else(PoisonError::into_inner);
        if refused.len() < REFUSED {
            refused.push_back(ack);
            self.shared.refusing.notify_one();
        } else {
            self.shared.overrun.store(true, Ordering::Relaxed);
        }
    }

    /// Waits until there is room for the answers of more commands, or the connection is gone. Whoever tells a lot by
    /// itself waits for it, too.
    pub async fn room(&self) {
        self.messages.reserve_many(ROOM).await.ok();
    }

    /// Tells an event of the connection's own namespace.
    pub fn event(&self, name: &'static str, payload: &impl Serialize) {
        self.send(Message::Event(name, raw(payload)));
    }

    /// Tells an event of namespace `/agents`, in the connection's envelope.
    pub fn relayed(&self, name: &str, payload: &impl Serialize) {
        self.send(Message::Relayed(name.into(), raw(payload).into()));
    }

    /// Ends the connection, behind what was told before.
    pub fn end(&self) {
        self.send(Message::End);
    }

    /// The connection is gone: its task ends, and lets go of the socket.
    pub(crate) fn close(&self) {
        self.shared.gone.cancel();
    }

    /// Waits until all that is to be told now has been handed to the socket, or the connection is gone.
    pub(crate) async fn flushed(&self) {
        let (done, flushed) = oneshot::channel();
        self.shared.flushing.lock().unwrap_or_else(PoisonError::into_inner).push(done);
        self.shared.flush.notify_one();
        tokio::select! {
            _answer = flushed => {}
            () = self.closed() => {}
        }
    }

    /// Resolves when the connection is gone.
    pub async fn closed(&self) {
        self.messages.closed().await;
    }
}

impl Shared {
    /// Resolves when the connection is gone.
    pub(crate) async fn gone(&self) {
        self.gone.cancelled().await;
    }

    /// Resolves when somebody wants to know that all has been told. Cancel safe.
    pub(crate) async fn flush(&self) {
        self.flush.notified().await;
    }

    /// Tells them.
    pub(crate) fn flushed(&self) {
        let waiting =
            std::mem::take(&mut *self.flushing.lock().unwrap_or_else(PoisonError::into_inner));
        for done in waiting {
            // Who waited may have gone.
            done.send(()).ok();
        }
    }

    pub(crate) fn overrun(&self) -> bool {
        self.overrun.load(Ordering::Relaxed)
    }

    /// The next refused command. Cancel safe.
    pub(crate) async fn refused(&self) -> Option<i64> {
        loop {
            let next = self.refused.lock().unwrap_or_else(PoisonError::into_inner).pop_front();
            match next {
                Some(ack) => return ack,
                None => self.refusing.notified().await,
            }
        }
    }
}

/// A payload as JSON.
///
/// # Panics
/// Never for the types of the protocol, which have neither maps with odd keys nor failing serialisers.
pub fn raw(payload: &impl Serialize) -> Box<RawValue> {
    serde_json::value::to_raw_value(payload).expect("payloads of the protocol are JSON")
}
