//! A TCP proxy that can do to its connections what networks do.

use std::net::SocketAddr;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;

/// Bytes taken at once. Small, so that a limit on the bandwidth is felt.
const CHUNK: usize = 16 * 1024;

/// What happens to the bytes of a direction.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Flow {
    /// They are handed on, each chunk after a time.
    Open { latency: Duration },
    /// They are not taken: whoever writes them finds the pipe full at some time.
    Held,
    /// They are taken and thrown away, as when a route is gone. Such a connection can only be cut afterwards.
    Lost,
}

/// Both directions, and whether connections are kept at all.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Weather {
    /// From those who connect to the target.
    pub(crate) up: Flow,
    pub(crate) down: Flow,
    /// Grows with each cut: a connection of an older number is closed.
    cut: u64,
}

const FINE: Flow = Flow::Open { latency: Duration::ZERO };

/// A listener before a target.
#[derive(Debug)]
pub(crate) struct Proxy {
    address: SocketAddr,
    target: Mutex<SocketAddr>,
    weather: watch::Sender<Weather>,
}

impl Proxy {
    pub(crate) async fn before(target: SocketAddr) -> anyhow::Result<Arc<Self>> {
        let listener = TcpListener::bind("127.0.0.1:0").await?;
        let weather = watch::Sender::new(Weather { up: FINE, down: FINE, cut: 0 });
        let address = listener.local_addr()?;
        let proxy = Arc::new(Self { address, target: Mutex::new(target), weather });
        let accepting = Arc::downgrade(&proxy);
        tokio::spawn(async move {
            while let Ok((near, _)) = listener.accept().await {
                let Some(proxy) = accepting.upgrade() else { return };
                let target = *proxy.target.lock().unwrap_or_else(PoisonError::into_inner);
                let weather = proxy.weather.subscribe();
                tokio::spawn(async move {
                    if let Ok(far) = TcpStream::connect(target).await {
                        near.set_nodelay(true).ok();
                        far.set_nodelay(true).ok();
                        relay(near, far, weather).await;
                    }
                });
            }
        });
        Ok(proxy)
    }

    pub(crate) fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// Resets every connection that is open now; new ones are accepted.
    pub(crate) fn cut(&self) {
        self.weather.send_modify(|weather| weather.cut += 1);
    }

    /// Has the bytes flow like this from now on.
    pub(crate) fn set(&self, up: Flow, down: Flow) {
        self.weather.send_modify(|weather| (weather.up, weather.down) = (up, down));
    }

    /// Undoes all. Connections that have lost something are cut.
    pub(crate) fn heal(&self) {
        self.weather.send_modify(|weather| {
            weather.cut += u64::from([weather.up, weather.down].contains(&Flow::Lost));
            (weather.up, weather.down) = (FINE, FINE);
        });
    }
}

/// Hands on what comes, until either side ends it or the connection is cut.
async fn relay(near: TcpStream, far: TcpStream, weather: watch::Receiver<Weather>) {
    let cut = weather.borrow().cut;
    let mut watching = weather.clone();
    // A reset, and no orderly end: whoever is cut must not think that all has arrived.
    for stream in [&near, &far] {
        stream.set_zero_linger().ok();
    }
    let (near_read, near_write) = near.into_split();
    let (far_read, far_write) = far.into_split();
    tokio::select! {
        () = pump(near_read, far_write, weather.clone(), |weather| weather.up) => {}
        () = pump(far_read, near_write, weather, |weather| weather.down) => {}
        _ = watching.wait_for(|weather| weather.cut != cut) => {}
    }
}

async fn pump(
    mut from: OwnedReadHalf,
    mut to: OwnedWriteHalf,
    mut weather: watch::Receiver<Weather>,
    direction: impl Fn(&Weather) -> Flow,
) {
    let mut chunk = vec![0; CHUNK];
    loop {
        if weather.wait_for(|weather| direction(weather) != Flow::Held).await.is_err() {
            return;
        }
        let count = tokio::select! {
            read = from.read(&mut chunk) => match read {
                Ok(count) if count > 0 => count,
                _ => return,
            },
            changed = weather.changed() => {
                if changed.is_err() {
                    return;
                }
                continue;
            }
        };
        // What was read just before it was to be held is held.
        let Ok(flow) = weather
            .wait_for(|weather| direction(weather) != Flow::Held)
            .await
            .map(|w| direction(&w))
        else {
            return;
        };
        match flow {
            Flow::Open { latency } => {
                if !latency.is_zero() {
                    tokio::time::sleep(latency).await;
                }
                if to.write_all(&chunk[..count]).await.is_err() {
                    return;
                }
            }
            Flow::Lost | Flow::Held => {}
        }
    }
}
