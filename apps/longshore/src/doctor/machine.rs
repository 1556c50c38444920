//! What the machine gives: open files, loopback, agent programs, a container engine.

use std::env;
use std::ffi::OsStr;
use std::io::{ErrorKind, Read, Write};
use std::net::{Ipv4Addr, Ipv6Addr, TcpListener};
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use rustix::process::{Resource, getrlimit};

use super::{Finding, Subject};
use crate::presets;

/// What a server needs without anybody there: databases, links, agents.
const OWN_FILES: u64 = 100;
/// With fewer it serves only a handful of people.
const FEW_FILES: u64 = 512;
/// Longest wait for a program to say its version: some are slow to start.
const VERSION: Duration = Duration::from_secs(10);
/// Longest wait for a container engine.
const ENGINE: Duration = Duration::from_secs(3);

pub(super) fn open_files(_: &Subject) -> Vec<Finding> {
    vec![files(getrlimit(Resource::Nofile).current)]
}

fn files(limit: Option<u64>) -> Finding {
    let name = "open files";
    let Some(limit) = limit else { return Finding::ok(name, "no limit") };
    let says = format!("{limit}: about {} viewers at once", limit.saturating_sub(OWN_FILES));
    if limit < FEW_FILES {
        Finding::warning(name, says, "ulimit -n 65536, or LimitNOFILE= in the unit of systemd")
    } else {
        Finding::ok(name, says)
    }
}

pub(super) fn loopback(_: &Subject) -> Vec<Finding> {
    let name = "loopback";
    // A port that nobody was given, for a moment.
    let four = TcpListener::bind((Ipv4Addr::LOCALHOST, 0));
    let six = TcpListener::bind((Ipv6Addr::LOCALHOST, 0));
    vec![match (four, six) {
        (Ok(_), Ok(_)) => Finding::ok(name, "IPv4 and IPv6"),
        (Ok(_), Err(_)) => Finding::ok(name, "IPv4 only: --host ::1 would not work here"),
        (Err(_), Ok(_)) => Finding::warning(name, "IPv6 only", "start servers with --host ::1"),
        (Err(error), Err(_)) => {
            Finding::problem(name, error.to_string(), "bring the interface up: ip link set lo up")
        }
    }]
}

pub(super) fn programs(_: &Subject) -> Vec<Finding> {
    let path = env::var_os("PATH").unwrap_or_default();
    let found: Vec<_> =
        presets::KNOWN.iter().filter_map(|name| Some((*name, find(name, &path)?))).collect();
    if found.is_empty() {
        let says = format!(
            "none of {} is on the PATH; an agent can be any program",
            presets::KNOWN.join(", ")
        );
        return vec![Finding::ok("programs", says)];
    }
    let asked: Vec<_> = found
        .into_iter()
        .map(|(name, path)| thread::spawn(move || (name, version(&path), path)))
        .collect();
    asked
        .into_iter()
        .filter_map(|thread| thread.join().ok())
        .map(|(name, said, path)| program(name, &path, said))
        .collect()
}

fn program(name: &str, path: &Path, said: Result<String, String>) -> Finding {
    let place = path.display();
    match said {
        Ok(version) => Finding::ok(name, format!("{version} ({place})")),
        Err(error) => Finding::warning(
            name,
            format!("{place}: {error}"),
            format!("try `{name} --version` yourself"),
        ),
    }
}

fn find(name: &str, path: &OsStr) -> Option<PathBuf> {
    env::split_paths(path).map(|directory| directory.join(name)).find(|path| path.is_file())
}

/// The first line of what it says to `--version`.
fn version(path: &Path) -> Result<String, String> {
    let mut command = Command::new(path);
    command.arg("--version").stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::null());
    let mut child = command.spawn().map_err(|error| error.to_string())?;
    let deadline = Instant::now() + VERSION;
    while child.try_wait().map_err(|error| error.to_string())?.is_none() {
        if Instant::now() > deadline {
            let _ = child.kill();
            let _ = child.wait();
            return Err(format!("no answer to --version within {} s", VERSION.as_secs()));
        }
        thread::sleep(Duration::from_millis(20));
    }
    let mut text = String::new();
    if let Some(out) = child.stdout.take() {
        let _ = out.take(4096).read_to_string(&mut text);
    }
    let line = text.lines().find(|line| !line.trim().is_empty());
    line.map(|line| line.trim().to_owned()).ok_or_else(|| "it does not say its version".to_owned())
}

pub(super) fn engine(_: &Subject) -> Vec<Finding> {
    let name = "containers";
    let host = env::var("DOCKER_HOST").ok().filter(|host| !host.is_empty());
    let sockets = match &host {
        Some(host) => match host.strip_prefix("unix://") {
            Some(path) => vec![PathBuf::from(path)],
            None => {
                return vec![Finding::ok(
                    name,
                    format!("DOCKER_HOST is {host}, which is not looked at"),
                )];
            }
        },
        None => sockets(),
    };
    let mut finding =
        Finding::ok(name, "no engine found; agents in containers need Docker or Podman");
    for path in sockets {
        let place = path.display();
        match ask(&path) {
            Ok(version) => return vec![Finding::ok(name, format!("{version} at {place}"))],
            Err(error) if error.kind() == ErrorKind::NotFound && host.is_none() => {}
            Err(error) if error.kind() == ErrorKind::PermissionDenied => {
                let says = format!("the engine at {place} is not for this user");
                finding = Finding::warning(
                    name,
                    says,
                    "let the user into the group `docker`, or use Podman without root",
                );
            }
            Err(error) => {
                finding = Finding::warning(name, format!("{place}: {error}"), "start the engine");
            }
        }
    }
    vec![finding]
}

fn sockets() -> Vec<PathBuf> {
    let user = env::var_os("XDG_RUNTIME_DIR").map(PathBuf::from);
    let own =
        user.into_iter().flat_map(|dir| [dir.join("docker.sock"), dir.join("podman/podman.sock")]);
    ["/var/run/docker.sock", "/run/podman/podman.sock"]
        .into_iter()
        .map(PathBuf::from)
        .chain(own)
        .collect()
}

/// Asks an engine for its version.
fn ask(path: &Path) -> std::io::Result<String> {
    let mut stream = UnixStream::connect(path)?;
    stream.set_read_timeout(Some(ENGINE))?;
    stream.set_write_timeout(Some(ENGINE))?;
    stream.write_all(b"GET /version HTTP/1.0\r\nHost: engine\r\n\r\n")?;
    let mut answer = Vec::new();
    stream.take(64 << 10).read_to_end(&mut answer)?;
    let answer = String::from_utf8_lossy(&answer);
    let body = answer.split_once("\r\n\r\n").map_or("", |(_, body)| body);
    let version: Option<serde_json::Value> = serde_json::from_str(body).ok();
    let text = |value: &serde_json::Value| value.as_str().map(str::to_owned);
    let number = version.as_ref().and_then(|version| text(&version["Version"]));
    let maker = version.as_ref().and_then(|version| text(&version["Components"][0]["Name"]));
    Ok(format!("{} {}", maker.as_deref().unwrap_or("an engine"), number.as_deref().unwrap_or(""))
        .trim()
        .to_owned())
}

#[cfg(test)]
mod tests {
    use super::super::Verdict;
    use super::*;

    #[test]
    fn few_open_files_are_told() {
        assert_eq!(files(Some(256)).verdict, Verdict::Warning);
        assert_eq!(files(Some(1024)).says, "1024: about 924 viewers at once");
        assert_eq!(files(None).verdict, Verdict::Ok);
    }

    #[test]
    fn a_program_says_its_version_or_that_it_does_not() {
        assert!(version(Path::new("/bin/bash")).unwrap().contains("bash"));
        assert!(version(Path::new("/nonexistent")).is_err());
        let warned = program("claude", Path::new("/x"), Err("no".into()));
        assert_eq!(warned.verdict, Verdict::Warning);
    }
}
