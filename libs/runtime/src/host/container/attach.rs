//! The connection to a container's stdin and stdout.
//!
//! It is made here and not by bollard, whose reader keeps each frame whole in memory.

use std::time::Duration;

use hyper::client::conn::http1;
use hyper::header::{CONNECTION, HOST, UPGRADE};
use hyper::upgrade::Upgraded;
use hyper::{Request, StatusCode};
use hyper_util::rt::TokioIo;
use tokio::io::{AsyncRead, AsyncWrite, ReadHalf, WriteHalf};
use tokio::net::{TcpStream, UnixStream};
use tokio::time::timeout;

use super::engine::{Address, Engine, EngineError};
use super::frames::Frames;

/// How long it may take.
const CONNECTING: Duration = Duration::from_secs(10);

pub(super) type Stdin = WriteHalf<TokioIo<Upgraded>>;
pub(super) type Output = Frames<ReadHalf<TokioIo<Upgraded>>>;

/// Attaches to a container, running or not. What it said before is not told again.
pub(super) async fn attach(
    engine: &Engine,
    container: &str,
) -> Result<(Stdin, Output), EngineError> {
    match timeout(CONNECTING, connect(engine, container)).await {
        Ok(connected) => connected,
        Err(_) => Err(EngineError::Unreachable("attaching takes too long".to_owned())),
    }
}

async fn connect(engine: &Engine, container: &str) -> Result<(Stdin, Output), EngineError> {
    let unreachable = |error: std::io::Error| EngineError::Unreachable(error.to_string());
    match &engine.address {
        Address::Unix(path) => {
            upgrade(UnixStream::connect(path).await.map_err(unreachable)?, container).await
        }
        Address::Tcp(host) => {
            upgrade(TcpStream::connect(host).await.map_err(unreachable)?, container).await
        }
    }
}

async fn upgrade(
    stream: impl AsyncRead + AsyncWrite + Unpin + Send + 'static,
    container: &str,
) -> Result<(Stdin, Output), EngineError> {
    let failed = |error: hyper::Error| EngineError::Unreachable(error.to_string());
    let (mut sender, connection) =
        http1::handshake::<_, String>(TokioIo::new(stream)).await.map_err(failed)?;
    // Ends when the container's output has, or both halves are dropped.
    tokio::spawn(connection.with_upgrades());
    let request =
        Request::post(format!("/containers/{container}/attach?stream=1&stdin=1&stdout=1&stderr=1"))
            .header(HOST, "engine")
            .header(CONNECTION, "Upgrade")
            .header(UPGRADE, "tcp")
            .body(String::new())
            .expect("ids and names of containers are parts of a path");
    let response = sender.send_request(request).await.map_err(failed)?;
    match response.status() {
        StatusCode::SWITCHING_PROTOCOLS => {}
        StatusCode::NOT_FOUND => {
            return Err(EngineError::Missing(format!("no such container: {container}")));
        }
        status => return Err(EngineError::Refused(format!("attach: {status}"))),
    }
    let upgraded = hyper::upgrade::on(response).await.map_err(failed)?;
    let (reader, writer) = tokio::io::split(TokioIo::new(upgraded));
    Ok((writer, Frames::new(reader)))
}
