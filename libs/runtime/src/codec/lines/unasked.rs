//! What a program says without being asked.

use std::collections::VecDeque;
use std::time::Duration;

use protocol::agents::OutputStream;
use tokio::time::Instant;

use super::answer::Answer;
use super::rules::{Meaning, Rules};
use crate::event::AgentEvent;
use crate::framing::Line;

/// Output outside of turns, until it pauses and becomes a message.
#[derive(Debug, Default)]
pub(super) struct Unasked {
    answer: Answer,
    last: Option<Instant>,
}

impl Unasked {
    /// Something came, on either stream.
    pub(super) fn disturbed(&mut self, now: Instant) {
        self.last = Some(now);
    }

    /// When it has paused.
    pub(super) fn deadline(&self, quiet: Duration) -> Option<Instant> {
        self.last.map(|last| last + quiet)
    }

    /// Takes a line of output. One that only says that a turn is over says nothing here.
    pub(super) fn hear(&mut self, line: Line, rules: &Rules, out: &mut VecDeque<AgentEvent>) {
        if line.is_cut() {
            out.push_back(AgentEvent::raw(None, OutputStream::Stdout, line));
        } else if rules.meaning(&line.text) != Meaning::End {
            let full = self.answer.add(&line.text);
            out.extend(full.into_iter().map(message));
        }
    }

    /// Says what there is.
    pub(super) fn flush(&mut self, out: &mut VecDeque<AgentEvent>) {
        self.last = None;
        let text = self.answer.take();
        if !text.is_empty() {
            out.push_back(message(text));
        }
    }
}

fn message(text: String) -> AgentEvent {
    AgentEvent::Message { run: None, text }
}
