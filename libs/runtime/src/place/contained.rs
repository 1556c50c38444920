//! The containers of an agent, as a place.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use protocol::spec::Docker;

use super::{SHELL, StartError, Unsupported};
use crate::files::{FileError, Files};
use crate::host::container::{EngineError, Room, WORKSPACE, directory};
use crate::site::{Home, Lodging};
use crate::terminal::{KIND, Shell, Terminal};

/// A place in an agent's containers.
#[derive(Debug, Clone)]
pub struct Contained {
    /// The agent's own directory.
    home: PathBuf,
    docker: Arc<Docker>,
    lodging: Lodging,
}

impl Contained {
    pub(super) fn new(docker: &Docker, home: &Home) -> Result<Self, Unsupported> {
        let lodging = home.lodging().ok_or(Unsupported::NoContainers)?.clone();
        Ok(Self { home: home.workdir().to_owned(), docker: Arc::new(docker.clone()), lodging })
    }

    pub(super) async fn terminal(&self, shell: Shell) -> Result<Terminal, StartError> {
        let problem = match self.room().await {
            Ok(None) => return Err(StartError::NotRunning),
            // It would be an option of the shell that becomes the program.
            Ok(Some(_)) if shell.program.starts_with('-') => "no program begins with -".to_owned(),
            Ok(Some(room)) => match Terminal::inside(&room, &shell, self.variables()).await {
                Ok(terminal) => return Ok(terminal),
                Err(problem) => problem.to_string(),
            },
            Err(problem) => problem.to_string(),
        };
        Err(StartError::Shell { shell: shell.program, problem })
    }

    /// The container of the session.
    async fn room(&self) -> Result<Option<Room>, EngineError> {
        let Lodging { containers, agent, session, .. } = &self.lodging;
        containers.room(&self.docker, agent, session).await
    }

    /// All containers of the agent, of whichever session.
    pub(crate) async fn rooms(&self) -> Result<Vec<Room>, EngineError> {
        self.lodging.containers.rooms(&self.docker, &self.lodging.agent).await
    }

    /// What a terminal has besides the variables of the container.
    fn variables(&self) -> Vec<String> {
        let is_configured = self.docker.env.contains_key("TERM");
        if is_configured { Vec::new() } else { vec![format!("TERM={KIND}")] }
    }

    pub(super) fn shell(&self) -> String {
        self.docker.env.get("SHELL").cloned().unwrap_or_else(|| SHELL.to_owned())
    }

    pub(super) fn files(&self) -> Result<Files, FileError> {
        if !self.has_own_directory() {
            return Err(Unsupported::OtherDirectory.into());
        }
        std::fs::create_dir_all(&self.home)?;
        Files::open(&self.home)
    }

    /// Whether the agent's own directory is where the container has its workspace, and nothing else is where it works.
    fn has_own_directory(&self) -> bool {
        let mounts = self.docker.mounts.iter().map(|mount| &mount.target);
        let mut others = mounts.chain(&self.docker.tmpfs);
        let works_in = directory(&self.docker);
        self.docker.container.is_none()
            && !others.any(|other| other == Path::new(WORKSPACE) || works_in.starts_with(other))
    }

    /// How much memory so many containers may use.
    pub(crate) fn memory_limit(&self, containers: u64) -> Option<u64> {
        self.docker.memory_mib.map(|mib| (u64::from(mib) << 20).saturating_mul(containers))
    }
}

#[cfg(test)]
mod tests {
    use protocol::AgentId;
    use protocol::spec::Mount;

    use super::*;
    use crate::host::container::{ContainerRules, Containers};
    use crate::site::Stay;

    fn has_own_directory(change: impl FnOnce(&mut Docker)) -> bool {
        let containers = Containers::new(ContainerRules::default());
        let home = Home::new(Path::new("/agents/a"));
        let home = home.with_containers(&containers, &AgentId::random(), "one", Stay::Keep);
        let mut docker = Docker::image("i");
        change(&mut docker);
        Contained::new(&docker, &home).unwrap().has_own_directory()
    }

    fn mount(target: &str) -> Mount {
        Mount { source: "/srv".into(), target: target.into(), read_only: false }
    }

    #[test]
    fn files_are_those_of_the_agents_own_directory_or_none() {
        assert!(has_own_directory(|_| ()));
        assert!(has_own_directory(|docker| docker.mounts.push(mount("/data"))));
        assert!(has_own_directory(|docker| docker.mounts.push(mount("/workspace/deps"))));
        assert!(has_own_directory(|docker| docker.workdir = Some("/workspace/src".into())));

        assert!(!has_own_directory(|docker| docker.container = Some("mine".into())));
        assert!(!has_own_directory(|docker| docker.mounts.push(mount("/workspace/"))));
        assert!(!has_own_directory(|docker| docker.tmpfs.push("/workspace".into())));
        assert!(!has_own_directory(|docker| {
            docker.workdir = Some("/data/src".into());
            docker.mounts.push(mount("/data"));
        }));
    }

    #[test]
    fn without_containers_there_is_no_place() {
        let place = Contained::new(&Docker::image("i"), &Home::new(Path::new("/agents/a")));

        assert_eq!(place.unwrap_err(), Unsupported::NoContainers);
    }
}
