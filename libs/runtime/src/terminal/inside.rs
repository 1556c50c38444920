//! A terminal in a container.

use std::time::Duration;

use bytes::{Buf, Bytes, BytesMut};
use rustix::process::Signal;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::task::JoinHandle;
use tokio::time::timeout;

use super::text::Decoder;
use super::{READ, Shell, Shown, Size};
use crate::host::container::{Exec, NotStarted, Output, Room};

/// How long a kill may take to show.
const KILLING: Duration = Duration::from_secs(5);

/// A running terminal in a container. Dropping it kills what runs in it, by and by.
#[derive(Debug)]
pub(super) struct Inside {
    exec: Exec,
    outgoing: Bytes,
    buffer: BytesMut,
    decoder: Decoder,
    /// The size that it is being given.
    resizing: Option<JoinHandle<()>>,
    /// The size that it is to be given then. Older ones are of no interest.
    wanted: Option<Size>,
    /// Its output has ended: how its program exited is being asked.
    closing: Option<JoinHandle<Option<i32>>>,
    exited: Option<Option<i32>>,
}

/// Something that happens.
enum Happening {
    Read(Option<usize>),
    Resized,
    Exited(Option<i32>),
}

impl Inside {
    pub(super) async fn start(
        room: &Room,
        shell: &Shell,
        variables: Vec<String>,
    ) -> Result<Self, NotStarted> {
        Ok(Self {
            exec: Exec::start(room, shell, variables).await?,
            outgoing: Bytes::new(),
            buffer: BytesMut::new(),
            decoder: Decoder::default(),
            resizing: None,
            wanted: None,
            closing: None,
            exited: None,
        })
    }

    pub(super) fn write(&mut self, input: String) {
        self.outgoing = input.into();
    }

    pub(super) fn is_writing(&self) -> bool {
        !self.outgoing.is_empty()
    }

    pub(super) fn resize(&mut self, size: Size) {
        self.wanted = Some(size);
        self.resize_next();
    }

    /// One request at a time, so that the last one wins.
    fn resize_next(&mut self) {
        if self.resizing.is_none()
            && let Some(size) = self.wanted.take()
        {
            let door = self.exec.door().clone();
            self.resizing = Some(tokio::spawn(async move { door.resize(size).await }));
        }
    }

    pub(super) async fn next(&mut self) -> Shown {
        loop {
            if let Some(code) = self.exited {
                let rest = self.decoder.end();
                return if rest.is_empty() { Shown::Exited(code) } else { Shown::Output(rest) };
            }
            match self.happening().await {
                Some(Happening::Read(Some(_))) => {
                    let text = self.decoder.decode(&self.buffer);
                    self.buffer.clear();
                    if !text.is_empty() {
                        return Shown::Output(text);
                    }
                }
                Some(Happening::Read(None)) => {
                    let door = self.exec.door().clone();
                    self.closing = Some(tokio::spawn(door.close()));
                }
                Some(Happening::Resized) => {
                    self.resizing = None;
                    self.resize_next();
                }
                Some(Happening::Exited(code)) => {
                    self.exec.is_over = true;
                    self.exited = Some(code);
                }
                None => {}
            }
        }
    }

    /// Cancel safe.
    async fn happening(&mut self) -> Option<Happening> {
        if let Some(closing) = &mut self.closing {
            return Some(Happening::Exited(closing.await.ok().flatten()));
        }
        let is_sized = self.resizing.is_none();
        tokio::select! {
            more = read(&mut self.exec.output, &mut self.buffer) => Some(Happening::Read(more)),
            Some(()) = finished(self.resizing.as_mut()) => Some(Happening::Resized),
            result = self.exec.input.write(&self.outgoing), if is_sized && !self.outgoing.is_empty() => {
                match result {
                    Ok(written) if written > 0 => self.outgoing.advance(written),
                    // Nobody is there to read it; the exit, if there is one, says more.
                    _ => self.outgoing.clear(),
                }
                None
            }
        }
    }

    pub(super) async fn end(mut self, grace: Duration) {
        let door = self.exec.door().clone();
        door.signal(Signal::HUP).await;
        if timeout(grace, self.exit()).await.is_err() {
            door.signal(Signal::KILL).await;
            if timeout(KILLING, self.exit()).await.is_err() {
                tracing::warn!("a terminal in a container could not be ended");
            }
        }
    }

    async fn exit(&mut self) {
        while !matches!(self.next().await, Shown::Exited(_)) {}
    }
}

/// Resolves when that has finished, to nothing when there is nothing.
async fn finished(task: Option<&mut JoinHandle<()>>) -> Option<()> {
    // What a request says is reported where it is made.
    task?.await.ok();
    Some(())
}

/// Nothing when it has ended. Cancel safe.
async fn read(output: &mut Output, buffer: &mut BytesMut) -> Option<usize> {
    buffer.reserve(READ);
    let read = (&mut *output).take(READ as u64).read_buf(buffer).await;
    read.ok().filter(|count| *count > 0)
}
