//! What is printed of a run: the answer piece by piece on a terminal, whole into a pipe, or every event as JSON.

use std::io::{self, IsTerminal, Write};

use protocol::RunId;
use protocol::agents::{
    AgentResponse, ChatEvent, ChatEventBody, ChatMessage, ChatMessageBody, InteractionRequest,
    LiveEvent, LiveEventBody, RunEvent, RunEventBody,
};
use protocol::clients::ForwardedEvent;
use protocol::names::agents;
use serde::Serialize;
use serde_json::value::RawValue;

use super::outcome::{Outcome, explain};
use crate::paint::{Paint, brief, visible};

/// What a run has said, and how that is shown.
pub(crate) struct Voice {
    run: RunId,
    how: How,
    /// The messages of the agent.
    said: Vec<String>,
    /// What of the next one is shown already.
    streamed: String,
    /// The row on the terminal is in the middle of it.
    is_open: bool,
    conversation: Option<String>,
    end: Option<RunEventBody>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum How {
    Silent,
    Json,
    Terminal,
    Pipe,
}

/// The last line with `--json`.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct End<'a> {
    outcome: &'static str,
    exit_code: u8,
    run_id: &'a RunId,
    conversation_id: Option<&'a str>,
    text: String,
    #[serde(flatten)]
    event: Option<EndEvent<'a>>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct EndEvent<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    reason: Option<protocol::agents::RunReason>,
    #[serde(skip_serializing_if = "Option::is_none")]
    error: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    duration_ms: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    usage: Option<&'a protocol::agents::Usage>,
}

impl Voice {
    pub(super) fn new(run: RunId, json: bool) -> Self {
        let how = match json {
            true => How::Json,
            false if io::stdout().is_terminal() => How::Terminal,
            false => How::Pipe,
        };
        Self::with(run, how)
    }

    pub(super) fn silent(run: RunId) -> Self {
        Self::with(run, How::Silent)
    }

    fn with(run: RunId, how: How) -> Self {
        Self {
            run,
            how,
            said: Vec::new(),
            streamed: String::new(),
            is_open: false,
            conversation: None,
            end: None,
        }
    }

    /// All that the agent has said.
    pub(super) fn text(&self) -> String {
        self.said.join("\n")
    }

    /// An event of the run.
    pub(super) fn on_event(&mut self, event: &ForwardedEvent) -> io::Result<()> {
        let payload = event.payload.get();
        if self.how == How::Json {
            print_json(&event.event, &event.payload)?;
        }
        match event.event.as_str() {
            agents::CHAT_MESSAGE => {
                if let Ok(message) = serde_json::from_str::<ChatMessage>(payload) {
                    self.conversation = Some(message.head.conversation_id.to_string());
                    self.on_message(message.body)?;
                }
            }
            agents::CHAT_EVENT => {
                if let Ok(live) = serde_json::from_str::<LiveEvent>(payload) {
                    self.on_live(live.body)?;
                } else if let Ok(event) = serde_json::from_str::<ChatEvent>(payload) {
                    self.aside(&event.body)?;
                }
            }
            agents::INTERACTION_REQUEST => {
                if let Ok(InteractionRequest { body, .. }) = serde_json::from_str(payload) {
                    let message = brief(&body.message, 200);
                    self.note(&format!("it asks: {message} (answer with `longshore connect`)"))?;
                }
            }
            agents::RUN_EVENT => {
                if let Ok(run) = serde_json::from_str::<RunEvent>(payload)
                    && run.body.state.is_terminal()
                {
                    self.conversation = Some(run.head.conversation_id.to_string());
                    self.end = Some(run.body);
                }
            }
            _ => {}
        }
        Ok(())
    }

    /// The run has ended.
    pub(super) fn end(&mut self, outcome: Outcome) -> io::Result<()> {
        let mut out = io::stdout().lock();
        if self.how == How::Json {
            let event = self.end.as_ref().map(|end| EndEvent {
                reason: end.reason,
                error: end.error.as_deref(),
                duration_ms: end.duration_ms,
                usage: end.usage.as_ref(),
            });
            let end = End {
                outcome: outcome.as_str(),
                exit_code: outcome.status(),
                run_id: &self.run,
                conversation_id: self.conversation.as_deref(),
                text: self.text(),
                event,
            };
            serde_json::to_writer(&mut out, &end)?;
            return writeln!(out);
        }
        if self.is_open {
            writeln!(out)?;
        }
        out.flush()?;
        let why = match outcome {
            Outcome::Done => return Ok(()),
            Outcome::TimedOut => "it took too long and was cancelled".to_owned(),
            Outcome::Failed | Outcome::Cancelled => {
                let end = self.end.as_ref();
                let error = end.and_then(|end| end.error.as_deref()).map(|error| brief(error, 500));
                let reason =
                    end.and_then(|end| end.reason).map(|reason| explain(reason).to_owned());
                error.or(reason).unwrap_or_default()
            }
        };
        let what = if outcome == Outcome::Failed { "failed" } else { "cancelled" };
        eprintln!("error: {what}: {why}");
        Ok(())
    }

    fn on_message(&mut self, body: ChatMessageBody) -> io::Result<()> {
        let ChatMessageBody::Agent { response: AgentResponse::Text { result }, .. } = body else {
            return Ok(());
        };
        let mut out = io::stdout().lock();
        match self.how {
            How::Silent | How::Json => {}
            How::Pipe => writeln!(out, "{result}")?,
            How::Terminal => match result.strip_prefix(self.streamed.as_str()) {
                Some("") if !self.is_open => {}
                Some(rest) => writeln!(out, "{}", visible(rest))?,
                None if self.is_open => writeln!(out, "\n{}", visible(&result))?,
                None => writeln!(out, "{}", visible(&result))?,
            },
        }
        out.flush()?;
        self.is_open = false;
        self.streamed.clear();
        self.said.push(result);
        Ok(())
    }

    fn on_live(&mut self, body: LiveEventBody) -> io::Result<()> {
        if self.how != How::Terminal {
            return Ok(());
        }
        let new = match body {
            LiveEventBody::AssistantDelta { delta, .. } => delta,
            LiveEventBody::AssistantSnapshot { text, .. } => {
                match text.strip_prefix(self.streamed.as_str()) {
                    Some(rest) => rest.to_owned(),
                    None => return Ok(()),
                }
            }
        };
        let mut out = io::stdout().lock();
        write!(out, "{}", visible(&new))?;
        self.streamed.push_str(&new);
        self.is_open = true;
        out.flush()
    }

    fn aside(&mut self, body: &ChatEventBody) -> io::Result<()> {
        match body {
            ChatEventBody::ToolCall { name, title, .. } => {
                let what = title.as_ref().unwrap_or(name);
                self.note(&format!("uses {}", brief(what, 200)))
            }
            ChatEventBody::Status { message } | ChatEventBody::Question { message } => {
                self.note(&brief(message, 200))
            }
            _ => Ok(()),
        }
    }

    /// Something beside the answer, for who looks on.
    fn note(&mut self, text: &str) -> io::Result<()> {
        if matches!(self.how, How::Terminal | How::Pipe) && io::stderr().is_terminal() {
            if self.how == How::Terminal && std::mem::take(&mut self.is_open) {
                println!();
            }
            writeln!(io::stderr(), "{}", Paint::of(true).dim(format!("-- {text}")))?;
        }
        Ok(())
    }
}

fn print_json(event: &str, payload: &RawValue) -> io::Result<()> {
    let mut out = io::stdout().lock();
    serde_json::to_writer(&mut out, &serde_json::json!({ "event": event, "payload": payload }))?;
    writeln!(out)?;
    out.flush()
}
