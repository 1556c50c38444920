//! `longshore agent`: the agents of a manager.

use std::collections::BTreeMap;

use anyhow::{Context, anyhow};
use protocol::agents::{AgentCheck, AgentInfo, AgentState};
use protocol::spec::{AgentSpec, Codec, Docker, Host};
use protocol::{AgentId, ClientId};
use serde::{Deserialize, Serialize};

use crate::api::{Api, Controller};
use crate::cli::{Agent, AgentAdd, OfClient};
use crate::directories::Directories;
use crate::hint::Advise;
use crate::out::{self, say};
use crate::table;

/// Where a container has the agent's own directory.
const WORKSPACE: &str = "/workspace";

/// Adds, lists or removes.
///
/// # Errors
/// What the controller answers, or that it cannot be reached.
pub fn execute(command: Agent, directories: &Directories) -> anyhow::Result<()> {
    match command {
        Agent::Add(add) => self::add(&add, directories),
        Agent::List { json, of } => {
            let (api, client) = connect(&of, directories)?;
            list(&api.agents(&client)?, json)
        }
        Agent::Show { agent, json, of } => {
            let (api, client) = connect(&of, directories)?;
            show(&one(&api, &client, &agent)?, json)
        }
        Agent::Start { agent, json, of } => act("start", &agent, json, &of, directories),
        Agent::Stop { agent, json, of } => act("stop", &agent, json, &of, directories),
        Agent::Restart { agent, json, of } => act("restart", &agent, json, &of, directories),
        Agent::Doctor { agent, json, of } => {
            let (api, client) = connect(&of, directories)?;
            let found = one(&api, &client, &agent)?;
            let path = format!("/api/clients/{client}/agents/{}/check", found.agent_id);
            doctor(&found.name, &api.post(&path, &Nothing {})?, json)
        }
        Agent::Remove { agent, json, of } => {
            let (api, client) = connect(&of, directories)?;
            let found = one(&api, &client, &agent)?;
            api.delete(&format!("/api/clients/{client}/agents/{}", found.agent_id))?;
            done(&found, json)
        }
    }
}

/// A request that says nothing.
#[derive(Serialize)]
struct Nothing {}

fn act(
    what: &str,
    agent: &str,
    json: bool,
    of: &OfClient,
    directories: &Directories,
) -> anyhow::Result<()> {
    let (api, client) = connect(of, directories)?;
    let found = one(&api, &client, agent)?;
    api.act(&format!("/api/clients/{client}/agents/{}/{what}", found.agent_id))?;
    done(&found, json)
}

/// Scripts are told what it was done to; people, nothing.
fn done(agent: &AgentInfo, json: bool) -> anyhow::Result<()> {
    if json { out::json(agent) } else { Ok(()) }
}

fn one(api: &Api, client: &ClientId, wanted: &str) -> anyhow::Result<AgentInfo> {
    let agents = api.agents(client)?;
    find(&agents, wanted)
        .cloned()
        .with_context(|| format!("no agent is called \"{wanted}\"; there are: {}", names(&agents)))
        .hint("`longshore agent add` adds one")
}

/// Shows what was found. An agent that cannot be used is an error, for scripts.
fn doctor(name: &str, check: &AgentCheck, json: bool) -> anyhow::Result<()> {
    if json {
        out::json(check)?;
    } else {
        let program = check.program.as_deref().unwrap_or("built in");
        say!("{:<10}{program}", "program");
        if let Some(version) = &check.version {
            say!("{:<10}{version}", "version");
        }
        say!("{:<10}{}", "codec", check.codec);
        let abilities = check.can.iter().filter_map(|ability| serde_json::to_value(ability).ok());
        let abilities: Vec<_> = abilities.filter_map(|it| Some(it.as_str()?.to_owned())).collect();
        say!("{:<10}{}", "can", abilities.join(", "));
        if check.problem.is_none() {
            say!("{:<10}yes, after {} ms", "answers", check.duration_ms);
        }
    }
    match &check.problem {
        Some(problem) => Err(anyhow!("{name} cannot be used: {problem}"))
            .hint("is its program installed, and logged in, on the machine of its manager?"),
        None => Ok(()),
    }
}

/// A new agent and its password, which nobody can show again.
#[derive(Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Added {
    agent_id: AgentId,
    password: String,
}

fn add(add: &AgentAdd, directories: &Directories) -> anyhow::Result<()> {
    let spec = spec(add)?;
    spec.check()?;
    let (api, client) = connect(&add.of, directories)?;
    let added: Added = api.post(&format!("/api/clients/{client}/agents"), &spec)?;
    if add.json {
        out::json(&added)?;
    } else {
        say!("added agent {} ({})", spec.name, added.agent_id);
        say!("password, shown only now and kept by the controller: {}", added.password);
    }
    Ok(())
}

fn spec(add: &AgentAdd) -> anyhow::Result<AgentSpec> {
    let mut spec = on_this_machine(add);
    let Some(image) = &add.image else { return Ok(spec) };
    let Some(Host::Process { command, args, mut env, .. }) = spec.host.take() else {
        anyhow::bail!("--image needs a program: give a command after `--`, or a --preset");
    };
    // What the program keeps there, such as its sessions and its login, outlives the container.
    env.entry("HOME".to_owned()).or_insert_with(|| WORKSPACE.to_owned());
    let command = std::iter::once(command).chain(args).collect();
    spec.host = Some(Host::Docker(Docker { command, env, ..Docker::image(image) }));
    Ok(spec)
}

fn on_this_machine(add: &AgentAdd) -> AgentSpec {
    let name = add.name.as_deref();
    if let Some(preset) = &add.preset {
        let mut spec = preset.clone().agent(name, &add.command);
        spec.approvals.policy = add.approvals.unwrap_or_default();
        return spec;
    }
    let name = name.unwrap_or_default();
    let [program, args @ ..] = add.command.as_slice() else {
        return AgentSpec::echo(name);
    };
    let plain = AgentSpec::lines(name, program, args.to_vec());
    let Codec::Lines { quiet_ms, empty_ms, greeting_ms, control, .. } = plain.codec else {
        return plain;
    };
    let codec = Codec::Lines {
        sentinel: add.sentinel.clone(),
        one_line: add.one_line,
        quiet_ms: add.quiet_ms.unwrap_or(quiet_ms),
        empty_ms: add.empty_ms.unwrap_or(empty_ms),
        greeting_ms: add.greeting_ms.unwrap_or(greeting_ms),
        control,
    };
    let host = Host::Process {
        command: program.clone(),
        args: args.to_vec(),
        env: BTreeMap::new(),
        cwd: None,
    };
    AgentSpec::new(plain.name, codec, Some(host))
}

fn connect(of: &OfClient, directories: &Directories) -> anyhow::Result<(Api, ClientId)> {
    let api = Api::new(Controller::find(&of.target, directories)?);
    let client = api.client(of.client.as_deref())?;
    Ok((api, client.client_id))
}

/// The agent of that name or id.
#[must_use]
pub fn find<'a>(agents: &'a [AgentInfo], wanted: &str) -> Option<&'a AgentInfo> {
    agents.iter().find(|agent| agent.name == wanted || agent.agent_id.as_str() == wanted)
}

/// Their names, for a message.
#[must_use]
pub fn names(agents: &[AgentInfo]) -> String {
    let names: Vec<&str> = agents.iter().map(|agent| agent.name.as_str()).collect();
    names.join(", ")
}

fn state(agent: &AgentInfo) -> &'static str {
    match agent.state {
        AgentState::Stopped => "stopped",
        AgentState::Idle => "idle",
        AgentState::Running => "running",
        AgentState::Blocked => "blocked",
    }
}

fn list(agents: &[AgentInfo], json: bool) -> anyhow::Result<()> {
    if json {
        return out::json(agents);
    }
    let row = |agent: &AgentInfo| {
        [agent.name.clone(), state(agent).to_owned(), agent.agent_id.to_string()]
    };
    let rows: Vec<_> = agents.iter().map(row).collect();
    table::print(["NAME", "STATE", "ID"], &rows);
    Ok(())
}

fn show(agent: &AgentInfo, json: bool) -> anyhow::Result<()> {
    if json {
        return out::json(agent);
    }
    say!("{:<10}{}", "name", agent.name);
    say!("{:<10}{}", "id", agent.agent_id);
    say!("{:<10}{}", "state", state(agent));
    say!("{:<10}{}", "logged in", agent.client_count);
    Ok(())
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use protocol::spec::ApprovalPolicy;

    use super::*;
    use crate::cli::{Cli, Command};

    fn parsed(args: &[&str]) -> AgentSpec {
        let cli = Cli::try_parse_from(["longshore", "agent", "add"].iter().chain(args)).unwrap();
        let Command::Agent(Agent::Add(add)) = cli.command else { panic!("agent add") };
        spec(&add).unwrap()
    }

    #[test]
    fn without_a_command_it_is_an_echo() {
        assert_eq!(parsed(&["parrot"]), AgentSpec::echo("parrot"));
    }

    #[test]
    fn a_preset_is_named_after_its_program() {
        let spec =
            parsed(&["--preset", "claude", "--approvals", "allow-read", "--", "--model", "x"]);
        assert_eq!((spec.name.as_str(), &spec.codec), ("claude", &Codec::Claude {}));
        assert_eq!(spec.approvals.policy, ApprovalPolicy::AllowRead);
        let Some(Host::Process { args, .. }) = &spec.host else { panic!("a process") };
        assert_eq!(args, &["--model", "x"]);
        assert_eq!(parsed(&["mine", "--preset", "codex"]).name, "mine");
        assert!(Cli::try_parse_from(["longshore", "agent", "add"]).is_err());
    }

    #[test]
    fn with_an_image_it_is_in_a_container_and_at_home_in_its_own_directory() {
        let spec = parsed(&["--preset", "claude", "--image", "my/claude:1", "--", "--model", "x"]);
        let Some(Host::Docker(docker)) = &spec.host else { panic!("a container") };
        assert_eq!(docker.command, ["claude", "--model", "x"]);
        assert_eq!(
            (docker.image.as_deref(), docker.env["HOME"].as_str()),
            (Some("my/claude:1"), "/workspace")
        );
        assert_eq!(spec.check(), Ok(()));

        let cli = Cli::try_parse_from(["longshore", "agent", "add", "x", "--image", "a"]).unwrap();
        let Command::Agent(Agent::Add(add)) = cli.command else { panic!("agent add") };
        assert!(self::spec(&add).is_err(), "an echo has no program");
    }

    #[test]
    fn a_command_is_taken_as_it_stands() {
        assert_eq!(
            parsed(&["calc", "--", "bc", "-l"]),
            AgentSpec::lines("calc", "bc", vec!["-l".into()])
        );
        let Codec::Lines { sentinel, quiet_ms, .. } =
            parsed(&["sh", "--sentinel", "^ok$", "--quiet-ms", "50", "--", "sh"]).codec
        else {
            panic!("lines")
        };
        assert_eq!((sentinel.as_deref(), quiet_ms), (Some("^ok$"), 50));
    }
}
