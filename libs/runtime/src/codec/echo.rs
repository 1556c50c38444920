//! The built-in agent: answers what it is told. For trying longshore, and for tests, which want
//! an agent that behaves as badly as they need.
//!
//! A message that is none of these commands, or one with other arguments, is its own answer:
//!
//! | command | what it does |
//! |---|---|
//! | `/stream N TEXT` | N deltas that say `TEXT`, then the whole as the answer |
//! | `/sleep MS TEXT` | answers `TEXT` after a time |
//! | `/stall` | never ends, unless it is cancelled |
//! | `/crash` | fails, as if its program had exited |
//! | `/flood N BYTES` | N deltas of BYTES bytes as fast as they are taken, then a short answer |
//! | `/lines N` | N answers in one turn, then a last one |
//! | `/say TEXT` | answers `TEXT`, and says `TEXT` once more after the turn, unasked |
//! | `/noise` | a line of raw output beside the answer |

mod command;

use std::future::pending;

use protocol::RunId;
use protocol::agents::{ChatEventBody, OutputStream, RunReason};
use tokio::time::sleep;

use self::command::Command;
use crate::event::{AgentEvent, Outcome};
use crate::session::{self, Inbox, Prompt, Stopped};
use crate::size;

/// Answers until the session is stopped.
pub(super) async fn run(mut inbox: Inbox) -> Result<(), Stopped> {
    while let Some(Prompt { run, text }) = inbox.next_prompt().await {
        let command = Command::parse(&text);
        let afterwards = command.afterwards();
        let mut cancelled = inbox.cancelled.clone();
        let mut turn = Turn { inbox: &inbox, run: run.clone(), said: String::new() };
        let outcome = tokio::select! {
            biased;
            () = inbox.stop.cancelled() => return Err(Stopped),
            () = session::cancelled(&mut cancelled, &run) => Outcome::Cancelled,
            outcome = turn.answer(command) => outcome?,
        };
        turn.end(outcome).await?;
        if let Some(text) = afterwards {
            inbox.emit(AgentEvent::Message { run: None, text }).await?;
        }
    }
    Ok(())
}

struct Turn<'a> {
    inbox: &'a Inbox,
    run: RunId,
    /// The answer so far.
    said: String,
}

impl Turn<'_> {
    async fn answer(&mut self, command: Command) -> Result<Outcome, Stopped> {
        match command {
            Command::Answer(text) | Command::Say(text) => self.said = text,
            Command::Stream { deltas, text } => {
                for nth in 0..deltas {
                    let delta = if nth == 0 { text.clone() } else { format!(" {text}") };
                    self.said.push_str(&delta);
                    self.delta(delta).await?;
                }
            }
            Command::Sleep { time, text } => {
                sleep(time).await;
                self.said = text;
            }
            Command::Stall => pending().await,
            Command::Crash => {
                return Ok(Outcome::failed(RunReason::AgentExited, "echo was told to crash"));
            }
            Command::Flood { deltas, bytes } => {
                let text = "x".repeat(bytes);
                for _ in 0..deltas {
                    self.delta(text.clone()).await?;
                }
                self.said = format!("{deltas} deltas of {bytes} bytes");
            }
            Command::Lines(lines) => {
                for nth in 1..=lines {
                    self.message(format!("line {nth}")).await?;
                }
                self.said = format!("{lines} lines");
            }
            Command::Noise => {
                self.noise().await?;
                self.said = "noise".into();
            }
        }
        Ok(Outcome::Done)
    }

    async fn end(self, outcome: Outcome) -> Result<(), Stopped> {
        if outcome == Outcome::Done || !self.said.is_empty() {
            for part in size::parts(&self.said) {
                self.message(part.to_owned()).await?;
            }
        }
        self.inbox.emit(AgentEvent::Ended { run: self.run, outcome }).await
    }

    async fn delta(&self, text: String) -> Result<(), Stopped> {
        self.inbox.emit(AgentEvent::Delta { run: self.run.clone(), text }).await
    }

    async fn message(&self, text: String) -> Result<(), Stopped> {
        self.inbox.emit(AgentEvent::Message { run: Some(self.run.clone()), text }).await
    }

    async fn noise(&self) -> Result<(), Stopped> {
        let body = ChatEventBody::Raw {
            stream: OutputStream::Stderr,
            text: "noise".into(),
            truncated: false,
            bytes: None,
        };
        self.inbox.emit(AgentEvent::Note { run: Some(self.run.clone()), body }).await
    }
}
