//! A terminal on this machine: a program behind a pseudo-terminal.

use std::io;
use std::process::ExitStatus;
use std::time::Duration;

use bytes::{Buf, Bytes, BytesMut};
use pty_process::{OwnedReadPty, OwnedWritePty};
use rustix::process::{Pid, Signal};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::process::Child;
use tokio::time::{Instant, sleep_until, timeout};

use super::text::Decoder;
use super::{KIND, READ, Shell, Shown, Size};
use crate::host::environment::environment;
use crate::host::families::{self, Counted, Family};
use crate::host::processes::signal_session;
use crate::place::Local;

/// What the program may leave in the pseudo-terminal when it has exited; the kernel keeps 64 KiB or less.
const LEFT: usize = 256 << 10;

/// How long the pseudo-terminal may stay open after its program and all of its session are gone.
const CLOSES: Duration = Duration::from_millis(250);

/// A running terminal of this machine. Dropping it kills what runs in it.
#[derive(Debug)]
pub(super) struct Here {
    child: Child,
    /// As long as it is certain that the number is not somebody else's.
    session: Option<Pid>,
    output: Option<OwnedReadPty>,
    input: OwnedWritePty,
    outgoing: Bytes,
    buffer: BytesMut,
    decoder: Decoder,
    exited: Option<Exited>,
    _counted: Option<Counted>,
}

#[derive(Debug)]
struct Exited {
    status: ExitStatus,
    until: Instant,
    left: usize,
}

impl Here {
    /// Starts one, or says why not.
    pub(super) async fn start(place: &Local, shell: &Shell) -> Result<Self, String> {
        let directory = place.ready().await.map_err(|error| {
            format!("working directory {}: {error}", place.directory().display())
        })?;
        let text = |error: pty_process::Error| error.to_string();
        let (pty, slave) = pty_process::open().map_err(text)?;
        pty.resize(shell.size.into()).map_err(text)?;
        let mut variables = environment(std::env::vars_os(), &place.env);
        if !place.env.contains_key("TERM") {
            variables.insert("TERM".into(), KIND.into());
        }
        let command = pty_process::Command::new(&shell.program)
            .env_clear()
            .envs(variables)
            .current_dir(directory)
            .kill_on_drop(true);
        // Off the async workers: starting a program waits for the disk.
        let started = tokio::task::spawn_blocking(move || command.spawn(slave)).await;
        let child = started.map_err(|error| error.to_string())?.map_err(text)?;
        let session = child.id().and_then(|id| Pid::from_raw(i32::try_from(id).ok()?));
        let (output, input) = pty.into_split();
        Ok(Self {
            _counted: session.map(|id| families::enter(&place.home, Family::Session(id))),
            session,
            child,
            output: Some(output),
            input,
            outgoing: Bytes::new(),
            buffer: BytesMut::new(),
            decoder: Decoder::default(),
            exited: None,
        })
    }

    pub(super) fn write(&mut self, input: String) {
        self.outgoing = input.into();
    }

    pub(super) fn is_writing(&self) -> bool {
        !self.outgoing.is_empty()
    }

    pub(super) fn resize(&self, size: Size) {
        if let Err(error) = self.input.resize(size.into()) {
            // It is about to be gone.
            tracing::debug!(%error, "terminal not resized");
        }
    }

    pub(super) async fn next(&mut self) -> Shown {
        loop {
            let shown = match &mut self.exited {
                None => self.next_alive().await,
                Some(_) => self.next_left().await,
            };
            if let Some(shown) = shown {
                return shown;
            }
        }
    }

    pub(super) async fn end(mut self, grace: Duration) {
        self.hang_up(Signal::HUP).await;
        if timeout(grace, self.exit()).await.is_err() {
            self.hang_up(Signal::KILL).await;
            self.exit().await;
        }
    }

    async fn exit(&mut self) {
        while !matches!(self.next().await, Shown::Exited(_)) {}
    }

    async fn next_alive(&mut self) -> Option<Shown> {
        tokio::select! {
            more = read(self.output.as_mut(), &mut self.buffer) => self.take(more),
            result = self.input.write(&self.outgoing), if !self.outgoing.is_empty() => {
                match result {
                    Ok(written) if written > 0 => self.outgoing.advance(written),
                    // Nobody is there to read it; the exit, if there is one, says more.
                    _ => self.outgoing.clear(),
                }
                None
            }
            status = self.child.wait() => {
                // What is left in the background goes with it. The number is nobody else's yet: it became free just now.
                self.hang_up(Signal::KILL).await;
                self.session = None;
                let status = status.unwrap_or_default();
                self.exited = Some(Exited { status, until: Instant::now() + CLOSES, left: LEFT });
                None
            }
        }
    }

    /// What is left to show of a program that has exited.
    async fn next_left(&mut self) -> Option<Shown> {
        let exited = self.exited.as_mut()?;
        let end = exited.status.code();
        if self.output.is_some() && exited.left > 0 {
            let more = tokio::select! {
                // What is in the pseudo-terminal is read, however late it is.
                biased;
                more = read(self.output.as_mut(), &mut self.buffer) => more,
                () = sleep_until(exited.until) => None,
            };
            if let Some(count) = more {
                exited.left = exited.left.saturating_sub(count);
                return self.take(more);
            }
            self.output = None;
        }
        let rest = self.decoder.end();
        Some(if rest.is_empty() { Shown::Exited(end) } else { Shown::Output(rest) })
    }

    /// Text from what was read; when nothing was, it is closed.
    fn take(&mut self, more: Option<usize>) -> Option<Shown> {
        if more.is_none() {
            self.output = None;
            return None;
        }
        let text = self.decoder.decode(&self.buffer);
        self.buffer.clear();
        (!text.is_empty()).then_some(Shown::Output(text))
    }

    async fn hang_up(&self, signal: Signal) {
        if let Some(session) = self.session {
            // Looks through the processes of the machine.
            tokio::task::spawn_blocking(move || signal_session(session, signal)).await.ok();
        }
    }
}

impl Drop for Here {
    fn drop(&mut self) {
        if let Some(session) = self.session {
            signal_session(session, Signal::KILL);
        }
    }
}

/// Waits for ever once it is closed. Cancel safe.
async fn read(output: Option<&mut OwnedReadPty>, buffer: &mut BytesMut) -> Option<usize> {
    let Some(output) = output else { return std::future::pending().await };
    buffer.reserve(READ);
    let read: io::Result<usize> = (&mut *output).take(READ as u64).read_buf(buffer).await;
    // Linux says EIO when no process has the other end open.
    read.ok().filter(|count| *count > 0)
}

impl From<Size> for pty_process::Size {
    fn from(size: Size) -> Self {
        Self::new(size.rows, size.cols)
    }
}
