//! `longshore up`: both tiers in one process, talking over a socket like any two others.

use std::io::Write;
use std::net::{IpAddr, Ipv4Addr};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use controller::Controller;
use gateway::Stop;
use manager::Manager;
use protocol::ClientId;
use protocol::spec::AgentSpec;
use serde::Serialize;
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;
use trace::Tracer;
use tracing::Instrument;

use crate::api::{self, Api};
use crate::cli;
use crate::directories::Directories;
use crate::idle::Use;
use crate::life::{Life, Next};
use crate::otlp::{self, Exporter};
use crate::presets;
use crate::reload::Parts;
use crate::run_file::{self, Kind, RunFile};
use crate::settings::Source;
use crate::stop;
use crate::tiers::{self, Ready};

/// Name of the built-in agent that is always there.
const ECHO: &str = "echo";
/// Name under which the controller knows the manager of its own process.
const LOCAL: &str = "local";

/// Longest wait for the two tiers to find each other. On one machine it takes milliseconds.
const ACQUAINTANCE: Duration = Duration::from_secs(5);
/// How often the controller is asked meanwhile.
const ASK: Duration = Duration::from_millis(10);

/// Longest wait for the link to see the end of the manager: it is told at once.
const LAST_WORDS: Duration = Duration::from_secs(1);

/// What a script needs to know; the first line of `up --json`.
#[derive(Clone, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct First {
    /// For a browser: logs in with the token.
    pub url: String,
    /// An access token.
    pub token: String,
    /// The manager as a client of the controller.
    pub client_id: ClientId,
    /// Where people connect to.
    pub controller: String,
    /// Where the manager listens.
    pub manager: String,
    /// Its agents, `echo` first.
    pub agents: Vec<Ready>,
    /// The certificate by which the controller is known here.
    #[serde(skip)]
    pub ca_file: Option<PathBuf>,
}

impl std::fmt::Debug for First {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("First")
            .field("client_id", &self.client_id)
            .field("controller", &self.controller)
            .field("manager", &self.manager)
            .field("agents", &self.agents)
            .finish_non_exhaustive()
    }
}

/// Both tiers, about to serve.
#[derive(Debug)]
pub struct Both {
    /// What a script needs to know.
    pub first: First,
    controller: (Controller, TcpListener),
    manager: (Manager, TcpListener),
    stop: Stop,
    /// Last: it waits for the spans of what is ending.
    exporter: Exporter,
}

/// `longshore up`
///
/// # Errors
/// What kept it from starting, or from ending well.
pub async fn up(
    args: cli::Up,
    specs: Vec<AgentSpec>,
    directories: Directories,
    source: Source,
) -> anyhow::Result<Next> {
    let mut life = Life::begin(&args.server.life, stop::server(args.server.life.drain)?)?;
    let both = Both::open(&args, specs, &directories, &mut life).await?;
    let (first, look, parts) = (both.first.clone(), both.look(), both.parts());
    let mut serving = Box::pin(both.serve());
    tokio::select! {
        ended = &mut serving => return ended.map(|()| Next::End),
        () = first.connected() => {}
    }
    let run_file = RunFile {
        url: first.controller.clone(),
        token: first.token.clone(),
        client_id: Some(first.client_id.clone()),
        ca_file: first.ca_file.clone(),
        running: None,
    };
    life.announce(Kind::Up, run_file, Some(&first.manager), &directories)?;
    if life.is_restart() {
        // Whoever started it has read this.
    } else if args.server.json {
        tiers::first_line(&first)?;
    } else {
        print_for_people(&first);
    }
    life.attend(source, parts, &first.controller);
    life.serve(serving, look).await
}

impl First {
    /// Waits until the two tiers, which are being served, have found each other, 5 s at most: whoever
    /// reads the first line may speak to an agent at once.
    pub async fn connected(&self) {
        let controller = api::Controller {
            url: self.controller.clone(),
            token: self.token.clone(),
            local: Some(self.client_id.clone()),
            ca_file: self.ca_file.clone(),
        };
        let api = Arc::new(Api::new(controller));
        let asking = async {
            let mut interval = tokio::time::interval(ASK);
            loop {
                interval.tick().await;
                let api = Arc::clone(&api);
                let client = tokio::task::spawn_blocking(move || api.client(None)).await;
                if client.is_ok_and(|client| client.is_ok_and(|client| client.connected)) {
                    return;
                }
            }
        };
        if tokio::time::timeout(ACQUAINTANCE, asking).await.is_err() {
            tracing::warn!("the controller has not reached the manager yet");
        }
    }
}

impl Both {
    /// Opens the databases, takes the ports, and makes the two known to each other.
    ///
    /// # Errors
    /// What kept it from starting.
    pub async fn open(
        args: &cli::Up,
        specs: Vec<AgentSpec>,
        directories: &Directories,
        life: &mut Life,
    ) -> anyhow::Result<Self> {
        directories.create()?;
        let (tracer, exporter) = otlp::begin(args.server.telling.otlp_endpoint.as_ref())?;
        let (manager, controller) = Self::databases(args, directories, life.stop(), &tracer)
            .await
            .map_err(|error| run_file::occupied(error, directories))?;
        let (controller_listener, url) =
            life.listen(args.server.host, args.controller_port, args.certificate.scheme()).await?;
        let (manager_listener, manager_url) =
            life.listen(manager_host(args), args.manager_port, "http").await?;
        let ca_file = tiers::own_certificate(&args.certificate)?;

        let client_id = controller.ensure_client(LOCAL, &manager_url, manager.api_key()).await?;
        let path = std::env::var_os("PATH").filter(|_| !args.no_detect);
        let specs = [AgentSpec::echo(ECHO)]
            .into_iter()
            .chain(specs)
            .chain(tiers::given(&args.agents))
            .chain(presets::detect(path.as_deref()));
        let agents = tiers::ensure(&manager, specs).await?;
        for agent in &agents {
            if let Some(password) = &agent.password {
                controller.set_password(&client_id, &agent.agent_id, password).await?;
            }
        }
        let token = controller.owner_token().await?;
        Ok(Self {
            first: First {
                url: tiers::login_url(&url, &token),
                token,
                client_id,
                controller: url,
                manager: manager_url,
                agents,
                ca_file,
            },
            controller: (controller, controller_listener),
            manager: (manager, manager_listener),
            stop: life.stop().clone(),
            exporter,
        })
    }

    /// What can be changed while they serve.
    fn parts(&self) -> Parts {
        let (manager, controller) = (self.manager.0.handle(), self.controller.0.handle());
        let client = self.first.client_id.clone();
        let keeper = controller.clone();
        Parts::new().origins(controller).agents(manager, move |_, agent, password| {
            let (keeper, client) = (keeper.clone(), client.clone());
            Box::pin(async move { keeper.set_password(&client, &agent, &password).await })
        })
    }

    async fn databases(
        args: &cli::Up,
        directories: &Directories,
        stop: &Stop,
        tracer: &Tracer,
    ) -> anyhow::Result<(Manager, Controller)> {
        let (server, times) = (&args.server, &args.times);
        let mut config = tiers::manager_config(server, times, &args.containers, directories)?;
        config.bounds = (&args.bounds).into();
        config.stop = stop.clone();
        config.tracer = tracer.clone();
        let of_manager = tracing::error_span!("start", tier = "manager");
        let manager = Manager::open(config).instrument(of_manager).await?;
        let mut config = tiers::controller_config(&tiers::Of::up(args), directories)?;
        config.stop = stop.clone();
        config.tracer = tracer.clone();
        let of_controller = tracing::error_span!("start", tier = "controller");
        Ok((manager, Controller::open(config).instrument(of_controller).await?))
    }

    /// Shows whether it is in use: by viewers, or by what still runs. The manager's one link is its own controller's.
    pub fn look(&self) -> impl Fn() -> Use + use<> {
        let (viewers, work) = (self.controller.0.usage(), self.manager.0.usage());
        move || Use { now: viewers.viewers() > 0 || work.is_at_work(), visits: viewers.visits() }
    }

    /// Serves until told to stop.
    ///
    /// The manager stops first, so that the ends of its runs still reach whoever is watching.
    ///
    /// # Errors
    /// What kept either from ending well.
    pub async fn serve(self) -> anyhow::Result<()> {
        // Either may have ended for a reason of its own; neither is of use without the other.
        let end = || {
            if self.stop.ordered().is_none() {
                self.stop.order(None, false);
            }
        };
        let manager_ended = CancellationToken::new();
        let (manager, listener) = self.manager;
        let managing = async {
            let _last = manager_ended.clone().drop_guard();
            let of_manager = tracing::error_span!("serve", tier = "manager");
            let result = manager.serve(listener).instrument(of_manager).await;
            end();
            result
        };
        let (controller, listener) = self.controller;
        let (usage, client) = (controller.usage(), self.first.client_id);
        let last = async {
            manager_ended.cancelled().await;
            // What it said last is on its way to viewers until the link has seen its end.
            let unread = async {
                while usage.is_connected(&client) {
                    tokio::time::sleep(ASK).await;
                }
            };
            tokio::time::timeout(LAST_WORDS, unread).await.ok();
        };
        let controlling = async {
            let of_controller = tracing::error_span!("serve", tier = "controller");
            let serving = controller.serve(listener, last);
            let result = serving.instrument(of_controller).await;
            end();
            result
        };
        let (managed, controlled) = tokio::join!(managing, controlling);
        drop(self.exporter);
        managed.and(controlled)
    }
}

/// With a certificate, the manager is for its own controller only, and in plain text on loopback: the certificate is for the name by which
/// people reach the controller. One that others reach is a `longshore manager`.
fn manager_host(args: &cli::Up) -> IpAddr {
    match &args.certificate.tls_cert {
        Some(_) => Ipv4Addr::LOCALHOST.into(),
        None => args.server.host,
    }
}

fn print_for_people(first: &First) {
    let names: Vec<&str> = first.agents.iter().map(|agent| agent.name.as_str()).collect();
    let mut out = std::io::stdout().lock();
    // Nobody may be reading; the servers run all the same.
    let _ = writeln!(
        out,
        "longshore {version} is up\n\n  open    {url}\n  talk    longshore connect [{names}]\n\nCtrl-C stops it.",
        version = env!("CARGO_PKG_VERSION"),
        url = first.url,
        names = names.join(" | "),
    );
}
