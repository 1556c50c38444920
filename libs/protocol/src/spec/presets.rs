//! Agents of programs that people use, each by one word.

use serde::Serialize;

use super::{AgentSpec, Codec, CodexSandbox, Host};

/// Where aider waits for a message, or for an answer to a question of its own.
const AIDER_PROMPT: &str = r"^([a-z]+ ?)*> $|\((Y|N)\).*\[(Yes|No)\]: $";

/// How long it may take until then, in milliseconds: it loads for seconds.
const AIDER_STARTS_MS: u64 = 60_000;

/// The same of an interpreter.
const STARTS_MS: u64 = 10_000;

/// It prompts, and says what is wrong, on stderr.
const PYTHON: &str = r#"exec python3 -i -u -q "$@" 2>&1"#;

/// A program that longshore knows how to start and how to talk to.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Preset {
    /// The word for it.
    pub name: &'static str,
    /// What people call it.
    pub title: &'static str,
    /// The agent, under the name of the preset.
    pub spec: AgentSpec,
}

impl Preset {
    /// All of them: first those that are made to be agents, then interpreters.
    #[must_use]
    pub fn all() -> Vec<Self> {
        vec![
            Self::new("claude", "Claude Code", Codec::Claude {}, &["claude"]),
            Self::new(
                "codex",
                "Codex",
                Codec::Codex { sandbox: CodexSandbox::default() },
                &["codex"],
            ),
            Self::new("gemini", "Gemini CLI", Codec::Acp {}, &["gemini", "--acp"]),
            Self::new("opencode", "opencode", Codec::Acp {}, &["opencode", "acp"]),
            aider(),
            Self::new(
                "bash",
                "Bash",
                AgentSpec::lines("bash", "bash", Vec::new()).codec,
                &["bash", "--noprofile", "--norc"],
            ),
            Self::new(
                "python",
                "Python",
                prompting("^>>> $", STARTS_MS),
                &["sh", "-c", PYTHON, "python3"],
            ),
            Self::new("node", "Node.js", prompting("^> $", STARTS_MS), &["node", "-i"]),
        ]
    }

    /// That of this name.
    #[must_use]
    pub fn named(name: &str) -> Option<Self> {
        Self::all().into_iter().find(|preset| preset.name == name)
    }

    fn new(name: &'static str, title: &'static str, codec: Codec, words: &[&str]) -> Self {
        let (command, args) = words.split_first().expect("a program");
        let host = Host::Process {
            command: (*command).to_owned(),
            args: args.iter().map(|arg| (*arg).to_owned()).collect(),
            env: std::collections::BTreeMap::new(),
            cwd: None,
        };
        Self { name, title, spec: AgentSpec::new(name, codec, Some(host)) }
    }
}

fn aider() -> Preset {
    let mut preset = Preset::new(
        "aider",
        "aider",
        prompting(AIDER_PROMPT, AIDER_STARTS_MS),
        &[
            "aider",
            "--no-pretty",
            "--no-stream",
            "--no-fancy-input",
            "--no-check-update",
            "--no-show-release-notes",
        ],
    );
    if let Some(Host::Process { env, .. }) = &mut preset.spec.host {
        // Its prompts have no newline: Python keeps them back otherwise.
        env.extend(
            [("TERM", "dumb"), ("PYTHONUNBUFFERED", "1")]
                .map(|(name, value)| (name.into(), value.into())),
        );
    }
    preset
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_preset_is_an_agent_under_its_name() {
        for preset in Preset::all() {
            assert_eq!(preset.spec.check(), Ok(()), "{}", preset.name);
            assert_eq!(preset.spec.name, preset.name);
            assert_eq!(Preset::named(preset.name), Some(preset));
        }
        assert_eq!(Preset::named("vim"), None);
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
}
