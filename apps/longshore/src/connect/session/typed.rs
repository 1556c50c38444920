//! What is typed: keys, commands, answers, messages.

use protocol::agents::{CancelRun, InteractionEnded, RespondInteraction, RunCancelled};
use protocol::names::agents;
use protocol::{ErrorCode, RunId};
use serde_json::Value;

use super::{Next, Session};
use crate::connect::asked::Answer;
use crate::connect::commands::{self, Asked, Effect};
use crate::connect::editor::Input;
use crate::connect::keys::{Act, Key};
use crate::connect::screen::Kind;
use crate::connect::slash::{self, HELP, Queue, Slash};
use crate::conversations::is_yes;
use crate::line::Failed;

/// Home, and what is on the screen and above it is gone.
const CLEAR: &str = "\x1b[H\x1b[2J\x1b[3J";

impl Session {
    pub(super) async fn on_input(&mut self, input: Input) -> anyhow::Result<Next> {
        match input {
            Input::End if self.output.is_edited() => Ok(Next::End),
            Input::End => {
                self.input_ended = true;
                Ok(Next::Go)
            }
            Input::Key(key, had_text, at) => self.on_key(key, had_text, at).await,
            Input::Line(line) if self.output.is_edited() => {
                self.draw().await?;
                self.screen.cut();
                let next = self.on_line(line).await?;
                if matches!(next, Next::Go) {
                    self.output.go_on();
                }
                Ok(next)
            }
            // From a pipe everything is for the agent.
            Input::Line(line) => {
                if !line.trim().is_empty() {
                    self.answering = self.say(line, false);
                }
                Ok(Next::Go)
            }
        }
    }

    async fn on_key(
        &mut self,
        key: Key,
        had_text: bool,
        at: std::time::Instant,
    ) -> anyhow::Result<Next> {
        self.asking = None;
        let is_running = self.transcript.runs.is_running();
        match self.keys.press(key, had_text, is_running, at) {
            Act::Nothing => {}
            Act::Leave => return Ok(Next::End),
            Act::Explain => self.note("Ctrl-C again, Ctrl-D or /exit leaves").await?,
            Act::Cancel => self.cancel(false),
            Act::CancelAll => self.cancel(true),
        }
        Ok(Next::Go)
    }

    async fn on_line(&mut self, line: String) -> anyhow::Result<Next> {
        if let Some(asked) = self.asking.take() {
            if is_yes(&line) {
                self.jobs.spawn(self.here().confirmed(asked));
            } else if !matches!(asked, Asked::Go(_)) {
                self.print("Aborted.\n".to_owned()).await?;
            }
            return Ok(Next::Go);
        }
        match slash::read(&line) {
            slash::Line::Command(Slash::Exit) => return Ok(Next::End),
            slash::Line::Command(command) => self.on_command(command).await?,
            slash::Line::Wrong(wrong) => self.note(&wrong).await?,
            slash::Line::Said(text) if text.trim().is_empty() => {}
            slash::Line::Said(text) => match self.transcript.asked.answer(&text) {
                Answer::Whole(id, value) => self.respond(id, Some(value)),
                Answer::Field(next) => self.print(format!("  {next}:\n")).await?,
                Answer::None => {
                    if self.away {
                        self.aside("it is sent when the connection is back").await?;
                    }
                    self.say(text, true);
                }
            },
        }
        Ok(Next::Go)
    }

    async fn on_command(&mut self, command: Slash) -> anyhow::Result<()> {
        match command {
            Slash::Help => self.print(format!("{HELP}\n")).await?,
            Slash::Conversation(command) => {
                self.jobs.spawn(self.here().conversation(command));
            }
            Slash::Queue(command) => self.on_queue(command).await?,
            Slash::History(limit) => {
                self.jobs.spawn(self.here().history(limit));
            }
            Slash::Agents(wanted) => {
                self.jobs.spawn(self.here().agents(wanted));
            }
            Slash::Cancel if !self.transcript.runs.is_running() => {
                self.note("nothing runs").await?;
            }
            Slash::Cancel => self.cancel(false),
            Slash::Decline => match self.transcript.asked.first().cloned() {
                Some(id) => self.respond(id, None),
                None => self.note("nothing is asked").await?,
            },
            Slash::Clear if self.output.kind() == Kind::Terminal => {
                self.print(CLEAR.to_owned()).await?;
            }
            Slash::Shutdown => {
                self.asking = Some(Asked::Shutdown);
                self.print("Stop the server, for everybody? (y/N)\n".to_owned()).await?;
            }
            Slash::Clear | Slash::Exit => {}
        }
        Ok(())
    }

    async fn on_queue(&mut self, command: Queue) -> anyhow::Result<()> {
        match command {
            Queue::List => self.print(commands::queue(&self.queue)).await?,
            Queue::Cancel(wanted) => match commands::run_of(&self.queue, &wanted) {
                Ok(run) => self.cancel_runs(vec![run]),
                Err(error) => self.note(&error.to_string()).await?,
            },
            Queue::Promote(wanted) => match commands::run_of(&self.queue, &wanted) {
                Ok(run) => {
                    self.jobs.spawn(self.here().promote(run));
                }
                Err(error) => self.note(&error.to_string()).await?,
            },
            Queue::Interrupt(text) => self.interrupt(text),
        }
        Ok(())
    }

    /// Those that wait first, or one of them would begin.
    fn cancel(&mut self, all: bool) {
        let runs = if all { self.transcript.runs.all() } else { self.transcript.runs.running() };
        self.cancel_runs(runs);
    }

    /// One after the other, in this order. One that has ended meanwhile is as good.
    fn cancel_runs(&mut self, runs: Vec<RunId>) {
        let (caller, agent_id) = (self.line.caller(), Some(self.to.agent.agent_id.clone()));
        self.jobs.spawn(async move {
            for run_id in runs {
                let cancel = CancelRun { run_id, agent_id: agent_id.clone() };
                let agent = agent_id.as_ref();
                match caller.insist::<RunCancelled>(agent, agents::CANCEL_RUN, &cancel).await {
                    Err(Failed::Refused(error)) if error.code == ErrorCode::RunNotFound => {}
                    Err(failed) => return Err(failed.into()),
                    Ok(_) => {}
                }
            }
            Ok(Vec::<Effect>::new())
        });
    }

    /// Answers what the agent asks, or declines to.
    fn respond(&mut self, interaction_id: protocol::InteractionId, value: Option<Value>) {
        let (caller, cancel) = (self.line.caller(), value.is_none());
        let agent_id = Some(self.to.agent.agent_id.clone());
        let respond =
            RespondInteraction { agent_id: agent_id.clone(), interaction_id, value, cancel };
        self.jobs.spawn(async move {
            let agent = agent_id.as_ref();
            caller.insist::<InteractionEnded>(agent, agents::RESPOND_INTERACTION, &respond).await?;
            Ok(Vec::<Effect>::new())
        });
    }
}
