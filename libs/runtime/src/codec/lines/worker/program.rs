//! The program: started, given the message, gone.

use std::process::ExitStatus;

use protocol::agents::RunReason;
use protocol::limits::MAX_LINE;
use tokio::time::Instant;

use super::{Running, Worker};
use crate::codec::exit::describe;
use crate::codec::ladder::Ladder;
use crate::codec::lines::exit::judge;
use crate::codec::lines::rules::Silence;
use crate::codec::lines::turn::Phase;
use crate::codec::restart::End;
use crate::event::{AgentEvent, Outcome};
use crate::framing::Framing;
use crate::host::process::Process;

impl Worker {
    /// Brings a turn that waits for its program a step further.
    pub(super) async fn advance(&mut self) {
        let now = Instant::now();
        let Some(turn) = &mut self.turn else { return };
        let Phase::Waiting { until, .. } = &mut turn.phase else { return };
        match &mut self.running {
            // If it ended between the turns, what it said last comes first.
            Some(running) => {
                if running.process.has_exited() {
                    return;
                }
            }
            None => {
                if let Some(why) = self.restart.is_given_up() {
                    let error = format!("{} {why}", self.name);
                    return self.end_turn(Outcome::failed(RunReason::AgentUnavailable, error));
                }
                let start = self.restart.not_before(now);
                if start > now {
                    *until = Some(start);
                    return;
                }
                if !self.start().await {
                    return;
                }
            }
        }
        self.greet(Instant::now());
    }

    /// Starts the program; without one the turn is over.
    async fn start(&mut self) -> bool {
        match self.setting.program.start_or_adopt().await {
            Ok(process) => {
                self.take_in(process);
                true
            }
            Err(error) => {
                self.end_turn(Outcome::failed(error.reason(), error.to_string()));
                false
            }
        }
    }

    fn take_in(&mut self, process: Process) {
        let run = self.turn.as_ref().map(|turn| &turn.run);
        let note = self.restart.on_start(&self.name, Instant::now());
        self.outbox.extend(note.map(|note| AgentEvent::status(run, note)));
        let (stdout, stderr) = (Framing::new(MAX_LINE), Framing::new(MAX_LINE));
        self.running = Some(Running { process, stdout, stderr, greeted: false, served: false });
    }

    /// Tells the program what it is to be told beside its turns. One that has ended is started anew for it.
    pub(super) async fn tell(&mut self) {
        let Some(told) = self.telling.take() else { return };
        let now = Instant::now();
        match &mut self.running {
            Some(running) => {
                if running.process.has_exited() {
                    // Its exit comes first; then there is a new one.
                    self.telling = Some(told);
                    return;
                }
                running.process.tell(&told.line());
                if let Some(turn) = &mut self.turn {
                    turn.told(&told, now);
                }
            }
            // The turn starts one, when it is time.
            None if self.turn.is_some() => self.telling = Some(told),
            None => match self.setting.program.start_or_adopt().await {
                Ok(mut process) => {
                    process.tell(&told.line());
                    self.take_in(process);
                }
                Err(error) => {
                    self.outbox.push_back(AgentEvent::status(None, error.to_string()));
                }
            },
        }
    }

    /// Gives the message to the program, or waits for its first prompt with it.
    pub(super) fn greet(&mut self, now: Instant) {
        let (Some(turn), Some(running)) = (&mut self.turn, &mut self.running) else { return };
        let (Phase::Waiting { text, .. } | Phase::Greeting { text, .. }) = &mut turn.phase else {
            return;
        };
        let mut text = std::mem::take(text);
        turn.silence = Silence::begin(now);
        let patience = self.setting.rules.wait_for_greeting(running.process.is_adopted());
        if let Some(patience) = patience.filter(|_| !running.greeted) {
            turn.phase = Phase::Greeting { text, patience };
            return;
        }
        turn.again = running.served.then(|| text.clone());
        if !text.ends_with('\n') {
            text.push('\n');
        }
        running.process.write(text.into_bytes());
        turn.phase = Phase::Writing;
    }

    pub(super) fn on_written(&mut self) {
        let Some(turn) = &mut self.turn else { return };
        turn.phase = Phase::Listening;
        if !turn.silence.is_prompted() {
            turn.silence.disturbed(Instant::now());
        }
        if turn.is_over() {
            self.end_well();
        }
    }

    /// The program does not read. It may be about to exit, and its exit says more; if it is not,
    /// it is of no use with a part of a message in its stdin.
    pub(super) fn on_not_written(&mut self) {
        let Some(turn) = &mut self.turn else { return };
        turn.phase = Phase::NotWritten;
        turn.ladder.get_or_insert_with(|| Ladder::exit(Instant::now(), self.setting.graces));
    }

    pub(super) fn on_exit(&mut self, status: ExitStatus, read: bool) {
        self.take_tail();
        self.take_stderr_tail();
        let gone = self.running.take();
        let Some(Running { process, .. }) = gone else { return };
        let (remark, reason) = (process.remark().map(str::to_owned), process.reason());
        self.unasked.flush(&mut self.outbox);
        if !read {
            self.take_back();
        }
        let how = format!("{} {}", self.name, remark.unwrap_or_else(|| describe(status)));
        let in_turn =
            self.turn.as_ref().filter(|turn| !matches!(turn.phase, Phase::Waiting { .. }));
        let (end, outcome) = match in_turn {
            None if status.success() => (self.left(), None),
            None => (End::Crashed(how), None),
            Some(turn) => {
                let (end, outcome) = judge(turn, status, read, how, reason);
                (end, Some(outcome))
            }
        };
        self.restart.on_end(end, Instant::now());
        if let Some(outcome) = outcome {
            self.end_turn(outcome);
        }
    }

    /// Keeps a message that the program has not read for the next one. Only certainty will do, as
    /// no message is given twice; and not for a program that never reads.
    fn take_back(&mut self) {
        let turn = self.turn.as_mut().filter(|turn| !turn.answered && !turn.cancelled);
        if let Some(turn) = turn
            && let Some(text) = turn.again.take()
        {
            turn.phase = Phase::Waiting { text, until: None };
            turn.ladder = None;
        }
    }

    /// How a program has ended that exited well between turns: soon after its answer it is its
    /// way to end the turn, only that the answer told us earlier.
    fn left(&self) -> End {
        let quiet = self.setting.rules.quiet();
        let is_soon = self.answered.is_some_and(|answered| answered.elapsed() <= quiet);
        if is_soon { End::Answered } else { End::Left }
    }
}
