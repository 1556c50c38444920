//! What the commands in a conversation do.

use anyhow::{Context, bail};
use protocol::agents::{
    AgentInfo, Agents, ConversationInfo, GetHistory, History, ListAgents, PromoteRun, Queue,
    QueuedRun, RunPromoted,
};
use protocol::names::agents;
use protocol::{AgentId, ConversationId, RunId};

use super::slash::Conversation;
use crate::agents as named;
use crate::choose::{DEFAULT_CONVERSATION, by_name};
use crate::conversations::{Shelf, columns, nearest, table};
use crate::line::Caller;
use crate::paint::brief;

/// Where the command is given.
#[derive(Debug, Clone)]
pub(super) struct Here {
    pub(super) caller: Caller,
    pub(super) agent: AgentInfo,
    pub(super) conversation: ConversationId,
}

/// What comes of a command.
#[derive(Debug)]
pub(super) enum Effect {
    /// Lines to show.
    Show(String),
    /// Another conversation is to be followed.
    Go(AgentInfo, ConversationInfo),
    /// The user is asked whether that is meant.
    Ask(String, Box<Asked>),
    /// What Tab can complete: conversations of this agent, and agents.
    Know(Vec<String>, Option<Vec<String>>),
    /// Entries that were said before.
    Recall(History),
}

/// What is done when the user says yes.
#[derive(Debug, Clone)]
pub(super) enum Asked {
    Go(ConversationInfo),
    Delete(ConversationInfo),
    Shutdown,
}

impl Here {
    fn shelf(&self) -> Shelf {
        Shelf::new(self.caller.clone(), self.agent.agent_id.clone())
    }

    /// What Tab can complete.
    pub(super) async fn names(self) -> anyhow::Result<Vec<Effect>> {
        let all: Agents = self.caller.forward(None, agents::LIST_AGENTS, &ListAgents {}).await?;
        let conversations = self.shelf().list(None).await?;
        let conversations = conversations.into_iter().map(|info| info.name).collect();
        let agents = all.agents.into_iter().map(|agent| agent.name).collect();
        Ok(vec![Effect::Know(conversations, Some(agents))])
    }

    pub(super) async fn conversation(self, command: Conversation) -> anyhow::Result<Vec<Effect>> {
        let shelf = self.shelf();
        match command {
            Conversation::New(name) => {
                let made = shelf.create(&name, false, false).await?;
                let said =
                    format!("Created conversation '{}' ({})\n", made.name, made.conversation_id);
                let question = format!("Switch to \"{}\" now? (y/N)", made.name);
                let asked = Box::new(Asked::Go(made));
                return Ok(vec![Effect::Show(said), Effect::Ask(question, asked)]);
            }
            Conversation::Search(query) => {
                let found = shelf.search(&query, 10).await?;
                let found: Vec<_> = found.into_iter().map(|found| found.conversation).collect();
                return Ok(vec![Effect::Show(table(&found) + "\n")]);
            }
            _ => {}
        }
        let all = shelf.list(None).await?;
        let mut effects =
            vec![Effect::Know(all.iter().map(|info| info.name.clone()).collect(), None)];
        let current = all.iter().find(|info| info.conversation_id == self.conversation);
        effects.push(match command {
            Conversation::New(_) | Conversation::Search(_) => return Ok(effects),
            Conversation::Switch(name) => self.switch(&all, &shelf, &name).await?,
            Conversation::List(filter) => {
                let wanted = filter.unwrap_or_default().to_lowercase();
                let fits = |info: &&ConversationInfo| info.name.to_lowercase().contains(&wanted);
                Effect::Show(self.list(all.iter().filter(fits)))
            }
            Conversation::Find(query) => {
                let found = nearest(&all, &query, 10).into_iter().map(|(info, _)| info);
                Effect::Show(self.list(found))
            }
            Conversation::Info => {
                Effect::Show(self.info(current.context("the conversation is gone")?))
            }
            Conversation::Next => self.neighbour(&all, 1),
            Conversation::Prev => self.neighbour(&all, all.len().saturating_sub(1)),
            Conversation::Rename(text) => {
                let (of, name) = renaming(&all, &text);
                let id = of.map_or(&self.conversation, |info| &info.conversation_id);
                let renamed = shelf.rename(id, &name).await?;
                Effect::Show(format!("Renamed conversation {id} to '{}'\n", renamed.name))
            }
            Conversation::Delete(name) => {
                let Some(info) = by_name(&all, &name) else { bail!("{}", missing(&name)) };
                if info.conversation_id == self.conversation {
                    bail!(
                        "Cannot delete the currently active conversation \"{}\". Switch to a different conversation first.",
                        info.name
                    );
                }
                let question =
                    format!("Delete conversation \"{}\" and all its data? (y/N)", info.name);
                Effect::Ask(question, Box::new(Asked::Delete(info.clone())))
            }
        });
        Ok(effects)
    }

    /// By name or id, else by something like the name, else by what was said in it.
    async fn switch(
        &self,
        all: &[ConversationInfo],
        shelf: &Shelf,
        name: &str,
    ) -> anyhow::Result<Effect> {
        let near = || nearest(all, name, 1).first().map(|(info, _)| (*info).clone());
        let found = match by_name(all, name).cloned().or_else(near) {
            Some(found) => Some(found),
            None => shelf.search(name, 1).await?.into_iter().next().map(|found| found.conversation),
        };
        let Some(found) = found else { bail!("{}", missing(name)) };
        Ok(self.go(found))
    }

    fn go(&self, to: ConversationInfo) -> Effect {
        if to.conversation_id == self.conversation {
            return Effect::Show(format!("Already on conversation \"{}\".\n", to.name));
        }
        Effect::Go(self.agent.clone(), to)
    }

    fn neighbour(&self, all: &[ConversationInfo], step: usize) -> Effect {
        if all.len() < 2 {
            let only = "Only one conversation is available — nothing to switch to.\n";
            return Effect::Show(only.to_owned());
        }
        let at = all.iter().position(|info| info.conversation_id == self.conversation);
        let next = at.map_or(0, |at| (at + step) % all.len());
        self.go(all[next].clone())
    }

    fn list<'a>(&self, all: impl Iterator<Item = &'a ConversationInfo>) -> String {
        let mut rows = vec![["  NAME", "CREATED", "MESSAGES", "CLIENTS"].map(str::to_owned)];
        rows.extend(all.map(|info| {
            let mark = if info.conversation_id == self.conversation { '▸' } else { ' ' };
            [
                format!("{mark} {}", brief(&info.name, 48)),
                info.created_at.to_string().chars().take(16).collect::<String>().replace('T', " "),
                info.message_count.to_string(),
                info.client_count.to_string(),
            ]
        }));
        if rows.len() == 1 {
            return "No conversations found.\n".to_owned();
        }
        columns(&rows) + "\n"
    }

    fn info(&self, info: &ConversationInfo) -> String {
        let row = |name: &str, value: String| [name.to_owned(), value];
        let rows = [
            row("conversation", brief(&info.name, 256)),
            row("id", info.conversation_id.to_string()),
            row("agent", format!("{} ({})", self.agent.name, self.agent.agent_id)),
            row("created", info.created_at.to_string()),
            row("messages", info.message_count.to_string()),
            row("clients", info.client_count.to_string()),
        ];
        columns(&rows) + "\n"
    }

    /// What the user was asked and has said yes to.
    pub(super) async fn confirmed(self, asked: Asked) -> anyhow::Result<Vec<Effect>> {
        Ok(vec![match asked {
            Asked::Go(info) => self.go(info),
            Asked::Delete(info) => {
                self.shelf().delete(&info.conversation_id).await?;
                Effect::Show(format!("Deleted conversation {}\n", info.conversation_id))
            }
            // The notice that everybody gets says the rest.
            Asked::Shutdown => {
                self.caller.shutdown().await?;
                return Ok(Vec::new());
            }
        }])
    }

    /// All agents, or another one to talk to.
    pub(super) async fn agents(self, wanted: Option<String>) -> anyhow::Result<Vec<Effect>> {
        let all: Agents = self.caller.forward(None, agents::LIST_AGENTS, &ListAgents {}).await?;
        let Some(wanted) = wanted else {
            let rows: Vec<_> = all.agents.iter().map(|agent| self.agent_row(agent)).collect();
            return Ok(vec![Effect::Show(columns(&rows) + "\n")]);
        };
        let Some(agent) = named::find(&all.agents, &wanted) else {
            bail!("no agent is called \"{wanted}\"; there are: {}", named::names(&all.agents));
        };
        if agent.agent_id == self.agent.agent_id {
            return Ok(vec![Effect::Show(format!("Already talking to {}.\n", agent.name))]);
        }
        let shelf = Shelf::new(self.caller.clone(), agent.agent_id.clone());
        let conversation = shelf.find_or_create(DEFAULT_CONVERSATION).await?;
        Ok(vec![Effect::Go(agent.clone(), conversation)])
    }

    fn agent_row(&self, agent: &AgentInfo) -> [String; 3] {
        let mark = if agent.agent_id == self.agent.agent_id { '▸' } else { ' ' };
        let state = serde_json::to_value(agent.state).ok();
        let state = state.as_ref().and_then(|state| state.as_str()).unwrap_or_default();
        [format!("{mark} {}", brief(&agent.name, 48)), state.to_owned(), agent.agent_id.to_string()]
    }

    pub(super) async fn history(self, limit: u32) -> anyhow::Result<Vec<Effect>> {
        let wanted = GetHistory {
            agent_id: Some(self.agent.agent_id.clone()),
            conversation_id: Some(self.conversation.clone()),
            before_seq: None,
            after_seq: None,
            limit: Some(limit),
            role: None,
        };
        let agent = Some(&self.agent.agent_id);
        Ok(vec![Effect::Recall(self.caller.forward(agent, agents::GET_HISTORY, &wanted).await?)])
    }

    pub(super) async fn promote(self, run_id: RunId) -> anyhow::Result<Vec<Effect>> {
        let agent_id: Option<AgentId> = Some(self.agent.agent_id.clone());
        let promote = PromoteRun { run_id, agent_id: agent_id.clone() };
        let promoted: RunPromoted =
            self.caller.forward(agent_id.as_ref(), agents::PROMOTE_RUN, &promote).await?;
        let said = match promoted.position {
            0 => "It runs already.\n".to_owned(),
            before => format!("{before} before it now.\n"),
        };
        Ok(vec![Effect::Show(said)])
    }
}

fn missing(name: &str) -> String {
    format!("No conversation named or matching \"{name}\" found.")
}

/// Which conversation gets which name: the first word may say which, where it is one's name.
fn renaming<'a>(all: &'a [ConversationInfo], text: &str) -> (Option<&'a ConversationInfo>, String) {
    let whole = (None, text.trim_matches('"').to_owned());
    match shlex::split(text).as_deref() {
        Some([of, name @ ..]) if !name.is_empty() => match by_name(all, of) {
            Some(of) => (Some(of), name.join(" ")),
            None => whole,
        },
        _ => whole,
    }
}

/// The open runs, for people.
pub(super) fn queue(queue: &Queue) -> String {
    let row = |state: &str, run: &QueuedRun| {
        let who = run.user.clone().unwrap_or_default();
        [state.to_owned(), run.run_id.to_string(), who, brief(&run.text, 60)]
    };
    let running = queue
        .running
        .iter()
        .map(|run| row(if run.blocked { "▶ blocked:" } else { "▶ running:" }, run));
    let queued = queue.queued.iter().enumerate().map(|(n, run)| row(&format!("{}.", n + 1), run));
    let rows: Vec<_> = running.chain(queued).collect();
    if rows.is_empty() { "Nothing runs.\n".to_owned() } else { columns(&rows) + "\n" }
}

/// The run whose id begins so. Four characters at least, so that none is meant by chance; the prefix of our own ids is not needed.
pub(super) fn run_of(queue: &Queue, wanted: &str) -> anyhow::Result<RunId> {
    let wanted = wanted.trim_start_matches("run_");
    anyhow::ensure!(wanted.len() >= 4, "say four characters of the run's id at least");
    let all = queue.running.iter().chain(&queue.queued).map(|run| &run.run_id);
    let begins = |id: &&RunId| {
        id.as_str().starts_with(wanted)
            || id.as_str().trim_start_matches("run_").starts_with(wanted)
    };
    match all.filter(begins).collect::<Vec<_>>().as_slice() {
        [] => bail!("no open run begins with {wanted}"),
        [one] => Ok((*one).clone()),
        _ => bail!("several open runs begin with {wanted}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::conversations::tests::info;

    fn open(ids: &[&str]) -> Queue {
        let run = |id: &&str| QueuedRun {
            run_id: RunId::new(id).unwrap(),
            text: "hi".into(),
            blocked: false,
            viewer_id: None,
            user: None,
        };
        Queue {
            version: 1,
            running: ids.iter().take(1).map(run).collect(),
            queued: ids.iter().skip(1).map(run).collect(),
        }
    }

    #[test]
    fn a_run_is_named_by_the_beginning_of_its_id() {
        let queue = open(&["run_abcd1", "run_abcd2", "mine"]);

        assert_eq!(run_of(&queue, "run_abcd2").unwrap().as_str(), "run_abcd2");
        assert_eq!(run_of(&queue, "abcd1").unwrap().as_str(), "run_abcd1");
        assert_eq!(run_of(&queue, "mine").unwrap().as_str(), "mine");
        for (wanted, says) in [("abc", "four"), ("abcd", "several"), ("xxxx", "no open run")] {
            assert!(run_of(&queue, wanted).unwrap_err().to_string().contains(says), "{wanted}");
        }
    }

    #[test]
    fn the_queue_has_what_runs_first() {
        let text = super::queue(&open(&["run_1", "run_2"]));

        let lines: Vec<_> = text.lines().collect();
        assert!(lines[0].starts_with("▶ running:  run_1"), "{text}");
        assert!(lines[1].starts_with("1.          run_2"), "{text}");
        assert_eq!(super::queue(&Queue::default()), "Nothing runs.\n");
    }

    #[test]
    fn a_name_may_say_which_conversation_is_renamed() {
        let all = [info("c1", "Old one"), info("c2", "Notes")];
        let of = |text: &str| {
            let (of, name) = renaming(&all, text);
            (of.map(|info| info.name.clone()), name)
        };

        assert_eq!(of("Notes Better notes"), (Some("Notes".into()), "Better notes".into()));
        assert_eq!(of("'Old one' New"), (Some("Old one".into()), "New".into()));
        assert_eq!(of("A new name"), (None, "A new name".into()));
        assert_eq!(of("\"Notes\""), (None, "Notes".into()));
    }
}
