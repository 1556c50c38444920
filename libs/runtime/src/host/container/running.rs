//! A container that runs, as its session deals with it.

use std::os::unix::process::ExitStatusExt;
use std::process::ExitStatus;
use std::time::Duration;

use protocol::agents::RunReason;
use rustix::process::Signal;
use tokio::io::AsyncWriteExt;
use tokio::sync::mpsc;
use tokio::task::JoinHandle;
use tokio::time::{Instant, sleep, sleep_until, timeout};

use super::attach::{Output, Stdin};
use super::death::Death;
use super::engine::{Engine, EngineError, Known, State};
use super::plan::Plan;
use crate::host::outgoing::Outgoing;
use crate::host::process::Activity;

/// How long a dead container's output may pause before the engine is asked whether there is more.
const PAUSE: Duration = Duration::from_millis(500);
/// How long the engine may take then: one that hangs is to be noticed within two seconds of the death.
const ANSWERING: Duration = Duration::from_millis(750);
/// How long an engine that answers may take to hand out the rest of a dead container's output.
const REST: Duration = Duration::from_secs(10);
/// How long a container whose output has ended may seem to run: the engine notes the end a little later.
const NOTING: Duration = Duration::from_millis(1_500);
/// Between two looks at that.
const LOOK: Duration = Duration::from_millis(20);
/// How long a kill may take to show.
const KILLING: Duration = Duration::from_secs(5);
/// Signals that may be on their way: a ladder has three.
const SIGNALS: usize = 8;

/// A running container with a connection to its stdin and stdout.
#[derive(Debug)]
pub(crate) struct Container {
    engine: Engine,
    id: String,
    stdin: Option<Stdin>,
    output: Output,
    outgoing: Outgoing,
    death: Death,
    /// Where signals go, one after the other; the engine is not waited for where they come from.
    signals: Option<mpsc::Sender<Signal>>,
    signalling: Option<JoinHandle<()>>,
    ending: Option<Ending>,
    remark: Option<String>,
    reason: RunReason,
    /// Most memory, for people to be told.
    memory_mib: Option<u32>,
    /// Whether stdin is to be closed.
    is_closing: bool,
    is_adopted: bool,
    /// Whether it runs on when the session ends.
    is_left_running: bool,
}

/// The end of a container, from its first sign.
#[derive(Debug)]
struct Ending {
    read: bool,
    /// Whether all of its output has come.
    is_closed: bool,
    /// Whether its first process is known to be dead.
    is_dead: bool,
    /// When its output will have paused for too long.
    pause: Instant,
    /// When the rest of it is given up.
    last: Instant,
}

impl Container {
    pub(super) fn new(
        plan: &Plan,
        engine: &Engine,
        started: &Known,
        stdin: Stdin,
        output: Output,
    ) -> Self {
        let (signals, queue) = mpsc::channel(SIGNALS);
        let signalling = tokio::spawn(signalling(engine.clone(), started.id.clone(), queue));
        Self {
            engine: engine.clone(),
            id: started.id.clone(),
            stdin: Some(stdin),
            output,
            outgoing: Outgoing::default(),
            death: Death::of(started),
            signals: Some(signals),
            signalling: Some(signalling),
            ending: None,
            remark: None,
            reason: RunReason::AgentExited,
            memory_mib: plan.docker.memory_mib,
            is_closing: false,
            is_adopted: false,
            is_left_running: false,
        }
    }

    /// It ran before.
    pub(super) fn adopted(mut self) -> Self {
        self.is_adopted = true;
        self
    }

    /// It is somebody else's, and runs on.
    pub(super) fn left_running(mut self) -> Self {
        self.is_left_running = true;
        self
    }

    pub(in crate::host) fn write(&mut self, bytes: Vec<u8>) {
        self.outgoing.give(bytes);
    }

    pub(in crate::host) fn tell(&mut self, line: &[u8]) {
        self.outgoing.tell(line);
    }

    /// Closes its stdin, once what is on its way is written. It notices if it was made to.
    pub(in crate::host) fn close_stdin(&mut self) {
        self.is_closing = true;
    }

    pub(in crate::host) fn is_telling(&self) -> bool {
        self.outgoing.is_telling()
    }

    pub(in crate::host) fn is_adopted(&self) -> bool {
        self.is_adopted
    }

    pub(in crate::host) fn remark(&self) -> Option<&str> {
        self.remark.as_deref()
    }

    pub(in crate::host) fn reason(&self) -> RunReason {
        self.reason
    }

    pub(in crate::host) fn has_exited(&self) -> bool {
        self.ending.is_some() || self.death.has_come()
    }

    /// Sends a signal to its first process, by and by.
    pub(in crate::host) fn signal(&self, signal: Signal) {
        if let Some(signals) = &self.signals
            && signals.try_send(signal).is_err()
        {
            tracing::debug!(container = self.id, ?signal, "signal left out, as others wait");
        }
    }

    /// What it does next. Cancel safe.
    pub(in crate::host) async fn next(&mut self) -> Activity {
        loop {
            let activity = match self.ending {
                None => self.next_alive().await,
                Some(_) => self.next_left().await,
            };
            if let Some(activity) = activity {
                return activity;
            }
        }
    }

    /// Ends it, with force if it does not end within `grace`. One that was found running is left alone.
    pub(in crate::host) async fn end(mut self, grace: Duration) {
        if self.is_left_running {
            return;
        }
        self.stdin = None;
        self.signal(Signal::TERM);
        if timeout(grace, self.exit()).await.is_err() {
            self.signal(Signal::KILL);
            if timeout(KILLING, self.exit()).await.is_err() {
                tracing::warn!(container = self.id, "the container could not be killed");
            }
        }
        self.signals = None;
        if let Some(signalling) = self.signalling.take() {
            signalling.await.ok();
        }
    }

    /// Reads what it says, so that it is not stuck in saying it, until it has exited.
    async fn exit(&mut self) {
        while !matches!(self.next().await, Activity::Exited { .. }) {}
    }

    async fn next_alive(&mut self) -> Option<Activity> {
        if self.is_closing
            && let Some(stdin) = &mut self.stdin
        {
            // Dropping this half alone would not tell the engine.
            stdin.shutdown().await.ok();
            self.stdin = None;
        }
        tokio::select! {
            piece = self.output.next() => match piece {
                Some((stream, bytes)) => Some(Activity::Output(stream, bytes)),
                None => self.on_end(true, false),
            },
            activity = self.outgoing.write(self.stdin.as_mut()) => activity,
            () = self.death.wait(&self.engine, &self.id) => self.on_end(false, true),
        }
    }

    /// The answer is about a message that it leaves behind.
    fn on_end(&mut self, is_closed: bool, is_dead: bool) -> Option<Activity> {
        self.stdin = None;
        let now = Instant::now();
        // What the engine has taken, the container may have read; nobody can know.
        let read = self.outgoing.passed() > 0;
        let (pause, last) = (now + PAUSE, now + REST);
        self.ending = Some(Ending { read, is_closed, is_dead, pause, last });
        self.outgoing.give_up()
    }

    /// What is left to say about a container that has ended.
    async fn next_left(&mut self) -> Option<Activity> {
        let ending = self.ending.as_mut()?;
        if !ending.is_closed {
            tokio::select! {
                biased;
                piece = self.output.next() => {
                    let Some((stream, bytes)) = piece else {
                        ending.is_closed = true;
                        return None;
                    };
                    let now = Instant::now();
                    (ending.pause, ending.last) = (now + PAUSE, now + REST);
                    return Some(Activity::Output(stream, bytes));
                }
                () = sleep_until(ending.pause) => {}
            }
        }
        let known = settled(&self.engine, &self.id, ending.is_closed).await;
        let is_noted = !matches!(&known, Ok(Known { state: State::Running, .. }));
        if !is_noted && ending.is_dead && Instant::now() < ending.last {
            // The engine is at work and has not handed out all there is.
            ending.pause = Instant::now() + PAUSE;
            return None;
        }
        let read = ending.read;
        if known.as_ref().is_ok_and(|known| known.out_of_memory) {
            self.reason = RunReason::OutOfMemory;
        }
        let (status, remark) = self.verdict(known);
        self.remark = remark;
        Some(Activity::Exited { status, read })
    }

    /// How it ended, and what is to be said beyond the status.
    fn verdict(&self, known: Result<Known, EngineError>) -> (ExitStatus, Option<String>) {
        let unknown = ExitStatus::from_raw(255 << 8);
        match known {
            Ok(known) if known.state == State::Running => {
                (unknown, Some("was lost: the connection to its container has ended".to_owned()))
            }
            Ok(known) => {
                let code = i32::try_from(known.exit_code & 0xff).unwrap_or_default();
                (ExitStatus::from_raw(code << 8), self.describe(&known))
            }
            Err(EngineError::Missing(_)) => {
                (unknown, Some("ended: its container was removed".to_owned()))
            }
            Err(error) => (unknown, Some(format!("ended, and how is not known: {error}"))),
        }
    }

    fn describe(&self, known: &Known) -> Option<String> {
        if known.out_of_memory {
            let limit = self.memory_mib.map(|mib| format!(" of {mib} MiB")).unwrap_or_default();
            return Some(format!("was ended: it needed more memory than its limit{limit}"));
        }
        let error = Some(&known.error).filter(|error| !error.is_empty());
        error.map(|error| format!("exited with code {}: {error}", known.exit_code))
    }
}

impl Drop for Container {
    fn drop(&mut self) {
        // Whoever is rid of it without ending it has no use for what it does.
        if self.ending.is_none() && !self.is_left_running {
            self.signal(Signal::KILL);
        }
    }
}

/// What the engine says of a container that has ended; of one whose output has ended, once it has noted that.
async fn settled(engine: &Engine, id: &str, is_closed: bool) -> Result<Known, EngineError> {
    if !is_closed {
        return engine.inspect_within(ANSWERING, id).await;
    }
    let until = Instant::now() + NOTING;
    loop {
        let known = engine.inspect_within(NOTING, id).await?;
        if known.state != State::Running || Instant::now() >= until {
            return Ok(known);
        }
        sleep(LOOK).await;
    }
}

/// Sends signals until there are no more to come.
async fn signalling(engine: Engine, id: String, mut signals: mpsc::Receiver<Signal>) {
    while let Some(signal) = signals.recv().await {
        let number = signal.as_raw().to_string();
        match engine.signal(&id, &number).await {
            // It is gone already; its exit is what counts.
            Ok(()) | Err(EngineError::Missing(_) | EngineError::Conflict(_)) => {}
            Err(error) => {
                tracing::warn!(container = id, %error, ?signal, "container not signalled");
            }
        }
    }
}
