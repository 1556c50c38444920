//! What a session's container is to be.

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use bollard::models::{
    ContainerCreateBody, HostConfig, HostConfigLogConfig, Mount as EngineMount, MountType,
};
use protocol::spec::{Docker, Mount};
use tokio::sync::OnceCell;

use super::claim::Claim;
use super::identity::{self, AGENT, CONFIGURATION, INCARNATION, MANAGER, SESSION};
use crate::host::program::file_name;
use crate::site::{Lodging, Site};

/// Where a container sees the agent's own directory.
pub(crate) const WORKSPACE: &str = "/workspace";

/// A container that can be started.
#[derive(Debug, Clone)]
pub(crate) struct Plan {
    pub(super) docker: Docker,
    pub(super) site: Site,
    pub(super) lodging: Lodging,
    pub(super) right: Arc<Right>,
    /// Whether its input ends when the connection's does.
    input_ends: bool,
}

/// What all plans of one session have together.
#[derive(Debug, Default)]
pub(super) struct Right {
    /// The right to the container, from the first start to the end of the session.
    pub(super) claim: OnceCell<Claim>,
    /// Whether the session has had a program.
    pub(super) has_started: AtomicBool,
}

impl Plan {
    pub(crate) fn new(docker: Docker, site: &Site) -> Result<Self, String> {
        let lodging = site.lodging().ok_or("there are no containers here")?.clone();
        let (site, right) = (site.clone(), Arc::default());
        Ok(Self { docker, site, lodging, right, input_ends: false })
    }

    /// What is to be started, for people: its program, as far as that is known.
    pub(crate) fn name(&self) -> String {
        let Docker { command, image, container, .. } = &self.docker;
        let program = command.first().map(|command| file_name(command));
        program.or_else(|| image.clone()).or_else(|| container.clone()).unwrap_or_default()
    }

    /// The arguments of its program, or of the image's where that is the program.
    pub(crate) fn args(&self) -> &[String] {
        self.docker.command.get(1..).unwrap_or_default()
    }

    /// The same with other arguments.
    pub(crate) fn with_args(&self, args: Vec<String>) -> Self {
        let mut plan = self.clone();
        plan.docker.command.truncate(1);
        plan.docker.command.extend(args);
        plan
    }

    /// The same for a program that is to see the end of its input.
    pub(crate) fn with_ending_input(mut self) -> Self {
        self.input_ends = true;
        self
    }

    /// Its working directory, as it sees it.
    pub(crate) fn directory(&self) -> &Path {
        directory(&self.docker)
    }

    /// The manager whose container it is.
    pub(super) fn manager(&self) -> &str {
        &self.lodging.containers.0.rules.manager
    }

    /// The container's own name.
    pub(super) fn container(&self) -> String {
        identity::name(self.manager(), &self.lodging.agent, &self.lodging.session)
    }

    /// What the container is made of, without what changes from one to the next.
    pub(super) fn body(&self, mounts: &[Mount]) -> ContainerCreateBody {
        let docker = &self.docker;
        ContainerCreateBody {
            image: docker.image.clone(),
            cmd: (!docker.command.is_empty()).then(|| docker.command.clone()),
            env: Some(docker.env.iter().map(|(name, value)| format!("{name}={value}")).collect()),
            user: docker.user.clone(),
            working_dir: Some(text(self.directory())),
            // Stdin stays open when a manager goes, as another one may come; a terminal would change what is said.
            attach_stdin: Some(true),
            attach_stdout: Some(true),
            attach_stderr: Some(true),
            open_stdin: Some(true),
            stdin_once: Some(self.input_ends),
            tty: Some(false),
            host_config: Some(self.limits(mounts)),
            ..ContainerCreateBody::default()
        }
    }

    fn limits(&self, mounts: &[Mount]) -> HostConfig {
        let docker = &self.docker;
        let memory = docker.memory_mib.map(|mib| i64::from(mib) << 20);
        let tmpfs = docker.tmpfs.iter().map(|path| (text(path), String::new()));
        HostConfig {
            mounts: Some(self.mounts(mounts)),
            network_mode: docker.network.clone(),
            memory,
            // Together with swap: so there is none.
            memory_swap: memory,
            nano_cpus: docker.cpu_millis.map(|millis| i64::from(millis) * 1_000_000),
            pids_limit: Some(i64::from(docker.pids)),
            readonly_rootfs: Some(docker.read_only),
            tmpfs: Some(tmpfs.collect()),
            cap_drop: Some(vec!["ALL".to_owned()]),
            cap_add: Some(docker.capabilities.clone()),
            security_opt: Some(vec!["no-new-privileges".to_owned()]),
            privileged: Some(false),
            // The conversation is the log; another one would grow without bound.
            log_config: Some(HostConfigLogConfig { typ: Some("none".to_owned()), config: None }),
            ..HostConfig::default()
        }
    }

    fn mounts(&self, mounts: &[Mount]) -> Vec<EngineMount> {
        let workspace = Mount {
            source: self.site.workdir().to_owned(),
            target: PathBuf::from(WORKSPACE),
            read_only: false,
        };
        let is_taken = mounts.iter().any(|mount| mount.target == workspace.target);
        let own = (!is_taken).then_some(&workspace);
        let bind = |mount: &Mount| EngineMount {
            typ: Some(MountType::BIND),
            source: Some(text(&mount.source)),
            target: Some(text(&mount.target)),
            read_only: Some(mount.read_only),
            ..EngineMount::default()
        };
        own.into_iter().chain(mounts).map(bind).collect()
    }

    /// The labels of a container that is made of that.
    pub(super) fn labels(&self, configuration: &str, incarnation: u64) -> HashMap<String, String> {
        let labels = [
            (MANAGER, self.manager()),
            (AGENT, self.lodging.agent.as_str()),
            (SESSION, &self.lodging.session),
            (CONFIGURATION, configuration),
            (INCARNATION, &incarnation.to_string()),
        ];
        labels.map(|(name, value)| (name.to_owned(), value.to_owned())).into()
    }
}

/// The working directory of a container that is made, as it sees it.
pub(crate) fn directory(docker: &Docker) -> &Path {
    docker.workdir.as_deref().unwrap_or(Path::new(WORKSPACE))
}

fn text(path: &Path) -> String {
    path.to_string_lossy().into_owned()
}
