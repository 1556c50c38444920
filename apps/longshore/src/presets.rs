//! Agents of programs that people use: chosen by one word, or found on the PATH.

use std::collections::BTreeMap;
use std::ffi::OsStr;
use std::path::Path;
use std::str::FromStr;

use protocol::spec::{AgentSpec, Codec, Host, Preset};

/// Those that `up` looks for on the PATH.
pub(crate) const KNOWN: [&str; 5] = ["claude", "codex", "gemini", "opencode", "aider"];

/// What `--preset` names: a preset, or a program that speaks the Agent Client Protocol.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Chosen(AgentSpec);

impl Chosen {
    /// The agent of that name, with more arguments for its program.
    #[must_use]
    pub fn agent(self, name: Option<&str>, more: &[String]) -> AgentSpec {
        let mut spec = self.0;
        if let Some(name) = name {
            name.clone_into(&mut spec.name);
        }
        if let Some(Host::Process { args, .. }) = &mut spec.host {
            args.extend_from_slice(more);
        }
        spec
    }
}

impl FromStr for Chosen {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        if let Some(command) = text.strip_prefix("acp:") {
            let words = shlex::split(command).ok_or("the command has an open quote")?;
            let Some((command, args)) = words.split_first() else {
                return Err("expected acp:COMMAND, such as 'acp:opencode acp'".to_owned());
            };
            let file = Path::new(command).file_name().map(OsStr::to_string_lossy);
            let name = file.map_or_else(|| "acp".to_owned(), std::borrow::Cow::into_owned);
            let host = Host::Process {
                command: command.clone(),
                args: args.to_vec(),
                env: BTreeMap::new(),
                cwd: None,
            };
            return Ok(Self(AgentSpec::new(name, Codec::Acp {}, Some(host))));
        }
        Preset::named(text).map(|preset| Self(preset.spec)).ok_or_else(|| {
            let known = KNOWN.join(", ");
            format!("there are: {known}, bash, python, node, acp:COMMAND")
        })
    }
}

/// Agents of the programs that are on the PATH.
pub fn detect(path: Option<&OsStr>) -> impl Iterator<Item = AgentSpec> {
    let directories: Vec<_> = path.map(std::env::split_paths).into_iter().flatten().collect();
    let is_there =
        move |name: &&str| directories.iter().any(|directory| is_program(&directory.join(name)));
    let presets = KNOWN.into_iter().filter(is_there).filter_map(Preset::named);
    presets.map(|preset| preset.spec)
}

fn is_program(path: &Path) -> bool {
    use std::os::unix::fs::PermissionsExt;
    path.metadata().is_ok_and(|file| file.is_file() && file.permissions().mode() & 0o111 != 0)
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    #[test]
    fn every_preset_is_an_agent() {
        for name in KNOWN.into_iter().chain([
            "bash",
            "python",
            "node",
            "acp:opencode acp",
            "acp:'/a b/x' --y",
        ]) {
            let spec = name.parse::<Chosen>().unwrap().agent(None, &["--more".to_owned()]);
            assert_eq!(spec.check(), Ok(()), "{name}");
        }
        assert!("vim".parse::<Chosen>().unwrap_err().contains("claude, codex"));
        assert!("acp:".parse::<Chosen>().is_err());
        assert!("acp:'x".parse::<Chosen>().is_err());
    }

    #[test]
    fn a_command_of_a_protocol_is_taken_as_it_stands() {
        let spec = "acp:/opt/x/agent --acp 'a b'".parse::<Chosen>().unwrap().agent(None, &[]);

        assert_eq!((spec.name.as_str(), &spec.codec), ("agent", &Codec::Acp {}));
        let Some(Host::Process { command, args, .. }) = spec.host else { panic!("a process") };
        assert_eq!((command.as_str(), args), ("/opt/x/agent", vec!["--acp".into(), "a b".into()]));
    }

    #[test]
    fn programs_on_the_path_are_found() {
        let [empty, full] = [(); 2].map(|()| tempfile::tempdir().unwrap());
        for (name, mode) in [("codex", 0o755), ("claude", 0o755), ("gemini", 0o644)] {
            let file = full.path().join(name);
            std::fs::write(&file, "").unwrap();
            std::fs::set_permissions(&file, PermissionsExt::from_mode(mode)).unwrap();
        }
        let path = std::env::join_paths([empty.path(), full.path()]).unwrap();

        let found: Vec<_> = detect(Some(&path)).map(|spec| spec.name).collect();

        assert_eq!(found, ["claude", "codex"]);
        assert_eq!(detect(None).count(), 0);
    }
}
