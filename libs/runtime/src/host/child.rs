//! A program as a child process, in a process group of its own.
//!
//! What ends the program ends its children: signals go to the group, and what is left of the
//! group when the program has exited is killed. Only a child that leaves the group escapes.

use std::path::Path;
use std::process::ExitStatus;
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use protocol::agents::OutputStream;
use rustix::io::ioctl_fionread;
use rustix::process::{Pid, Signal, kill_process_group};
use tokio::io::{AsyncRead, AsyncReadExt};
use tokio::process::{self, ChildStderr, ChildStdin, ChildStdout};
use tokio::time::{Instant, sleep_until, timeout};

use super::families::{self, Counted, Family};
use super::outgoing::Outgoing;
use super::process::Activity;

/// Bytes read at once. A pipe holds 64 KiB; a quarter of it keeps an idle agent small.
const READ: usize = 16 << 10;

/// A pipe at its largest (`/proc/sys/fs/pipe-max-size`): no more than this can be left in it when
/// the program has exited. What comes beyond it is from a child that escaped.
const LEFT_IN_PIPE: usize = 1 << 20;

/// How long a pipe may stay open, with nothing in it, after the program and its group are gone.
const PIPE_CLOSES: Duration = Duration::from_millis(250);

/// A child process that runs a program.
#[derive(Debug)]
pub(crate) struct Child {
    child: process::Child,
    /// Its process group, as long as it is certain that the number is not somebody else's.
    group: Option<Pid>,
    stdin: Option<ChildStdin>,
    stdout: Pipe<ChildStdout>,
    stderr: Pipe<ChildStderr>,
    outgoing: Outgoing,
    exited: Option<Exited>,
    /// Counts its group among the agent's, for statistics.
    counted: Option<Counted>,
}

#[derive(Debug)]
struct Exited {
    status: ExitStatus,
    read: bool,
    /// When to stop waiting for its pipes to close.
    until: Instant,
    /// Bytes to read at most until then.
    left: usize,
}

impl Child {
    /// `home` is the own directory of its agent.
    pub(super) fn new(mut child: process::Child, home: &Path) -> Self {
        let group = child.id().and_then(|id| Pid::from_raw(i32::try_from(id).ok()?));
        Self {
            counted: group.map(|group| families::enter(home, Family::Group(group))),
            stdin: child.stdin.take(),
            stdout: Pipe::new(child.stdout.take()),
            stderr: Pipe::new(child.stderr.take()),
            group,
            child,
            outgoing: Outgoing::default(),
            exited: None,
        }
    }

    /// Writes to its stdin, while [`Child::next`] is awaited.
    pub(super) fn write(&mut self, bytes: Vec<u8>) {
        self.outgoing.give(bytes);
    }

    /// Writes a line to its stdin besides, while [`Child::next`] is awaited. Nobody is told whether it was.
    pub(super) fn tell(&mut self, line: &[u8]) {
        self.outgoing.tell(line);
    }

    /// Closes its stdin; what has not been written is not going to be.
    pub(super) fn close_stdin(&mut self) {
        self.stdin = None;
    }

    /// Whether there is such a line that has not been written.
    pub(super) fn is_telling(&self) -> bool {
        self.outgoing.is_telling()
    }

    /// Whether it has exited, even if [`Child::next`] has not come to say so.
    pub(super) fn has_exited(&mut self) -> bool {
        self.exited.is_some() || matches!(self.child.try_wait(), Ok(Some(_)))
    }

    /// Sends a signal to its process group.
    pub(super) fn signal(&self, signal: Signal) {
        if let Some(group) = self.group
            && let Err(error) = kill_process_group(group, signal)
        {
            // It is gone already; its exit is what counts.
            tracing::debug!(%error, ?signal, "process group not signalled");
        }
    }

    /// What it does next. Cancel safe.
    pub(super) async fn next(&mut self) -> Activity {
        loop {
            let activity = match &mut self.exited {
                None => self.next_alive().await,
                Some(exited) => next_left(exited, &mut self.stdout, &mut self.stderr).await,
            };
            if let Some(activity) = activity {
                return activity;
            }
        }
    }

    /// Ends it with all its children, with force if it does not within `grace`.
    pub(super) async fn end(mut self, grace: Duration) {
        self.stdin = None;
        self.signal(Signal::TERM);
        if timeout(grace, self.exit()).await.is_err() {
            self.signal(Signal::KILL);
            self.exit().await;
        }
    }

    /// Reads what it says, so that it is not stuck in saying it, until it has exited.
    async fn exit(&mut self) {
        while !matches!(self.next().await, Activity::Exited { .. }) {}
    }

    async fn next_alive(&mut self) -> Option<Activity> {
        tokio::select! {
            bytes = self.stdout.read() => output(OutputStream::Stdout, bytes),
            bytes = self.stderr.read() => output(OutputStream::Stderr, bytes),
            activity = self.outgoing.write(self.stdin.as_mut()) => activity,
            status = self.child.wait() => {
                self.on_exit(status.unwrap_or_default())
            }
        }
    }

    /// The answer is about a message that it leaves behind.
    fn on_exit(&mut self, status: ExitStatus) -> Option<Activity> {
        // Its children go with it. The group's number is nobody else's yet: numbers are given in
        // turn, and this one became free just now. Later that would be a guess, so it is forgotten.
        self.signal(Signal::KILL);
        self.group = None;
        self.counted = None;
        let read = self.unread() < self.outgoing.passed() as u64;
        self.stdin = None;
        let until = Instant::now() + PIPE_CLOSES;
        self.exited = Some(Exited { status, read, until, left: LEFT_IN_PIPE });
        self.outgoing.give_up()
    }

    /// How many bytes are in its stdin that nobody will read.
    fn unread(&self) -> u64 {
        self.stdin.as_ref().and_then(|stdin| ioctl_fionread(stdin).ok()).unwrap_or(0)
    }
}

impl Drop for Child {
    fn drop(&mut self) {
        self.signal(Signal::KILL);
    }
}

fn output(stream: OutputStream, bytes: Option<Bytes>) -> Option<Activity> {
    bytes.map(|bytes| Activity::Output(stream, bytes))
}

/// What is left to say about a program that has exited.
async fn next_left(
    exited: &mut Exited,
    stdout: &mut Pipe<ChildStdout>,
    stderr: &mut Pipe<ChildStderr>,
) -> Option<Activity> {
    let end = Activity::Exited { status: exited.status, read: exited.read };
    if exited.left == 0 || (stdout.is_closed() && stderr.is_closed()) {
        return Some(end);
    }
    let activity = tokio::select! {
        // What is in a pipe is read, however late it is.
        biased;
        bytes = stdout.read() => output(OutputStream::Stdout, bytes),
        bytes = stderr.read() => output(OutputStream::Stderr, bytes),
        () = sleep_until(exited.until) => Some(end),
    };
    if let Some(Activity::Output(_, bytes)) = &activity {
        exited.left = exited.left.saturating_sub(bytes.len());
    }
    activity
}

/// One of its outputs.
#[derive(Debug)]
struct Pipe<R> {
    reader: Option<R>,
    buffer: BytesMut,
}

impl<R: AsyncRead + Unpin> Pipe<R> {
    fn new(reader: Option<R>) -> Self {
        Self { reader, buffer: BytesMut::new() }
    }

    fn is_closed(&self) -> bool {
        self.reader.is_none()
    }

    /// The next bytes, or nothing when it was closed just now. Waits for ever afterwards.
    async fn read(&mut self) -> Option<Bytes> {
        let Some(reader) = &mut self.reader else { return std::future::pending().await };
        self.buffer.reserve(READ);
        match reader.read_buf(&mut self.buffer).await {
            Ok(1..) => Some(self.buffer.split().freeze()),
            Ok(0) | Err(_) => {
                self.reader = None;
                None
            }
        }
    }
}
