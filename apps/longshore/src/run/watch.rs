//! Watching one run until it ends, over any number of connections.

use std::io::IsTerminal;
use std::time::Duration;

use anyhow::bail;
use protocol::agents::{CancelRun, Joined, RoutingHead, RunCancelled, RunEvent};
use protocol::clients::ForwardedEvent;
use protocol::names::agents;
use protocol::{AgentId, ConversationId, RunId};
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use super::outcome::Outcome;
use super::voice::Voice;
use crate::cli::Watching;
use crate::hint::Status;
use crate::line::{Failed, Line, News};
use crate::stop;

/// How long the end of a run that is cancelled is waited for.
const LAST_WORDS: Duration = Duration::from_secs(10);
pub(crate) const MANAGER_AWAY: &str = "the manager is away; waiting for it";

/// Comes to the conversation, unless the user stops that or it takes too long.
///
/// # Errors
/// The manager does not let us in; or [`Status`].
pub(crate) async fn arrive(
    line: &mut Line,
    (agent, conversation): (AgentId, ConversationId),
    limit: u64,
    timeout: Option<Duration>,
    stop: &CancellationToken,
) -> anyhow::Result<()> {
    let late = timeout.map(|timeout| Instant::now() + timeout);
    let arriving = async {
        tokio::select! {
            joined = line.arrive(agent, conversation, limit) => Ok(joined.map(drop)?),
            () = alarm(late) => {
                eprintln!("error: it took too long to get to the conversation");
                Err(Status(Outcome::TimedOut.status()).into())
            }
        }
    };
    stop::unless_stopped(stop, arriving).await
}

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
    /// Cancelled at the first sign that the run is there.
    heard: CancellationToken,
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
        Self { line, run, voice, stop, late, ending: None, heard: CancellationToken::new() }
    }

    /// Is cancelled when the run is known to have begun, or to wait.
    pub(crate) fn heard(&self) -> CancellationToken {
        self.heard.clone()
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
                () = stop.cancelled(), if !is_ending => {
                    if let Some(outcome) = self.cancel(Outcome::Cancelled) {
                        return Ok(outcome);
                    }
                }
                () = alarm(at) => match self.ending {
                    None => {
                        if let Some(outcome) = self.cancel(Outcome::TimedOut) {
                            return Ok(outcome);
                        }
                    }
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
            News::Said(run, said) if run == self.run => return self.on_said(said.err()),
            News::Joined(joined) => self.on_joined(&joined),
            News::NotJoined(error) | News::Gone(error) => bail!("{}", error.message),
            News::Refused(message) => bail!("the controller refuses the token: {message}"),
            News::Lost => note("connection lost, reconnecting"),
            News::Back => note("connected again"),
            News::ManagerAway => note(MANAGER_AWAY),
            News::ManagerBack => note("the manager is back"),
            News::Event(_) | News::Said(..) | News::Replaced | News::Told(..) => {}
        }
        Ok(None)
    }

    /// What the run answers is stored, or refused.
    fn on_said(&self, refused: Option<protocol::WireError>) -> anyhow::Result<Option<Outcome>> {
        match (refused, self.ending) {
            (None, None) => Ok(None),
            // The message was on its way when we were told to end: what cancelled it may have been faster, and found no run.
            (None, Some(_)) => {
                self.send_cancel();
                Ok(None)
            }
            (Some(_), Some((ending, _))) => Ok(Some(ending)),
            (Some(error), None) => Err(Failed::Refused(error).into()),
        }
    }

    fn on_joined(&self, joined: &Joined) {
        let open = joined.queue.running.iter().chain(&joined.queue.queued);
        if open.into_iter().any(|open| open.run_id == self.run) {
            self.heard.cancel();
        }
    }

    fn is_of_the_run(&self, event: &ForwardedEvent) -> bool {
        let head = RoutingHead::read(event.payload.get());
        head.is_ok_and(|head| head.run_id.as_deref() == Some(self.run.as_str()))
    }

    fn on_event(&mut self, event: &ForwardedEvent) -> anyhow::Result<Option<Outcome>> {
        self.heard.cancel();
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

    /// Gives the end where there is nothing to cancel: what was not said needs no answer.
    fn cancel(&mut self, outcome: Outcome) -> Option<Outcome> {
        if self.line.unsay(&self.run) {
            return Some(outcome);
        }
        self.ending = Some((outcome, Instant::now() + LAST_WORDS));
        self.send_cancel();
        None
    }

    fn send_cancel(&self) {
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
pub(crate) fn note(text: &str) {
    if std::io::stderr().is_terminal() {
        eprintln!("-- {text}");
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::line::tests::line;
    use crate::run::chat;

    #[tokio::test]
    async fn what_was_not_said_yet_is_taken_back_and_is_cancelled_at_once() {
        let (mut line, run) = (line(), RunId::random());
        line.say(chat("x".to_owned(), ConversationId::new("c").unwrap(), run.clone()));
        let stop = CancellationToken::new();
        stop.cancel();

        let watch = Watch::silent(&mut line, run, None, stop);
        let outcome = tokio::time::timeout(LAST_WORDS / 2, watch.answer()).await.unwrap();

        assert_eq!(outcome.unwrap().0, Outcome::Cancelled);
        assert!(line.has_said_all());
    }
}
