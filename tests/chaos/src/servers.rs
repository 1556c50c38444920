//! The real binary: both tiers as processes of their own.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context as _;
use rustix::process::{Pid, Signal, kill_process};
use serde_json::{Value, json};
use tests::shim::Shim;
use tokio::io::{AsyncBufReadExt, BufReader};
use tokio::process::{Child, Command};
use tokio::sync::Mutex;
use tokio::time::timeout;

use crate::Load;
use crate::agent;
use crate::proxy::Proxy;
use crate::viewer::Access;

/// How long a server may take to be ready, or to stop when it is asked to: this machine may be busy.
const PATIENCE: Duration = Duration::from_secs(30);

/// One tier. Behind a lock that whoever does something to it holds meanwhile.
#[derive(Debug)]
pub(crate) struct Tier {
    name: &'static str,
    binary: PathBuf,
    arguments: Vec<String>,
    log: PathBuf,
    broken: Option<String>,
    pub(crate) shim: Shim,
    /// Stays the same from the first start on.
    port: u16,
    child: Option<Child>,
}

/// A controller, a manager and the cable between them.
#[derive(Debug)]
pub(crate) struct System {
    pub(crate) manager: Mutex<Tier>,
    pub(crate) controller: Mutex<Tier>,
    pub(crate) link: Arc<Proxy>,
    /// Without proxies.
    pub(crate) access: Access,
    directory: PathBuf,
}

impl Tier {
    fn new(
        name: &'static str,
        load: &Load,
        directory: &Path,
        library: &Path,
        more: &[&str],
    ) -> anyhow::Result<Self> {
        let data = directory.join(name).display().to_string();
        let mut arguments =
            [name, "--json", "--log=info", "--drain=2", "--grace=5", "--data-dir", &data]
                .map(str::to_owned)
                .to_vec();
        arguments.extend(more.iter().map(|&argument| argument.to_owned()));
        let shim = Shim::new(library, directory.join(format!("{name}.control")))?;
        let log = directory.join(format!("{name}.log"));
        Ok(Self {
            name,
            binary: load.binary.clone(),
            arguments,
            log,
            broken: load.broken.clone(),
            shim,
            port: 0,
            child: None,
        })
    }

    /// Starts it and waits until it is ready; gives what it says of itself.
    pub(crate) async fn start(&mut self) -> anyhow::Result<Value> {
        let log = std::fs::File::options().append(true).create(true).open(&self.log)?;
        let mut child = Command::new(&self.binary)
            .args(&self.arguments)
            .arg(format!("--port={}", self.port))
            .env_clear()
            .envs(std::env::var_os("PATH").map(|path| ("PATH", path)))
            .envs(self.broken.as_ref().map(|what| ("LONGSHORE_BROKEN", what)))
            .env("HOME", "/nonexistent")
            .env("RUST_BACKTRACE", "1")
            .envs(self.shim.environment())
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(log)
            .kill_on_drop(true)
            .spawn()
            .with_context(|| format!("start {}", self.binary.display()))?;
        let mut lines = BufReader::new(child.stdout.take().context("stdout")?).lines();
        let first =
            timeout(PATIENCE, lines.next_line()).await.context("it is not ready in time")??;
        let first = first.with_context(|| format!("{} ended at its start", self.name))?;
        tokio::spawn(async move { while let Ok(Some(_)) = lines.next_line().await {} });
        let info: Value = serde_json::from_str(&first)?;
        self.port = address(&info[self.name])?.port();
        self.child = Some(child);
        Ok(info)
    }

    /// As if the power had gone.
    pub(crate) async fn kill(&mut self) -> anyhow::Result<()> {
        if let Some(mut child) = self.child.take() {
            child.kill().await?;
        }
        Ok(())
    }

    /// Asks it to stop. How that went, if not well.
    pub(crate) async fn stop(&mut self) -> Option<String> {
        let Some(mut child) = self.child.take() else {
            return Some(format!("{} was gone", self.name));
        };
        signal(&child, Signal::TERM);
        match timeout(PATIENCE, child.wait()).await {
            Ok(Ok(status)) if status.success() => None,
            Ok(status) => Some(format!("{} stopped with {status:?}", self.name)),
            Err(_) => Some(format!("{} did not stop", self.name)),
        }
    }

    /// Stops its clock, so to say.
    pub(crate) fn freeze(&self) {
        self.child.iter().for_each(|child| signal(child, Signal::STOP));
    }

    pub(crate) fn thaw(&self) {
        self.child.iter().for_each(|child| signal(child, Signal::CONT));
    }

    /// Whether it has ended although nobody asked it to.
    pub(crate) fn died(&mut self) -> Option<String> {
        let status = self.child.as_mut()?.try_wait().ok()??;
        self.child = None;
        Some(format!("{} ended by itself: {status}", self.name))
    }

    /// Waits until it has ended by itself. Cancel safe.
    pub(crate) async fn ended(&mut self) {
        if let Some(child) = &mut self.child {
            child.wait().await.ok();
            self.child = None;
        }
    }

    /// Panics in its log.
    pub(crate) fn panics(&self) -> Vec<String> {
        let log = std::fs::read_to_string(&self.log).unwrap_or_default();
        log.lines().filter(|line| line.contains("panicked")).map(str::to_owned).collect()
    }
}

fn signal(child: &Child, signal: Signal) {
    let pid = child.id().and_then(|id| Pid::from_raw(i32::try_from(id).ok()?));
    if let Some(pid) = pid {
        kill_process(pid, signal).ok();
    }
}

/// The address in `http://address`.
fn address(url: &Value) -> anyhow::Result<SocketAddr> {
    let url = url.as_str().context("a URL")?;
    Ok(url.trim_start_matches("http://").trim_end_matches('/').parse()?)
}

impl System {
    /// Starts both tiers in a directory, with one agent.
    pub(crate) async fn start(
        load: &Load,
        directory: &Path,
        library: &Path,
    ) -> anyhow::Result<Self> {
        let times = ["--run-timeout=20", "--viewer-grace=5", "--idle-eviction=3"];
        let mut manager = Tier::new("manager", load, directory, library, &times)?;
        let mut controller = Tier::new("controller", load, directory, library, &[])?;
        let of_manager = manager.start().await?;
        let of_controller = controller.start().await?;
        let link = Proxy::before(address(&of_manager["manager"])?).await?;
        let mut access = Access {
            url: text(&of_controller, "controller")?,
            token: text(&of_controller, "token")?,
            client: String::new(),
            agent: String::new(),
        };
        let client = json!({"name": "chaos", "endpoint": link.url(), "apiKey": text(&of_manager, "apiKey")?});
        access.client =
            text(&rest(&access, "POST", "/api/clients", Some(client)).await?, "clientId")?;
        let log = directory.join("heard").display().to_string();
        let program = std::env::current_exe()?.display().to_string();
        let spec = json!({
            "name": "chaos",
            "codec": {"type": "lines", "sentinel": agent::SENTINEL},
            "host": {"type": "process", "command": program, "args": ["agent", log]},
        });
        let path = format!("/api/clients/{}/agents", access.client);
        let created =
            eventually(async || rest(&access, "POST", &path, Some(spec.clone())).await).await?;
        access.agent = text(&created, "agentId")?;
        Ok(Self {
            manager: Mutex::new(manager),
            controller: Mutex::new(controller),
            link,
            access,
            directory: directory.to_owned(),
        })
    }

    /// What a viewer behind a proxy of its own needs.
    pub(crate) async fn access_by_proxy(&self) -> anyhow::Result<(Access, Arc<Proxy>)> {
        let proxy = Proxy::before(address(&json!(self.access.url))?).await?;
        Ok((Access { url: proxy.url(), ..self.access.clone() }, proxy))
    }

    /// The messages that agents have read.
    pub(crate) fn heard(&self) -> Vec<u64> {
        let log = std::fs::read_to_string(self.directory.join("heard")).unwrap_or_default();
        log.lines().filter_map(|line| line.parse().ok()).collect()
    }

    /// The agent's processes.
    pub(crate) fn agents(&self) -> Vec<Pid> {
        let log = self.directory.join("heard").display().to_string();
        let processes = std::fs::read_dir("/proc").into_iter().flatten().flatten();
        let pids = processes.filter_map(|entry| {
            let pid: i32 = entry.file_name().to_str()?.parse().ok()?;
            let command = std::fs::read_to_string(entry.path().join("cmdline")).ok()?;
            command
                .split('\0')
                .any(|argument| argument == log)
                .then(|| Pid::from_raw(pid))
                .flatten()
        });
        pids.collect()
    }

    /// The log of a conversation; nothing when there is none.
    pub(crate) async fn export(
        &self,
        conversation: &str,
    ) -> anyhow::Result<Option<Vec<(String, Value)>>> {
        let Access { client, agent, .. } = &self.access;
        let path = format!(
            "/api/clients/{client}/agents/{agent}/conversations/{conversation}/export?format=jsonl"
        );
        let Some(text) = request(&self.access, "GET", &path, None).await? else { return Ok(None) };
        let entries = text.lines().map(|line| {
            let mut line: Value = serde_json::from_str(line)?;
            let event = line["event"].as_str().unwrap_or_default().to_owned();
            Ok((event, line["payload"].take()))
        });
        entries.collect::<anyhow::Result<_>>().map(Some)
    }
}

/// Tries again while it fails, as for a link that is being made.
pub(crate) async fn eventually<T>(
    attempt: impl AsyncFn() -> anyhow::Result<T>,
) -> anyhow::Result<T> {
    let deadline = tokio::time::Instant::now() + PATIENCE;
    loop {
        match attempt().await {
            Ok(done) => return Ok(done),
            Err(error) if tokio::time::Instant::now() > deadline => return Err(error),
            Err(_) => tokio::time::sleep(Duration::from_millis(50)).await,
        }
    }
}

async fn rest(
    access: &Access,
    method: &str,
    path: &str,
    body: Option<Value>,
) -> anyhow::Result<Value> {
    let answer = request(access, method, path, body).await?.context("not found")?;
    Ok(serde_json::from_str(&answer)?)
}

/// The body of an answer; nothing when it is 404.
async fn request(
    access: &Access,
    method: &str,
    path: &str,
    body: Option<Value>,
) -> anyhow::Result<Option<String>> {
    let (url, token) = (format!("{}{path}", access.url), format!("Bearer {}", access.token));
    let (method, path) = (method.to_owned(), path.to_owned());
    tokio::task::spawn_blocking(move || {
        let agent: ureq::Agent = ureq::Agent::config_builder()
            .http_status_as_error(false)
            .timeout_global(Some(PATIENCE))
            .build()
            .into();
        let mut response = match body {
            Some(body) => agent.post(&url).header("authorization", token).send_json(&body)?,
            None => agent.get(&url).header("authorization", token).call()?,
        };
        let status = response.status();
        let text = response.body_mut().with_config().limit(u64::MAX).read_to_string()?;
        if status.as_u16() == 404 {
            return Ok(None);
        }
        anyhow::ensure!(status.is_success(), "{method} {path}: {status} {text}");
        Ok(Some(text))
    })
    .await?
}

fn text(value: &Value, name: &str) -> anyhow::Result<String> {
    Ok(value[name].as_str().with_context(|| format!("no {name} in {value}"))?.to_owned())
}
