//! One attempt to post a message.
//!
//! The connection is our own, over hyper, as the address that was checked has to be the one that is dialled: a name may have
//! another address the next time that it is looked up. Redirects are not followed, for the same reason.

use std::io;
use std::net::SocketAddr;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use futures_util::future::{Either, select};
use http_body_util::{BodyExt, Full};
use hyper::body::{Bytes, Incoming};
use hyper::client::conn::http1;
use hyper::header::{HOST, RETRY_AFTER, USER_AGENT};
use hyper::{HeaderMap, Request, Response};
use hyper_util::rt::TokioIo;
use rustls::crypto::ring::default_provider;
use rustls::pki_types::ServerName;
use rustls::{ClientConfig, RootCertStore};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpStream, lookup_host};
use tokio::time::timeout;
use tokio_rustls::TlsConnector;

use crate::{Reach, Target};

/// How long an attempt may take, from looking up the name to the answer.
const ATTEMPT: Duration = Duration::from_secs(10);
/// How long one of several addresses may take to let us in, so that there is time for the next.
const ADDRESS: Duration = Duration::from_secs(3);
/// Bytes of an answer that are read. It is for people, to see what is wrong.
const ANSWER: usize = 512;

/// A message on its way.
#[derive(Clone)]
pub struct Message {
    pub(crate) target: Target,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Vec<u8>,
}

impl std::fmt::Debug for Message {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Message({:?}, {} bytes)", self.target, self.body.len())
    }
}

/// What the other side said.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reply {
    /// HTTP status.
    pub status: u16,
    /// The beginning of the answer, 512 bytes at most, without control characters.
    pub text: String,
    /// When it wants to be asked again. A date instead of seconds is not read.
    pub retry_after: Option<Duration>,
}

/// Why nothing was said.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Failure {
    /// The name of the host has no address that may be dialled.
    #[error("the host has no public address")]
    NotPublic,
    /// Nobody is there, or what is there does not speak HTTP, or shows no certificate that is trusted.
    #[error("{0}")]
    Unreachable(String),
    /// It took longer than 10 s.
    #[error("no answer within 10 s")]
    Timeout,
}

/// What follows from an attempt.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    /// It was taken.
    Taken,
    /// There is nobody at this address any more.
    Gone,
    /// It may be taken later, not before so long.
    Later(Option<Duration>),
    /// It will not be taken.
    Refused,
}

impl Verdict {
    /// Of an attempt.
    #[must_use]
    pub fn of(attempt: &Result<Reply, Failure>) -> Self {
        match attempt {
            Ok(Reply { status: 200..=299, .. }) => Self::Taken,
            Ok(Reply { status: 404 | 410, .. }) => Self::Gone,
            Ok(Reply { status: 408 | 425 | 429 | 500..=599, retry_after, .. }) => {
                Self::Later(*retry_after)
            }
            Ok(_) | Err(Failure::NotPublic) => Self::Refused,
            Err(Failure::Unreachable(_) | Failure::Timeout) => Self::Later(None),
        }
    }
}

/// Posts over HTTP/1.1, on a connection of its own for each message.
#[derive(Clone)]
pub struct Poster {
    reach: Reach,
    tls: TlsConnector,
}

impl Poster {
    /// Servers are trusted that the certificate authorities of browsers vouch for.
    #[must_use]
    pub fn new(reach: Reach) -> Self {
        Self::trusting(reach, webpki_roots::TLS_SERVER_ROOTS.iter().cloned().collect())
    }

    fn trusting(reach: Reach, roots: RootCertStore) -> Self {
        let config = ClientConfig::builder_with_provider(Arc::new(default_provider()))
            .with_safe_default_protocol_versions()
            .expect("the provider has the usual versions")
            .with_root_certificates(roots)
            .with_no_client_auth();
        Self { reach, tls: TlsConnector::from(Arc::new(config)) }
    }

    /// How far it goes.
    #[must_use]
    pub fn reach(&self) -> Reach {
        self.reach
    }

    /// Posts once.
    ///
    /// # Errors
    /// [`Failure`] when nothing was said.
    pub async fn post(&self, message: &Message) -> Result<Reply, Failure> {
        // Boxed, as the state of a handshake is large and most of what is posted waits.
        timeout(ATTEMPT, Box::pin(self.attempt(message))).await.map_err(|_| Failure::Timeout)?
    }

    async fn attempt(&self, message: &Message) -> Result<Reply, Failure> {
        let unreachable = |error: io::Error| Failure::Unreachable(error.to_string());
        let target = &message.target;
        let stream = self.connect(target).await?;
        if target.is_secure {
            let name = ServerName::try_from(target.host.clone())
                .map_err(|error| Failure::Unreachable(error.to_string()))?;
            exchange(self.tls.connect(name, stream).await.map_err(unreachable)?, message).await
        } else {
            exchange(stream, message).await
        }
    }

    async fn connect(&self, target: &Target) -> Result<TcpStream, Failure> {
        let unreachable = |error: io::Error| Failure::Unreachable(error.to_string());
        let found = lookup_host((target.host.as_str(), target.port)).await.map_err(unreachable)?;
        let allowed: Vec<SocketAddr> =
            found.filter(|address| self.reach.allows(address.ip())).collect();
        let mut failure = Failure::NotPublic;
        for address in allowed {
            match timeout(ADDRESS, TcpStream::connect(address)).await {
                Ok(Ok(stream)) => return Ok(stream),
                Ok(Err(error)) => failure = unreachable(error),
                Err(_) => failure = Failure::Timeout,
            }
        }
        Err(failure)
    }
}

impl std::fmt::Debug for Poster {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Poster").field("reach", &self.reach).finish_non_exhaustive()
    }
}

/// Posts on an open connection, which ends with the answer.
async fn exchange(
    stream: impl AsyncRead + AsyncWrite + Unpin,
    message: &Message,
) -> Result<Reply, Failure> {
    let failed = |error: hyper::Error| Failure::Unreachable(error.to_string());
    let (mut sender, connection) = http1::handshake(TokioIo::new(stream)).await.map_err(failed)?;
    let mut request = Request::post(&message.target.path)
        .header(HOST, &message.target.authority)
        .header(USER_AGENT, concat!("longshore/", env!("CARGO_PKG_VERSION")))
        .body(Full::new(Bytes::copy_from_slice(&message.body)))
        .map_err(|error| Failure::Unreachable(error.to_string()))?;
    request.headers_mut().extend(message.headers.clone());
    let asking = pin!(async { read(sender.send_request(request).await?).await });
    let reply = match select(asking, pin!(connection)).await {
        Either::Left((reply, _)) => reply,
        // What was answered before the connection ended still counts.
        Either::Right((_, asking)) => asking.await,
    };
    reply.map_err(failed)
}

async fn read(response: Response<Incoming>) -> hyper::Result<Reply> {
    let status = response.status().as_u16();
    let after = response.headers().get(RETRY_AFTER).and_then(|value| value.to_str().ok());
    let retry_after = after.and_then(|text| text.trim().parse().ok()).map(Duration::from_secs);
    let mut body = response.into_body();
    let mut text = Vec::new();
    while text.len() < ANSWER
        && let Some(frame) = body.frame().await
    {
        let Ok(data) = frame?.into_data() else { continue };
        text.extend_from_slice(&data[..data.len().min(ANSWER - text.len())]);
    }
    let text = String::from_utf8_lossy(&text).replace(|c: char| c.is_control(), " ");
    Ok(Reply { status, text: text.trim().to_owned(), retry_after })
}

#[cfg(test)]
mod tests;
