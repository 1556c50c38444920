//! What an engine sends of a container's output: frames with a header of eight bytes each.

use bytes::{Buf, Bytes, BytesMut};
use protocol::agents::OutputStream;
use tokio::io::{AsyncRead, AsyncReadExt};

/// Bytes read at once, and longest piece handed out. A frame may say that it has up to 4 GiB; it is handed out as it comes.
const READ: usize = 32 << 10;
const HEADER: usize = 8;

/// The output of a container, in pieces.
#[derive(Debug)]
pub(super) struct Frames<R> {
    reader: R,
    buffer: BytesMut,
    /// The frame that is being read, and how much of it is to come.
    current: Option<(OutputStream, usize)>,
}

impl<R: AsyncRead + Unpin> Frames<R> {
    pub(super) fn new(reader: R) -> Self {
        Self { reader, buffer: BytesMut::new(), current: None }
    }

    /// The next piece; nothing when the connection has ended, or what came is no frame. Cancel safe.
    pub(super) async fn next(&mut self) -> Option<(OutputStream, Bytes)> {
        loop {
            if let Some(piece) = self.piece()? {
                return Some(piece);
            }
            self.buffer.reserve(READ);
            match self.reader.read_buf(&mut self.buffer).await {
                Ok(1..) => {}
                Ok(0) | Err(_) => return None,
            }
        }
    }

    /// A piece of what has come: an inner nothing if it takes more, an outer nothing if it is no frame.
    fn piece(&mut self) -> Option<Option<(OutputStream, Bytes)>> {
        loop {
            match self.current.take() {
                Some((_, 0)) => {}
                Some(current) if self.buffer.is_empty() => {
                    self.current = Some(current);
                    return Some(None);
                }
                Some((stream, left)) => {
                    let bytes = self.buffer.split_to(left.min(self.buffer.len()).min(READ));
                    self.current = Some((stream, left - bytes.len()));
                    return Some(Some((stream, bytes.freeze())));
                }
                None => {}
            }
            let Some(header) = self.buffer.first_chunk::<HEADER>() else { return Some(None) };
            let [kind, 0, 0, 0, length @ ..] = *header else {
                tracing::warn!("a container's output is not in frames");
                return None;
            };
            let stream = match kind {
                0 | 1 => OutputStream::Stdout,
                // The third is what the engine has to say.
                2 | 3 => OutputStream::Stderr,
                _ => return None,
            };
            self.current = Some((stream, u32::from_be_bytes(length) as usize));
            self.buffer.advance(HEADER);
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn frame(stream: u8, bytes: &[u8]) -> Vec<u8> {
        let length = u32::try_from(bytes.len()).unwrap().to_be_bytes();
        [&[stream, 0, 0, 0], &length[..], bytes].concat()
    }

    async fn read(input: &[u8], at_once: usize) -> (Vec<u8>, Vec<u8>) {
        let (mut near, far) = tokio::io::duplex(at_once);
        let writing = async move {
            tokio::io::AsyncWriteExt::write_all(&mut near, input).await.ok();
        };
        let reading = async {
            let mut frames = Frames::new(far);
            let (mut out, mut err) = (Vec::new(), Vec::new());
            while let Some((stream, bytes)) = frames.next().await {
                assert!(!bytes.is_empty() && bytes.len() <= READ);
                assert!(frames.buffer.capacity() <= 4 * READ);
                match stream {
                    OutputStream::Stdout => out.extend_from_slice(&bytes),
                    OutputStream::Stderr => err.extend_from_slice(&bytes),
                }
            }
            (out, err)
        };
        tokio::join!(writing, reading).1
    }

    #[tokio::test]
    async fn a_huge_frame_comes_in_pieces() {
        let text = vec![b'x'; 3 << 20];
        let input = [frame(1, &text), frame(2, b"oh"), frame(1, b""), frame(3, b"no")].concat();

        assert_eq!(read(&input, 1 << 20).await, (text, b"ohno".to_vec()));
    }

    #[tokio::test]
    async fn what_is_no_frame_ends_it() {
        for garbage in [&b"HTTP/1.1 500"[..], &[9, 0, 0, 0, 0, 0, 0, 1, b'x'], &[1, 0, 0]] {
            let input = [&frame(1, b"a"), garbage].concat();
            assert_eq!(read(&input, 64).await.0, b"a");
        }
    }

    proptest! {
        #[test]
        fn frames_are_put_together_however_they_come(
            frames in prop::collection::vec((1_u8..=2, prop::collection::vec(any::<u8>(), 0..40)), 0..20),
            at_once in 1_usize..50,
        ) {
            let input: Vec<u8> = frames.iter().flat_map(|(stream, bytes)| frame(*stream, bytes)).collect();
            let of = |wanted: u8| -> Vec<u8> {
                frames.iter().filter(|(stream, _)| *stream == wanted).flat_map(|(_, bytes)| bytes.clone()).collect()
            };
            let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();

            let (out, err) = runtime.block_on(read(&input, at_once));

            prop_assert_eq!((out, err), (of(1), of(2)));
        }
    }
}
