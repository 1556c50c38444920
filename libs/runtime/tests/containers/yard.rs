//! A manager's containers, and the engine's own view of them.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use protocol::spec::{AgentSpec, Codec, Docker, Host};
use protocol::{AgentId, RunId};
use runtime::{ContainerRules, Containers, Graces, Home, Session, Stay};
use tempfile::TempDir;

use super::support::{Agent, NEVER_MS};

/// The image that the engine's helper makes: a busybox.
pub(crate) const IMAGE: &str = "longshore-test";

/// Graces for programs that do not react to signals, as the first process of a container does not unless it says so.
pub(crate) const HURRIED: Graces =
    Graces { interrupt: Duration::from_millis(50), terminate: Duration::from_millis(50) };

pub(crate) struct Yard {
    pub(crate) rules: ContainerRules,
    pub(crate) containers: Containers,
    pub(crate) agent: AgentId,
    directory: TempDir,
}

/// The engine's address.
pub(crate) fn engine() -> String {
    std::env::var("LONGSHORE_TEST_ENGINE").expect("run by tests/docker/engine.sh")
}

/// What the engine's own command line says.
#[track_caller]
pub(crate) fn docker(args: &[&str]) -> String {
    let output = Command::new("docker").arg("--host").arg(engine()).args(args).output().unwrap();
    assert!(output.status.success(), "{args:?}: {}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap().trim().to_owned()
}

/// Waits until a shell in a container has started a program.
pub(crate) async fn busy(id: &str) {
    let id = id.to_owned();
    let waiting =
        tokio::task::spawn_blocking(move || while docker(&["top", &id]).lines().count() < 3 {});
    waiting.await.unwrap();
}

impl Yard {
    pub(crate) fn new() -> Self {
        Self::with(|_| ())
    }

    pub(crate) fn with(change: impl FnOnce(&mut ContainerRules)) -> Self {
        let mut rules = ContainerRules {
            manager: RunId::random().to_string(),
            engine: Some(engine()),
            ..ContainerRules::default()
        };
        change(&mut rules);
        let containers = Containers::new(rules.clone());
        let directory = tempfile::tempdir().unwrap();
        Self { rules, containers, agent: AgentId::random(), directory }
    }

    /// The same manager, started again.
    pub(crate) fn again(&self) -> Containers {
        Containers::new(self.rules.clone())
    }

    pub(crate) fn workdir(&self) -> PathBuf {
        self.directory.path().canonicalize().unwrap().join("agents/one")
    }

    pub(crate) fn place(&self, containers: &Containers, session: &str, stay: Stay) -> Home {
        Home::new(&self.workdir()).with_containers(containers, &self.agent, session, stay)
    }

    pub(crate) fn start(&self, spec: &AgentSpec) -> Agent {
        self.start_at(spec, self.place(&self.containers, "one", Stay::Keep))
    }

    pub(crate) fn start_at(&self, spec: &AgentSpec, place: Home) -> Agent {
        let (session, events) = Session::start_at(spec, place, None, HURRIED);
        Agent { session, events, workdir: tempfile::tempdir().unwrap() }
    }

    /// The ids of its containers, with these more filters.
    pub(crate) fn list(&self, filters: &[&str]) -> Vec<String> {
        let own = format!("label=longshore.manager={}", self.rules.manager);
        let mut args = vec!["ps", "-aq", "--no-trunc", "--filter", &own];
        args.extend(filters.iter().flat_map(|filter| ["--filter", filter]));
        docker(&args).lines().map(str::to_owned).collect()
    }

    /// The same for its only container, which may be about to be started.
    pub(crate) async fn busy(&self) {
        let own = self.rules.manager.clone();
        let waiting = tokio::task::spawn_blocking(move || {
            loop {
                let label = format!("label=longshore.manager={own}");
                let id = docker(&["ps", "-q", "--filter", &label]);
                if !id.is_empty() {
                    return id;
                }
            }
        });
        busy(&waiting.await.unwrap()).await;
    }

    /// The id of its only container.
    #[track_caller]
    pub(crate) fn only(&self) -> String {
        let [only] = &self.list(&[])[..] else { panic!("one container") };
        only.clone()
    }
}

impl Drop for Yard {
    fn drop(&mut self) {
        for id in self.list(&[]) {
            docker(&["rm", "-fv", &id]);
        }
    }
}

/// An agent in a container, given all the time it needs.
pub(crate) fn spec(docker: Docker) -> AgentSpec {
    let codec = Codec::Lines {
        sentinel: None,
        one_line: false,
        quiet_ms: 300,
        empty_ms: NEVER_MS,
        greeting_ms: 1_000,
        control: true,
    };
    AgentSpec::new("test", codec, Some(Host::Docker(docker)))
}

/// One that answers with the line that it is told.
pub(crate) fn cat() -> AgentSpec {
    one_line(spec(with_command(&["cat"])))
}

/// One that runs each message as a command, and ends its answer with `END`.
pub(crate) fn shell() -> AgentSpec {
    shell_with(|_| ())
}

pub(crate) fn shell_with(change: impl FnOnce(&mut Docker)) -> AgentSpec {
    let script = "while read -r line; do eval \"$line\" 2>&1; echo END; done";
    let mut docker = with_command(&["sh", "-c", script]);
    change(&mut docker);
    let mut spec = spec(docker);
    if let Codec::Lines { sentinel, .. } = &mut spec.codec {
        *sentinel = Some("^END$".to_owned());
    }
    spec
}

pub(crate) fn one_line(mut spec: AgentSpec) -> AgentSpec {
    if let Codec::Lines { one_line, .. } = &mut spec.codec {
        *one_line = true;
    }
    spec
}

pub(crate) fn with_command(command: &[&str]) -> Docker {
    let command = command.iter().map(|&word| word.to_owned()).collect();
    Docker { command, ..Docker::image(IMAGE) }
}

pub(crate) fn mounted(source: &Path, target: &str) -> protocol::spec::Mount {
    protocol::spec::Mount { source: source.to_owned(), target: target.into(), read_only: false }
}
