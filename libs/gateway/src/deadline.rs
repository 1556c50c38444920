//! Bodies of requests that do not come in time.

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

/// A body that fails when it is not whole in time.
#[derive(Debug)]
pub(crate) struct Deadline<B> {
    body: B,
    end: Pin<Box<Sleep>>,
}

/// The request's body did not come in time.
#[derive(Debug, thiserror::Error)]
#[error("the body did not come in time")]
struct Late;

/// Gives a body its time; one that is empty needs none.
pub(crate) fn limited<B>(body: B) -> Body
where
    B: HttpBody<Data = Bytes, Error: Into<axum::BoxError>> + Send + Unpin + 'static,
{
    if body.is_end_stream() {
        return Body::empty();
    }
    Body::new(Deadline { body, end: Box::pin(sleep(BODY)) })
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
            return Poll::Ready(frame.map(|frame| frame.map_err(Into::into)));
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
}
