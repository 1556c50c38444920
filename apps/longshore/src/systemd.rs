//! Telling systemd how a server fares, where it was started by one (`Type=notify`): a datagram for each state.
//!
//! The protocol is a few lines of text to a socket whose name is in the environment; a crate for it would be larger.

use std::env;
use std::ffi::OsString;
use std::os::linux::net::SocketAddrExt;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::net::{SocketAddr, UnixDatagram};
use std::sync::OnceLock;
use std::time::Duration;

use tokio::task::JoinHandle;

/// Where it listens, or nothing when nobody wants to know.
fn address() -> Option<&'static SocketAddr> {
    static ADDRESS: OnceLock<Option<SocketAddr>> = OnceLock::new();
    ADDRESS.get_or_init(|| parse(&env::var_os("NOTIFY_SOCKET")?)).as_ref()
}

/// A path, or a name that is in no directory, which begins with `@`.
fn parse(name: &OsString) -> Option<SocketAddr> {
    match name.as_bytes() {
        [b'@', name @ ..] => SocketAddr::from_abstract_name(name).ok(),
        [b'/', ..] => SocketAddr::from_pathname(name).ok(),
        _ => None,
    }
}

/// It serves from now on, and in which words that is shown.
pub fn ready(status: &str) {
    send(&format!("READY=1\nSTATUS={}", one_line(status)));
}

/// It has begun to stop.
pub fn stopping() {
    send("STOPPING=1\nSTATUS=stopping");
}

/// It has begun to read its settings again; [`ready`] says that this is done.
pub fn reloading() {
    let now = rustix::time::clock_gettime(rustix::time::ClockId::Monotonic);
    let micros = i128::from(now.tv_sec) * 1_000_000 + i128::from(now.tv_nsec) / 1_000;
    send(&format!("RELOADING=1\nMONOTONIC_USEC={micros}\nSTATUS=reloading"));
}

/// Says again and again that the runtime still gets to its tasks, if the unit asks for it (`WatchdogSec=`). Lives as long as the
/// returned guard.
#[must_use]
pub fn watchdog() -> Option<Watchdog> {
    let every = interval(env::var("WATCHDOG_USEC").ok()?, env::var("WATCHDOG_PID").ok())?;
    Some(Watchdog(tokio::spawn(async move {
        let mut interval = tokio::time::interval(every);
        loop {
            interval.tick().await;
            send("WATCHDOG=1");
        }
    })))
}

/// Half of what is allowed, as systemd recommends; nothing when it is meant for another process.
fn interval(micros: String, pid: Option<String>) -> Option<Duration> {
    let is_ours = pid.is_none_or(|pid| pid == std::process::id().to_string());
    let micros: u64 = micros.parse().ok().filter(|micros| *micros > 1)?;
    is_ours.then(|| Duration::from_micros(micros / 2))
}

/// Ends the messages when it is dropped.
#[derive(Debug)]
pub struct Watchdog(JoinHandle<()>);

impl Drop for Watchdog {
    fn drop(&mut self) {
        self.0.abort();
    }
}

fn send(state: &str) {
    let Some(address) = address() else { return };
    // Nothing can be done about it but to say so: a server that nobody watches still serves.
    let sent = UnixDatagram::unbound().and_then(|socket| {
        socket.set_nonblocking(true)?;
        socket.send_to_addr(state.as_bytes(), address)
    });
    if let Err(error) = sent {
        tracing::warn!(%error, "systemd was not told");
    }
}

fn one_line(text: &str) -> String {
    text.chars().map(|c| if c.is_control() { ' ' } else { c }).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_is_a_path_or_begins_with_an_at() {
        let path = parse(&"/run/systemd/notify".into()).unwrap();
        assert_eq!(path.as_pathname(), Some(std::path::Path::new("/run/systemd/notify")));
        assert_eq!(parse(&"@abc".into()).unwrap().as_abstract_name(), Some(b"abc".as_slice()));
        assert!(parse(&"vsock:2:1".into()).is_none());
        assert!(parse(&"".into()).is_none());
    }

    #[test]
    fn a_watchdog_is_fed_twice_as_often_as_it_wants() {
        let own = std::process::id().to_string();

        assert_eq!(interval("2000000".into(), None), Some(Duration::from_secs(1)));
        assert_eq!(interval("2000000".into(), Some(own)), Some(Duration::from_secs(1)));
        assert_eq!(interval("2000000".into(), Some("1".into())), None);
        assert_eq!(interval("0".into(), None), None);
        assert_eq!(interval("x".into(), None), None);
    }
}
