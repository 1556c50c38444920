//! The task of a session: what happens, and what follows from it.

mod hearing;
mod program;

use std::collections::VecDeque;
use std::time::Duration;

use protocol::{InteractionId, RunId};
use tokio::sync::mpsc;
use tokio::time::Instant;

use super::out::Out;
use super::permission::{Choice, Permission, chosen};
use super::speech::Speech;
use super::{Dialect, Setting};
use crate::codec::ladder::Ladder;
use crate::codec::restart::Restart;
use crate::codec::waiting::{self, at};
use crate::control::{InteractionAnswer, Told};
use crate::event::{AgentEvent, Outcome};
use crate::framing::Framing;
use crate::host::process::{Activity, Process};
use crate::session::{Inbox, Prompt};

/// How long a program may take from its start until it takes turns. Some load for seconds, on a busy machine for longer.
const OPENING: Duration = Duration::from_secs(60);

/// After which time of silence what is said outside of turns is whole, and a replay over.
const QUIET: Duration = Duration::from_millis(300);

/// Everything about the session; the task is its only owner.
pub(super) struct Worker {
    dialect: Box<dyn Dialect>,
    setting: Setting,
    inbox: Inbox,
    told: mpsc::Receiver<Told>,
    /// Events on their way out. Nothing more is read from the program, and no turn begun, until it is empty.
    outbox: VecDeque<AgentEvent>,
    running: Option<Running>,
    restart: Restart,
    /// The program's own session, to be taken up by the next program.
    session: Option<String>,
    turn: Option<Turn>,
    speech: Speech,
    asked: Vec<Asked>,
    /// Since when nothing was heard of the program.
    silent: Instant,
    /// Whether people were told of the silence.
    reported: bool,
    /// Whether the program has said its session since it was started.
    confirmed: bool,
    /// The session that could not be taken up, until there is another: the program may only have been unable to now.
    lost: Option<String>,
    /// How often in a row a program for each turn has failed before it said its session.
    failures: u8,
    /// Why the program cannot be used, until it is ended for it.
    refused: Option<String>,
}

/// A program and what it has begun to say.
struct Running {
    process: Process,
    stdout: Framing,
    stderr: Framing,
    /// Whether it takes turns.
    ready: bool,
    /// Whether it does once it is silent for a moment.
    settles: bool,
    /// Whether it was to take up a session.
    resumes: bool,
    started: Instant,
}

/// A turn from prompt to end.
struct Turn {
    run: RunId,
    text: String,
    phase: Phase,
    cancelled: bool,
    ladder: Option<Ladder>,
    /// Programs that ended without having read a byte of the message.
    unread: u8,
    /// How it ended, while its program has yet to exit.
    outcome: Option<Outcome>,
}

/// How far a turn is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Phase {
    /// For a program, or for it to be ready; not to be started before that, if a time is there.
    Waiting(Option<Instant>),
    /// The message is on its way into the program.
    Writing,
    /// The program has the message.
    Given,
}

/// A permission that people are asked for.
struct Asked {
    interaction: InteractionId,
    /// The turn that it was asked in, if any.
    run: Option<RunId>,
    choices: Vec<String>,
    permission: Permission,
}

/// What made the task go on.
enum Wake {
    Stopped,
    Said,
    Prompt(Prompt),
    Told(Told),
    Cancelled,
    Activity(Activity),
    Time,
}

impl Worker {
    pub(super) fn new(
        dialect: Box<dyn Dialect>,
        setting: Setting,
        resume: Option<String>,
        inbox: Inbox,
        told: mpsc::Receiver<Told>,
    ) -> Self {
        Self {
            dialect,
            restart: Restart::new(setting.meters.clone()),
            setting,
            inbox,
            told,
            outbox: VecDeque::new(),
            running: None,
            session: resume,
            turn: None,
            speech: Speech::default(),
            asked: Vec::new(),
            silent: Instant::now(),
            reported: false,
            confirmed: false,
            lost: None,
            failures: 0,
            refused: None,
        }
    }

    pub(super) async fn run(mut self) {
        loop {
            match self.wake().await {
                Wake::Stopped => break,
                Wake::Said => {}
                Wake::Prompt(Prompt { run, text }) => {
                    self.flush();
                    let phase = Phase::Waiting(None);
                    let (cancelled, ladder, unread, outcome) = (false, None, 0, None);
                    self.turn = Some(Turn { run, text, phase, cancelled, ladder, unread, outcome });
                    self.advance().await;
                }
                Wake::Told(told) => self.on_told(told),
                Wake::Cancelled => self.on_cancel(),
                Wake::Activity(activity) => self.on_activity(activity).await,
                Wake::Time => self.on_time().await,
            }
        }
        if let Some(running) = self.running.take() {
            running.process.end(self.setting.graces.terminate).await;
        }
    }

    async fn wake(&mut self) -> Wake {
        let time = self.deadline();
        let ladder = self.turn.as_ref().and_then(|turn| turn.ladder?.deadline());
        let Self { inbox, outbox, turn, running, told, .. } = self;
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
            // Before what it says: it may say something all the time.
            () = at(ladder) => Wake::Time,
            prompt = prompts.recv(), if all_said && turn.is_none() => {
                prompt.map_or(Wake::Stopped, Wake::Prompt)
            }
            Some(told) = told.recv(), if all_said && takes => Wake::Told(told),
            activity = waiting::activity(process), if all_said => Wake::Activity(activity),
            () = at(time), if all_said => Wake::Time,
        }
    }

    /// When there is something to do, besides what the ladder says.
    fn deadline(&self) -> Option<Instant> {
        let start = match self.turn.as_ref().map(|turn| turn.phase) {
            Some(Phase::Waiting(start)) => start,
            _ => None,
        };
        let opening = self.running.as_ref().filter(|running| !running.ready);
        let opening = opening.map(|running| running.started + OPENING);
        let unasked = (self.turn.is_none() && !self.speech.is_empty()).then(|| self.silent + QUIET);
        let settled = self.running.as_ref().filter(|running| running.settles);
        let settled = settled.map(|_| self.silent + QUIET);
        let times = [start, opening, settled, unasked, self.silence()];
        times.into_iter().flatten().min()
    }

    /// When people are told that nothing was heard.
    fn silence(&self) -> Option<Instant> {
        let turn = self.turn.as_ref().filter(|turn| !matches!(turn.phase, Phase::Waiting(_)))?;
        // A program that waits for an answer has reason to be silent.
        let waits = !self.asked.is_empty() || self.reported || turn.outcome.is_some();
        self.setting.silence.filter(|_| !waits).map(|silence| self.silent + silence)
    }

    async fn on_time(&mut self) {
        let now = Instant::now();
        if let Some(turn) = &mut self.turn
            && let Some(signal) = turn.ladder.as_mut().and_then(|ladder| ladder.climb(now))
            && let Some(running) = &self.running
        {
            running.process.signal(signal);
        }
        if self.silence().is_some_and(|at| at <= now) {
            self.reported = true;
            self.status(waiting::silent(&self.setting.name, self.silent));
        }
        if self.turn.is_none() && self.silent + QUIET <= now {
            self.flush();
        }
        if let Some(running) = self.running.as_mut().filter(|running| running.settles)
            && self.silent + QUIET <= now
        {
            (running.ready, running.settles) = (true, false);
        }
        let opens = self.running.as_ref().is_some_and(|running| !running.ready);
        if opens && self.running.as_ref().is_some_and(|running| running.started + OPENING <= now) {
            self.refuse("it does not answer as a program of its codec does").await;
        }
        self.advance().await;
    }

    fn on_cancel(&mut self) {
        let Some(turn) = &mut self.turn else { return };
        turn.cancelled = true;
        match turn.phase {
            // The program knows nothing of it.
            Phase::Waiting(_) => self.end_turn(Outcome::Cancelled),
            // What is said to it now would come before the message. If that is never read, force is left.
            Phase::Writing => {
                turn.ladder = Some(Ladder::cancel(Instant::now(), self.setting.graces));
            }
            Phase::Given => self.cancel(),
        }
    }

    /// Tells the program to end the turn, if it can be told, and sees to it that it does.
    fn cancel(&mut self) {
        let mut out = Out::default();
        let is_told = self.dialect.cancel(&mut out);
        let (now, graces) = (Instant::now(), self.setting.graces);
        if let Some(turn) = &mut self.turn {
            turn.ladder = Some(match is_told {
                true => Ladder::cancel(now, graces),
                false => Ladder::interrupt(now, graces),
            });
        }
        self.take(out, None);
    }

    /// People have answered, or a command is there, which such a program has none of.
    fn on_told(&mut self, told: Told) {
        match told {
            Told::Answer(answer) => self.on_answer(&answer),
            Told::Command { name, .. } => {
                self.status(format!(
                    "{} takes no commands: \"{name}\" was left out",
                    self.setting.name
                ));
            }
        }
    }

    fn on_answer(&mut self, answer: &InteractionAnswer) {
        let at = self.asked.iter().position(|asked| asked.interaction == answer.interaction_id);
        let Some(at) = at else {
            let said = format!("{} does not wait for this answer any more", self.setting.name);
            return self.status(said);
        };
        let Asked { choices, permission, .. } = self.asked.swap_remove(at);
        let choice = chosen(&choices, answer).unwrap_or_else(|| permission.denial());
        self.decide(&permission, choice);
    }

    fn decide(&mut self, permission: &Permission, choice: Choice) {
        let mut out = Out::default();
        self.dialect.decide(&permission.key, choice, &mut out);
        self.heard();
        self.take(out, None);
    }

    /// The program has shown a sign of life, or been given reason to.
    fn heard(&mut self) {
        (self.silent, self.reported) = (Instant::now(), false);
    }

    /// Tells people something.
    fn status(&mut self, message: impl Into<String>) {
        let run = self.turn.as_ref().map(|turn| &turn.run);
        self.outbox.push_back(AgentEvent::status(run, message.into()));
    }

    /// Ends what is being said.
    fn flush(&mut self) {
        let run = self.turn.as_ref().map(|turn| turn.run.clone());
        let text = self.speech.take();
        self.outbox.extend(text.map(|text| AgentEvent::Message { run, text }));
    }

    /// What was asked in the turn is a no: its conversation ends it, and the program may wait for the answer.
    fn deny_asked(&mut self) {
        let run = self.turn.as_ref().map(|turn| turn.run.clone());
        let asked: Vec<_> = self.asked.extract_if(.., |asked| asked.run == run).collect();
        for Asked { permission, .. } in asked {
            self.decide(&permission, permission.denial());
        }
    }

    fn end_turn(&mut self, outcome: Outcome) {
        self.flush();
        self.take_stderr_tail();
        self.deny_asked();
        if let Some(Turn { run, .. }) = self.turn.take() {
            self.outbox.push_back(AgentEvent::Ended { run, outcome });
        }
    }
}
