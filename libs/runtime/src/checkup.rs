//! Whether an agent can be used as it is configured.

use protocol::spec::AgentSpec;
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

use crate::codec;
use crate::flow;
use crate::host::program::Program;
use crate::session::Graces;
use crate::site::{Home, Site};

/// What was found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Checkup {
    /// The program's name; none for what is built in.
    pub program: Option<String>,
    /// The first line of what it prints for `--version`.
    pub version: Option<String>,
    /// Whether it can take up a session of its own.
    pub resumes: bool,
    /// Why it cannot be used, for people.
    pub problem: Option<String>,
}

/// Looks whether an agent's program is there, which version it is, and whether it answers as a program of its codec does. It
/// is started for that, beside those that run, and ended. Takes half a minute at most, beside what it takes to pull an image.
pub async fn check(spec: &AgentSpec, home: Home) -> Checkup {
    let (speaker, _unheard) = flow::channel();
    let (_cancel, cancelled) = watch::channel(None);
    let site = Site::new(home.clone(), CancellationToken::new(), cancelled, speaker);
    let mut checkup = Checkup { program: None, version: None, resumes: false, problem: None };
    let program = spec.host.clone().map(|host| Program::new(Some(host), &site)).transpose();
    let there = match program {
        Ok(None) => Ok(()),
        Ok(Some(program)) => {
            checkup.program = Some(program.name());
            checkup.version = program.version().await;
            program.find()
        }
        Err(problem) => Err(problem),
    };
    let answers = match there {
        Ok(()) => codec::check(spec.clone(), &site, Graces::default()).await,
        Err(problem) => Err(problem),
    };
    match answers {
        Ok(resumes) => checkup.resumes = resumes,
        Err(problem) => checkup.problem = Some(problem),
    }
    home.leave().await;
    checkup
}

#[cfg(test)]
mod tests {
    use protocol::spec::Codec;

    use super::*;

    async fn checked(spec: &AgentSpec) -> Checkup {
        let workdir = tempfile::tempdir().unwrap();
        check(spec, Home::new(workdir.path())).await
    }

    #[tokio::test]
    async fn what_is_there_has_a_name_and_a_version() {
        let found = checked(&AgentSpec::lines("shell", "bash", Vec::new())).await;

        assert_eq!((found.program.as_deref(), found.problem), (Some("bash"), None));
        assert!(found.version.unwrap().contains("bash"));
        assert_eq!(checked(&AgentSpec::echo("echo")).await.problem, None);
    }

    #[tokio::test]
    async fn what_is_missing_or_something_else_is_said() {
        let missing = checked(&AgentSpec::lines("x", "no-such-program", Vec::new())).await;
        assert!(missing.problem.unwrap().contains("no-such-program"));

        let mut other =
            AgentSpec::lines("x", "sh", vec!["-c".into(), "echo no >&2; exit 4".into()]);
        other.codec = Codec::Acp {};
        let problem = checked(&other).await.problem.unwrap();
        assert!(problem.contains("exited with code 4: no"), "{problem}");
    }
}
