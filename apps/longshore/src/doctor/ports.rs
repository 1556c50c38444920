//! The ports that `longshore up` would take: free, ours already, or somebody else's.

use std::ffi::OsStr;
use std::fs;
use std::io::{Read, Write};
use std::net::{IpAddr, SocketAddr, TcpStream};
use std::time::Duration;

use super::{Finding, Subject};
use crate::run_file::RunFile;
use crate::settings;

/// On this machine, an answer comes at once or not at all.
const WAIT: Duration = Duration::from_secs(2);

pub(super) fn look(subject: &Subject) -> Vec<Finding> {
    let (host, ports) = settings::addresses(subject.file.as_deref());
    let flags = ["--controller-port", "--manager-port"];
    let here = RunFile::all(&subject.directories.run).unwrap_or_default();
    ports
        .into_iter()
        .zip(flags)
        .filter(|(port, _)| *port != 0)
        .map(|(port, flag)| one(host, port, flag, &here))
        .collect()
}

fn one(host: IpAddr, port: u16, flag: &str, here: &[RunFile]) -> Finding {
    let name = format!("port {port}");
    let ip = match host {
        IpAddr::V4(ip) if ip.is_unspecified() => std::net::Ipv4Addr::LOCALHOST.into(),
        IpAddr::V6(ip) if ip.is_unspecified() => std::net::Ipv6Addr::LOCALHOST.into(),
        ip => ip,
    };
    let address = SocketAddr::new(ip, port);
    let Ok(stream) = TcpStream::connect_timeout(&address, WAIT) else {
        return Finding::ok(name, "free");
    };
    if is_ours(stream) || is_here(port, here) {
        return Finding::ok(name, "a server of longshore");
    }
    let says = holder(port)
        .map_or_else(|| "taken by another program".to_owned(), |who| format!("taken by {who}"));
    Finding::warning(name, says, format!("start with another: {flag} N"))
}

/// Whether it says that it is well, as our servers do.
fn is_ours(mut stream: TcpStream) -> bool {
    let mut answer = Vec::new();
    let asked = stream
        .set_read_timeout(Some(WAIT))
        .and_then(|()| stream.set_write_timeout(Some(WAIT)))
        .and_then(|()| stream.write_all(b"GET /health HTTP/1.0\r\nHost: localhost\r\n\r\n"))
        .and_then(|()| stream.take(4096).read_to_end(&mut answer));
    asked.is_ok() && String::from_utf8_lossy(&answer).contains("\"ok\":true")
}

/// Whether it is one that runs here, which may listen with a certificate.
fn is_here(port: u16, here: &[RunFile]) -> bool {
    let suffix = format!(":{port}");
    here.iter().any(|server| server.url.ends_with(&suffix) && server.answers(WAIT))
}

/// The process that listens on a port, as far as this user may know.
fn holder(port: u16) -> Option<String> {
    let tables = ["/proc/net/tcp", "/proc/net/tcp6"];
    let inode = tables.iter().find_map(|table| listener(&fs::read_to_string(table).ok()?, port))?;
    let wanted = format!("socket:[{inode}]");
    let is_number = |name: &OsStr| name.as_encoded_bytes().iter().all(u8::is_ascii_digit);
    let processes = fs::read_dir("/proc").ok()?.filter_map(Result::ok);
    let processes = processes.filter(|entry| is_number(&entry.file_name()));
    for process in processes {
        let links =
            fs::read_dir(process.path().join("fd")).into_iter().flatten().filter_map(Result::ok);
        let mut links = links.filter_map(|link| fs::read_link(link.path()).ok());
        if links.any(|link| link.as_os_str() == wanted.as_str()) {
            let name = fs::read_to_string(process.path().join("comm")).unwrap_or_default();
            return Some(format!("{} (process {})", name.trim(), process.file_name().display()));
        }
    }
    None
}

/// The inode of the socket that listens, in the kernel's table.
fn listener(table: &str, port: u16) -> Option<String> {
    let port = format!(":{port:04X}");
    table.lines().skip(1).find_map(|line| {
        let mut fields = line.split_whitespace();
        let (local, state) = (fields.nth(1)?, fields.nth(1)?);
        (local.ends_with(&port) && state == "0A").then(|| fields.nth(5).map(str::to_owned))?
    })
}

#[cfg(test)]
mod tests {
    use std::net::TcpListener;

    use super::super::Verdict;
    use super::*;

    const HERE: IpAddr = IpAddr::V4(std::net::Ipv4Addr::LOCALHOST);

    #[test]
    fn whoever_has_a_port_is_named() {
        let listener = TcpListener::bind((HERE, 0)).unwrap();
        let port = listener.local_addr().unwrap().port();
        let other = listener.try_clone().unwrap();
        let taking = std::thread::spawn(move || drop(other.accept()));

        let found = one(HERE, port, "--manager-port", &[]);

        taking.join().unwrap();
        assert_eq!(found.verdict, Verdict::Warning);
        assert!(found.says.contains(&format!("process {}", std::process::id())), "{}", found.says);
        drop(listener);
        assert_eq!(one(HERE, port, "--manager-port", &[]).says, "free");
    }
}
