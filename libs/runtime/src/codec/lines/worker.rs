//! The task of a `lines` session: what happens, and what follows from it.

mod hearing;
mod program;

use std::collections::VecDeque;

use protocol::agents::OutputStream;
use tokio::sync::mpsc;
use tokio::time::Instant;

use super::Setting;
use super::rules::Silence;
use super::turn::{Phase, Turn};
use super::unasked::Unasked;
use crate::codec::ladder::Ladder;
use crate::codec::restart::Restart;
use crate::codec::waiting::{self, at};
use crate::control::Told;
use crate::event::{AgentEvent, Outcome};
use crate::framing::Framing;
use crate::host::process::{Activity, Process};
use crate::session::{Inbox, Prompt};

/// Everything about the session; the task is its only owner.
pub(super) struct Worker {
    setting: Setting,
    name: String,
    inbox: Inbox,
    told: mpsc::Receiver<Told>,
    /// What the program is told next, beside its turns.
    telling: Option<Told>,
    /// Events on their way out. Nothing more is read from the program, and no turn begun, until
    /// it is empty: that bounds it by what one read can bring, and holds the program back.
    outbox: VecDeque<AgentEvent>,
    running: Option<Running>,
    restart: Restart,
    turn: Option<Turn>,
    unasked: Unasked,
    /// The beginning of the silence that people were told of last.
    reported: Option<Instant>,
    /// When the last answer ended.
    answered: Option<Instant>,
}

/// A program and what it has begun to say.
struct Running {
    process: Process,
    stdout: Framing,
    stderr: Framing,
    greeted: bool,
    /// Whether it has been there for a turn before.
    served: bool,
}

/// What made the task go on.
enum Wake {
    Stopped,
    Said,
    Prompt(Prompt),
    Told(Told),
    Cancelled,
    /// It is time for a stronger signal.
    Climb,
    Activity(Activity),
    /// Something has been quiet for as long as it takes.
    Quiet,
    /// A turn has been silent for so long that people are told.
    Silent,
}

impl Worker {
    pub(super) fn new(setting: Setting, inbox: Inbox, told: mpsc::Receiver<Told>) -> Self {
        Self {
            name: setting.name(),
            restart: Restart::new(setting.meters.clone()),
            setting,
            inbox,
            told,
            telling: None,
            outbox: VecDeque::new(),
            running: None,
            turn: None,
            unasked: Unasked::default(),
            reported: None,
            answered: None,
        }
    }

    pub(super) async fn run(mut self) {
        loop {
            match self.wake().await {
                Wake::Stopped => break,
                Wake::Said => {}
                Wake::Prompt(prompt) => self.on_prompt(prompt).await,
                Wake::Told(told) => self.telling = Some(told),
                Wake::Cancelled => self.on_cancel(),
                Wake::Climb => self.climb(),
                Wake::Activity(activity) => self.on_activity(activity).await,
                Wake::Quiet => self.on_quiet().await,
                Wake::Silent => self.on_silent(),
            }
            self.tell().await;
        }
        if let Some(running) = self.running.take() {
            running.process.end(self.setting.graces.terminate).await;
        }
    }

    async fn wake(&mut self) -> Wake {
        let climb = self.turn.as_ref().and_then(|turn| turn.ladder?.deadline());
        let (quiet, silent) = (self.quiet_at(), self.silent_at());
        let Self { inbox, outbox, turn, running, told, telling, .. } = self;
        let takes = running.as_ref().is_none_or(|running| !running.process.is_telling());
        let Inbox { prompts, cancelled, stop, events } = inbox;
        let all_said = outbox.is_empty();
        let uncancelled = turn.as_ref().filter(|turn| !turn.cancelled).map(|turn| &turn.run);
        let process = running.as_mut().map(|running| &mut running.process);
        tokio::select! {
            biased;
            () = stop.cancelled() => Wake::Stopped,
            room = events.room(), if !all_said => {
                let Ok(room) = room else { return Wake::Stopped };
                if let Some(event) = outbox.pop_front() {
                    room.send(event);
                }
                Wake::Said
            }
            () = waiting::cancelled(cancelled, uncancelled) => Wake::Cancelled,
            () = at(climb) => Wake::Climb,
            prompt = prompts.recv(), if all_said && turn.is_none() => {
                prompt.map_or(Wake::Stopped, Wake::Prompt)
            }
            Some(told) = told.recv(), if all_said && telling.is_none() && takes => Wake::Told(told),
            // Before the quiet times: what is there to be read ends the quiet, even if this task
            // comes late to it.
            activity = waiting::activity(process), if all_said => Wake::Activity(activity),
            () = at(quiet), if all_said => Wake::Quiet,
            () = at(silent), if all_said => Wake::Silent,
        }
    }

    async fn on_prompt(&mut self, Prompt { run, text }: Prompt) {
        self.flush_unasked();
        self.turn = Some(Turn::new(run, text, Instant::now()));
        self.advance().await;
    }

    fn on_cancel(&mut self) {
        let now = Instant::now();
        let Some(turn) = &mut self.turn else { return };
        if !turn.is_heard() {
            // The program knows nothing of this turn.
            return self.end_turn(Outcome::Cancelled);
        }
        turn.cancelled = true;
        turn.silence = Silence::begin(now);
        turn.ladder = Some(Ladder::interrupt(now, self.setting.graces));
        self.climb();
    }

    fn climb(&mut self) {
        let ladder = self.turn.as_mut().and_then(|turn| turn.ladder.as_mut());
        if let Some(signal) = ladder.and_then(|ladder| ladder.climb(Instant::now()))
            && let Some(running) = &self.running
        {
            running.process.signal(signal);
        }
    }

    async fn on_activity(&mut self, activity: Activity) {
        match activity {
            Activity::Output(OutputStream::Stdout, bytes) => self.on_stdout(&bytes),
            Activity::Output(OutputStream::Stderr, bytes) => self.on_stderr(&bytes),
            Activity::Written => self.on_written(),
            Activity::NotWritten(error) => {
                tracing::debug!(program = self.name, %error, "message not written");
                self.on_not_written();
            }
            Activity::Exited { status, read } => {
                self.on_exit(status, read);
                // A turn that found its program dead goes on with a new one.
                self.advance().await;
            }
        }
    }

    /// When something will have been quiet for as long as it takes.
    fn quiet_at(&self) -> Option<Instant> {
        let rules = &self.setting.rules;
        match &self.turn {
            Some(turn) => turn.deadline(rules),
            None => self.unasked.deadline(rules.quiet()),
        }
    }

    async fn on_quiet(&mut self) {
        match &self.turn {
            None => self.flush_unasked(),
            Some(turn) => match turn.phase {
                Phase::Waiting { .. } => self.advance().await,
                Phase::Greeting { .. } => {
                    self.flush_unasked();
                    if let Some(running) = &mut self.running {
                        running.greeted = true;
                    }
                    self.greet(Instant::now());
                }
                _ => {
                    self.take_tail();
                    self.end_well();
                }
            },
        }
    }

    /// When people are told that nothing was heard of the program.
    fn silent_at(&self) -> Option<Instant> {
        let turn = self.turn.as_ref().filter(|turn| turn.is_heard() && !turn.is_asking())?;
        let since = turn.silence.since();
        Some(since + self.setting.silence.filter(|_| self.reported != Some(since))?)
    }

    fn on_silent(&mut self) {
        let Some(turn) = &self.turn else { return };
        let since = turn.silence.since();
        self.reported = Some(since);
        let said = waiting::silent(&self.name, since);
        self.outbox.push_back(AgentEvent::status(Some(&turn.run), said));
    }

    /// The program has given its answer, or has given up its turn as it was told to.
    fn end_well(&mut self) {
        let cancelled = self.turn.as_ref().is_some_and(|turn| turn.cancelled);
        self.answered = Some(Instant::now());
        self.end_turn(if cancelled { Outcome::Cancelled } else { Outcome::Done });
    }

    fn end_turn(&mut self, outcome: Outcome) {
        self.take_stderr_tail();
        if let Some(running) = &mut self.running {
            running.served = true;
        }
        if let Some(turn) = self.turn.take() {
            turn.end(outcome, &mut self.outbox);
        }
    }
}
