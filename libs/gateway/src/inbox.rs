//! What a connection says: its commands, in order, and where their answers go.

use std::borrow::Cow;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Instant;

use protocol::limits::MAX_FRAME;
use protocol::names::is_event_name;
use protocol::{Ack, CorrelationId, ErrorCode, WireError, catalogue};
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::value::RawValue;
use socketioxide::adapter::LocalAdapter;
use socketioxide::handler::MessageHandler;
use socketioxide::socket::Socket;
use socketioxide_core::Value;
use tokio::sync::mpsc;

use crate::meters::Meters;
use crate::outbox::{Message, Outbox, raw};
use crate::rate::Allowance;

/// Commands of one connection that may wait; beyond, they are refused with `RATE_LIMITED`.
const INBOX: usize = 4_096;
/// Bytes of commands of one connection that may wait; beyond, they are refused with `RATE_LIMITED`.
const INBOX_BYTES: usize = 2 * MAX_FRAME;

/// A connection's commands, in the order in which they came.
#[derive(Debug)]
pub struct Commands {
    receiver: mpsc::Receiver<Box<Command>>,
    outbox: Outbox,
}

impl Commands {
    /// The next command; `None` when the connection is gone. Waits for room for its answer. Cancel safe.
    pub async fn next(&mut self) -> Option<Command> {
        self.outbox.room().await;
        self.receiver.recv().await.map(|command| *command)
    }
}

/// A command and where its answer goes.
#[derive(Debug)]
pub struct Command {
    /// Its name.
    pub name: String,
    /// Its arguments, as the bytes that came.
    pub arguments: Vec<Box<RawValue>>,
    /// Where its answer goes.
    pub reply: Reply,
    _weight: Weight,
}

impl Command {
    /// Whether the first argument is an object with such a field.
    #[must_use]
    pub fn has(&self, field: &str) -> bool {
        let fields = self.payload::<std::collections::HashMap<String, serde::de::IgnoredAny>>();
        fields.is_ok_and(|fields| fields.contains_key(field))
    }

    /// The first argument; an empty object without one.
    ///
    /// # Errors
    /// `INVALID_PAYLOAD` that names the field.
    pub fn payload<T: DeserializeOwned>(&self) -> Result<T, WireError> {
        let json = self.arguments.first().map_or("{}", |payload| payload.get());
        let invalid = |why| WireError::new(ErrorCode::InvalidPayload, why);
        // Fields would be read from an array, too, by their place.
        if json.starts_with('[') {
            return Err(invalid("A payload is an object".to_owned()));
        }
        serde_json::from_str(json).map_err(|error| invalid(error.to_string()))
    }
}

/// Where the answer of one command goes: its acknowledgement, or events where none was asked for.
#[derive(Debug, Clone)]
pub struct Reply {
    /// The connection.
    pub outbox: Outbox,
    name: Arc<str>,
    ack: Option<i64>,
    /// What its lines in the logs are found by.
    correlation: Option<CorrelationId>,
    count: Count,
}

/// How a command is counted when it is answered.
#[derive(Debug, Clone)]
struct Count {
    meters: Meters,
    /// Of the catalogue: names that others choose would have no bound.
    command: &'static str,
    since: Instant,
}

impl Count {
    fn new(meters: &Meters, name: &str) -> Self {
        Self { meters: meters.clone(), command: catalogue::label(name), since: Instant::now() }
    }

    fn count(&self, outcome: Cow<'static, str>) {
        self.meters.command(self.command, outcome, Some(self.since.elapsed()));
    }
}

impl Reply {
    /// Counts it as a command of that name: what it carries, and not what carries it.
    pub fn counts_as(&mut self, name: &str) {
        self.count.command = catalogue::label(name);
    }

    /// By what its lines in the logs are found: who is told of a defect is told that, too.
    pub fn correlate(&mut self, correlation: Option<CorrelationId>) {
        self.correlation = correlation;
    }

    /// Acknowledges with what the command answers, if an acknowledgement was asked for.
    pub fn ok(self, data: &impl Serialize) {
        self.answer(raw(&Ack::from(Ok(data))));
    }

    /// Acknowledges with an error, or tells it as event `error`.
    pub fn err(self, error: WireError) {
        let mut error = error.correlated(self.correlation.as_ref());
        if self.ack.is_some() {
            self.answer(raw(&Ack::<()>::from(Err(error))));
        } else {
            self.count.count(error.code.name().into());
            error.event = Some(self.name.to_string());
            self.outbox.event("error", &error);
        }
    }

    /// Either of the two.
    pub fn result<T: Serialize>(self, result: Result<T, WireError>) {
        match result {
            Ok(data) => self.ok(&data),
            Err(error) => self.err(error),
        }
    }

    /// Acknowledges with somebody else's acknowledgement, as its bytes.
    pub fn answer(self, answer: Box<RawValue>) {
        self.count.count(outcome(&answer));
        if let Some(id) = self.ack {
            self.outbox.send(Message::Ack(id, answer));
        }
    }

    /// Whether an acknowledgement was asked for.
    #[must_use]
    pub fn wants_ack(&self) -> bool {
        self.ack.is_some()
    }
}

/// What an acknowledgement says, in one word. Most say that all is well, and those are not parsed for it.
fn outcome(answer: &RawValue) -> Cow<'static, str> {
    if answer.get().starts_with(r#"{"success":true"#) {
        return "ok".into();
    }
    let ack = serde_json::from_str::<Ack<serde::de::IgnoredAny>>(answer.get());
    match ack.map(Ack::into_result) {
        Ok(Ok(_)) => "ok".into(),
        Ok(Err(error)) => error.code.name().into(),
        Err(_) => "other".into(),
    }
}

/// The way from the socket's read loop to the connection's task. The read loop cannot wait, so what does not fit is
/// refused at once.
pub(crate) struct Inbox {
    /// Taken when the connection ends. The outbox's task holds the socket, and the socket this: as long as there is an
    /// outbox here, neither would ever be freed.
    open: Mutex<Option<Open>>,
    bytes: Arc<AtomicUsize>,
}

struct Open {
    outbox: Outbox,
    sender: mpsc::Sender<Box<Command>>,
    allowance: Option<Arc<Allowance>>,
    meters: Meters,
}

impl Inbox {
    /// An inbox and the commands that come out of it.
    pub(crate) fn channel(
        outbox: &Outbox,
        allowance: Option<Arc<Allowance>>,
        meters: Meters,
    ) -> (Arc<Self>, Commands) {
        let (sender, receiver) = mpsc::channel(INBOX);
        let open = Open { outbox: outbox.clone(), sender, allowance, meters };
        let inbox = Self { open: Mutex::new(Some(open)), bytes: Arc::default() };
        (Arc::new(inbox), Commands { receiver, outbox: outbox.clone() })
    }

    pub(crate) fn close(&self) {
        let open = self.open.lock().unwrap_or_else(PoisonError::into_inner).take();
        if let Some(open) = open {
            open.outbox.close();
        }
    }

    pub(crate) fn outbox(&self) -> Option<Outbox> {
        let open = self.open.lock().unwrap_or_else(PoisonError::into_inner);
        open.as_ref().map(|open| open.outbox.clone())
    }

    fn push(&self, value: &Value, ack: Option<i64>) {
        let open = self.open.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(open) = open.as_ref() {
            open.push(value, ack, &self.bytes);
        }
    }
}

impl Open {
    fn push(&self, value: &Value, ack: Option<i64>, bytes: &Arc<AtomicUsize>) {
        let reply = |name: &str| Reply {
            outbox: self.outbox.clone(),
            name: name.into(),
            ack,
            correlation: None,
            count: Count::new(&self.meters, name),
        };
        let Value::Str(text, attachments) = value else { return };
        let allowance = self.allowance.as_ref();
        if allowance.is_some_and(|allowed| allowed.take(text.len(), Instant::now()).is_err()) {
            return self.outbox.refuse(ack);
        }
        let Ok(packet) = serde_json::from_str::<Vec<&RawValue>>(text.as_str()) else {
            return reply("")
                .err(WireError::new(ErrorCode::InvalidPayload, "An event is a JSON array"));
        };
        let name = packet.first().and_then(|name| serde_json::from_str::<String>(name.get()).ok());
        let Some(name) = name.filter(|name| is_event_name(name)) else {
            return reply("").err(WireError::new(ErrorCode::UnknownEvent, "Unknown command"));
        };
        if attachments.as_ref().is_some_and(|attachments| !attachments.is_empty()) {
            return reply(&name).err(WireError::new(
                ErrorCode::InvalidPayload,
                "Binary payloads are not supported",
            ));
        }
        let Some(weight) = Weight::of(text.len(), bytes) else {
            return self.refuse(&name, ack);
        };
        let arguments = packet.iter().skip(1).map(|&argument| argument.to_owned()).collect();
        let (reply, label) = (reply(&name), catalogue::label(&name));
        let command = Box::new(Command { name, arguments, reply, _weight: weight });
        if let Err(mpsc::error::TrySendError::Full(_)) = self.sender.try_send(command) {
            self.refuse(label, ack);
        }
    }

    fn refuse(&self, name: &str, ack: Option<i64>) {
        let code = ErrorCode::RateLimited.name();
        self.meters.command(catalogue::label(name), code.into(), None);
        self.outbox.refuse(ack);
    }
}

/// What becomes of a packet's text: a command, or what its sender is told. For tests here and in `tests/fuzz`.
#[cfg(any(test, fuzzing))]
pub fn take(text: &str) -> Result<Command, Message> {
    let (outbox, mut told) = Outbox::channel();
    let (sender, mut commands) = mpsc::channel(1);
    Open { outbox, sender, allowance: None, meters: Meters::default() }.push(
        &Value::Str(text.to_owned().into(), None),
        Some(1),
        &Arc::default(),
    );
    commands.try_recv().map(|command| *command).map_err(|_| *told.try_recv().expect("an answer"))
}

/// A command's share of [`INBOX_BYTES`], given back when it has been worked off.
#[derive(Debug)]
struct Weight {
    bytes: usize,
    all: Arc<AtomicUsize>,
}

impl Weight {
    fn of(bytes: usize, all: &Arc<AtomicUsize>) -> Option<Self> {
        let before = all.fetch_add(bytes, Ordering::Relaxed);
        let weight = Self { bytes, all: Arc::clone(all) };
        (before + bytes <= INBOX_BYTES).then_some(weight)
    }
}

impl Drop for Weight {
    fn drop(&mut self) {
        self.all.fetch_sub(self.bytes, Ordering::Relaxed);
    }
}

/// Takes every event as the text that came. It is called in wire order and spawns nothing, so events stay in order.
pub(crate) struct Incoming(pub(crate) Arc<Inbox>);

/// Tells this handler from the library's own.
pub(crate) struct RawText;

impl MessageHandler<LocalAdapter, RawText> for Incoming {
    fn call(&self, _: Arc<Socket<LocalAdapter>>, value: Value, ack: Option<i64>) {
        self.0.push(&value, ack);
    }
}

#[cfg(test)]
mod tests {
    use protocol::clients::SetClient;

    use super::*;

    #[test]
    fn whoever_sends_more_than_is_allowed_is_refused() {
        let (outbox, _told) = Outbox::channel();
        let (sender, mut commands) = mpsc::channel(100);
        let rate = crate::rate::Rate::per_second;
        let allowance = Some(Arc::new(Allowance::new(rate(1), rate(0))));
        let open = Open { outbox, sender, allowance, meters: Meters::default() };

        for _ in 0..50 {
            open.push(&Value::Str(r#"["x"]"#.into(), None), Some(1), &Arc::default());
        }

        assert_eq!(std::iter::from_fn(|| commands.try_recv().ok()).count(), 10);
    }

    #[test]
    fn an_array_is_no_payload() {
        let payload = |text| take(text).unwrap().payload::<SetClient>();

        assert_eq!(payload(r#"["x",{"clientId":"cl"}]"#).unwrap().client_id.as_str(), "cl");
        assert_eq!(payload(r#"["x",["cl"]]"#).unwrap_err().code, ErrorCode::InvalidPayload);
    }
}
