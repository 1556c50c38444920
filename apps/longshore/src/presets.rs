//! Agents of programs that people use, each by one word.

use std::ffi::OsStr;
use std::path::Path;
use std::str::FromStr;

use protocol::spec::{AgentSpec, Codec, CodexSandbox, Host};

/// Where aider waits for a message, or for an answer to a question of its own.
const AIDER_PROMPT: &str = r"^([a-z]+ ?)*> $|\((Y|N)\).*\[(Yes|No)\]: $";

/// How long it may take until then, in milliseconds: it loads for seconds.
const AIDER_STARTS_MS: u64 = 60_000;

/// The same of an interpreter.
const STARTS_MS: u64 = 10_000;

/// It prompts, and says what is wrong, on stderr.
const PYTHON: &str = r#"exec python3 -i -u -q "$@" 2>&1"#;

/// A program that longshore knows how to start and how to talk to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Preset {
    name: String,
    codec: Codec,
    command: String,
    args: Vec<String>,
    env: Vec<(&'static str, &'static str)>,
}

/// Those that `up` looks for on the PATH.
const KNOWN: [&str; 5] = ["claude", "codex", "gemini", "opencode", "aider"];

impl Preset {
    /// The agent of that name, with more arguments for its program.
    #[must_use]
    pub fn agent(self, name: Option<&str>, more: &[String]) -> AgentSpec {
        let host = Host::Process {
            command: self.command,
            args: self.args.into_iter().chain(more.iter().cloned()).collect(),
            env: self.env.iter().map(|(name, value)| ((*name).into(), (*value).into())).collect(),
            cwd: None,
        };
        AgentSpec::new(name.unwrap_or(&self.name), self.codec, Some(host))
    }

    fn new(codec: Codec, words: &[&str]) -> Self {
        let (command, args) = words.split_first().expect("a program");
        Self {
            name: (*command).to_owned(),
            codec,
            command: (*command).to_owned(),
            args: args.iter().map(|arg| (*arg).to_owned()).collect(),
            env: Vec::new(),
        }
    }
}

impl FromStr for Preset {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        if let Some(command) = text.strip_prefix("acp:") {
            let words = shlex::split(command).ok_or("the command has an open quote")?;
            let words: Vec<&str> = words.iter().map(String::as_str).collect();
            if words.is_empty() {
                return Err("expected acp:COMMAND, such as 'acp:opencode acp'".to_owned());
            }
            let mut preset = Self::new(Codec::Acp {}, &words);
            let file = Path::new(&preset.command).file_name().map(OsStr::to_string_lossy);
            preset.name = file.map_or_else(|| "acp".to_owned(), std::borrow::Cow::into_owned);
            return Ok(preset);
        }
        Ok(match text {
            "claude" => Self::new(Codec::Claude {}, &["claude"]),
            "codex" => Self::new(Codec::Codex { sandbox: CodexSandbox::default() }, &["codex"]),
            "gemini" => Self::new(Codec::Acp {}, &["gemini", "--acp"]),
            "opencode" => Self::new(Codec::Acp {}, &["opencode", "acp"]),
            "aider" => Self {
                // Its prompts have no newline: Python keeps them back otherwise.
                env: vec![("TERM", "dumb"), ("PYTHONUNBUFFERED", "1")],
                ..Self::new(
                    prompting(AIDER_PROMPT, AIDER_STARTS_MS),
                    &[
                        "aider",
                        "--no-pretty",
                        "--no-stream",
                        "--no-fancy-input",
                        "--no-check-update",
                        "--no-show-release-notes",
                    ],
                )
            },
            "python" => Self {
                name: "python".to_owned(),
                ..Self::new(prompting("^>>> $", STARTS_MS), &["sh", "-c", PYTHON, "python3"])
            },
            "node" => Self::new(prompting("^> $", STARTS_MS), &["node", "-i"]),
            "bash" => Self::new(
                AgentSpec::lines("bash", "bash", Vec::new()).codec,
                &["bash", "--noprofile", "--norc"],
            ),
            _ => {
                let known = KNOWN.join(", ");
                return Err(format!("there are: {known}, bash, python, node, acp:COMMAND"));
            }
        })
    }
}

/// Lines, up to a prompt.
fn prompting(prompt: &str, starts_ms: u64) -> Codec {
    match AgentSpec::lines("x", "x", Vec::new()).codec {
        Codec::Lines { one_line, quiet_ms, empty_ms, .. } => Codec::Lines {
            sentinel: Some(prompt.to_owned()),
            one_line,
            quiet_ms,
            empty_ms,
            greeting_ms: starts_ms,
            control: false,
        },
        codec => codec,
    }
}

/// Agents of the programs that are on the PATH.
pub fn detect(path: Option<&OsStr>) -> impl Iterator<Item = AgentSpec> {
    let directories: Vec<_> = path.map(std::env::split_paths).into_iter().flatten().collect();
    let is_there =
        move |name: &&str| directories.iter().any(|directory| is_program(&directory.join(name)));
    let presets = KNOWN.into_iter().filter(is_there).filter_map(|name| name.parse().ok());
    presets.map(|preset: Preset| preset.agent(None, &[]))
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
            let spec = name.parse::<Preset>().unwrap().agent(None, &["--more".to_owned()]);
            assert_eq!(spec.check(), Ok(()), "{name}");
        }
        assert!("vim".parse::<Preset>().unwrap_err().contains("claude, codex"));
        assert!("acp:".parse::<Preset>().is_err());
        assert!("acp:'x".parse::<Preset>().is_err());
    }

    #[test]
    fn a_command_of_a_protocol_is_taken_as_it_stands() {
        let spec = "acp:/opt/x/agent --acp 'a b'".parse::<Preset>().unwrap().agent(None, &[]);

        assert_eq!((spec.name.as_str(), &spec.codec), ("agent", &Codec::Acp {}));
        let Some(Host::Process { command, args, .. }) = spec.host else { panic!("a process") };
        assert_eq!((command.as_str(), args), ("/opt/x/agent", vec!["--acp".into(), "a b".into()]));
    }

    #[test]
    fn aider_prompts_end_its_turns() {
        let prompt = regex::Regex::new(AIDER_PROMPT).unwrap();

        for line in ["> ", "ask> ", "architect multi> ", "Add file? (Y)es/(N)o [Yes]: "] {
            assert!(prompt.is_match(line), "{line}");
        }
        for line in ["> quoted", "x>", "a -> b", "The answer is: "] {
            assert!(!prompt.is_match(line), "{line}");
        }
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
