//! Bodies of requests that do not come in time, or are too long for who sends them.

use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use axum::body::{Body, Bytes};
use hyper::body::{Body as HttpBody, Frame, SizeHint};
use tokio::time::{Sleep, sleep};

/// How long a body may take, from the headers to its last byte. The largest has 4 MiB: a telephone far out sends
/// that in a minute.
const BODY: Duration = Duration::from_secs(60);

/// How long a body may take of a session on which nobody was let in, and its bytes: a handshake has 16 KiB.
const STRANGER: (Duration, usize) = (Duration::from_secs(10), 64 << 10);

/// A body that fails when it is not whole in time, or too long.
#[derive(Debug)]
pub(crate) struct Deadline<B> {
    body: B,
    end: Pin<Box<Sleep>>,
    /// Bytes that may come still.
    left: usize,
}

/// The request's body did not come in time.
#[derive(Debug, thiserror::Error)]
#[error("the body did not come in time")]
struct Late;

/// The request's body has more bytes than it may have.
#[derive(Debug, thiserror::Error)]
#[error("the body is too long")]
struct Long;

/// Gives a body its time; one that is empty needs none.
pub(crate) fn limited<B>(body: B) -> Body
where
    B: HttpBody<Data = Bytes, Error: Into<axum::BoxError>> + Send + Unpin + 'static,
{
    within(body, BODY, usize::MAX)
}

/// Gives a body the time and the room of a stranger's.
pub(crate) fn of_stranger(body: Body) -> Body {
    let (time, bytes) = STRANGER;
    within(body, time, bytes)
}

fn within<B>(body: B, time: Duration, left: usize) -> Body
where
    B: HttpBody<Data = Bytes, Error: Into<axum::BoxError>> + Send + Unpin + 'static,
{
    if body.is_end_stream() {
        return Body::empty();
    }
    Body::new(Deadline { body, end: Box::pin(sleep(time)), left })
}

impl<B> Deadline<B> {
    fn count(&mut self, frame: Frame<Bytes>) -> Result<Frame<Bytes>, axum::BoxError> {
        let bytes = frame.data_ref().map_or(0, Bytes::len);
        self.left = self.left.checked_sub(bytes).ok_or(Long)?;
        Ok(frame)
    }
}

impl<B> HttpBody for Deadline<B>
where
    B: HttpBody<Data = Bytes, Error: Into<axum::BoxError>> + Unpin,
{
    type Data = Bytes;
    type Error = axum::BoxError;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, axum::BoxError>>> {
        if let Poll::Ready(frame) = Pin::new(&mut self.body).poll_frame(cx) {
            return Poll::Ready(frame.map(|frame| self.count(frame.map_err(Into::into)?)));
        }
        self.end.as_mut().poll(cx).map(|()| Some(Err(Late.into())))
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

#[cfg(test)]
mod tests {
    use axum::body::to_bytes;
    use futures_util::{StreamExt, stream};

    use super::*;

    fn dripping(pieces: u32, pause: Duration) -> Body {
        let piece = move |_| async move {
            sleep(pause).await;
            Ok::<_, std::io::Error>(Bytes::from_static(b"x"))
        };
        Body::from_stream(Box::pin(stream::iter(0..pieces).then(piece)))
    }

    #[tokio::test(start_paused = true)]
    async fn a_body_that_drips_is_cut_off() {
        let of = |pieces| limited(dripping(pieces, Duration::from_secs(1)));

        assert!(to_bytes(of(100), 1_000).await.is_err());
        assert_eq!(to_bytes(of(50), 1_000).await.unwrap().len(), 50);
    }

    #[tokio::test(start_paused = true)]
    async fn a_stranger_has_less_time_and_less_room() {
        let slow = |pieces| of_stranger(dripping(pieces, Duration::from_secs(1)));
        let long = |bytes| of_stranger(Body::from(vec![b'x'; bytes]));

        assert!(to_bytes(slow(12), 1_000).await.is_err());
        assert_eq!(to_bytes(slow(8), 1_000).await.unwrap().len(), 8);
        assert!(to_bytes(long((64 << 10) + 1), usize::MAX).await.is_err());
        assert!(to_bytes(long(64 << 10), usize::MAX).await.is_ok());
    }
}
