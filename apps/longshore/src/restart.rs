//! Starting again in place: the process replaces its program by what its file is now, with the same arguments, environment
//! and working directory, and keeps its ports open meanwhile. Whoever connects in between waits for a moment.

use std::env;
use std::io::{self, IoSlice, IoSliceMut, IsTerminal};
use std::mem::MaybeUninit;
use std::net::TcpListener;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::os::unix::fs::MetadataExt;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use anyhow::Context;
use rustix::net::{
    AddressFamily, RecvAncillaryBuffer, RecvAncillaryMessage, RecvFlags, SendAncillaryBuffer,
    SendAncillaryMessage, SendFlags, SocketFlags, SocketType, recvmsg, sendmsg, socketpair,
};

/// Has the id of the process whose stdin has its ports. Of another process it is a leftover.
const MARK: &str = "LONGSHORE_RESTARTED";
/// Set next to it when the server was started on a terminal, which its stdin does not show any more.
const TERMINAL: &str = "LONGSHORE_RESTARTED_TERMINAL";
/// What the kernel adds to the name of a program's file that is gone.
const DELETED: &str = " (deleted)";
/// Ports that a process has.
const PORTS: usize = 2;

/// The ports of a server, in the order controller, manager.
#[derive(Debug, Default)]
pub struct Ports(Vec<TcpListener>);

impl Ports {
    /// Those of the program before, when this one has taken its place; otherwise none.
    ///
    /// # Errors
    /// They cannot be taken over.
    pub fn inherited() -> anyhow::Result<Option<Self>> {
        is_restarted()
            .then(|| receive(io::stdin().as_fd()))
            .transpose()
            .context("take over the ports")
    }

    /// Keeps a port open.
    ///
    /// # Errors
    /// There are too many open files.
    pub fn keep(&mut self, listener: &impl AsFd) -> anyhow::Result<()> {
        let copy = listener.as_fd().try_clone_to_owned().context("keep the port")?;
        self.0.push(copy.into());
        Ok(())
    }

    /// The next one.
    pub fn take(&mut self) -> Option<TcpListener> {
        if self.0.is_empty() { None } else { Some(self.0.remove(0)) }
    }

    /// Starts again with these ports. Returns only if that is not possible.
    #[must_use]
    pub fn start_again(self) -> anyhow::Error {
        let mut error = anyhow::anyhow!("no program");
        // A new file that cannot be executed is no reason to be gone: the old one is still there.
        for program in [program(), Ok(PathBuf::from("/proc/self/exe"))] {
            error = match program.and_then(|program| self.replace(&program)) {
                Ok(never) => match never {},
                Err(error) => error.context("start again"),
            };
            tracing::error!(error = format!("{error:#}"), "not started again");
        }
        error
    }

    fn replace(&self, program: &Path) -> anyhow::Result<std::convert::Infallible> {
        let stdin = send(&self.0).context("hand over the ports")?;
        let mut arguments = env::args_os();
        let mut command = Command::new(program);
        if let Some(name) = arguments.next() {
            command.arg0(name);
        }
        command.args(arguments).env(MARK, std::process::id().to_string()).stdin(Stdio::from(stdin));
        if is_interactive() {
            command.env(TERMINAL, "1");
        } else {
            command.env_remove(TERMINAL);
        }
        Err(command.exec()).with_context(|| format!("execute {}", program.display()))
    }
}

fn is_restarted() -> bool {
    env::var(MARK).is_ok_and(|pid| pid == std::process::id().to_string())
}

/// Whether this process was started on a terminal, be it with another program.
#[must_use]
pub fn is_interactive() -> bool {
    if is_restarted() { env::var_os(TERMINAL).is_some() } else { io::stdin().is_terminal() }
}

/// The file of this program. One that was replaced is taken as it is now.
///
/// # Errors
/// The kernel does not say.
pub fn program() -> anyhow::Result<PathBuf> {
    let told = env::current_exe().context("find the program's file")?;
    let replaced = told.to_str().and_then(|path| path.strip_suffix(DELETED)).map(PathBuf::from);
    Ok(match replaced {
        Some(now) if !told.exists() && is_program(&now) => now,
        Some(_) if !told.exists() => PathBuf::from("/proc/self/exe"),
        _ => told,
    })
}

fn is_program(path: &Path) -> bool {
    path.metadata().is_ok_and(|about| about.is_file() && about.mode() & 0o111 != 0)
}

/// A socket in which the ports wait to be received.
fn send(ports: &[TcpListener]) -> io::Result<OwnedFd> {
    let flags = SocketFlags::CLOEXEC;
    let (ours, theirs) = socketpair(AddressFamily::UNIX, SocketType::DGRAM, flags, None)?;
    let ports: Vec<BorrowedFd<'_>> = ports.iter().map(AsFd::as_fd).collect();
    let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(PORTS))];
    let mut message = SendAncillaryBuffer::new(&mut space);
    if !message.push(SendAncillaryMessage::ScmRights(&ports)) {
        return Err(io::Error::other("too many ports"));
    }
    sendmsg(&ours, &[IoSlice::new(b"p")], &mut message, SendFlags::empty())?;
    Ok(theirs)
}

fn receive(socket: BorrowedFd<'_>) -> anyhow::Result<Ports> {
    let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(PORTS))];
    let mut message = RecvAncillaryBuffer::new(&mut space);
    let (mut byte, flags) = ([0], RecvFlags::CMSG_CLOEXEC | RecvFlags::DONTWAIT);
    recvmsg(socket, &mut [IoSliceMut::new(&mut byte)], &mut message, flags)?;
    let mut ports = Ports::default();
    for part in message.drain() {
        if let RecvAncillaryMessage::ScmRights(sockets) = part {
            ports.0.extend(sockets.map(TcpListener::from));
        }
    }
    Ok(ports)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ports_stay_open_on_their_way_to_the_next_program() {
        let listeners = [0, 1].map(|_| TcpListener::bind("127.0.0.1:0").unwrap());
        let addresses = listeners.each_ref().map(|listener| listener.local_addr().unwrap());
        let mut ports = Ports::default();
        listeners.iter().for_each(|listener| ports.keep(listener).unwrap());
        drop(listeners);

        let socket = send(&ports.0).unwrap();
        drop(ports);
        let connected = std::net::TcpStream::connect(addresses[0]);
        let mut received = receive(socket.as_fd()).unwrap();

        assert!(connected.is_ok(), "nobody is refused meanwhile");
        for address in addresses {
            assert_eq!(received.take().unwrap().local_addr().unwrap(), address);
        }
        assert!(received.take().is_none());
    }

    #[test]
    fn the_program_is_this_one() {
        assert_eq!(program().unwrap(), env::current_exe().unwrap());
    }
}
