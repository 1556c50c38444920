//! `longshore runs`: start runs beside a conversation's queue, show those that are open, cancel and watch them.

use std::time::Duration;

use anyhow::bail;
use link::CallError;
use protocol::agents::{
    AgentInfo, CancelRun, ChatAccepted, ForConversation, JoinConversation, Joined, QueuedRun,
    RunCancelled, StartRun,
};
use protocol::names::agents;
use protocol::{AgentId, ConversationId, ErrorCode, RunId};
use serde::Serialize;
use serde_json::json;
use tokio_util::sync::CancellationToken;

use crate::choose;
use crate::cli::{OfAgent, OfClient, Runs, Watching};
use crate::conversations::{Shelf, columns};
use crate::directories::Directories;
use crate::hint::{Advise, hinted};
use crate::line::{Caller, Failed, Line, News};
use crate::out;
use crate::paint::brief;
use crate::run::{Watch, arrive};
use crate::stop;

/// How many entries are read for what a run has said before it was watched.
const BACK: u64 = 500;
/// How long a run is looked for when the answer to its start was lost: the connection comes back in that time, if it does soon.
const DOUBT: Duration = Duration::from_secs(15);
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
            // Before signals are caught, as nothing else ends a read of standard input.
            let message = choose::text(&words)?;
            start.execute(message, &how, &whom, &directories).await
        }
        Runs::List { json, agent, of } => {
            let (line, agents) = everywhere(&of, agent.as_deref(), &directories).await?;
            let open = open(line.caller(), &agents).await?;
            if json {
                return out::json(&open);
            }
            out::line(&table(&open));
            Ok(())
        }
        Runs::Cancel { runs, of } => cancel(&runs, &of, &directories).await,
        Runs::Watch { run, how, of } => {
            let stop = stop::on_signal()?;
            let (mut line, place) =
                stop::unless_stopped(&stop, find(&run, &of, &directories)).await?;
            arrive(&mut line, place, BACK, how.timeout, &stop).await?;
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
        let (mut line, agent, conversation) =
            stop::unless_stopped(&stop, self.prepare(whom, directories)).await?;
        let place = (agent.agent_id.clone(), conversation.clone());
        let start = StartRun {
            agent_id: Some(agent.agent_id.clone()),
            run_id: Some(self.run.clone()),
            message,
            conversation_id: Some(conversation.clone()),
            cancel_on_disconnect: false,
        };
        let caller = line.caller();
        let accepted = async {
            let (agent, event) = (&agent.agent_id, agents::START_RUN);
            // Not insisted on: sent again, it would be refused while the run is open and start another when it is done.
            caller.forward::<ChatAccepted>(Some(agent), event, &start).await
        };
        if self.detach {
            stop::unless_stopped(&stop, async {
                match accepted.await {
                    Err(Failed::Lost(error)) => is_there(&mut line, &agent, &self.run, error).await,
                    accepted => Ok(accepted.map(drop)?),
                }
            })
            .await?;
            if how.json {
                return out::json(&json!({
                    "runId": self.run, "conversationId": conversation, "agentId": agent.agent_id,
                }));
            }
            out::line(self.run.as_str());
            return Ok(());
        }
        arrive(&mut line, place, 0, how.timeout, &stop).await?;
        // Watched from before it starts, as it may be done before the answer is read.
        let watch = Watch::new(&mut line, self.run.clone(), how, stop);
        let heard = watch.heard();
        let watch = watch.until_the_end();
        tokio::pin!(watch);
        let outcome = tokio::select! {
            outcome = &mut watch => outcome?,
            error = refusal(accepted, &self.run, heard) => return Err(error),
        };
        outcome.exit()
    }

    async fn prepare(
        &self,
        whom: &OfAgent,
        directories: &Directories,
    ) -> anyhow::Result<(Line, AgentInfo, ConversationId)> {
        let chosen = choose::agent(whom, None, directories).await?;
        let line = chosen.line().await?;
        let shelf = chosen.shelf(&line);
        let conversation = choose::conversation(&shelf, self.conversation.as_deref()).await?;
        Ok((line, chosen.agent, conversation.conversation_id))
    }
}

/// Ends when the run is refused, or when it is not known whether it has begun; and not when it has.
async fn refusal(
    accepted: impl Future<Output = Result<ChatAccepted, Failed>>,
    run: &RunId,
    heard: CancellationToken,
) -> anyhow::Error {
    match accepted.await {
        Ok(_) => std::future::pending().await,
        Err(Failed::Refused(error)) => Failed::Refused(error).into(),
        Err(Failed::Lost(error)) => {
            // It is in the conversation, if it was accepted: so we hear of it when we are back there.
            match tokio::time::timeout(DOUBT, heard.cancelled()).await {
                Ok(()) => std::future::pending().await,
                Err(_) => unknown(run, error),
            }
        }
    }
}

/// Whether the run is open, after the answer to its start was lost.
async fn is_there(
    line: &mut Line,
    agent: &AgentInfo,
    run: &RunId,
    error: CallError,
) -> anyhow::Result<()> {
    let found = tokio::time::timeout(DOUBT, async {
        // A connection that was lost comes back while its news are read.
        while matches!(error, CallError::Lost) && !matches!(line.next().await, News::Back) {}
        open(line.caller(), std::slice::from_ref(agent)).await
    });
    match found.await {
        Ok(Ok(open)) if open.iter().any(|open| open.run.run_id == *run) => Ok(()),
        _ => Err(unknown(run, error)),
    }
}

fn unknown(run: &RunId, error: CallError) -> anyhow::Error {
    let error = anyhow::Error::from(error).context(format!("it is not known whether {run} began"));
    hinted(error, "`longshore runs list` shows it if it is open")
}

/// A connection, and where this run is open.
async fn find(
    run: &RunId,
    of: &OfClient,
    directories: &Directories,
) -> anyhow::Result<(Line, (AgentId, ConversationId))> {
    let (line, agents) = everywhere(of, None, directories).await?;
    let all = open(line.caller(), &agents).await?;
    let Some(found) = all.into_iter().find(|open| open.run.run_id == *run) else {
        return Err(anyhow::anyhow!("no run {run} is open"))
            .hint("`longshore runs list` shows those that are");
    };
    Ok((line, (found.agent_id, found.conversation_id)))
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
async fn open(caller: Caller, agents: &[AgentInfo]) -> anyhow::Result<Vec<Open>> {
    let mut open = Vec::new();
    for agent in agents {
        let all = Shelf::new(caller.clone(), agent.agent_id.clone()).list(None).await?;
        for info in all.into_iter().filter(|info| info.running) {
            let Some(joined) = look(&caller, agent, &info.conversation_id).await? else { continue };
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
    caller: &Caller,
    agent: &AgentInfo,
    conversation: &ConversationId,
) -> anyhow::Result<Option<Joined>> {
    let agent = Some(&agent.agent_id);
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

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn a_start_whose_answer_is_lost_is_in_doubt_until_the_run_is_heard_of() {
        let run = RunId::new("nightly").unwrap();
        let lost = || async { Err(Failed::Lost(CallError::Lost)) };
        let heard = CancellationToken::new();

        let says = refusal(lost(), &run, heard.clone()).await.to_string();
        assert_eq!(says, "it is not known whether nightly began");

        heard.cancel();
        let refused = tokio::time::timeout(DOUBT * 2, refusal(lost(), &run, heard)).await;
        assert!(refused.is_err(), "it is watched");
    }
}
