//! What the owner of a link holds.

use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use serde_json::value::RawValue;
use tokio::sync::{mpsc, oneshot};
use tokio::task::JoinHandle;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use crate::Endpoint;
use crate::meters::Meters;
use crate::transport::{Dial, WebSocket};
use crate::worker::Worker;

/// Signals that wait for the owner. When it is full the link stops reading, and TCP holds the server back.
const SIGNALS: usize = 1_024;
/// Calls that wait for the worker; it takes them at once, so this only evens out a burst. When full, callers wait.
const CALLS: usize = 64;
/// How long a call may take in all, waiting for the link included.
const CALL_TIMEOUT: Duration = Duration::from_secs(30);

/// Handle of a link. Cheap to clone; the link stays open until [`Link::close`].
#[derive(Debug, Clone)]
pub struct Link {
    calls: mpsc::Sender<Call>,
    closing: CancellationToken,
    task: Arc<Mutex<Option<JoinHandle<()>>>>,
}

/// What a call does while the link is down.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum WhenDown {
    /// It fails at once, and when the link goes down under it.
    Fail,
    /// It waits, and is sent again when the link went down under it. For commands that carry an id.
    Wait,
}

/// Why there is no answer.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum CallError {
    /// The link is down, and was for as long as the call may wait.
    #[error("the server cannot be reached now")]
    Unavailable {
        /// When the next attempt to connect is.
        retry_after: Duration,
    },
    /// As many calls wait for the link as may.
    #[error("too many commands wait for the server")]
    QueueFull,
    /// The server did not answer in time.
    #[error("the server did not answer in time")]
    Timeout,
    /// The link went down before the answer came; whether the command was done is not known.
    #[error("the connection was lost before the answer came")]
    Lost,
    /// The link was closed.
    #[error("the link is closed")]
    Closed,
}

/// What happened.
#[derive(Debug)]
pub enum Signal {
    /// The server let the link in. Ordinary calls wait until the session is ready.
    Connected(Session),
    /// The server did not let the link in. It is asked again by the same law: a key may be corrected.
    Refused {
        /// The server's words.
        message: String,
    },
    /// The connection ended.
    Down {
        /// Why, for people.
        reason: String,
    },
    /// An attempt is going to be made.
    Retrying {
        /// 1 for the first since the connection was last good.
        attempt: u32,
        /// Time until it.
        delay: Duration,
    },
    /// The attempt failed.
    RetryFailed {
        /// Why, for people.
        error: String,
    },
    /// An event from the server.
    Event {
        /// Its name.
        name: String,
        /// Its first argument as the bytes that came; `null` without one.
        payload: Box<RawValue>,
    },
}

/// A command on its way.
pub struct Call {
    pub(crate) arguments: Arc<str>,
    pub(crate) when_down: WhenDown,
    pub(crate) deadline: Instant,
    pub(crate) reply: oneshot::Sender<Result<Box<RawValue>, CallError>>,
}

impl fmt::Debug for Call {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Call").field("when_down", &self.when_down).finish_non_exhaustive()
    }
}

/// An event's name and arguments as the JSON array that goes over the wire.
#[must_use]
pub fn arguments(event: &str, arguments: &[&RawValue]) -> String {
    let mut json = String::from("[");
    json.push_str(&serde_json::to_string(event).expect("a string is JSON"));
    for argument in arguments {
        json.push(',');
        json.push_str(argument.get());
    }
    json.push(']');
    json
}

impl Link {
    /// Opens a link: starts its task, which connects at once.
    #[must_use]
    pub fn open(endpoint: Endpoint) -> (Self, mpsc::Receiver<Signal>) {
        Self::open_metered(endpoint, Meters::default())
    }

    /// The same, counted.
    #[must_use]
    pub fn open_metered(endpoint: Endpoint, meters: Meters) -> (Self, mpsc::Receiver<Signal>) {
        let dial = WebSocket::new(&endpoint);
        Self::start(dial, endpoint, meters)
    }

    /// The same over another transport.
    #[must_use]
    pub fn open_over(dial: impl Dial, endpoint: Endpoint) -> (Self, mpsc::Receiver<Signal>) {
        Self::start(dial, endpoint, Meters::default())
    }

    fn start(
        dial: impl Dial,
        endpoint: Endpoint,
        meters: Meters,
    ) -> (Self, mpsc::Receiver<Signal>) {
        let (signals, receiver) = mpsc::channel(SIGNALS);
        let (calls, incoming) = mpsc::channel(CALLS);
        let closing = CancellationToken::new();
        let worker = Worker::new(dial, endpoint, signals, incoming, meters);
        let stop = closing.clone();
        let task = tokio::spawn(async move {
            stop.run_until_cancelled(worker.run()).await;
        });
        (Self { calls, closing, task: Arc::new(Mutex::new(Some(task))) }, receiver)
    }

    /// Sends a command and waits for its acknowledgement's first argument, 30 s at most.
    ///
    /// # Errors
    /// [`CallError`]; what it means for the command is said there.
    pub async fn call(
        &self,
        event: &str,
        args: &[&RawValue],
        when_down: WhenDown,
    ) -> Result<Box<RawValue>, CallError> {
        call(&self.calls, arguments(event, args), when_down).await
    }

    /// The same in two steps: it has its place in the order of calls when this returns, and its answer comes later.
    ///
    /// # Errors
    /// [`CallError::Closed`].
    pub async fn begin(
        &self,
        event: &str,
        args: &[&RawValue],
        when_down: WhenDown,
    ) -> Result<Answer, CallError> {
        begin(&self.calls, arguments(event, args), when_down).await
    }

    /// Ends the link and waits until its task has. Calls under way get [`CallError::Closed`].
    pub async fn close(&self) {
        self.closing.cancel();
        let task = self.task.lock().unwrap_or_else(PoisonError::into_inner).take();
        if let Some(task) = task {
            task.await.ok();
        }
    }
}

/// A fresh connection on which nobody else speaks yet: the place to log in again and to resume.
///
/// Its calls go ahead of all others. Acknowledgements reach it even when the owner does not read signals meanwhile: up to
/// 65,536 events are set aside for that long. Dropping it makes the link ready.
#[derive(Debug)]
pub struct Session {
    /// 1 for the link's first connection, and so on.
    pub nth: u64,
    pub(crate) calls: mpsc::Sender<Call>,
    pub(crate) _ready: oneshot::Sender<()>,
}

impl Session {
    /// Sends a command on this connection and waits for its acknowledgement's first argument, 30 s at most.
    ///
    /// # Errors
    /// [`CallError::Lost`] when this connection ends first.
    pub async fn call(&self, event: &str, args: &[&RawValue]) -> Result<Box<RawValue>, CallError> {
        match call(&self.calls, arguments(event, args), WhenDown::Fail).await {
            Err(CallError::Closed) => Err(CallError::Lost),
            answer => answer,
        }
    }

    /// Lets ordinary calls through.
    pub fn ready(self) {}
}

/// The answer of a call that was begun.
#[derive(Debug)]
pub struct Answer(oneshot::Receiver<Result<Box<RawValue>, CallError>>);

impl Answer {
    /// Waits for the acknowledgement's first argument, 30 s at most.
    ///
    /// # Errors
    /// [`CallError`].
    pub async fn wait(self) -> Result<Box<RawValue>, CallError> {
        self.0.await.map_err(|_| CallError::Closed)?
    }
}

async fn call(
    calls: &mpsc::Sender<Call>,
    arguments: String,
    when_down: WhenDown,
) -> Result<Box<RawValue>, CallError> {
    begin(calls, arguments, when_down).await?.wait().await
}

async fn begin(
    calls: &mpsc::Sender<Call>,
    arguments: String,
    when_down: WhenDown,
) -> Result<Answer, CallError> {
    let (reply, answer) = oneshot::channel();
    let deadline = Instant::now() + CALL_TIMEOUT;
    let call = Call { arguments: arguments.into(), when_down, deadline, reply };
    calls.send(call).await.map_err(|_| CallError::Closed)?;
    Ok(Answer(answer))
}
