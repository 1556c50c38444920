//! The task of a link: connect, pump, and again.

use std::io;
use std::time::Duration;

use futures_util::{SinkExt, StreamExt};
use tokio::sync::{mpsc, oneshot};
use tokio::time::{Instant, timeout};

use crate::Endpoint;
use crate::backoff::Backoff;
use crate::book::Book;
use crate::handle::{Call, Session, Signal};
use crate::meters::Meters;
use crate::packet::{self, Open, Packet};
use crate::pump::{self, Connection};
use crate::transport::{CONNECT_TIMEOUT, Dial, Incoming, Outgoing};

/// How often deadlines are looked at. Fine enough for limits of tens of seconds.
pub(crate) const TICK: Duration = Duration::from_millis(500);
/// Characters of a reason that a server gives.
const WORDS: usize = 200;

pub(crate) struct Worker<D> {
    dial: D,
    endpoint: Endpoint,
    signals: mpsc::Sender<Signal>,
    calls: mpsc::Receiver<Call>,
    book: Book,
    backoff: Backoff,
    connections: u64,
    meters: Meters,
}

/// Why an attempt failed.
enum Failed {
    Refused(String),
    Error(io::Error),
}

/// The owner has dropped its signals.
pub(crate) struct Abandoned;

impl<D: Dial> Worker<D> {
    pub(crate) fn new(
        dial: D,
        endpoint: Endpoint,
        signals: mpsc::Sender<Signal>,
        calls: mpsc::Receiver<Call>,
        meters: Meters,
    ) -> Self {
        let (book, backoff) = (Book::default(), Backoff::default());
        Self { dial, endpoint, signals, calls, book, backoff, connections: 0, meters }
    }

    /// Runs until the owner drops its signals.
    pub(crate) async fn run(mut self) {
        while let Ok(()) = self.connect_once().await {
            if self.pause().await.is_err() {
                break;
            }
        }
    }

    /// One attempt, and the connection that came of it until it ended.
    async fn connect_once(&mut self) -> Result<(), Abandoned> {
        let attempt = attempt(self.dial.dial(), self.endpoint.clone());
        match self.meanwhile(attempt, Duration::ZERO).await {
            Ok((outgoing, incoming, open)) => {
                self.meters.attempt("connected");
                let since = Instant::now();
                let reason = self.pump(outgoing, incoming, open).await?;
                self.backoff.was_up(since.elapsed());
                self.book.lost();
                self.meters.lost.inc();
                self.tell(Signal::Down { reason }).await
            }
            Err(Failed::Refused(message)) => {
                self.meters.attempt("refused");
                self.tell(Signal::Refused { message: brief(&message) }).await
            }
            Err(Failed::Error(error)) => {
                self.meters.attempt("failed");
                self.tell(Signal::RetryFailed { error: brief(&error.to_string()) }).await
            }
        }
    }

    async fn pump(
        &mut self,
        outgoing: Outgoing,
        incoming: Incoming,
        open: Open,
    ) -> Result<String, Abandoned> {
        self.connections += 1;
        let (privileged, calls) = mpsc::channel(64);
        let (ready, is_ready) = oneshot::channel();
        let session = Session { nth: self.connections, calls: privileged, _ready: ready };
        self.tell(Signal::Connected(session)).await?;
        let connection = Connection {
            namespace: self.endpoint.namespace,
            signals: &self.signals,
            ordinary: &mut self.calls,
            privileged: calls,
            is_ready: Some(is_ready),
            book: &mut self.book,
            silence: open.silence(),
            meters: &self.meters,
        };
        pump::run(connection, outgoing, incoming).await
    }

    async fn pause(&mut self) -> Result<(), Abandoned> {
        let mut random = [0; 8];
        // Without randomness every link would come back at once; a fixed number is as good as any then.
        getrandom::fill(&mut random).unwrap_or_default();
        let delay = self.backoff.next(u64::from_ne_bytes(random));
        self.tell(Signal::Retrying { attempt: self.backoff.attempt(), delay }).await?;
        self.meanwhile(tokio::time::sleep(delay), delay).await;
        Ok(())
    }

    async fn tell(&mut self, signal: Signal) -> Result<(), Abandoned> {
        let signals = self.signals.clone();
        let told = async move { signals.send(signal).await };
        self.meanwhile(told, Duration::ZERO).await.map_err(|_| Abandoned)
    }

    /// Waits for something while the link is not ready: calls that come wait or fail, and those whose time is up end.
    async fn meanwhile<T>(&mut self, until: impl Future<Output = T>, retry_after: Duration) -> T {
        tokio::pin!(until);
        let mut tick = tokio::time::interval(TICK);
        loop {
            tokio::select! {
                biased;
                done = &mut until => return done,
                Some(call) = self.calls.recv() => self.book.wait(call, retry_after),
                _ = tick.tick() => self.book.expire(Instant::now(), retry_after),
            }
        }
    }
}

/// What somebody else's server says, who may be none of ours, for people: not more than a line of it.
fn brief(text: &str) -> String {
    text.chars().filter(|c| !c.is_control()).take(WORDS).collect()
}

async fn attempt(
    dial: impl Future<Output = io::Result<(Outgoing, Incoming)>>,
    endpoint: Endpoint,
) -> Result<(Outgoing, Incoming, Open), Failed> {
    let connected = timeout(CONNECT_TIMEOUT, async {
        let (mut outgoing, mut incoming) = dial.await?;
        let open = shake_hands(&endpoint, &mut outgoing, &mut incoming).await?;
        Ok((outgoing, incoming, open))
    });
    let late = || io::Error::new(io::ErrorKind::TimedOut, "the server did not answer within 10 s");
    connected.await.unwrap_or_else(|_| Err(Failed::Error(late())))
}

/// OPEN, then CONNECT with the credentials, then the server's verdict.
async fn shake_hands(
    endpoint: &Endpoint,
    outgoing: &mut Outgoing,
    incoming: &mut Incoming,
) -> Result<Open, Failed> {
    let mut opened = None;
    while let Some(text) = incoming.next().await {
        match Packet::read(&text?, endpoint.namespace) {
            Packet::Open(open) => {
                opened = Some(open);
                outgoing.send(packet::connect(endpoint.namespace, &endpoint.auth)).await?;
            }
            Packet::Ping => outgoing.send("3".to_owned()).await?,
            Packet::Connected => {
                let early = || io::Error::other("the server connected before it opened");
                return opened.ok_or_else(|| Failed::Error(early()));
            }
            Packet::Refused(message) => return Err(Failed::Refused(message)),
            Packet::Close => break,
            _ => {}
        }
    }
    Err(Failed::Error(io::Error::new(
        io::ErrorKind::UnexpectedEof,
        "the server closed the connection",
    )))
}

impl From<io::Error> for Failed {
    fn from(error: io::Error) -> Self {
        Self::Error(error)
    }
}
