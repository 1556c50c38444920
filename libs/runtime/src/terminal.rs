//! A terminal: a program behind a pseudo-terminal, in a session of its own.
//!
//! What ends the program ends what was started in the terminal: all process groups of the session get the signal, those in
//! the background, too. Only who begins a session of its own escapes.

mod text;

use std::io;
use std::process::ExitStatus;
use std::time::Duration;

use bytes::{Buf, Bytes, BytesMut};
use pty_process::{OwnedReadPty, OwnedWritePty};
use rustix::process::{Pid, Signal};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::process::Child;
use tokio::time::{Instant, sleep_until, timeout};

use crate::host::environment::environment;
use crate::host::families::{self, Counted, Family};
use crate::host::processes::signal_session;
use crate::place::{Local, StartError};
use text::Decoder;

/// Bytes read at once: what a flooding program can make of one turn.
const READ: usize = 16 << 10;

/// What the program may leave in the pseudo-terminal when it has exited; the kernel keeps 64 KiB or less.
const LEFT: usize = 256 << 10;

/// How long the pseudo-terminal may stay open after its program and all of its session are gone.
const CLOSES: Duration = Duration::from_millis(250);

/// Kind of terminal that programs are told they have; every viewer that is used today understands it.
const KIND: &str = "xterm-256color";

/// Columns and rows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Size {
    /// Columns.
    pub cols: u16,
    /// Rows.
    pub rows: u16,
}

/// What to start.
#[derive(Debug, Clone)]
pub struct Shell {
    /// The program: a path, or a name looked up on the PATH.
    pub program: String,
    /// Size of the terminal.
    pub size: Size,
}

/// Something that a terminal shows.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Shown {
    /// Text and control sequences, whole characters.
    Output(String),
    /// Its program has exited, with this code if it was not killed. The last thing that it shows.
    Exited(Option<i32>),
}

/// A running terminal. Dropping it kills what runs in it.
#[derive(Debug)]
pub struct Terminal {
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

impl Terminal {
    /// Starts one on this machine.
    pub(crate) async fn local(place: &Local, shell: Shell) -> Result<Self, StartError> {
        let program = shell.program.clone();
        let started = Self::start(place, shell).await;
        started.map_err(|problem| StartError { shell: program, problem })
    }

    async fn start(place: &Local, shell: Shell) -> Result<Self, String> {
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

    /// Types, while [`Terminal::next`] is awaited. The caller sees to it that what was typed before is written.
    pub fn write(&mut self, input: String) {
        self.outgoing = input.into();
    }

    /// Whether what was typed last waits for the program to read.
    #[must_use]
    pub fn is_writing(&self) -> bool {
        !self.outgoing.is_empty()
    }

    /// Gives it another size.
    pub fn resize(&self, size: Size) {
        if let Err(error) = self.input.resize(size.into()) {
            // It is about to be gone.
            tracing::debug!(%error, "terminal not resized");
        }
    }

    /// What it shows next. Cancel safe.
    pub async fn next(&mut self) -> Shown {
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

    /// Ends what runs in it, with force if it does not end within `grace`, and waits for that. What it shows
    /// meanwhile is lost.
    pub async fn end(mut self, grace: Duration) {
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

impl Drop for Terminal {
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
