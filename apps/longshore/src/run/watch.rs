//! Watching one run until it ends, over any number of connections.

use std::io::IsTerminal;
use std::time::Duration;

use anyhow::bail;
use protocol::RunId;
use protocol::agents::{CancelRun, RoutingHead, RunCancelled, RunEvent};
use protocol::clients::ForwardedEvent;
use protocol::names::agents;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use super::outcome::Outcome;
use super::voice::Voice;
use crate::cli::Watching;
use crate::line::{Line, News};

/// How long the end of a run that is cancelled is waited for.
const LAST_WORDS: Duration = Duration::from_secs(10);

/// A run that is watched.
pub(crate) struct Watch<'a> {
    line: &'a mut Line,
    run: RunId,
    voice: Voice,
    stop: CancellationToken,
    /// When it has taken too long.
    late: Option<Instant>,
    /// It is being cancelled: as what it ends then, and how long that is waited for.
    ending: Option<(Outcome, Instant)>,
}

impl<'a> Watch<'a> {
    pub(crate) fn new(
        line: &'a mut Line,
        run: RunId,
        how: &Watching,
        stop: CancellationToken,
    ) -> Self {
        let voice = Voice::new(run.clone(), how.json);
        Self::with(line, run, voice, how.timeout, stop)
    }

    /// The same without a word.
    pub(crate) fn silent(
        line: &'a mut Line,
        run: RunId,
        timeout: Option<Duration>,
        stop: CancellationToken,
    ) -> Self {
        let voice = Voice::silent(run.clone());
        Self::with(line, run, voice, timeout, stop)
    }

    fn with(
        line: &'a mut Line,
        run: RunId,
        voice: Voice,
        timeout: Option<Duration>,
        stop: CancellationToken,
    ) -> Self {
        let late = timeout.map(|timeout| Instant::now() + timeout);
        Self { line, run, voice, stop, late, ending: None }
    }

    /// Shows the run, and cancels it when the user says so or it takes too long.
    pub(crate) async fn until_the_end(mut self) -> anyhow::Result<Outcome> {
        let outcome = self.follow().await?;
        self.voice.end(outcome)?;
        Ok(outcome)
    }

    /// The same, with the answer.
    pub(crate) async fn answer(mut self) -> anyhow::Result<(Outcome, String)> {
        let outcome = self.follow().await?;
        Ok((outcome, self.voice.text()))
    }

    async fn follow(&mut self) -> anyhow::Result<Outcome> {
        let stop = self.stop.clone();
        loop {
            let at = self.ending.map(|(_, until)| until).or(self.late);
            let is_ending = self.ending.is_some();
            tokio::select! {
                news = self.line.next() => {
                    if let Some(outcome) = self.on_news(news)? {
                        return Ok(outcome);
                    }
                }
                () = stop.cancelled(), if !is_ending => self.cancel(Outcome::Cancelled),
                () = alarm(at) => match self.ending {
                    None => self.cancel(Outcome::TimedOut),
                    Some((outcome, _)) => {
                        tracing::warn!("the run was told to end and has not said that it has");
                        return Ok(outcome);
                    }
                },
            }
        }
    }

    fn on_news(&mut self, news: News) -> anyhow::Result<Option<Outcome>> {
        match news {
            News::Event(event) if self.is_of_the_run(&event) => return self.on_event(&event),
            News::Said(run, Err(error)) if run == self.run => bail!("{}", error.message),
            News::NotJoined(error) | News::Gone(error) => bail!("{}", error.message),
            News::Refused(message) => bail!("the controller refuses the token: {message}"),
            News::Lost => note("connection lost, reconnecting"),
            News::Back => note("connected again"),
            News::ManagerAway => note("the manager is away; waiting for it"),
            News::ManagerBack => note("the manager is back"),
            News::Event(_) | News::Said(..) | News::Joined(_) | News::Replaced | News::Told(..) => {
            }
        }
        Ok(None)
    }

    fn is_of_the_run(&self, event: &ForwardedEvent) -> bool {
        let head = RoutingHead::read(event.payload.get());
        head.is_ok_and(|head| head.run_id.as_deref() == Some(self.run.as_str()))
    }

    fn on_event(&mut self, event: &ForwardedEvent) -> anyhow::Result<Option<Outcome>> {
        self.voice.on_event(event)?;
        if event.event != agents::RUN_EVENT {
            return Ok(None);
        }
        let Ok(run) = serde_json::from_str::<RunEvent>(event.payload.get()) else {
            return Ok(None);
        };
        Ok(Outcome::of(run.body.state).map(|outcome| match (outcome, self.ending) {
            // It may have been faster than we were.
            (Outcome::Done, _) | (_, None) => outcome,
            (_, Some((ending, _))) => ending,
        }))
    }

    fn cancel(&mut self, outcome: Outcome) {
        self.ending = Some((outcome, Instant::now() + LAST_WORDS));
        let (caller, run_id) = (self.line.caller(), self.run.clone());
        // Its end is told by an event; nobody waits for the answer.
        tokio::spawn(async move {
            let cancel = CancelRun { run_id, agent_id: None };
            caller.insist::<RunCancelled>(None, agents::CANCEL_RUN, &cancel).await.ok();
        });
    }
}

async fn alarm(at: Option<Instant>) {
    match at {
        Some(at) => tokio::time::sleep_until(at).await,
        None => std::future::pending().await,
    }
}

/// Something to know for who looks on; a script has the exit status.
fn note(text: &str) {
    if std::io::stderr().is_terminal() {
        eprintln!("-- {text}");
    }
}
