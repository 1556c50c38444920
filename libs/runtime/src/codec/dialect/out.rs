//! What follows from a message.

use protocol::agents::{ChatEventBody, PlanStep, Usage};
use serde::Serialize;
use serde_json::Value;

use super::permission::Permission;
use crate::event::Outcome;

/// What a dialect says to its program, and what it has heard from it, in order.
#[derive(Debug, Default)]
pub(in crate::codec) struct Out {
    /// Lines for the program, without newline.
    pub(super) lines: Vec<String>,
    pub(super) heard: Vec<Heard>,
}

/// What was heard.
#[derive(Debug, PartialEq)]
pub(super) enum Heard {
    /// The program takes turns from now on.
    Ready,
    /// The same, once it has been silent for a moment.
    ReadyWhenQuiet,
    /// The program does not work as it is.
    Refused(String),
    /// The session that it is in, to be taken up later.
    Session(String),
    /// The session cannot be taken up: a new one is begun.
    NotResumed(String),
    /// More of an answer.
    Delta(String),
    /// A part of the answer that is whole; what was streamed since the last one was it.
    Message(String),
    /// Something beside the answer.
    Note(ChatEventBody),
    /// The program asks for permission.
    Permission(Permission),
    /// What it has asked for it does not wait for any longer.
    Withdrawn(String),
    /// The turn is over.
    Ended(Outcome),
}

impl Out {
    /// Says a message to the program.
    pub(super) fn say(&mut self, message: &impl Serialize) {
        self.lines.push(line(message));
    }

    pub(super) fn ready(&mut self) {
        self.heard.push(Heard::Ready);
    }

    pub(super) fn ready_when_quiet(&mut self) {
        self.heard.push(Heard::ReadyWhenQuiet);
    }

    pub(super) fn refused(&mut self, why: impl Into<String>) {
        self.heard.push(Heard::Refused(why.into()));
    }

    pub(super) fn session(&mut self, id: &str) {
        self.heard.push(Heard::Session(id.to_owned()));
    }

    pub(super) fn not_resumed(&mut self, why: &str) {
        self.heard.push(Heard::NotResumed(why.to_owned()));
    }

    pub(super) fn delta(&mut self, text: &str) {
        self.heard.push(Heard::Delta(text.to_owned()));
    }

    pub(super) fn message(&mut self, text: &str) {
        self.heard.push(Heard::Message(text.to_owned()));
    }

    pub(super) fn thinking(&mut self, text: &str) {
        if !text.is_empty() {
            self.note(ChatEventBody::Thinking { text: text.to_owned() });
        }
    }

    pub(super) fn status(&mut self, message: impl Into<String>) {
        self.note(ChatEventBody::Status { message: message.into() });
    }

    pub(super) fn plan(&mut self, steps: Vec<PlanStep>) {
        self.note(ChatEventBody::Plan { steps });
    }

    pub(super) fn usage(&mut self, usage: Usage) {
        if usage != Usage::default() {
            self.note(ChatEventBody::Usage(usage));
        }
    }

    pub(super) fn tool_call(
        &mut self,
        id: &str,
        name: &str,
        title: Option<&str>,
        input: Option<Value>,
    ) {
        self.note(ChatEventBody::ToolCall {
            id: id.to_owned(),
            name: name.to_owned(),
            title: title.map(str::to_owned),
            input,
        });
    }

    pub(super) fn tool_result(&mut self, id: &str, failed: bool, output: Option<Value>) {
        self.note(ChatEventBody::ToolResult { id: id.to_owned(), is_error: failed, output });
    }

    pub(super) fn permission(&mut self, permission: Permission) {
        self.heard.push(Heard::Permission(permission));
    }

    pub(super) fn withdrawn(&mut self, key: impl Into<String>) {
        self.heard.push(Heard::Withdrawn(key.into()));
    }

    pub(super) fn ended(&mut self, outcome: Outcome) {
        self.heard.push(Heard::Ended(outcome));
    }

    fn note(&mut self, body: ChatEventBody) {
        self.heard.push(Heard::Note(body));
    }
}

/// A message as a line.
pub(super) fn line(message: &impl Serialize) -> String {
    serde_json::to_string(message).expect("texts and JSON are JSON")
}
