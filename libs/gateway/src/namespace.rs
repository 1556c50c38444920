//! A Socket.IO namespace: who may connect, and what is said on it, in order.

use std::convert::Infallible;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use axum::extract::ConnectInfo;
use protocol::ConnectionId;
use socketioxide::SocketIo;
use socketioxide::adapter::LocalAdapter;
use socketioxide::extract::SocketRef;
use socketioxide::handler::{ConnectHandler, FromConnectParts};
use socketioxide::socket::Socket;
use socketioxide_core::Value;
use tokio::sync::mpsc;
use tokio_util::task::TaskTracker;

use crate::handshake::{Auth, Handshake, UNAUTHORIZED, Unwelcome, attempt, reason};
use crate::history::{BoxFuture, History, NoHistory};
use crate::inbox::{Commands, Inbox, Incoming};
use crate::listen::{Blocked, Peer};
use crate::meters::Meters;
use crate::outbox::{self, Message, Outbox};
use crate::rate::Allowance;
use crate::server::CONNECT_TIMEOUT;
use crate::sink::{Envelope, SocketSink};

/// What an application does with a namespace.
pub trait Service: Send + Sync + 'static {
    /// Who a connection belongs to.
    type Identity: Send + 'static;
    /// How events of `/agents` are told.
    const ENVELOPE: Envelope;

    /// Lets a client in, or says why not.
    fn authenticate(
        self: Arc<Self>,
        handshake: Handshake,
    ) -> BoxFuture<Result<Self::Identity, Unwelcome>>;

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

/// How long whoever could not be looked at is left without an answer: longer than a connection may have nobody let in, so that it
/// ends instead. A refusal is final to the official clients, a connection that ends is made again by them.
const PASSING: Duration = CONNECT_TIMEOUT.saturating_add(Duration::from_secs(5));

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
                    Err(Unwelcome::Unauthorized) => attempt.failed(),
                    Err(Unwelcome::Passing) => drop(attempt),
                }
            }
            let identity = match identity {
                Ok(identity) => identity,
                Err(Unwelcome::Unauthorized) => {
                    meters.refused(reason(UNAUTHORIZED));
                    return Err(UNAUTHORIZED.to_owned());
                }
                Err(Unwelcome::Passing) => {
                    meters.refused("unavailable");
                    tokio::time::sleep(PASSING).await;
                    return Err("Come again".to_owned());
                }
            };
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
    let allowance = service.allowance(&identity);
    let (inbox, commands) = Inbox::channel(&outbox, allowance, service.meters());
    let gone = Arc::clone(&inbox);
    socket.extensions.insert(Arc::clone(&inbox));
    socket.on_fallback(Incoming(inbox));
    socket.on_disconnect(async move |_: SocketRef| gone.close());
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

#[cfg(test)]
mod tests {
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

        fn authenticate(self: Arc<Self>, _: Handshake) -> BoxFuture<Result<Arc<()>, Unwelcome>> {
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
}
