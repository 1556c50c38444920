//! One turn of a `lines` agent, from its message to its end.

use std::collections::VecDeque;

use protocol::agents::OutputStream;
use protocol::{InteractionId, RunId};
use tokio::time::Instant;

use super::answer::{Answer, Deltas};
use super::rules::{Meaning, Patience, Rules, Silence};
use crate::codec::ladder::Ladder;
use crate::control::{Control, Told};
use crate::event::{AgentEvent, Outcome};
use crate::framing::{Framing, Line};

/// How far a turn has come.
#[derive(Debug)]
pub(super) enum Phase {
    /// There is no program to give the message to. It is started at an instant, if one is set;
    /// otherwise once its predecessor has said its last.
    Waiting { text: String, until: Option<Instant> },
    /// The program was just started, and may prompt before it takes the message; or it was taken over, and may not be
    /// done with what it was told before.
    Greeting { text: String, patience: Patience },
    /// The message is being written.
    Writing,
    /// The message could not be written, or not all of it.
    NotWritten,
    /// The program has the message.
    Listening,
}

/// A turn that has begun and not ended.
#[derive(Debug)]
pub(super) struct Turn {
    pub(super) run: RunId,
    pub(super) phase: Phase,
    pub(super) silence: Silence,
    /// Set while the program is being ended.
    pub(super) ladder: Option<Ladder>,
    pub(super) cancelled: bool,
    /// A line that marks the end has come, maybe before the message was written.
    pub(super) marked: bool,
    /// The message, if it may be given once more: to a new program, when this one turns out to
    /// have exited without reading it, as it was about to do so when the turn began.
    pub(super) again: Option<String>,
    /// Whether there was any output.
    pub(super) answered: bool,
    /// What was asked in it and waits for an answer.
    asked: Vec<InteractionId>,
    answer: Answer,
    deltas: Deltas,
}

impl Turn {
    pub(super) fn new(run: RunId, text: String, now: Instant) -> Self {
        Self {
            run,
            phase: Phase::Waiting { text, until: None },
            silence: Silence::begin(now),
            ladder: None,
            cancelled: false,
            marked: false,
            again: None,
            answered: false,
            asked: Vec::new(),
            answer: Answer::default(),
            deltas: Deltas::default(),
        }
    }

    /// Whether what the program says now is part of the answer.
    pub(super) fn is_heard(&self) -> bool {
        matches!(self.phase, Phase::Writing | Phase::NotWritten | Phase::Listening)
    }

    /// Whether it waits for the answer to what was asked in it.
    pub(super) fn is_asking(&self) -> bool {
        !self.asked.is_empty()
    }

    /// Whether the turn is over by a mark. A message has to be written whole before.
    pub(super) fn is_over(&self) -> bool {
        self.marked && matches!(self.phase, Phase::Listening)
    }

    /// When silence will have ended what the turn is at.
    pub(super) fn deadline(&self, rules: &Rules) -> Option<Instant> {
        match &self.phase {
            Phase::Waiting { until, .. } => *until,
            Phase::Greeting { patience, .. } => self.silence.end(*patience),
            Phase::Listening if self.is_asking() && !self.cancelled => None,
            Phase::Listening if self.cancelled => self.silence.end(rules.wait_for_reaction()),
            Phase::Listening => self.silence.end(rules.wait_for_answer()),
            Phase::Writing | Phase::NotWritten => None,
        }
    }

    /// Takes a control message. What was said before it is shown before it.
    pub(super) fn control(&mut self, control: Control, out: &mut VecDeque<AgentEvent>) {
        self.answered = true;
        self.stream(out);
        if let Control::Ask(ask) = &control {
            self.asked.push(ask.interaction_id.clone());
        }
        out.push_back(AgentEvent::control(Some(&self.run), control));
    }

    /// The program is told something: it may go on now, and is waited for anew.
    pub(super) fn told(&mut self, told: &Told, now: Instant) {
        if let Told::Answer(answer) = told {
            self.asked.retain(|asked| *asked != answer.interaction_id);
        }
        if self.asked.is_empty() && !self.cancelled {
            self.silence = Silence::begin(now);
        }
    }

    /// Takes a line of the program's output.
    pub(super) fn hear(&mut self, line: Line, rules: &Rules, out: &mut VecDeque<AgentEvent>) {
        self.answered = true;
        if line.is_cut() {
            self.deltas.break_off(&line);
            out.push_back(AgentEvent::raw(Some(&self.run), OutputStream::Stdout, line));
            return;
        }
        let meaning = rules.meaning(&line.text);
        self.marked |= meaning != Meaning::Text;
        if meaning != Meaning::End {
            self.deltas.line(&line);
            for text in self.answer.add(&line.text) {
                // What was streamed of a part goes before the part.
                self.stream(out);
                out.push_back(AgentEvent::Message { run: Some(self.run.clone()), text });
            }
        }
    }

    /// Shows what has come, as much of it as surely belongs to the answer.
    pub(super) fn show(
        &mut self,
        stdout: &mut Framing,
        rules: &Rules,
        out: &mut VecDeque<AgentEvent>,
    ) {
        if !rules.holds_back(stdout) {
            self.deltas.more(&stdout.stream());
        }
        self.stream(out);
    }

    /// Ends the turn: the answer, if there is one or there has to be one, then the end.
    pub(super) fn end(mut self, outcome: Outcome, out: &mut VecDeque<AgentEvent>) {
        self.stream(out);
        let text = self.answer.take();
        let run = self.run;
        if outcome == Outcome::Done || !text.is_empty() {
            out.push_back(AgentEvent::Message { run: Some(run.clone()), text });
        }
        out.push_back(AgentEvent::Ended { run, outcome });
    }

    fn stream(&mut self, out: &mut VecDeque<AgentEvent>) {
        if let Some(text) = self.deltas.take() {
            out.push_back(AgentEvent::Delta { run: self.run.clone(), text });
        }
    }
}
