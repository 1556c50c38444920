//! `longshore runs`: start runs beside a conversation's queue, show those that are open, cancel and watch them.

use anyhow::bail;
use protocol::agents::{
    AgentInfo, CancelRun, ChatAccepted, ForConversation, JoinConversation, Joined, QueuedRun,
    RunCancelled, StartRun,
};
use protocol::names::agents;
use protocol::{AgentId, ConversationId, ErrorCode, RunId};
use serde::Serialize;
use serde_json::json;

use crate::choose;
use crate::cli::{OfAgent, OfClient, Runs, Watching};
use crate::conversations::{Shelf, columns};
use crate::directories::Directories;
use crate::hint::Advise;
use crate::line::{Failed, Line};
use crate::out;
use crate::paint::brief;
use crate::run::Watch;
use crate::stop;

/// How many entries are read for what a run has said before it was watched.
const BACK: u64 = 500;
/// The longest text of a run that is shown in the list.
const TEXT: usize = 60;

/// Does what is asked for.
///
/// # Errors
/// What the controller answers, or that it cannot be reached; or [`crate::hint::Status`], when a run has not ended well.
pub async fn execute(command: Runs, directories: Directories) -> anyhow::Result<()> {
    match command {
        Runs::Start { words, run_id, detach, conversation, how, whom } => {
            let start = Start { run: run_id.unwrap_or_else(RunId::random), detach, conversation };
            start.execute(choose::text(&words)?, &how, &whom, &directories).await
        }
        Runs::List { json, agent, of } => {
            let (line, agents) = everywhere(&of, agent.as_deref(), &directories).await?;
            let open = open(&line, &agents).await?;
            if json {
                return out::json(&open);
            }
            out::line(&table(&open));
            Ok(())
        }
        Runs::Cancel { runs, of } => cancel(&runs, &of, &directories).await,
        Runs::Watch { run, how, of } => {
            let stop = stop::on_signal()?;
            let (mut line, agents) = everywhere(&of, None, &directories).await?;
            let Some(found) =
                open(&line, &agents).await?.into_iter().find(|open| open.run.run_id == run)
            else {
                return Err(anyhow::anyhow!("no run {run} is open"))
                    .hint("`longshore runs list` shows those that are");
            };
            line.arrive(found.agent_id, found.conversation_id, BACK).await?;
            let outcome = Watch::new(&mut line, run, &how, stop).until_the_end().await?;
            line.close().await;
            outcome.exit()
        }
    }
}

/// A run that is to be started.
struct Start {
    run: RunId,
    detach: bool,
    conversation: Option<String>,
}

impl Start {
    async fn execute(
        self,
        message: String,
        how: &Watching,
        whom: &OfAgent,
        directories: &Directories,
    ) -> anyhow::Result<()> {
        let stop = stop::on_signal()?;
        let chosen = choose::agent(whom, None, directories).await?;
        let mut line = chosen.line().await?;
        let shelf = chosen.shelf(&line);
        let conversation = choose::conversation(&shelf, self.conversation.as_deref()).await?;
        let agent = chosen.agent.agent_id;
        let start = StartRun {
            agent_id: Some(agent.clone()),
            run_id: Some(self.run.clone()),
            message,
            conversation_id: Some(conversation.conversation_id.clone()),
            cancel_on_disconnect: false,
        };
        if !self.detach {
            line.arrive(agent.clone(), conversation.conversation_id.clone(), 0).await?;
        }
        let caller = line.caller();
        let accepted = async {
            let accepted = caller.insist(Some(&agent), agents::START_RUN, &start).await?;
            Ok::<ChatAccepted, Failed>(accepted)
        };
        if self.detach {
            accepted.await?;
            if how.json {
                let id = conversation.conversation_id;
                return out::json(
                    &json!({ "runId": self.run, "conversationId": id, "agentId": agent }),
                );
            }
            out::line(self.run.as_str());
            return Ok(());
        }
        // Watched from before it starts, as it may be done before the answer is read.
        let watch = Watch::new(&mut line, self.run.clone(), how, stop).until_the_end();
        tokio::pin!(watch);
        let outcome = tokio::select! {
            outcome = &mut watch => outcome?,
            refused = refusal(accepted) => return Err(refused.into()),
        };
        outcome.exit()
    }
}

/// Ends when it is refused, and not when it is accepted.
async fn refusal(accepted: impl Future<Output = Result<ChatAccepted, Failed>>) -> Failed {
    match accepted.await {
        Err(failed) => failed,
        Ok(_) => std::future::pending().await,
    }
}

/// A run that is open, and where.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct Open {
    #[serde(flatten)]
    run: QueuedRun,
    state: &'static str,
    agent_id: AgentId,
    agent_name: String,
    conversation_id: ConversationId,
    conversation_name: String,
}

/// A connection to a manager, and its agents or the one that is meant.
async fn everywhere(
    of: &OfClient,
    agent: Option<&str>,
    directories: &Directories,
) -> anyhow::Result<(Line, Vec<AgentInfo>)> {
    let controller = choose::controller(of, None, directories).await?;
    let (client, agents) = choose::agents_of(controller.clone(), of.client.clone()).await?;
    let line = Line::open(&controller, client).await?;
    match agent {
        Some(_) => Ok((line, vec![choose::pick(&agents, agent)?.clone()])),
        None => Ok((line, agents)),
    }
}

/// All open runs: lists say in which conversations there are any, and who joins one is told of them.
async fn open(line: &Line, agents: &[AgentInfo]) -> anyhow::Result<Vec<Open>> {
    let mut open = Vec::new();
    for agent in agents {
        let all = Shelf::new(line.caller(), agent.agent_id.clone()).list(None).await?;
        for info in all.into_iter().filter(|info| info.running) {
            let Some(joined) = look(line, agent, &info.conversation_id).await? else { continue };
            let running = joined.queue.running.into_iter().map(|run| {
                let state = if run.blocked { "blocked" } else { "running" };
                (run, state)
            });
            let queued = joined.queue.queued.into_iter().map(|run| (run, "queued"));
            open.extend(running.chain(queued).map(|(run, state)| Open {
                run,
                state,
                agent_id: agent.agent_id.clone(),
                agent_name: agent.name.clone(),
                conversation_id: info.conversation_id.clone(),
                conversation_name: info.name.clone(),
            }));
        }
    }
    Ok(open)
}

async fn look(
    line: &Line,
    agent: &AgentInfo,
    conversation: &ConversationId,
) -> anyhow::Result<Option<Joined>> {
    let (caller, agent) = (line.caller(), Some(&agent.agent_id));
    let join = JoinConversation {
        agent_id: agent.cloned(),
        conversation_id: Some(conversation.clone()),
        limit: Some(1),
        ..JoinConversation::default()
    };
    let joined = match caller.forward(agent, agents::JOIN_CONVERSATION, &join).await {
        // Deleted since it was listed.
        Err(Failed::Refused(error)) if error.code == ErrorCode::ConversationNotFound => {
            return Ok(None);
        }
        joined => joined?,
    };
    let leave = ForConversation { agent_id: agent.cloned(), conversation_id: conversation.clone() };
    let left = caller.forward::<serde::de::IgnoredAny>(agent, agents::LEAVE_CONVERSATION, &leave);
    left.await?;
    Ok(Some(joined))
}

fn table(open: &[Open]) -> String {
    if open.is_empty() {
        return "No open runs.".to_owned();
    }
    let mut rows = vec![["RUN ID", "AGENT", "CONVERSATION", "STATE", "MESSAGE"].map(str::to_owned)];
    rows.extend(open.iter().map(|open| {
        [
            open.run.run_id.to_string(),
            brief(&open.agent_name, TEXT),
            brief(&open.conversation_name, TEXT),
            open.state.to_owned(),
            brief(&open.run.text, TEXT),
        ]
    }));
    columns(&rows)
}

/// Cancels each. One that is not open is an error, after the others are cancelled.
async fn cancel(runs: &[RunId], of: &OfClient, directories: &Directories) -> anyhow::Result<()> {
    let (line, agents) = everywhere(of, None, directories).await?;
    for agent in &agents {
        // The controller has to be logged in to the agent whose run it is; asking for anything of it does that.
        Shelf::new(line.caller(), agent.agent_id.clone()).list(Some("")).await.ok();
    }
    let mut missing = Vec::new();
    for run in runs {
        let cancel = CancelRun { run_id: run.clone(), agent_id: None };
        match line.caller().insist::<RunCancelled>(None, agents::CANCEL_RUN, &cancel).await {
            Err(Failed::Refused(error)) if error.code == ErrorCode::RunNotFound => {
                missing.push(run.as_str());
            }
            Err(failed) => return Err(failed.into()),
            Ok(_) => {}
        }
    }
    if missing.is_empty() {
        return Ok(());
    }
    bail!("no open run: {}", missing.join(", "))
}
