//! A manager that runs for one test.

use std::collections::HashMap;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::Command;
use std::time::Duration;

use gateway::Stop;
use manager::{Config, Manager};
use protocol::spec::AgentSpec;
use serde_json::{Value, json};
use tempfile::TempDir;
use tokio::net::TcpListener;

use crate::client::Client;

/// A data directory, with the agents whose passwords are known.
pub(crate) struct Home {
    dir: TempDir,
    mounted: bool,
    passwords: HashMap<String, (String, String)>,
}

/// A manager that listens, in a runtime of its own, so that it can be killed like a process.
pub(crate) struct Running {
    pub(crate) address: SocketAddr,
    pub(crate) home: Home,
    key: String,
    stop: Stop,
    served: tokio::task::JoinHandle<anyhow::Result<()>>,
    runtime: Option<tokio::runtime::Runtime>,
}

impl Home {
    pub(crate) fn new() -> Self {
        Self { dir: tempfile::tempdir().unwrap(), mounted: false, passwords: HashMap::new() }
    }

    /// One on a file system of its own, of 4 MiB. Needs root, as the tests of the store do.
    pub(crate) fn on_small_disk() -> Self {
        let mut home = Self::new();
        home.mounted = true;
        let mount = Command::new("mount")
            .args(["-t", "tmpfs", "-o", "size=4m", "tmpfs"])
            .arg(home.dir.path())
            .status();
        assert!(mount.unwrap().success(), "mount a small tmpfs");
        home
    }

    pub(crate) fn path(&self) -> PathBuf {
        self.dir.path().to_owned()
    }

    pub(crate) fn config(&self) -> Config {
        let stop = Stop::new(Duration::from_secs(2));
        Config { grace: Duration::from_secs(4), stop, ..Config::new(self.dir.path()) }
    }

    /// Starts a manager with these agents besides those that are there.
    pub(crate) async fn start(self, agents: &[AgentSpec]) -> Running {
        let config = self.config();
        self.start_with(config, agents).await
    }

    pub(crate) async fn start_with(mut self, config: Config, agents: &[AgentSpec]) -> Running {
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(2)
            .enable_all()
            .build()
            .unwrap();
        let agents = agents.to_vec();
        let stop = config.stop.clone();
        let opening = runtime.spawn(async move {
            let manager = Manager::open(config).await?;
            let mut created = Vec::new();
            for spec in agents {
                let name = spec.name.clone();
                created.push((name, manager.handle().ensure_agent(spec).await?));
            }
            let listener = TcpListener::bind("127.0.0.1:0").await?;
            anyhow::Ok((manager, created, listener))
        });
        let (manager, created, listener) = opening.await.unwrap().unwrap();
        for (name, (agent, password)) in created {
            if let Some(password) = password {
                self.passwords.insert(name, (agent.to_string(), password));
            }
        }
        let (address, key) = (listener.local_addr().unwrap(), manager.api_key().to_owned());
        let served = runtime.spawn(manager.serve(listener));
        Running { address, home: self, key, stop, served, runtime: Some(runtime) }
    }
}

impl Drop for Home {
    fn drop(&mut self) {
        if self.mounted {
            Command::new("umount").arg("-l").arg(self.dir.path()).status().ok();
        }
    }
}

impl Running {
    /// A manager with one agent called `echo`.
    pub(crate) async fn echo() -> Self {
        Home::new().start(&[AgentSpec::echo("echo")]).await
    }

    pub(crate) async fn connect(&self) -> Client {
        Client::connect(self.address, json!({ "token": self.key })).await.unwrap()
    }

    /// A connection that is logged in to that agent, behind the replay.
    pub(crate) async fn logged_in(&self, name: &str) -> Client {
        let mut client = self.connect().await;
        client.ok("login", self.credentials(name)).await;
        client.named("historyEnd").await;
        client
    }

    pub(crate) fn agent(&self, name: &str) -> String {
        self.home.passwords[name].0.clone()
    }

    /// The payload of `login`.
    pub(crate) fn credentials(&self, name: &str) -> Value {
        let (agent, password) = &self.home.passwords[name];
        json!({ "agentId": agent, "password": password })
    }

    /// The payload of `chat`.
    pub(crate) fn says(&self, name: &str, message: &str) -> Value {
        json!({ "agentId": self.agent(name), "message": message })
    }

    /// Asks for a graceful stop without waiting for it.
    pub(crate) fn begin_stop(&self) {
        self.stop.order(None, false);
    }

    /// Waits until `serve` has returned.
    pub(crate) async fn stopped(mut self) -> Home {
        (&mut self.served).await.unwrap().unwrap();
        self.take_down();
        self.home
    }

    /// Stops gracefully.
    pub(crate) async fn stop(self) -> Home {
        self.begin_stop();
        self.stopped().await
    }

    /// Dies in the middle of whatever it does.
    pub(crate) fn kill(mut self) -> Home {
        self.take_down();
        self.home
    }

    fn take_down(&mut self) {
        if let Some(runtime) = self.runtime.take() {
            // Waits for threads and not for tasks: those are dropped where they stand.
            tokio::task::block_in_place(|| runtime.shutdown_timeout(Duration::from_secs(10)));
        }
    }
}
