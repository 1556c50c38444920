//! A program that was started, wherever it runs.

use std::io;
use std::process::ExitStatus;
use std::time::Duration;

use bytes::Bytes;
use protocol::agents::{OutputStream, RunReason};
use rustix::process::Signal;

use super::child::Child;
use super::container::Container;

/// Something about a running program.
#[derive(Debug)]
pub(crate) enum Activity {
    /// It wrote something.
    Output(OutputStream, Bytes),
    /// What was given to [`Process::write`] is in its stdin, all of it.
    Written,
    /// Not all of it is, and never will be.
    NotWritten(io::Error),
    /// It has exited, its group is gone and its output is read. The last of its activities.
    Exited {
        status: ExitStatus,
        /// Whether it has read anything of what was given to [`Process::write`] last, or may have.
        read: bool,
    },
}

/// A running program.
#[derive(Debug)]
pub(crate) enum Process {
    Child(Box<Child>),
    Container(Box<Container>),
}

impl Process {
    /// Writes to its stdin, while [`Process::next`] is awaited.
    pub(crate) fn write(&mut self, bytes: Vec<u8>) {
        match self {
            Self::Child(child) => child.write(bytes),
            Self::Container(container) => container.write(bytes),
        }
    }

    /// Writes a line to its stdin besides, while [`Process::next`] is awaited. Nobody is told whether it was; what is too much
    /// for a program that does not read is left out.
    pub(crate) fn tell(&mut self, line: &[u8]) {
        match self {
            Self::Child(child) => child.tell(line),
            Self::Container(container) => container.tell(line),
        }
    }

    /// Closes its stdin; what has not been written is not going to be.
    pub(crate) fn close_stdin(&mut self) {
        match self {
            Self::Child(child) => child.close_stdin(),
            Self::Container(container) => container.close_stdin(),
        }
    }

    /// Whether there is such a line that has not been written.
    pub(crate) fn is_telling(&self) -> bool {
        match self {
            Self::Child(child) => child.is_telling(),
            Self::Container(container) => container.is_telling(),
        }
    }

    /// Whether it has exited, even if [`Process::next`] has not come to say so.
    pub(crate) fn has_exited(&mut self) -> bool {
        match self {
            Self::Child(child) => child.has_exited(),
            Self::Container(container) => container.has_exited(),
        }
    }

    /// Whether it ran before and may still be at what it was told then.
    pub(crate) fn is_adopted(&self) -> bool {
        match self {
            Self::Child(_) => false,
            Self::Container(container) => container.is_adopted(),
        }
    }

    /// What is known of its end beyond the status, for people.
    pub(crate) fn remark(&self) -> Option<&str> {
        match self {
            Self::Child(_) => None,
            Self::Container(container) => container.remark(),
        }
    }

    /// What its end is to a turn that it ends, for programs.
    pub(crate) fn reason(&self) -> RunReason {
        match self {
            Self::Child(_) => RunReason::AgentExited,
            Self::Container(container) => container.reason(),
        }
    }

    /// Sends a signal: to the process group of a child, to the first process of a container.
    pub(crate) fn signal(&self, signal: Signal) {
        match self {
            Self::Child(child) => child.signal(signal),
            Self::Container(container) => container.signal(signal),
        }
    }

    /// What it does next. Cancel safe.
    pub(crate) async fn next(&mut self) -> Activity {
        match self {
            Self::Child(child) => child.next().await,
            Self::Container(container) => container.next().await,
        }
    }

    /// Ends it with all its children, with force if it does not within `grace`.
    pub(crate) async fn end(self, grace: Duration) {
        match self {
            Self::Child(child) => child.end(grace).await,
            Self::Container(container) => container.end(grace).await,
        }
    }
}
