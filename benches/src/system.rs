//! A running relay of either kind, and viewers of it.

use std::path::{Path, PathBuf};

use anyhow::Context as _;
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::process::Process;
use tests::socket::{Packet, Socket};

/// How long the manager keeps conversations that nobody uses; shorter than usual, to see what that frees.
pub(crate) const EVICTION: std::time::Duration = std::time::Duration::from_secs(5);

/// Which relay.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum SystemKind {
    /// Ours.
    Longshore,
    /// `benches/peer`.
    Node,
}

impl SystemKind {
    /// Its name in the report.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Longshore => "longshore",
            Self::Node => "node",
        }
    }
}

/// A controller, a manager, and agents that answer at once.
pub(crate) struct System {
    pub(crate) manager: Process,
    pub(crate) controller: Process,
    restart: Option<Restart>,
    manager_url: String,
    controller_url: String,
    token: String,
    api_key: String,
    client_id: String,
    /// Agent ids and passwords.
    pub(crate) passwords: Vec<(String, String)>,
    data: tempfile::TempDir,
}

/// How to start the tiers again where they were.
#[derive(Debug)]
struct Restart {
    binary: PathBuf,
    manager: Vec<String>,
    controller: Vec<String>,
}

/// A figure of each tier.
pub(crate) struct Tiers {
    pub(crate) controller: f64,
    pub(crate) manager: f64,
}

/// One connection to the controller.
pub(crate) struct Viewer {
    pub(crate) socket: Socket,
    agent: String,
    agents: Vec<String>,
}

impl System {
    /// Starts both tiers as processes of their own and makes the agents.
    pub(crate) async fn start(
        kind: SystemKind,
        binary: &Path,
        agents: usize,
    ) -> anyhow::Result<Self> {
        match kind {
            SystemKind::Longshore => Self::longshore(binary, agents).await,
            SystemKind::Node => Self::node(agents).await,
        }
    }

    async fn longshore(binary: &Path, agents: usize) -> anyhow::Result<Self> {
        let data = tempfile::tempdir()?;
        let tier = |name: &str| {
            let directory = data.path().join(name).display().to_string();
            [name, "--json", "--log", "warn", "--port", "0", "--data-dir", &directory]
                .map(str::to_owned)
                .to_vec()
        };
        let binary = binary.to_path_buf();
        let mut of_manager = tier("manager");
        of_manager.push(format!("--idle-eviction={}", EVICTION.as_secs()));
        let manager = Process::start(&binary, &of_manager).await?;
        let controller = Process::start(&binary, &tier("controller")).await?;
        let restart = Restart {
            manager: at_port(&of_manager, &field(&manager, "manager")?),
            controller: at_port(&tier("controller"), &field(&controller, "controller")?),
            binary,
        };
        let mut system = Self {
            restart: Some(restart),
            manager_url: field(&manager, "manager")?,
            api_key: field(&manager, "apiKey")?,
            controller_url: field(&controller, "controller")?,
            token: field(&controller, "token")?,
            client_id: String::new(),
            passwords: Vec::new(),
            manager,
            controller,
            data,
        };
        let client =
            json!({"name": "bench", "endpoint": system.manager_url, "apiKey": system.api_key});
        let client = system.post("/api/clients", &client).await?;
        system.client_id = text(&client, "clientId")?;
        for number in 0..agents {
            let path = format!("/api/clients/{}/agents", system.client_id);
            let spec = json!({"name": format!("echo-{number}"), "codec": {"type": "echo"}});
            let agent = system.post(&path, &spec).await?;
            system.passwords.push((text(&agent, "agentId")?, text(&agent, "password")?));
        }
        Ok(system)
    }

    async fn node(agents: usize) -> anyhow::Result<Self> {
        let data = tempfile::tempdir()?;
        let node = PathBuf::from("node");
        let relay = "benches/peer/relay.mjs".to_owned();
        let database = data.path().join("peer.db").display().to_string();
        let manager =
            Process::start(&node, &[relay.clone(), "manager".to_owned(), database]).await?;
        let manager_url = field(&manager, "url")?;
        let arguments = [relay, "controller".to_owned(), manager_url.clone()];
        let controller = Process::start(&node, &arguments).await?;
        Ok(Self {
            controller_url: field(&controller, "url")?,
            manager_url,
            restart: None,
            token: String::new(),
            api_key: String::new(),
            client_id: "bench".to_owned(),
            passwords: (0..agents).map(|n| (format!("echo-{n}"), String::new())).collect(),
            manager,
            controller,
            data,
        })
    }

    /// A viewer with this client and agent selected, and its history read.
    pub(crate) async fn viewer(&self, agent: usize) -> anyhow::Result<Viewer> {
        let mut viewer = self.stranger().await?;
        viewer.login(agent).await?;
        Ok(viewer)
    }

    /// A viewer with this client selected.
    pub(crate) async fn stranger(&self) -> anyhow::Result<Viewer> {
        let auth = json!({"token": self.token});
        let mut socket = Socket::connect(&self.controller_url, "/clients", &auth).await?;
        socket.call("setClient", &json!({"clientId": self.client_id})).await?;
        let agents = self.passwords.iter().map(|(agent, _)| agent.clone()).collect();
        Ok(Viewer { socket, agent: String::new(), agents })
    }

    /// A connection to the manager, as a controller's.
    pub(crate) async fn controller_socket(&self) -> anyhow::Result<Socket> {
        Socket::connect(&self.manager_url, "/agents", &json!({"token": self.api_key})).await
    }

    /// CPU seconds of each tier so far.
    pub(crate) fn cpu(&self) -> anyhow::Result<Tiers> {
        Ok(Tiers { controller: self.controller.cpu()?, manager: self.manager.cpu()? })
    }

    /// Resident KiB of each tier now.
    pub(crate) fn rss(&self) -> anyhow::Result<Tiers> {
        Ok(Tiers { controller: self.controller.rss()?, manager: self.manager.rss()? })
    }

    /// Kills the controller and starts it again, of ours only; returns when it listens.
    pub(crate) async fn restart_controller(&mut self) -> anyhow::Result<()> {
        self.controller.kill().await;
        self.start_controller().await
    }

    pub(crate) async fn start_controller(&mut self) -> anyhow::Result<()> {
        let restart = self.restart.as_ref().context("only ours can be restarted")?;
        self.controller = Process::start(&restart.binary, &restart.controller).await?;
        Ok(())
    }

    /// The same with the manager.
    pub(crate) async fn restart_manager(&mut self) -> anyhow::Result<()> {
        let restart = self.restart.as_ref().context("only ours can be restarted")?;
        self.manager.kill().await;
        self.manager = Process::start(&restart.binary, &restart.manager).await?;
        Ok(())
    }

    /// What it takes to connect to the controller.
    pub(crate) fn front(&self) -> (String, Value) {
        (self.controller_url.clone(), json!({"token": self.token}))
    }

    /// The registered client.
    pub(crate) fn client(&self) -> &str {
        &self.client_id
    }

    /// The same for the manager.
    pub(crate) fn back(&self) -> (String, Value) {
        (self.manager_url.clone(), json!({"token": self.api_key}))
    }

    /// Bytes of the manager's database.
    pub(crate) fn database(&self) -> anyhow::Result<u64> {
        let mut size = 0;
        for entry in std::fs::read_dir(self.data.path().join("manager"))? {
            let entry = entry?;
            if entry.file_name().to_string_lossy().starts_with("manager.db") {
                size += entry.metadata()?.len();
            }
        }
        Ok(size)
    }

    /// Tasks of both tiers.
    pub(crate) async fn tasks(&self) -> anyhow::Result<f64> {
        let mut tasks = 0.0;
        for url in [&self.manager_url, &self.controller_url] {
            tasks += get(url, "/health").await?["tasks"].as_f64().context("tasks")?;
        }
        Ok(tasks)
    }

    /// Ends both tiers.
    pub(crate) async fn stop(&mut self) {
        self.controller.kill().await;
        self.manager.kill().await;
    }

    /// One HTTP request to the controller; its JSON answer.
    pub(crate) async fn post(&self, path: &str, body: &Value) -> anyhow::Result<Value> {
        let host = self.controller_url.trim_start_matches("http://");
        let mut stream = TcpStream::connect(host).await?;
        let body = body.to_string();
        let request = format!(
            "POST {path} HTTP/1.1\r\nHost: {host}\r\nAuthorization: Bearer {}\r\nConnection: close\r\n\
             Content-Type: application/json\r\nContent-Length: {}\r\n\r\n{body}",
            self.token,
            body.len()
        );
        stream.write_all(request.as_bytes()).await?;
        let mut answer = String::new();
        stream.read_to_string(&mut answer).await?;
        let (head, body) = answer.split_once("\r\n\r\n").context("an HTTP answer")?;
        anyhow::ensure!(head.contains(" 20"), "POST {path}: {answer}");
        Ok(serde_json::from_str(body)?)
    }
}

impl Viewer {
    /// Logs in and returns how many entries were replayed.
    pub(crate) async fn login(&mut self, agent: usize) -> anyhow::Result<usize> {
        self.agent.clone_from(&self.agents[agent]);
        let login =
            json!({"event": "login", "payload": {"agentId": self.agent}, "agentId": self.agent});
        self.socket.emit("forward", &login).await?;
        let mut entries = 0;
        loop {
            let packet = self.socket.next().await?;
            if packet.is("historyEnd") {
                return Ok(entries);
            }
            if let Packet::Ack(_, answer) = &packet {
                anyhow::ensure!(answer.contains(r#""success":true"#), "login: {answer}");
            }
            entries += usize::from(matches!(packet, Packet::Event(_)));
        }
    }

    /// Sends a command for the first agent.
    pub(crate) async fn begin(&mut self, command: &str, payload: &Value) -> anyhow::Result<u64> {
        let forward = json!({"event": command, "payload": payload, "agentId": self.agents[0]});
        self.socket.emit("forward", &forward).await
    }

    /// The data of its answer.
    pub(crate) async fn command(
        &mut self,
        command: &str,
        payload: &Value,
    ) -> anyhow::Result<Value> {
        let forward = json!({"event": command, "payload": payload, "agentId": self.agents[0]});
        Ok(self.socket.call("forward", &forward).await?["data"].take())
    }

    /// Sends a chat without waiting.
    pub(crate) async fn say(&mut self, message: &str) -> anyhow::Result<()> {
        let payload = json!({"agentId": self.agent, "message": message});
        let forward = json!({"event": "chat", "payload": payload, "agentId": self.agent});
        self.socket.emit("forward", &forward).await?;
        Ok(())
    }

    /// Waits for the agent's next answer.
    pub(crate) async fn answer(&mut self) -> anyhow::Result<()> {
        loop {
            let packet = self.socket.next().await?;
            if packet.is_answer() {
                return Ok(());
            }
            if let Packet::Ack(_, answer) = &packet {
                anyhow::ensure!(answer.contains(r#""success":true"#), "chat: {answer}");
            }
        }
    }
}

/// The arguments with the port that was found.
fn at_port(arguments: &[String], url: &str) -> Vec<String> {
    let port = url.trim_end_matches('/').rsplit(':').next().unwrap_or_default();
    let at = arguments.iter().position(|argument| argument == "--port").map(|at| at + 1);
    let fixed = |(nth, argument): (usize, &String)| {
        if Some(nth) == at { port.to_owned() } else { argument.clone() }
    };
    arguments.iter().enumerate().map(fixed).collect()
}

async fn get(base: &str, path: &str) -> anyhow::Result<Value> {
    let host = base.trim_start_matches("http://");
    let mut stream = TcpStream::connect(host).await?;
    let request = format!("GET {path} HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n");
    stream.write_all(request.as_bytes()).await?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await?;
    let (_, body) = answer.split_once("\r\n\r\n").context("an HTTP answer")?;
    Ok(serde_json::from_str(body)?)
}

fn field(process: &Process, name: &str) -> anyhow::Result<String> {
    text(&serde_json::from_str(&process.greeting)?, name)
}

fn text(value: &Value, name: &str) -> anyhow::Result<String> {
    Ok(value[name].as_str().with_context(|| format!("no {name} in {value}"))?.to_owned())
}
