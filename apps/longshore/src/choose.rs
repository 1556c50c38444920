//! Whom the command line talks to: which controller, which manager, which agent, which conversation.

use std::time::Duration;

use anyhow::{Context, bail};
use protocol::ClientId;
use protocol::agents::{AgentInfo, ConversationInfo};

use crate::agents;
use crate::api::{Api, Controller};
use crate::cli::{OfAgent, OfClient};
use crate::conversations::{Shelf, nearest};
use crate::directories::Directories;
use crate::hint::Advise;
use crate::line::Line;
use crate::spawn;

/// The agent for which nobody needs to ask.
const DEFAULT_AGENT: &str = "echo";
/// How long a server that was started for one command goes on when nobody is connected.
pub(crate) const BRIEFLY: Duration = Duration::from_secs(600);
/// The conversation that the command line talks in unless it is told otherwise.
pub(crate) const DEFAULT_CONVERSATION: &str = "CLI";

/// An agent, and how to get there.
pub(crate) struct Chosen {
    pub(crate) controller: Controller,
    pub(crate) client: ClientId,
    pub(crate) agent: AgentInfo,
}

impl Chosen {
    /// A connection to its manager.
    pub(crate) async fn line(&self) -> anyhow::Result<Line> {
        Line::open(&self.controller, self.client.clone()).await
    }

    /// Its conversations.
    pub(crate) fn shelf(&self, line: &Line) -> Shelf {
        Shelf::new(line.caller(), self.agent.agent_id.clone())
    }
}

/// The controller that the flags mean; one is started where none runs, if that is wanted.
pub(crate) async fn controller(
    of: &OfClient,
    spawn: Option<spawn::Options>,
    directories: &Directories,
) -> anyhow::Result<Controller> {
    let never = spawn::Options { forbidden: true, ..spawn::Options::default() };
    spawn::ensure(&of.target, spawn.unwrap_or(never), directories).await
}

/// The agent that the flags mean.
pub(crate) async fn agent(
    whom: &OfAgent,
    spawn: Option<spawn::Options>,
    directories: &Directories,
) -> anyhow::Result<Chosen> {
    let controller = controller(&whom.of, spawn, directories).await?;
    let (client, agents) = agents_of(controller.clone(), whom.of.client.clone()).await?;
    let agent = pick(&agents, whom.agent.as_deref())?.clone();
    Ok(Chosen { controller, client, agent })
}

/// The manager that is meant, and its agents.
pub(crate) async fn agents_of(
    controller: Controller,
    client: Option<String>,
) -> anyhow::Result<(ClientId, Vec<AgentInfo>)> {
    let asking = move || {
        let api = Api::new(controller);
        let client = api.client(client.as_deref())?;
        let agents = api.agents(&client.client_id)?;
        if agents.is_empty() {
            return Err(anyhow::anyhow!("{} has no agents", client.name))
                .hint("`longshore agent add` adds one");
        }
        Ok((client.client_id, agents))
    };
    tokio::task::spawn_blocking(asking).await.context("ask the controller for its agents")?
}

/// The agent of that name or id; without one, the only one, or `echo`.
pub(crate) fn pick<'a>(
    agents: &'a [AgentInfo],
    wanted: Option<&str>,
) -> anyhow::Result<&'a AgentInfo> {
    let names = agents::names(agents);
    match (wanted, agents) {
        (Some(wanted), _) => agents::find(agents, wanted)
            .with_context(|| format!("no agent is called \"{wanted}\"; there are: {names}")),
        (None, [only]) => Ok(only),
        (None, _) => agents::find(agents, DEFAULT_AGENT)
            .with_context(|| format!("choose an agent with --agent, one of {names}")),
    }
}

/// The conversation of that name or id; without one, the default one, made when it is not there.
pub(crate) async fn conversation(
    shelf: &Shelf,
    wanted: Option<&str>,
) -> anyhow::Result<ConversationInfo> {
    let Some(wanted) = wanted else {
        return shelf.find_or_create(DEFAULT_CONVERSATION).await;
    };
    let all = shelf.list(None).await?;
    if let Some(found) = by_name(&all, wanted) {
        return Ok(found.clone());
    }
    let near = nearest(&all, wanted, 1).into_iter().next();
    let near = near.map(|(near, _)| format!("; did you mean \"{}\"?", near.name));
    let error = anyhow::anyhow!(
        "No conversation named or matching \"{wanted}\" found{}",
        near.unwrap_or_default()
    );
    Err(error).hint(
        "`longshore conversations list` shows them, `longshore conversations create` makes one",
    )
}

/// The one with that id, or with that name whatever the case.
pub(crate) fn by_name<'a>(
    all: &'a [ConversationInfo],
    wanted: &str,
) -> Option<&'a ConversationInfo> {
    let wanted = wanted.trim();
    let is_named = |info: &&ConversationInfo| info.name.to_lowercase() == wanted.to_lowercase();
    all.iter()
        .find(|info| info.conversation_id.as_str() == wanted)
        .or_else(|| all.iter().find(is_named))
}

/// The text of words on a command line: `-` or none is standard input, when that is no terminal.
pub(crate) fn text(words: &[String]) -> anyhow::Result<String> {
    use std::io::{IsTerminal, Read};

    let from_stdin = matches!(words, []) || matches!(words, [dash] if dash == "-");
    if !from_stdin {
        return Ok(words.join(" "));
    }
    if words.is_empty() && std::io::stdin().is_terminal() {
        bail!("there is nothing to say: give a text, or pipe one in");
    }
    let mut text = String::new();
    std::io::stdin().read_to_string(&mut text).context("read standard input")?;
    Ok(text.trim_end_matches('\n').to_owned())
}

#[cfg(test)]
mod tests {
    use protocol::agents::AgentState;

    use super::*;
    use crate::conversations::tests::info;

    fn agent(name: &str) -> AgentInfo {
        AgentInfo {
            agent_id: protocol::AgentId::new(format!("ag_{name}")).unwrap(),
            name: name.into(),
            state: AgentState::Idle,
            client_count: 0,
        }
    }

    #[test]
    fn an_agent_is_chosen_by_name_by_id_as_the_only_one_or_as_echo() {
        let two = [agent("calc"), agent("echo")];
        let none = [agent("a"), agent("b")];

        assert_eq!(pick(&two, Some("calc")).unwrap().name, "calc");
        assert_eq!(pick(&two, Some("ag_calc")).unwrap().name, "calc");
        assert_eq!(pick(&two, None).unwrap().name, "echo");
        assert_eq!(pick(&none[..1], None).unwrap().name, "a");
        assert!(pick(&none, None).unwrap_err().to_string().contains("one of a, b"));
        assert!(pick(&two, Some("x")).unwrap_err().to_string().contains("\"x\""));
    }

    #[test]
    fn a_conversation_is_named_whatever_the_case_and_an_id_goes_first() {
        let all = [info("c1", "c2"), info("c2", "Notes")];

        assert_eq!(by_name(&all, "NOTES ").unwrap().conversation_id.as_str(), "c2");
        assert_eq!(by_name(&all, "c2").unwrap().name, "Notes");
        assert!(by_name(&all, "Note").is_none());
    }

    #[test]
    fn words_are_a_text() {
        assert_eq!(text(&["a".into(), "b c".into()]).unwrap(), "a b c");
    }
}
