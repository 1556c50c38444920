//! The two tiers, each in a process of its own, and what starting either has in common with `up`.

use std::fs::File;
use std::io::{self, Write};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::time::Duration;

use ::controller::{Controller, WebhookConfig};
use ::manager::Manager;
use anyhow::{Context, ensure};
use protocol::spec::AgentSpec;
use protocol::{AgentId, NotificationKind};
use serde::Serialize;

use crate::cli;
use crate::directories::Directories;
use crate::idle::Use;
use crate::life::{Life, Next};
use crate::otlp;
use crate::out::say;
use crate::reload::Parts;
use crate::run_file::{self, Kind, RunFile};
use crate::secret::Secret;
use crate::settings::Source;
use crate::stop;

/// Characters that a given token must have, as its hash is stored without anything that slows guessing down.
const MIN_TOKEN: usize = 32;

/// Where a manager alone keeps the passwords that it makes: a controller must be told them.
const PASSWORDS: &str = "agent-passwords";

/// An agent as the first line of a server shows it.
#[derive(Clone, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Ready {
    /// The agent.
    pub agent_id: AgentId,
    /// Its name.
    pub name: String,
    /// Its password, when it was made just now. Not part of any output but the first start's.
    #[serde(skip)]
    pub password: Option<String>,
}

impl std::fmt::Debug for Ready {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Ready")
            .field("agent_id", &self.agent_id)
            .field("name", &self.name)
            .finish_non_exhaustive()
    }
}

/// `longshore controller`
///
/// # Errors
/// What kept it from starting, or from ending well.
pub async fn controller(
    args: cli::Controller,
    directories: Directories,
    source: Source,
) -> anyhow::Result<Next> {
    #[derive(Serialize)]
    struct First<'a> {
        url: String,
        token: &'a str,
        controller: &'a str,
    }

    // It has no runs of its own that could go on.
    let mut life = Life::begin(&args.server.life, stop::server(Duration::ZERO)?)?;
    directories.create()?;
    // Dropped last: it waits for the spans of what is ending.
    let (tracer, _exporter) = otlp::begin(args.server.telling.otlp_endpoint.as_ref())?;
    let mut config = controller_config(&Of::controller(&args), &directories)?;
    config.tracer = tracer;
    config.stop = life.stop().clone();
    let opened = Controller::open(config).await;
    let controller = opened.map_err(|error| run_file::occupied(error, &directories))?;
    introduce(&controller, &args).await?;
    let (listener, url) =
        life.listen(args.server.host, args.controller_port, args.certificate.scheme()).await?;
    let token = token(&controller, args.token_file.as_deref()).await?;
    let run_file = RunFile {
        url: url.clone(),
        token: token.clone(),
        client_id: None,
        ca_file: own_certificate(&args.certificate)?,
        running: None,
    };
    life.announce(Kind::Controller, run_file, None, &directories)?;
    if life.is_restart() {
        // Whoever started it has read this.
    } else if args.server.json {
        first_line(&First { url: login_url(&url, &token), token: &token, controller: &url })?;
    } else {
        // A token that has a file of its own need not get into logs.
        match &args.token_file {
            Some(path) => say!("controller  {url}\ntoken       {}", path.display()),
            None => say!("controller  {}", login_url(&url, &token)),
        }
        if args.manager.is_none() {
            say!(
                "add a manager with: longshore client add --name NAME --endpoint URL --api-key-file FILE"
            );
        }
    }
    life.attend(source, Parts::new().origins(controller.handle()), &url);
    let usage = controller.usage();
    let look = || Use { now: usage.viewers() > 0 || usage.is_at_work(), visits: usage.visits() };
    life.serve(controller.serve(listener, std::future::ready(())), look).await
}

/// Makes the manager known that the settings name.
async fn introduce(controller: &Controller, args: &cli::Controller) -> anyhow::Result<()> {
    let Some(manager) = &args.manager else { return Ok(()) };
    let file = args.api_key_file.as_deref().context("--manager needs --api-key-file")?;
    let key = Secret::read(file)?.0;
    controller
        .ensure_client(&manager.name, &manager.endpoint, &key)
        .await
        .with_context(|| format!("make manager \"{}\" known", manager.name))?;
    Ok(())
}

/// The token of the file, or the one that the controller keeps.
async fn token(controller: &Controller, file: Option<&Path>) -> anyhow::Result<String> {
    let Some(path) = file else { return controller.owner_token().await };
    let token = Secret::read(path)?.0;
    ensure!(
        token.len() >= MIN_TOKEN,
        "the token in {} has fewer than {MIN_TOKEN} characters",
        path.display()
    );
    controller.accept_token(&token).await?;
    Ok(token)
}

/// `longshore manager`
///
/// # Errors
/// What kept it from starting, or from ending well.
pub async fn manager(
    args: cli::Manager,
    specs: Vec<AgentSpec>,
    directories: Directories,
    source: Source,
) -> anyhow::Result<Next> {
    #[derive(Serialize)]
    #[serde(rename_all = "camelCase")]
    struct First<'a> {
        manager: &'a str,
        api_key: &'a str,
        agents: &'a [Ready],
    }

    let mut life = Life::begin(&args.server.life, stop::server(args.server.life.drain)?)?;
    directories.create()?;
    let mut config = manager_config(&args.server, &args.times, &args.containers, &directories)?;
    config.bounds = (&args.bounds).into();
    config.tls = args.certificate.files(args.clients.client_ca.clone());
    config.api_key = Secret::either(args.api_key.as_ref(), args.api_key_file.as_deref())?;
    // Dropped last: it waits for the spans of what is ending.
    let (tracer, _exporter) = otlp::begin(args.server.telling.otlp_endpoint.as_ref())?;
    config.tracer = tracer;
    let is_given = config.api_key.is_some();
    config.stop = life.stop().clone();
    let opened = Manager::open(config).await;
    let manager = opened.map_err(|error| run_file::occupied(error, &directories))?;
    let agents = ensure(&manager, specs.into_iter().chain(given(&args.agents))).await?;
    let passwords = directories.data.join(PASSWORDS);
    for agent in &agents {
        if let Some(password) = &agent.password {
            keep_password(&passwords, &agent.name, password)?;
        }
    }
    let (listener, url) =
        life.listen(args.server.host, args.manager_port, args.certificate.scheme()).await?;
    let token = manager.api_key().to_owned();
    let ca_file = own_certificate(&args.certificate)?;
    let run_file = RunFile { url: url.clone(), token, client_id: None, ca_file, running: None };
    life.announce(Kind::Manager, run_file, None, &directories)?;
    if life.is_restart() {
        // As above.
    } else if args.server.json {
        first_line(&First { manager: &url, api_key: manager.api_key(), agents: &agents })?;
    } else {
        say!("manager  {url}");
        if is_given {
            say!("api key  as given");
        } else {
            say!("api key  {}", directories.data.join("manager.key").display());
        }
        for agent in &agents {
            let is_new = agent.password.is_some();
            let place = if is_new {
                format!("  password in {}", passwords.display())
            } else {
                String::new()
            };
            say!("agent    {}{place}", agent.name);
        }
    }
    let parts = Parts::new().agents(manager.handle(), move |name, _, password| {
        let passwords = passwords.clone();
        Box::pin(async move { keep_password(&passwords, &name, &password) })
    });
    life.attend(source, parts, &url);
    let usage = manager.usage();
    let look = || Use { now: usage.links() > 0 || usage.is_at_work(), visits: usage.visits() };
    life.serve(manager.serve(listener), look).await
}

/// Appends the password of an agent that was made just now. On stdout it would get into the journal.
fn keep_password(path: &Path, name: &str, password: &str) -> anyhow::Result<()> {
    let mut options = File::options();
    options.append(true).create(true).mode(0o600);
    options
        .open(path)
        .and_then(|mut file| file.write_all(format!("{name}  {password}\n").as_bytes()))
        .with_context(|| format!("write the password of agent \"{name}\" to {}", path.display()))
}

/// What `up` and `controller` have in common.
pub(crate) struct Of<'a> {
    server: &'a cli::Server,
    notify: &'a cli::Notify,
    pages: &'a cli::Pages,
    certificate: &'a cli::Certificate,
    bounds: &'a cli::Bounds,
    links: &'a cli::Links,
}

impl<'a> Of<'a> {
    pub(crate) fn controller(args: &'a cli::Controller) -> Self {
        let cli::Controller { server, notify, pages, certificate, bounds, links, .. } = args;
        Self { server, notify, pages, certificate, bounds, links }
    }

    pub(crate) fn up(args: &'a cli::Up) -> Self {
        let cli::Up { server, notify, pages, certificate, bounds, links, .. } = args;
        Self { server, notify, pages, certificate, bounds, links }
    }
}

/// The settings of a controller.
pub(crate) fn controller_config(
    of: &Of<'_>,
    directories: &Directories,
) -> anyhow::Result<::controller::Config> {
    let Of { server, notify, pages, certificate, bounds, links } = of;
    let mut config = ::controller::Config::new(&directories.data);
    config.secret = secret_key(server)?;
    config.grace = server.life.grace;
    config.origins.clone_from(&pages.origins);
    config.webhook = webhook(notify)?;
    if let Some(contact) = &notify.push_contact {
        config.push_contact.clone_from(contact);
    }
    config.push_allow_private = notify.push_allow_private;
    config.tls = certificate.files(None);
    config.bounds = (*bounds).into();
    config.reach = links.reach();
    config.trust = links.trust();
    config.metrics_public = server.telling.metrics_public;
    Ok(config)
}

fn webhook(notify: &cli::Notify) -> anyhow::Result<Option<WebhookConfig>> {
    let Some(Secret(url)) = notify.webhook.clone() else {
        ensure!(notify.webhook_secret_file.is_none(), "--webhook-secret-file needs --webhook");
        // Their default is all of them.
        let are_given = notify.webhook_kinds != NotificationKind::ALL;
        ensure!(!are_given, "--webhook-kinds needs --webhook");
        return Ok(None);
    };
    let secret = Secret::either(None, notify.webhook_secret_file.as_deref())?;
    Ok(Some(WebhookConfig { url, secret, kinds: notify.webhook_kinds.clone() }))
}

fn secret_key(server: &cli::Server) -> anyhow::Result<Option<String>> {
    Secret::either(server.secret_key.as_ref(), server.secret_key_file.as_deref())
}

/// The settings of a manager.
pub(crate) fn manager_config(
    server: &cli::Server,
    times: &cli::Times,
    containers: &cli::Containers,
    directories: &Directories,
) -> anyhow::Result<::manager::Config> {
    let mut config = ::manager::Config::new(&directories.data);
    config.secret = secret_key(server)?;
    config.grace = server.life.grace;
    config.run_timeout = times.run_timeout;
    config.viewer_grace = times.viewer_grace;
    config.idle_eviction = times.idle_eviction;
    // Set and empty counts as not set, as it does for the docker command.
    let ours = containers.docker_host.clone().or_else(|| std::env::var("DOCKER_HOST").ok());
    config.engine = ours.filter(|address| !address.is_empty());
    config.mounts.clone_from(&containers.mounts);
    config.host_network = containers.host_network;
    config.metrics_public = server.telling.metrics_public;
    Ok(config)
}

/// The agents given by `--agent`.
pub(crate) fn given(agents: &cli::StartAgents) -> impl Iterator<Item = AgentSpec> {
    agents.agents.iter().map(|agent| agent.0.clone())
}

/// Makes the agents that do not exist yet.
pub(crate) async fn ensure(
    manager: &Manager,
    specs: impl Iterator<Item = AgentSpec>,
) -> anyhow::Result<Vec<Ready>> {
    let mut agents = Vec::new();
    for spec in specs {
        let name = spec.name.clone();
        let (agent_id, password) = manager
            .handle()
            .ensure_agent(spec)
            .await
            .with_context(|| format!("create agent \"{name}\""))?;
        agents.push(Ready { agent_id, name, password });
    }
    Ok(agents)
}

/// A server that listens everywhere is reached here by way of loopback.
pub(crate) fn url(scheme: &str, address: SocketAddr) -> String {
    let host = match address.ip() {
        ip if !ip.is_unspecified() => ip,
        IpAddr::V4(_) => Ipv4Addr::LOCALHOST.into(),
        IpAddr::V6(_) => Ipv6Addr::LOCALHOST.into(),
    };
    format!("{scheme}://{}", SocketAddr::new(host, address.port()))
}

/// What commands on this machine trust: they reach the server by an address that its certificate need not name.
pub(crate) fn own_certificate(certificate: &cli::Certificate) -> anyhow::Result<Option<PathBuf>> {
    let Some(path) = &certificate.tls_cert else { return Ok(None) };
    let path = path.canonicalize().with_context(|| format!("find {}", path.display()))?;
    Ok(Some(path))
}

/// The URL that logs a browser in. A fragment is not sent to servers and does not get into their logs.
pub(crate) fn login_url(url: &str, token: &str) -> String {
    format!("{url}/#token={token}")
}

/// One JSON object as the first line of stdout.
pub(crate) fn first_line(value: &impl Serialize) -> anyhow::Result<()> {
    let mut out = io::stdout().lock();
    serde_json::to_writer(&mut out, value)?;
    writeln!(out)?;
    out.flush().context("write the first line")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn passwords_are_kept_for_their_owner_only() {
        use std::os::unix::fs::PermissionsExt;
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join(PASSWORDS);

        keep_password(&path, "calc", "lsp_1").unwrap();
        keep_password(&path, "py", "lsp_2").unwrap();

        assert_eq!(std::fs::read_to_string(&path).unwrap(), "calc  lsp_1\npy  lsp_2\n");
        assert_eq!(path.metadata().unwrap().permissions().mode() & 0o777, 0o600);
    }

    #[test]
    fn a_server_on_every_address_is_reached_by_loopback() {
        assert_eq!(url("http", "0.0.0.0:81".parse().unwrap()), "http://127.0.0.1:81");
        assert_eq!(url("https", "[::]:81".parse().unwrap()), "https://[::1]:81");
        assert_eq!(url("http", "10.0.0.1:81".parse().unwrap()), "http://10.0.0.1:81");
    }
}
