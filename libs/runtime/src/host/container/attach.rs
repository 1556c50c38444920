//! The connection to a container's stdin and stdout.
//!
//! It is made here and not by bollard, whose reader keeps each frame whole in memory.

use std::time::Duration;

use hyper::client::conn::http1;
use hyper::header::{CONNECTION, CONTENT_TYPE, HOST, UPGRADE};
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

/// A connection that the engine has handed over.
pub(super) type Upgrade = TokioIo<Upgraded>;

/// Attaches to a container, running or not. What it said before is not told again.
pub(super) async fn attach(
    engine: &Engine,
    container: &str,
) -> Result<(Stdin, Output), EngineError> {
    let path = format!("/containers/{container}/attach?stream=1&stdin=1&stdout=1&stderr=1");
    let (reader, writer) = tokio::io::split(upgrade(engine, &path, String::new()).await?);
    Ok((writer, Frames::new(reader)))
}

/// Asks with that JSON, or nothing, for a connection to what is below that path. Ids and names of containers are parts of a
/// path.
pub(super) async fn upgrade(
    engine: &Engine,
    path: &str,
    json: String,
) -> Result<Upgrade, EngineError> {
    match timeout(CONNECTING, connect(engine, path, json)).await {
        Ok(connected) => connected,
        Err(_) => Err(EngineError::Unreachable("attaching takes too long".to_owned())),
    }
}

async fn connect(engine: &Engine, path: &str, json: String) -> Result<Upgrade, EngineError> {
    let unreachable = |error: std::io::Error| EngineError::Unreachable(error.to_string());
    match &engine.address {
        Address::Unix(socket) => {
            ask(UnixStream::connect(socket).await.map_err(unreachable)?, path, json).await
        }
        Address::Tcp(host) => {
            ask(TcpStream::connect(host).await.map_err(unreachable)?, path, json).await
        }
    }
}

async fn ask(
    stream: impl AsyncRead + AsyncWrite + Unpin + Send + 'static,
    path: &str,
    json: String,
) -> Result<Upgrade, EngineError> {
    let failed = |error: hyper::Error| EngineError::Unreachable(error.to_string());
    let (mut sender, connection) =
        http1::handshake::<_, String>(TokioIo::new(stream)).await.map_err(failed)?;
    // Ends when the output has, or both halves are dropped.
    tokio::spawn(connection.with_upgrades());
    let request = Request::post(path)
        .header(HOST, "engine")
        .header(CONNECTION, "Upgrade")
        .header(UPGRADE, "tcp")
        .header(CONTENT_TYPE, "application/json")
        .body(json)
        .expect("ids and names of containers are parts of a path");
    let response = sender.send_request(request).await.map_err(failed)?;
    match response.status() {
        StatusCode::SWITCHING_PROTOCOLS => {}
        StatusCode::NOT_FOUND => return Err(EngineError::Missing(format!("nothing is at {path}"))),
        StatusCode::CONFLICT => {
            return Err(EngineError::Conflict("the container does not run".to_owned()));
        }
        status => return Err(EngineError::Refused(format!("attach: {status}"))),
    }
    Ok(TokioIo::new(hyper::upgrade::on(response).await.map_err(failed)?))
}
