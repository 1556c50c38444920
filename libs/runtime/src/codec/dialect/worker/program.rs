//! The program: started, given the message, gone.

use std::process::ExitStatus;

use protocol::agents::{OutputStream, RunReason};
use protocol::limits::MAX_LINE;
use tokio::time::Instant;

use super::{Phase, Running, Worker};
use crate::codec::dialect::Opening;
use crate::codec::dialect::out::Out;
use crate::codec::exit::describe;
use crate::codec::restart::End;
use crate::event::Outcome;
use crate::framing::Framing;
use crate::host::process::Activity;

/// Programs that may end without having read a byte of a message, before its turn fails.
const MAX_UNREAD: u8 = 3;

impl Worker {
    /// Brings a turn that waits a step further.
    pub(super) async fn advance(&mut self) {
        if let Some(why) = self.refused.take() {
            return self.refuse(&why).await;
        }
        let Some(turn) = &mut self.turn else { return };
        let Phase::Waiting(until) = &mut turn.phase else { return };
        let Some(running) = &mut self.running else {
            let now = Instant::now();
            if let Some(why) = self.restart.is_given_up() {
                let error = format!("{} {why}", self.setting.name);
                return self.end_turn(Outcome::failed(RunReason::AgentUnavailable, error));
            }
            let start = self.restart.not_before(now);
            if start > now {
                *until = Some(start);
                return;
            }
            *until = None;
            return Box::pin(self.start()).await;
        };
        *until = None;
        // If it ended between the turns, what it said last comes first.
        if !running.ready || running.process.has_exited() {
            return;
        }
        let mut line = self.dialect.prompt(&turn.text);
        line.push('\n');
        turn.phase = Phase::Writing;
        running.process.write(line.into_bytes());
        self.heard();
    }

    /// Starts the program; without one the turn is over.
    async fn start(&mut self) {
        let resume = self.session.clone();
        let configured = &self.setting.program;
        let args = self.dialect.arguments(configured.args(), resume.as_deref());
        let program = configured.with_args(args);
        let program =
            if self.dialect.is_per_turn() { program.with_ending_input() } else { program };
        let process = match program.start().await {
            Ok(process) => process,
            Err(error) => {
                let outcome = Outcome::failed(error.reason(), error.to_string());
                return self.end_turn(outcome);
            }
        };
        let note = self.restart.on_start(&self.setting.name, Instant::now());
        if let Some(note) = note {
            self.status(note);
        }
        let (stdout, stderr) = (Framing::new(MAX_LINE), Framing::new(MAX_LINE));
        let resumes = resume.is_some();
        let (ready, settles, started) = (false, false, Instant::now());
        self.confirmed = false;
        self.running = Some(Running { process, stdout, stderr, ready, settles, resumes, started });
        let mut out = Out::default();
        let directory = program.directory();
        self.dialect.open(&Opening { resume: resume.as_deref(), directory }, &mut out);
        self.take(out, None);
        self.advance().await;
    }

    /// The program is of no use as it is: it is ended, and the turn fails.
    pub(super) async fn refuse(&mut self, why: &str) {
        if let Some(running) = self.running.take() {
            running.process.end(self.setting.graces.terminate).await;
        }
        let why = format!("{} cannot be used: {why}", self.setting.name);
        self.restart.on_end(End::Crashed(why.clone()), Instant::now());
        self.withdraw(|_| true);
        // It may be able to take it up the next time.
        self.session = self.session.take().or(self.lost.take());
        if self.turn.is_none() {
            return self.status(why);
        }
        self.end_turn(Outcome::failed(RunReason::AgentUnavailable, why));
    }

    pub(super) async fn on_activity(&mut self, activity: Activity) {
        match activity {
            Activity::Output(OutputStream::Stdout, bytes) => self.on_stdout(&bytes),
            Activity::Output(OutputStream::Stderr, bytes) => self.on_stderr(&bytes),
            Activity::Written => self.on_written(),
            // It may be about to exit, and its exit says more; if it is not, it is silent.
            Activity::NotWritten(error) => {
                tracing::debug!(program = self.setting.name, %error, "message not written");
                self.on_written();
            }
            Activity::Exited { status, read } => self.on_exit(status, read),
        }
        self.advance().await;
    }

    fn on_written(&mut self) {
        let Some(turn) = &mut self.turn else { return };
        turn.phase = Phase::Given;
        if self.dialect.is_per_turn()
            && let Some(running) = &mut self.running
        {
            running.process.close_stdin();
        }
        if turn.cancelled {
            self.cancel();
        }
    }

    fn on_exit(&mut self, status: ExitStatus, read: bool) {
        let tail = self.running.as_mut().and_then(|running| running.stdout.take_tail());
        if let Some(line) = tail {
            self.hear(line);
        }
        self.take_stderr_tail();
        let Some(Running { ready, resumes, process, .. }) = self.running.take() else { return };
        self.refused = None;
        // The next program does not know what this one has asked.
        self.withdraw(|_| true);
        let reason = process.reason();
        let how = process.remark().map_or_else(|| describe(status), str::to_owned);
        let how = format!("{} {how}", self.setting.name);
        let now = Instant::now();
        if !ready && resumes {
            // That is how some say that there is no such session.
            self.on_not_resumed(&how);
            return self.restart.on_end(End::Left, now);
        }
        let Some(turn) = &mut self.turn else {
            self.flush();
            let end = if status.success() { End::Left } else { End::Crashed(how) };
            return self.restart.on_end(end, now);
        };
        match turn.phase {
            // It left between the turns; the next one gets the message.
            Phase::Waiting(_) if ready => {
                let end = if status.success() { End::Left } else { End::Crashed(how) };
                self.restart.on_end(end, now);
            }
            // It does not come so far, and would not the next time either.
            Phase::Waiting(_) => {
                self.restart.on_end(End::Crashed(how.clone()), now);
                let why = format!("{how} before it took a message");
                self.end_turn(Outcome::failed(RunReason::AgentUnavailable, why));
            }
            // It has not read a byte of it.
            Phase::Writing | Phase::Given
                if !read
                    && !turn.cancelled
                    && !self.dialect.is_per_turn()
                    && turn.unread < MAX_UNREAD =>
            {
                turn.unread += 1;
                turn.phase = Phase::Waiting(None);
                self.restart.on_end(End::Crashed(how), now);
            }
            _ => {
                let said = self.dialect.exited(status);
                let cancelled = turn.cancelled.then_some(Outcome::Cancelled);
                let outcome = turn.outcome.take().or(cancelled).or(said);
                let (end, outcome) = match outcome {
                    Some(Outcome::Cancelled) => (End::Cancelled, Outcome::Cancelled),
                    Some(outcome) => (End::Answered, outcome),
                    // An exit code is its way to say that it failed.
                    None if self.dialect.is_per_turn() && status.code().is_some() => {
                        (End::Answered, Outcome::failed(reason, how))
                    }
                    None => (End::Crashed(how.clone()), Outcome::failed(reason, how)),
                };
                let failed = matches!(outcome, Outcome::Failed { .. });
                if self.dialect.is_per_turn() && resumes && failed && !self.confirmed {
                    self.failures += 1;
                    // Once may have another reason.
                    if self.failures > 1 {
                        self.on_not_resumed("it failed twice before it said so");
                    }
                }
                self.restart.on_end(end, now);
                self.end_turn(outcome);
            }
        }
    }
}
