//! A Socket.IO namespace: who may connect, and what is said on it, in order.

use std::borrow::Cow;
use std::convert::Infallible;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Instant;

use axum::extract::ConnectInfo;
use protocol::limits::MAX_FRAME;
use protocol::names::is_event_name;
use protocol::{Ack, ConnectionId, CorrelationId, ErrorCode, WireError, catalogue};
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::value::RawValue;
use socketioxide::SocketIo;
use socketioxide::adapter::LocalAdapter;
use socketioxide::extract::SocketRef;
use socketioxide::handler::{ConnectHandler, FromConnectParts, MessageHandler};
use socketioxide::socket::Socket;
use socketioxide_core::Value;
use tokio::sync::mpsc;
use tokio_util::task::TaskTracker;

use crate::handshake::{Auth, Handshake, UNAUTHORIZED, attempt, reason};
use crate::history::{BoxFuture, History, NoHistory};
use crate::listen::{Blocked, Peer};
use crate::meters::Meters;
use crate::outbox::{self, Message, Outbox, raw};
use crate::rate::Allowance;
use crate::sink::{Envelope, SocketSink};

/// Commands of one connection that may wait; beyond, they are refused with `RATE_LIMITED`.
const INBOX: usize = 4_096;
/// Bytes of commands of one connection that may wait; beyond, they are refused with `RATE_LIMITED`.
const INBOX_BYTES: usize = 2 * MAX_FRAME;

/// What an application does with a namespace.
pub trait Service: Send + Sync + 'static {
    /// Who a connection belongs to.
    type Identity: Send + 'static;
    /// How events of `/agents` are told.
    const ENVELOPE: Envelope;

    /// Lets a client in, or says why not; that text is what its `connect_error` has.
    fn authenticate(
        self: Arc<Self>,
        handshake: Handshake,
    ) -> BoxFuture<Result<Self::Identity, String>>;

    /// Serves one connection until its commands end.
    fn serve(self: Arc<Self>, connection: Connection<Self::Identity>) -> BoxFuture<()>;

    /// What the connection may send, together with others that share it.
    fn allowance(&self, _identity: &Self::Identity) -> Option<Arc<Allowance>> {
        None
    }
    /// What is counted of its connections.
    fn meters(&self) -> Meters;

    /// Where a connection's entries come from when they are no longer in a feed that has no history of its own.
    fn history(&self) -> Arc<dyn History> {
        Arc::new(NoHistory)
    }
}

/// One open connection.
#[derive(Debug)]
pub struct Connection<I> {
    /// New each time.
    pub id: ConnectionId,
    /// As [`Service::authenticate`] said.
    pub identity: I,
    /// Where it comes from, if the server knows.
    pub peer: Option<SocketAddr>,
    /// What it is told.
    pub outbox: Outbox,
    /// What it says.
    pub commands: Commands,
}

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

/// Opens a namespace. The tasks of its connections are `tasks`', so that a server can wait for them.
pub fn mount<S: Service>(io: &SocketIo, path: &'static str, service: Arc<S>, tasks: &TaskTracker) {
    let for_connections = (Arc::clone(&service), tasks.clone());
    let on_connect = move |Shared(socket): Shared| {
        let (service, tasks) = for_connections.clone();
        async move { begin(&service, &socket, &tasks) }
    };
    // Handlers are registered here, before CONNECT is answered: what a client says right after it finds them.
    let middleware = move |Shared(socket): Shared, Auth(auth): Auth| {
        let service = Arc::clone(&service);
        async move {
            let parts = socket.req_parts();
            let info = parts.extensions.get::<ConnectInfo<Peer>>().map(|info| &info.0);
            let peer = info.map(|peer| peer.address);
            // Of one that began by polling, this was another connection.
            let blocked =
                info.filter(|_| socket.transport_type() == socketioxide::TransportType::Websocket);
            let blocked = blocked.map(|peer| peer.blocked.clone()).unwrap_or_default();
            let meters = service.meters();
            let auth = auth.map_err(|why| {
                if info.is_none_or(Peer::tells) {
                    tracing::warn!(?peer, why, "connection refused");
                }
                meters.refused(reason(why));
                why.to_owned()
            })?;
            let (headers, from) = (parts.headers.clone(), info.cloned());
            let handshake = Handshake { auth, headers, peer, from };
            let attempt = attempt(info, &handshake).map_err(|locked| {
                meters.refused("locked");
                locked.to_string()
            })?;
            let identity = Arc::clone(&service).authenticate(handshake).await;
            if let Some(attempt) = attempt {
                match &identity {
                    Ok(_) => attempt.succeeded(),
                    Err(told) if told == UNAUTHORIZED => attempt.failed(),
                    // Nobody has looked at it, as when the database is away.
                    Err(_) => drop(attempt),
                }
            }
            let identity = identity.inspect_err(|told| meters.refused(reason(told)))?;
            if let Some(peer) = info {
                peer.let_in();
            }
            prepare::<S>(&service, &socket, blocked, identity, peer);
            Ok::<(), String>(())
        }
    };
    io.ns(path, on_connect.with(middleware));
}

/// Made by the middleware, taken by the connect handler, which runs once the client has been let in. One that is gone by then
/// has no such handler and no disconnect handler either, so nothing in here may hold the socket.
struct Seed<I> {
    connection: Connection<I>,
    /// What the outbox's task will read.
    told: mpsc::Receiver<Box<Message>>,
    blocked: Blocked,
}

/// Lets the socket take commands, which wait until the connection begins.
fn prepare<S: Service>(
    service: &S,
    socket: &Socket<LocalAdapter>,
    blocked: Blocked,
    identity: S::Identity,
    peer: Option<SocketAddr>,
) {
    let (outbox, told) = Outbox::channel();
    let (sender, receiver) = mpsc::channel(INBOX);
    let inbox = Arc::new(Inbox {
        open: Mutex::new(Some(Open {
            outbox: outbox.clone(),
            sender,
            meters: service.meters(),
            allowance: service.allowance(&identity),
        })),
        bytes: Arc::default(),
    });
    let gone = Arc::clone(&inbox);
    socket.extensions.insert(Arc::clone(&inbox));
    socket.on_fallback(Incoming(inbox));
    socket.on_disconnect(async move |_: SocketRef| gone.close());
    let commands = Commands { receiver, outbox: outbox.clone() };
    let id = ConnectionId::random();
    let connection = Connection { id, identity, peer, outbox, commands };
    let seed = Seed { connection, told, blocked };
    socket.extensions.insert(Arc::new(Mutex::new(Some(seed))));
}

/// Begins to write to the socket and to serve it. One that has been closed meanwhile is served as far as it came.
fn begin<S: Service>(service: &Arc<S>, socket: &Arc<Socket<LocalAdapter>>, tasks: &TaskTracker) {
    let seed = socket.extensions.remove::<Arc<Mutex<Option<Seed<S::Identity>>>>>();
    let seed = seed.and_then(|seed| seed.lock().unwrap_or_else(PoisonError::into_inner).take());
    let Some(Seed { connection, told, blocked }) = seed else { return };
    let (sink, meters) = (SocketSink::new(Arc::clone(socket), blocked), service.meters());
    let counted = meters.accepted();
    let history = service.history();
    let task = outbox::start(&connection.outbox, told, sink, S::ENVELOPE, history, meters);
    tasks.spawn(async move {
        task.await.unwrap_or_default();
        drop(counted);
    });
    tasks.spawn(Arc::clone(service).serve(connection));
}

/// Ends what serves the socket. Closing the whole server does not run the sockets' disconnect handlers.
pub(crate) fn hang_up(socket: &SocketRef) {
    if let Some(inbox) = socket.extensions.get::<Arc<Inbox>>() {
        inbox.close();
    }
}

/// Waits until the socket has been handed all that is to be told on it now.
pub(crate) async fn flushed(socket: &SocketRef) {
    let outbox = socket.extensions.get::<Arc<Inbox>>().and_then(|inbox| inbox.outbox());
    if let Some(outbox) = outbox {
        outbox.flushed().await;
    }
}

/// The way from the socket's read loop to the connection's task. The read loop cannot wait, so what does not fit is
/// refused at once.
struct Inbox {
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
    fn close(&self) {
        let open = self.open.lock().unwrap_or_else(PoisonError::into_inner).take();
        if let Some(open) = open {
            open.outbox.close();
        }
    }

    fn outbox(&self) -> Option<Outbox> {
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
struct Incoming(Arc<Inbox>);

/// A connecting socket, shared; the library's own extractor only lends it.
struct Shared(Arc<Socket<LocalAdapter>>);

impl FromConnectParts<LocalAdapter> for Shared {
    type Error = Infallible;
    fn from_connect_parts(
        socket: &Arc<Socket<LocalAdapter>>,
        _: &Option<Value>,
    ) -> Result<Self, Infallible> {
        Ok(Self(Arc::clone(socket)))
    }
}

/// Tells this handler from the library's own.
struct RawText;

impl MessageHandler<LocalAdapter, RawText> for Incoming {
    fn call(&self, _: Arc<Socket<LocalAdapter>>, value: Value, ack: Option<i64>) {
        self.0.push(&value, ack);
    }
}

#[cfg(test)]
mod tests {
    use protocol::clients::SetClient;
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    use tokio::net::{TcpListener, TcpStream};
    use tokio::sync::Semaphore;
    use tokio_util::sync::CancellationToken;

    use super::*;
    use crate::server::{self, Door};
    use crate::{Bounds, Gate};

    const GRACE: std::time::Duration = std::time::Duration::from_secs(5);

    /// Lets everybody in, as soon as it may.
    struct Slow {
        asked: Semaphore,
        may: Semaphore,
        identity: Arc<()>,
    }

    impl Default for Slow {
        fn default() -> Self {
            let (asked, may) = (Semaphore::new(0), Semaphore::new(0));
            Self { asked, may, identity: Arc::default() }
        }
    }

    impl Service for Slow {
        type Identity = Arc<()>;
        const ENVELOPE: Envelope = Envelope::Direct;

        fn authenticate(self: Arc<Self>, _: Handshake) -> BoxFuture<Result<Arc<()>, String>> {
            Box::pin(async move {
                let identity = Arc::clone(&self.identity);
                self.asked.add_permits(1);
                self.may.acquire().await.unwrap().forget();
                Ok(identity)
            })
        }

        fn serve(self: Arc<Self>, mut connection: Connection<Arc<()>>) -> BoxFuture<()> {
            Box::pin(async move { while connection.commands.next().await.is_some() {} })
        }

        fn meters(&self) -> Meters {
            Meters::default()
        }
    }

    /// Asks on a connection of its own.
    async fn ask(address: SocketAddr, method: &str, query: &str, body: &str) -> String {
        let mut stream = TcpStream::connect(address).await.unwrap();
        let length = body.len();
        let request = format!(
            "{method} /socket.io/?EIO=4&transport=polling{query} HTTP/1.1\r\nhost: x\r\nconnection: close\r\ncontent-length: {length}\r\n\r\n{body}"
        );
        let mut answer = String::new();
        // What is too long is not read to its end, and the rest of it resets the connection.
        stream.write_all(request.as_bytes()).await.ok();
        stream.read_to_string(&mut answer).await.ok();
        answer
    }

    /// Where it listens, and what ends it.
    async fn serve(slow: &Arc<Slow>) -> (SocketAddr, impl Future<Output = ()>) {
        let (layer, io) = server::socket_io(16);
        let (tasks, stop) = (TaskTracker::new(), CancellationToken::new());
        mount(&io, "/clients", Arc::clone(slow), &tasks);
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let (gate, meters) = (Gate::new(Bounds::default()), Meters::default());
        let door = Door { listener, gate, tls: None, meters };
        let router = axum::Router::new().layer(layer);
        let served = tokio::spawn(server::serve(door, router, io, tasks, stop.clone(), GRACE));
        let end = async move {
            stop.cancel();
            served.await.unwrap().unwrap();
        };
        (address, end)
    }

    /// A new session's part of the query.
    async fn open(address: SocketAddr) -> String {
        let opened = ask(address, "GET", "", "").await;
        let sid = opened.split(r#""sid":""#).nth(1).unwrap().split('"').next().unwrap();
        format!("&sid={sid}")
    }

    #[tokio::test]
    async fn what_is_polled_is_short_until_somebody_is_let_in() {
        let slow = Arc::new(Slow::default());
        let (address, end) = serve(&slow).await;
        let long = format!(r#"42/clients,["x","{}"]"#, "x".repeat(100_000));

        let stranger = open(address).await;
        assert!(!ask(address, "POST", &stranger, &long).await.starts_with("HTTP/1.1 200"));
        slow.may.add_permits(1);
        let known = open(address).await;
        ask(address, "POST", &known, "40/clients,{}").await;
        assert!(ask(address, "GET", &known, "").await.contains("40/clients"));
        assert!(ask(address, "POST", &known, &long).await.starts_with("HTTP/1.1 200"));
        end.await;
    }

    #[tokio::test]
    async fn one_who_leaves_while_being_let_in_leaves_nothing_behind() {
        let slow = Arc::new(Slow::default());
        let (address, end) = serve(&slow).await;

        let sid = open(address).await;
        ask(address, "POST", &sid, "40/clients,{}\u{1e}1").await;
        slow.asked.acquire().await.unwrap().forget();
        assert!(ask(address, "GET", &sid, "").await.starts_with("HTTP/1.1 400"));
        slow.may.add_permits(1);

        // Its place goes with the library's own deadline for who does not connect.
        let freed = async {
            while Arc::strong_count(&slow.identity) > 1 {
                tokio::task::yield_now().await;
            }
        };
        tokio::time::timeout(GRACE, freed).await.expect("nothing is left");
        end.await;
    }

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
