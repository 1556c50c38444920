//! What the program says.

use protocol::agents::{ChatEventBody, OutputStream};
use protocol::limits::MAX_ENTRY;
use serde_json::Value;

use super::{Asked, Phase, Worker};
use crate::codec::dialect::Unknown;
use crate::codec::dialect::out::{Heard, Out};
use crate::codec::dialect::permission::{Choice, Permission};
use crate::codec::ladder::Ladder;
use crate::event::{AgentEvent, Outcome};
use crate::framing::Line;

/// A line from which on it is looked at whether what it means fits into an entry.
const LARGE: usize = MAX_ENTRY / 4;

/// Longest id of a session.
const MAX_ID: usize = 256;

/// Permissions that may be open. What is asked beyond is denied.
const MAX_ASKED: usize = 32;

/// What is told of a question that nobody had to answer, in bytes.
const LONG_QUESTION: usize = 300;

/// What stands around something in an entry.
const AROUND: usize = 4 << 10;

impl Worker {
    pub(super) fn on_stdout(&mut self, bytes: &[u8]) {
        self.heard();
        let lines = self.running.as_mut().map(|running| running.stdout.push(bytes));
        for line in lines.unwrap_or_default() {
            self.hear(line);
        }
    }

    pub(super) fn hear(&mut self, line: Line) {
        let message = (!line.is_cut()).then(|| serde_json::from_str(&line.text).ok()).flatten();
        let mut out = Out::default();
        let understood = match &message {
            Some(Value::Object(message)) => self.dialect.hear(message, &mut out),
            _ => Err(Unknown),
        };
        self.take(out, Some(&line));
        if understood.is_err() && !line.text.trim().is_empty() {
            let run = self.turn.as_ref().map(|turn| &turn.run);
            self.outbox.push_back(AgentEvent::raw(run, OutputStream::Stdout, line));
        }
    }

    pub(super) fn on_stderr(&mut self, bytes: &[u8]) {
        // A replay is over when stdout is silent.
        if self.running.as_ref().is_none_or(|running| !running.settles) {
            self.heard();
        }
        let run = self.turn.as_ref().map(|turn| &turn.run);
        let lines = self.running.as_mut().map(|running| running.stderr.push(bytes));
        for line in lines.unwrap_or_default() {
            self.outbox.push_back(AgentEvent::raw(run, OutputStream::Stderr, line));
        }
    }

    pub(super) fn take_stderr_tail(&mut self) {
        let run = self.turn.as_ref().map(|turn| &turn.run);
        let line = self.running.as_mut().and_then(|running| running.stderr.take_tail());
        self.outbox.extend(line.map(|line| AgentEvent::raw(run, OutputStream::Stderr, line)));
    }

    /// Does what follows from a line, or from something else.
    pub(super) fn take(&mut self, out: Out, line: Option<&Line>) {
        if let Some(running) = &mut self.running {
            for line in out.lines {
                running.process.tell(format!("{line}\n").as_bytes());
            }
        }
        for heard in out.heard {
            self.on_heard(heard, line);
        }
    }

    fn on_heard(&mut self, heard: Heard, line: Option<&Line>) {
        let run = self.turn.as_ref().map(|turn| turn.run.clone());
        match heard {
            Heard::Ready => {
                if let Some(running) = &mut self.running {
                    running.ready = true;
                }
            }
            Heard::ReadyWhenQuiet => {
                if let Some(running) = &mut self.running {
                    running.settles = true;
                }
            }
            Heard::Refused(why) => self.refused = Some(why),
            Heard::Session(id) => self.on_session(id),
            Heard::NotResumed(why) => self.on_not_resumed(&why),
            Heard::Delta(text) => {
                let parts = self.speech.more(&text);
                let messages =
                    parts.into_iter().map(|text| AgentEvent::Message { run: run.clone(), text });
                // A part that is full is whole before what comes after it.
                self.outbox.extend(messages);
                if let Some(run) = run.filter(|_| !text.is_empty()) {
                    self.outbox.push_back(AgentEvent::Delta { run, text });
                }
            }
            Heard::Message(text) => {
                let parts = self.speech.take_as(&text);
                let messages =
                    parts.into_iter().map(|text| AgentEvent::Message { run: run.clone(), text });
                self.outbox.extend(messages);
            }
            Heard::Note(body) => self.on_note(body, line),
            Heard::Permission(permission) => self.on_permission(permission),
            Heard::Withdrawn(key) => self.withdraw(|asked| asked.permission.key == key),
            Heard::Ended(outcome) => self.on_ended(outcome),
        }
    }

    fn on_session(&mut self, id: String) {
        let is_id =
            (1..=MAX_ID).contains(&id.len()) && id.bytes().all(|byte| byte.is_ascii_graphic());
        // It may become an argument of the next program.
        if !is_id || id.starts_with('-') {
            return self
                .status("its session has an id that cannot be kept: it will not be taken up");
        }
        (self.confirmed, self.lost, self.failures) = (true, None, 0);
        if self.session.as_ref() != Some(&id) {
            self.session = Some(id.clone());
            self.outbox.push_back(AgentEvent::Session { id });
        }
    }

    /// People need not answer these any more.
    pub(super) fn withdraw(&mut self, is_moot: impl Fn(&Asked) -> bool) {
        for asked in self.asked.extract_if(.., |asked| is_moot(asked)) {
            self.outbox.push_back(AgentEvent::Withdrawn { interaction_id: asked.interaction });
        }
    }

    fn on_note(&mut self, body: ChatEventBody, line: Option<&Line>) {
        // What was said before a tool is used is one part of the answer, what is said after it another. Who says it again as
        // a whole says where it ends.
        let parts = !self.dialect.says_again()
            && !matches!(body, ChatEventBody::Status { .. } | ChatEventBody::Raw { .. });
        if parts {
            self.flush();
        }
        let run = self.turn.as_ref().map(|turn| turn.run.clone());
        let large = line.filter(|line| line.text.len() > LARGE);
        let size = || serde_json::to_string(&body).map_or(usize::MAX, |json| json.len());
        match large {
            Some(line) if size() > MAX_ENTRY - AROUND => {
                let raw = AgentEvent::raw(run.as_ref(), OutputStream::Stdout, line.clone());
                self.outbox.push_back(raw);
            }
            _ => self.outbox.push_back(AgentEvent::Note { run, body }),
        }
    }

    fn on_permission(&mut self, permission: Permission) {
        let approvals = &self.setting.approvals;
        let is_cancelled = self.turn.as_ref().is_some_and(|turn| turn.cancelled);
        let too_many = self.asked.len() >= MAX_ASKED;
        let decided = if is_cancelled {
            Some(Choice::Cancelled)
        } else if too_many {
            Some(permission.denial())
        } else {
            permission.decided_by(approvals)
        };
        if let Some(choice) = decided {
            if let Choice::Option(nth) = choice {
                let (question, option) = (&permission.question, &permission.options[nth].name);
                let why = if too_many { "as too many are open" } else { "by policy" };
                let question = &question[..question.floor_char_boundary(LONG_QUESTION)];
                self.status(format!("\"{question}\" was answered {why}: {option}"));
            }
            return self.decide(&permission, choice);
        }
        let ask = permission.ask(approvals);
        let (interaction, choices) = (ask.interaction_id.clone(), ask.choices.clone());
        // The same name for another one: what was asked before is moot.
        self.withdraw(|asked| asked.permission.key == permission.key);
        if !self.dialect.says_again() {
            self.flush();
        }
        let run = self.turn.as_ref().map(|turn| turn.run.clone());
        self.asked.push(Asked { interaction, run: run.clone(), choices, permission });
        self.outbox.push_back(AgentEvent::Asked { run, ask });
    }

    fn on_ended(&mut self, outcome: Outcome) {
        let Some(turn) = &mut self.turn else { return };
        let is_told = turn.phase == Phase::Given
            || (self.dialect.is_per_turn() && turn.phase == Phase::Writing);
        if !is_told {
            return;
        }
        if self.dialect.is_per_turn() {
            let failed = matches!(outcome, Outcome::Failed { .. });
            turn.outcome = Some(outcome);
            if failed {
                // It may go on trying.
                return;
            }
            turn.ladder.get_or_insert_with(|| {
                Ladder::exit(tokio::time::Instant::now(), self.setting.graces)
            });
        } else {
            self.end_turn(outcome);
        }
    }

    /// The program begins anew.
    pub(super) fn on_not_resumed(&mut self, why: &str) {
        self.lost = self.session.take().or(self.lost.take());
        if let Some(running) = &mut self.running {
            running.resumes = false;
        }
        let name = &self.setting.name;
        self.status(format!("{name} remembers nothing of this conversation: its session could not be taken up ({why})"));
    }
}
