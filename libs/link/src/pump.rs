//! One connection, from being let in to its end.

use std::collections::VecDeque;
use std::time::Duration;

use futures_util::{SinkExt, StreamExt};
use tokio::sync::oneshot::error::TryRecvError;
use tokio::sync::{mpsc, oneshot};
use tokio::task::JoinHandle;
use tokio::time::Instant;

use crate::book::Book;
use crate::handle::{Call, Signal};
use crate::meters::Meters;
use crate::packet::{self, Packet};
use crate::transport::{Incoming, Outgoing};
use crate::worker::{Abandoned, TICK};

/// Packets that wait for the socket. When full, calls are not taken.
const WRITES: usize = 256;
/// Events set aside while a session waits for an acknowledgement and the owner reads no signals. Beyond it nothing is
/// read, and the session's call meets its deadline.
const ASIDE: usize = 65_536;

/// What a connection works with.
pub(crate) struct Connection<'a> {
    pub(crate) namespace: &'static str,
    pub(crate) signals: &'a mpsc::Sender<Signal>,
    pub(crate) ordinary: &'a mut mpsc::Receiver<Call>,
    pub(crate) privileged: mpsc::Receiver<Call>,
    /// `None` once the session is ready.
    pub(crate) is_ready: Option<oneshot::Receiver<()>>,
    pub(crate) book: &'a mut Book,
    pub(crate) silence: Duration,
    pub(crate) meters: &'a Meters,
}

/// Pumps until the connection ends, and says why it did.
pub(crate) async fn run(
    connection: Connection<'_>,
    outgoing: Outgoing,
    incoming: Incoming,
) -> Result<String, Abandoned> {
    let (writes, packets) = mpsc::channel(WRITES);
    // Its own task, so that a socket that takes no more does not keep the link from reading.
    let writer = Writer(tokio::spawn(write(outgoing, packets)));
    let mut pump = Pump { connection, writes, aside: VecDeque::new(), heard: Instant::now() };
    let ended = pump.run(incoming).await;
    drop(writer);
    ended
}

/// Ends with the connection.
struct Writer(JoinHandle<()>);

impl Drop for Writer {
    fn drop(&mut self) {
        self.0.abort();
    }
}

/// Writes all that waits, then flushes once.
async fn write(mut outgoing: Outgoing, mut packets: mpsc::Receiver<String>) {
    let mut batch = Vec::new();
    while packets.recv_many(&mut batch, WRITES).await > 0 {
        for packet in batch.drain(..) {
            if outgoing.feed(packet).await.is_err() {
                return;
            }
        }
        if outgoing.flush().await.is_err() {
            return;
        }
    }
}

struct Pump<'a> {
    connection: Connection<'a>,
    writes: mpsc::Sender<String>,
    /// Signals that the owner's queue had no room for.
    aside: VecDeque<Signal>,
    heard: Instant,
}

/// Why the loop ended.
enum End {
    Gone(String),
    Abandoned,
}

impl Pump<'_> {
    async fn run(&mut self, mut incoming: Incoming) -> Result<String, Abandoned> {
        let mut tick = tokio::time::interval(TICK);
        loop {
            let end = self.turn(&mut incoming, &mut tick).await;
            match end {
                Ok(()) => {}
                Err(End::Gone(reason)) => return Ok(reason),
                Err(End::Abandoned) => return Err(Abandoned),
            }
        }
    }

    async fn turn(
        &mut self,
        incoming: &mut Incoming,
        tick: &mut tokio::time::Interval,
    ) -> Result<(), End> {
        let may_read = self.aside.is_empty()
            || (self.connection.book.has_privileged() && self.aside.len() < ASIDE);
        let may_write = self.writes.capacity() > 0;
        let ready = self.connection.is_ready.is_none();
        let resend = ready && may_write && self.connection.book.is_waiting();
        let connection = &mut self.connection;
        tokio::select! {
            text = incoming.next(), if may_read => self.on_read(text),
            permit = connection.signals.reserve(), if !self.aside.is_empty() => match permit {
                Ok(permit) => {
                    if let Some(signal) = self.aside.pop_front() {
                        permit.send(signal);
                    }
                    Ok(())
                }
                Err(_) => Err(End::Abandoned),
            },
            Some(call) = connection.privileged.recv(), if may_write => self.send(call, true),
            Some(call) = connection.ordinary.recv(), if may_write || !ready => self.on_call(call),
            () = became_ready(&mut connection.is_ready), if !ready => Ok(()),
            () = std::future::ready(()), if resend => match self.connection.book.next_waiting() {
                Some(call) => self.send(call, false),
                None => Ok(()),
            },
            _ = tick.tick() => self.on_tick(),
        }
    }

    fn on_read(&mut self, text: Option<std::io::Result<String>>) -> Result<(), End> {
        let gone = || End::Gone("the server closed the connection".to_owned());
        let text = text.ok_or_else(gone)?.map_err(|error| End::Gone(error.to_string()))?;
        self.heard = Instant::now();
        let meters = self.connection.meters;
        meters.received.inc_by(text.len() as u64);
        match Packet::read(&text, self.connection.namespace) {
            Packet::Ping => self.write("3".to_owned()),
            Packet::Close | Packet::Disconnected => Err(gone()),
            Packet::Ack(id, answer) => {
                if let Some(took) = self.connection.book.answer(id, answer) {
                    meters.calls.observe(took.as_secs_f64());
                }
                Ok(())
            }
            Packet::Event(name, payload) => {
                meters.events.inc();
                let signal = Signal::Event { name: name.into_owned(), payload: payload.to_owned() };
                self.tell(signal)
            }
            Packet::Open(_) | Packet::Connected | Packet::Refused(_) | Packet::Other => Ok(()),
        }
    }

    fn tell(&mut self, signal: Signal) -> Result<(), End> {
        if !self.aside.is_empty() {
            self.aside.push_back(signal);
            return Ok(());
        }
        match self.connection.signals.try_send(signal) {
            Ok(()) => Ok(()),
            Err(mpsc::error::TrySendError::Full(signal)) => {
                self.aside.push_back(signal);
                Ok(())
            }
            Err(mpsc::error::TrySendError::Closed(_)) => Err(End::Abandoned),
        }
    }

    /// Calls keep their order: one that comes while others still wait to be sent waits behind them.
    fn on_call(&mut self, call: Call) -> Result<(), End> {
        if !self.is_ready() {
            self.connection.book.wait(call, Duration::ZERO);
        } else if self.connection.book.is_waiting() || self.writes.capacity() == 0 {
            self.connection.book.queue(call);
        } else {
            return self.send(call, false);
        }
        Ok(())
    }

    /// Looked up for each call that comes while it was not: one that was made when the session had said so goes through.
    fn is_ready(&mut self) -> bool {
        let is_ready = &mut self.connection.is_ready;
        is_ready.take_if(|receiver| receiver.try_recv() != Err(TryRecvError::Empty));
        is_ready.is_none()
    }

    fn send(&mut self, call: Call, privileged: bool) -> Result<(), End> {
        let arguments = call.arguments.clone();
        let id = self.connection.book.send(call, privileged);
        self.write(packet::event(self.connection.namespace, id, &arguments))
    }

    fn write(&mut self, packet: String) -> Result<(), End> {
        self.connection.meters.sent.inc_by(packet.len() as u64);
        match self.writes.try_send(packet) {
            Ok(()) => Ok(()),
            // Only a pong can meet a full queue; the server is not reading, and its own watchdog decides.
            Err(mpsc::error::TrySendError::Full(_)) => Ok(()),
            Err(mpsc::error::TrySendError::Closed(_)) => {
                Err(End::Gone("the connection broke".to_owned()))
            }
        }
    }

    fn on_tick(&mut self) -> Result<(), End> {
        let now = Instant::now();
        self.connection.book.expire(now, Duration::ZERO);
        if now.duration_since(self.heard) > self.connection.silence && self.aside.is_empty() {
            return Err(End::Gone("the server is silent".to_owned()));
        }
        Ok(())
    }
}

/// Whether the session was said to be ready or dropped, it is over.
async fn became_ready(is_ready: &mut Option<oneshot::Receiver<()>>) {
    if let Some(receiver) = is_ready {
        receiver.await.ok();
        *is_ready = None;
    }
}
