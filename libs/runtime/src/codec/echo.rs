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
//! | `/ask CHOICE…` | asks which, the first being the default, and answers what was chosen |
//! | `/asktext MS` | asks for a text, for that long, and answers what was given |
//! | `/event TOPIC JSON` | an event of its own |
//! | `/handoff AGENT` | has another agent go on with the turn |
//! | `/note JSON` | a `chatEvent` as it is given: `{"kind":…,"payload":…}` |
//! | `/tool` | a thought, a plan, a tool's call and its result, and what it cost |
//!
//! It says unasked what it is told beside a turn: `late answer: STATE VALUE`, `command NAME PAYLOAD`.

mod command;

use std::future::pending;
use std::time::Duration;

use protocol::agents::{
    ChatEventBody, InteractionKind, InteractionState, OutputStream, PlanStatus, PlanStep,
    RunReason, Usage,
};
use protocol::{InteractionId, RunId};
use serde_json::{Value, json};
use tokio::sync::mpsc;
use tokio::time::sleep;

use self::command::Command;
use crate::control::{Ask, Control, InteractionAnswer, Told};
use crate::event::{AgentEvent, Outcome};
use crate::session::{self, Inbox, Prompt, Stopped};
use crate::size;

/// Answers until the session is stopped.
pub(super) async fn run(mut inbox: Inbox, mut told: mpsc::Receiver<Told>) -> Result<(), Stopped> {
    loop {
        let prompt = tokio::select! {
            prompt = inbox.next_prompt() => prompt,
            Some(told) = told.recv() => {
                inbox.emit(unasked(&told)).await?;
                continue;
            }
        };
        let Some(Prompt { run, text }) = prompt else { return Ok(()) };
        let command = Command::parse(&text);
        let afterwards = command.afterwards();
        let mut cancelled = inbox.cancelled.clone();
        let said = String::new();
        let mut turn = Turn { inbox: &inbox, told: &mut told, run: run.clone(), said };
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
}

/// What it says to what it does not wait for.
fn unasked(told: &Told) -> AgentEvent {
    let text = match told {
        Told::Answer(answer) => format!("late answer: {}", said(answer)),
        Told::Command { name, payload } => format!("command {name} {}", payload.get()),
    };
    AgentEvent::Message { run: None, text }
}

fn said(answer: &InteractionAnswer) -> String {
    let state = match answer.state {
        InteractionState::Resolved => "resolved",
        InteractionState::Cancelled => "cancelled",
        InteractionState::TimedOut => "timedOut",
    };
    match &answer.value {
        Some(Value::String(text)) => format!("{state} {text}"),
        Some(value) => format!("{state} {value}"),
        None => state.to_owned(),
    }
}

struct Turn<'a> {
    inbox: &'a Inbox,
    told: &'a mut mpsc::Receiver<Told>,
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
            Command::Ask(choices) => {
                let kind = InteractionKind::Question;
                let question = question(kind, "Which?", Duration::from_secs(600));
                self.ask(Ask { choices, default_index: Some(0), ..question }).await?;
            }
            Command::AskText(time) => {
                self.ask(question(InteractionKind::Text, "What?", time)).await?;
            }
            Command::Event { topic, payload } => {
                self.control(Control::Event { topic, payload }).await?;
                self.said = "event".into();
            }
            Command::Handoff(agent) => {
                self.said = format!("over to {agent}");
                self.control(Control::Handoff { agent, message: None, reason: None }).await?;
            }
            Command::Note(body) => {
                self.control(Control::Note(*body)).await?;
                self.said = "note".into();
            }
            Command::Tool => {
                for body in tool() {
                    self.control(Control::Note(body)).await?;
                }
                self.said = "tool".into();
            }
        }
        Ok(Outcome::Done)
    }

    /// Asks, and waits for the answer.
    async fn ask(&mut self, ask: Ask) -> Result<(), Stopped> {
        let id = ask.interaction_id.clone();
        self.control(Control::Ask(ask)).await?;
        loop {
            match self.told.recv().await.ok_or(Stopped)? {
                Told::Answer(answer) if answer.interaction_id == id => {
                    self.said = format!("answer: {}", said(&answer));
                    return Ok(());
                }
                other => self.inbox.emit(unasked(&other)).await?,
            }
        }
    }

    async fn control(&self, control: Control) -> Result<(), Stopped> {
        self.inbox.emit(AgentEvent::control(Some(&self.run), control)).await
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

fn question(kind: InteractionKind, message: &str, timeout: Duration) -> Ask {
    Ask {
        interaction_id: InteractionId::random(),
        kind,
        message: message.to_owned(),
        choices: Vec::new(),
        default_index: None,
        fields: Vec::new(),
        timeout,
    }
}

/// What a turn with a tool brings.
fn tool() -> [ChatEventBody; 5] {
    let step = PlanStep { content: "Use the tool".into(), status: PlanStatus::InProgress };
    let usage = Usage { input_tokens: Some(3), output_tokens: Some(1), ..Usage::default() };
    [
        ChatEventBody::Thinking { text: "A tool would help.".into() },
        ChatEventBody::Plan { steps: vec![step] },
        ChatEventBody::ToolCall {
            id: "call-1".into(),
            name: "echo".into(),
            title: Some("Echo".into()),
            input: Some(json!({ "text": "tool" })),
        },
        ChatEventBody::ToolResult {
            id: "call-1".into(),
            is_error: false,
            output: Some("tool".into()),
        },
        ChatEventBody::Usage(usage),
    ]
}
