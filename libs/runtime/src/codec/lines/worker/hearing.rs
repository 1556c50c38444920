//! What the program says, and whom it goes to: the turn, or nobody in particular.

use protocol::agents::OutputStream;
use tokio::time::Instant;

use super::Worker;
use crate::event::AgentEvent;

impl Worker {
    pub(super) fn on_stdout(&mut self, bytes: &[u8]) {
        let (now, rules) = (Instant::now(), &self.setting.rules);
        let Some(running) = &mut self.running else { return };
        for line in running.stdout.push(bytes) {
            let control = rules.control(&line);
            match (&mut self.turn, control) {
                (Some(turn), Some(control)) if turn.is_heard() && !turn.is_over() => {
                    turn.control(control, &mut self.outbox);
                }
                (Some(turn), None) if turn.is_heard() && !turn.is_over() => {
                    turn.hear(line, rules, &mut self.outbox);
                }
                (_, Some(control)) => {
                    self.unasked.flush(&mut self.outbox);
                    self.outbox.push_back(AgentEvent::control(None, control));
                }
                (_, None) => self.unasked.hear(line, rules, &mut self.outbox),
            }
        }
        let prompted = rules.is_prompted(&running.stdout);
        match &mut self.turn {
            Some(turn) => {
                turn.silence.broken(now, prompted);
                turn.answered |= turn.is_heard() && !prompted;
                if turn.is_over() {
                    self.unasked.disturbed(now);
                    self.end_well();
                } else if turn.is_heard() {
                    turn.show(&mut running.stdout, rules, &mut self.outbox);
                }
            }
            None => self.unasked.disturbed(now),
        }
    }

    pub(super) fn on_stderr(&mut self, bytes: &[u8]) {
        let now = Instant::now();
        let Some(running) = &mut self.running else { return };
        let run = self.turn.as_ref().map(|turn| &turn.run);
        for line in running.stderr.push(bytes) {
            self.outbox.push_back(AgentEvent::raw(run, OutputStream::Stderr, line));
        }
        match &mut self.turn {
            // It reacts to the interrupt.
            Some(turn) if turn.cancelled => turn.silence.reacted(now),
            Some(turn) => turn.silence.disturbed(now),
            None => self.unasked.disturbed(now),
        }
    }

    /// The beginning of a line that is the end of what was said, unless it is a prompt.
    pub(super) fn take_tail(&mut self) {
        let rules = &self.setting.rules;
        let Some(running) = &mut self.running else { return };
        let Some(line) = running.stdout.take_tail() else { return };
        match &mut self.turn {
            _ if rules.is_prompt(&line.text) => {}
            Some(turn) if turn.is_heard() => turn.hear(line, rules, &mut self.outbox),
            _ => self.unasked.hear(line, rules, &mut self.outbox),
        }
    }

    pub(super) fn take_stderr_tail(&mut self) {
        let run = self.turn.as_ref().map(|turn| &turn.run);
        let line = self.running.as_mut().and_then(|running| running.stderr.take_tail());
        self.outbox.extend(line.map(|line| AgentEvent::raw(run, OutputStream::Stderr, line)));
    }

    pub(super) fn flush_unasked(&mut self) {
        self.take_tail();
        self.take_stderr_tail();
        self.unasked.flush(&mut self.outbox);
    }
}
