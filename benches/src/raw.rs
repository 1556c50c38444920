//! The floor: a WebSocket echo through two proxies, without a protocol, a store or fan-out.

use std::net::SocketAddr;
use std::time::Instant;

use futures_util::{SinkExt, StreamExt};
use tokio::net::{TcpListener, TcpStream};
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::{WebSocketStream, accept_async, connect_async};

use crate::report::{Figures, percentile};

/// Bytes of a message: about what a chat event has.
const SIZE: usize = 300;
/// Messages in flight when throughput is measured.
const DEPTH: usize = 256;

/// Round trips one at a time, then as many as go with [`DEPTH`] in flight.
pub(crate) async fn measure(quick: bool) -> anyhow::Result<Figures> {
    let echo = serve(None).await?;
    let near = serve(Some(serve(Some(echo)).await?)).await?;
    let (mut socket, _) = connect_async(format!("ws://{near}")).await?;
    let message = Message::text("x".repeat(SIZE));

    let mut times = Vec::new();
    for _ in 0..2_000 {
        let start = Instant::now();
        socket.send(message.clone()).await?;
        socket.next().await;
        times.push(start.elapsed().as_secs_f64() * 1e3);
    }

    let total: u32 = if quick { 20_000 } else { 400_000 };
    let start = Instant::now();
    for _ in 0..DEPTH {
        socket.feed(message.clone()).await?;
    }
    socket.flush().await?;
    for received in 0..total {
        socket.next().await;
        socket.feed(message.clone()).await?;
        if received % 32 == 0 {
            socket.flush().await?;
        }
    }
    let rate = f64::from(total) / start.elapsed().as_secs_f64();
    Ok(vec![("round trip p50 ms", percentile(&mut times, 0.5)), ("round trips per second", rate)])
}

/// Serves an echo, or a proxy to `upstream`.
async fn serve(upstream: Option<SocketAddr>) -> anyhow::Result<SocketAddr> {
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    let address = listener.local_addr()?;
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            stream.set_nodelay(true).ok();
            tokio::spawn(async move {
                let near = accept_async(stream).await?;
                match upstream {
                    None => pass(near, None).await,
                    Some(address) => {
                        let far = TcpStream::connect(address).await?;
                        far.set_nodelay(true)?;
                        let (far, _) =
                            tokio_tungstenite::client_async("ws://upstream/", far).await?;
                        pass(near, Some(far)).await
                    }
                }
            });
        }
    });
    Ok(address)
}

/// Passes messages both ways, or back, flushing when there is nothing more to read.
async fn pass(
    near: WebSocketStream<TcpStream>,
    far: Option<WebSocketStream<TcpStream>>,
) -> anyhow::Result<()> {
    let (near_out, near_in) = near.split();
    let Some(far) = far else { return Ok(near_in.forward(near_out).await?) };
    let (far_out, far_in) = far.split();
    tokio::try_join!(near_in.forward(far_out), far_in.forward(near_out))?;
    Ok(())
}
