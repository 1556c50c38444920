//! What is on its way into a program's stdin.

use std::io;

use bytes::{Buf, BytesMut};
use tokio::io::{AsyncWrite, AsyncWriteExt};

use super::process::Activity;

/// Bytes of lines besides messages that may wait until a program reads them; the line that goes beyond it still waits.
const MAX_BESIDES: usize = 8 << 20;

#[derive(Debug, Default)]
pub(super) struct Outgoing {
    message: Option<Vec<u8>>,
    /// Bytes written of the message that was given last.
    written: usize,
    /// Lines besides; written before a message or after it, and never within.
    besides: BytesMut,
    /// Bytes of them written since the message.
    told: usize,
}

impl Outgoing {
    /// A message; the one before has been written, or given up.
    pub(super) fn give(&mut self, bytes: Vec<u8>) {
        self.message = Some(bytes);
        (self.written, self.told) = (0, 0);
    }

    /// A line besides, unless too much waits already.
    pub(super) fn tell(&mut self, line: &[u8]) {
        if self.besides.len() > MAX_BESIDES {
            return tracing::warn!("a program does not read what it is told");
        }
        self.besides.extend_from_slice(line);
    }

    /// Whether there is a line that has not been written.
    pub(super) fn is_telling(&self) -> bool {
        !self.besides.is_empty()
    }

    /// Bytes written since the last message began.
    pub(super) fn passed(&self) -> usize {
        self.written + self.told
    }

    /// The program is gone. The answer is about a message that it leaves behind.
    pub(super) fn give_up(&mut self) -> Option<Activity> {
        self.message.take().map(|_| Activity::NotWritten(io::ErrorKind::BrokenPipe.into()))
    }

    /// Writes what there is, until a message is written or is not going to be. Cancel safe.
    pub(super) async fn write(
        &mut self,
        pipe: Option<&mut (impl AsyncWrite + Unpin)>,
    ) -> Option<Activity> {
        let Some(pipe) = pipe else { return std::future::pending().await };
        while !self.besides.is_empty() && self.is_between_messages() {
            match pipe.write(&self.besides).await {
                Ok(more) if more > 0 => {
                    self.besides.advance(more);
                    self.told += more;
                }
                // Its exit, if it is about to, says more.
                _ => self.besides.clear(),
            }
        }
        let Some(message) = &self.message else { return std::future::pending().await };
        while self.written < message.len() {
            match pipe.write(&message[self.written..]).await {
                Ok(more) if more > 0 => self.written += more,
                result => {
                    self.message = None;
                    let error = result.err().unwrap_or_else(|| io::ErrorKind::WriteZero.into());
                    return Some(Activity::NotWritten(error));
                }
            }
        }
        self.message = None;
        Some(Activity::Written)
    }

    fn is_between_messages(&self) -> bool {
        self.message.is_none() || self.written == 0
    }
}
