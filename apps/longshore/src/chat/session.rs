//! The connection to the controller: follows one agent, sends lines, survives lost connections.

use std::io::{self, Write};

use anyhow::{anyhow, bail};
use link::{CallError, Endpoint, InvalidEndpoint, Link, Signal, WhenDown};
use protocol::agents::{AgentInfo, Chat, Login, RespondInteraction};
use protocol::catalogue::Namespace;
use protocol::clients::{ClientAuth, Forward, ForwardedEvent, SetClient};
use protocol::names::{agents, clients};
use protocol::{Ack, ClientId, ErrorCode, InteractionId, MessageId, RunId, ViewerId, WireError};
use serde::Serialize;
use serde_json::value::{RawValue, to_raw_value};
use tokio::sync::mpsc;
use tokio::task::JoinSet;

use super::screen::Screen;
use super::transcript::{Shown, Transcript};
use crate::api::Controller;

/// Leaves the conversation, when typed on a terminal.
const EXIT: &str = "/exit";

/// Whom to talk to.
pub(super) struct Target {
    pub(super) controller: Controller,
    pub(super) client: ClientId,
    pub(super) agent: AgentInfo,
    /// How many entries of history to show.
    pub(super) history: u64,
}

/// Why a command did not succeed.
enum Failed {
    /// The controller or the manager refused it.
    Refused(WireError),
    /// It never got there, or no answer came back.
    Lost(CallError),
}

/// A call that ended.
enum Done {
    LoggedIn(Result<(), Failed>),
    Sent(RunId, Result<(), Failed>),
    Answered(Result<(), Failed>),
}

/// Whether to go on.
enum Next {
    Go,
    End,
}

/// One conversation on one screen. Its task owns everything; calls run beside it, so that signals are
/// always drained.
pub(super) struct Session<W> {
    link: Link,
    signals: mpsc::Receiver<Signal>,
    calls: JoinSet<Done>,
    target: Target,
    transcript: Transcript,
    screen: Screen<W>,
    piped: bool,
    /// History has been shown, so that lines may follow it.
    ready: bool,
    /// The connection was lost after it had been there, and the user was told.
    away: bool,
    /// From a pipe: the run whose end the next line waits for.
    answering: Option<RunId>,
    input_ended: bool,
}

impl<W: Write> Session<W> {
    pub(super) fn open(
        target: Target,
        screen: Screen<W>,
        piped: bool,
    ) -> Result<Self, InvalidEndpoint> {
        let auth = ClientAuth {
            token: Some(target.controller.token.clone()),
            client_key: Some(ViewerId::random().to_string()),
        };
        let auth = serde_json::to_value(auth).expect("an auth object has only texts");
        let endpoint = Endpoint::new(&target.controller.url, Namespace::Clients.path(), auth)?;
        let (link, signals) = Link::open(endpoint);
        Ok(Self {
            link,
            signals,
            calls: JoinSet::new(),
            transcript: Transcript::new(target.agent.name.clone()),
            target,
            screen,
            piped,
            ready: false,
            away: false,
            answering: None,
            input_ended: false,
        })
    }

    /// Until the input has ended and been answered, or the user leaves.
    pub(super) async fn run(mut self, mut input: mpsc::Receiver<String>) -> anyhow::Result<()> {
        let result = loop {
            let takes_input =
                !self.input_ended && self.ready && (!self.piped || self.answering.is_none());
            let next = tokio::select! {
                Some(signal) = self.signals.recv() => self.on_signal(signal),
                Some(Ok(done)) = self.calls.join_next() => self.on_done(done),
                line = input.recv(), if takes_input => self.on_input(line),
            };
            match next {
                Ok(Next::Go) if self.is_finished() => break Ok(()),
                Ok(Next::Go) => {}
                Ok(Next::End) => break Ok(()),
                Err(error) => break Err(error),
            }
        };
        self.screen.close()?;
        self.link.close().await;
        result
    }

    fn is_finished(&self) -> bool {
        self.input_ended && self.answering.is_none() && self.calls.is_empty()
    }

    fn on_signal(&mut self, signal: Signal) -> anyhow::Result<Next> {
        match signal {
            Signal::Connected(session) => {
                let select = raw(&SetClient { client_id: self.target.client.clone() });
                let login = self.login();
                self.calls.spawn(async move {
                    let result = async {
                        answer(session.call(clients::SET_CLIENT, &[&select]).await)?;
                        answer(session.call(clients::FORWARD, &[&login]).await)
                    };
                    let result = result.await;
                    session.ready();
                    Done::LoggedIn(result)
                });
            }
            Signal::Refused { message } if !self.away => {
                bail!("{} refuses the token: {message}", self.target.controller.url)
            }
            Signal::Refused { message } => self.note(&format!("refused: {message}"))?,
            Signal::Down { .. } if !self.away => {
                self.away = true;
                self.note("connection lost, reconnecting")?;
            }
            Signal::Down { .. } | Signal::Retrying { .. } | Signal::RetryFailed { .. } => {}
            Signal::Event { name, payload } => self.on_event(&name, &payload)?,
        }
        Ok(Next::Go)
    }

    fn on_event(&mut self, name: &str, payload: &RawValue) -> anyhow::Result<()> {
        match name {
            clients::FORWARDED_EVENT => {
                let Ok(event) = serde_json::from_str::<ForwardedEvent>(payload.get()) else {
                    return Ok(());
                };
                for shown in self.transcript.on_event(&event.event, event.payload.get()) {
                    self.show(&shown)?;
                }
            }
            clients::REMOTE_DISCONNECTED => self.note("the manager is away; waiting for it")?,
            clients::REMOTE_RECONNECTED => {
                self.note("the manager is back")?;
                if !self.ready {
                    self.log_in_later();
                }
            }
            _ => {}
        }
        Ok(())
    }

    fn show(&mut self, shown: &Shown) -> io::Result<()> {
        match shown {
            Shown::HistoryEnd => self.ready = true,
            Shown::Ended(run) if self.answering.as_ref() == Some(run) => self.answering = None,
            _ => {}
        }
        let hidden = !self.ready && self.target.history == 0;
        if hidden { Ok(()) } else { self.screen.show(shown) }
    }

    fn on_done(&mut self, done: Done) -> anyhow::Result<Next> {
        match done {
            Done::LoggedIn(Ok(())) if self.away => {
                self.away = false;
                self.note("connected again")?;
            }
            Done::LoggedIn(Err(Failed::Refused(error)))
                if error.code == ErrorCode::RemoteUnavailable =>
            {
                self.note("the manager is away; waiting for it")?;
            }
            Done::LoggedIn(Err(Failed::Refused(error))) => bail!("{}", error.message),
            // A lost connection is told by its own signal, and the next one logs in again.
            Done::LoggedIn(Ok(()) | Err(Failed::Lost(_)))
            | Done::Sent(_, Ok(()))
            | Done::Answered(Ok(())) => {}
            Done::Answered(Err(Failed::Refused(error))) => self.note(&error.message)?,
            Done::Answered(Err(Failed::Lost(error))) => {
                self.note(&format!("not answered: {error}"))?;
            }
            Done::Sent(run, Err(failed)) => {
                let why = match failed {
                    Failed::Refused(error) => anyhow!(error.message),
                    Failed::Lost(error) => anyhow!(error),
                };
                if self.piped {
                    return Err(why.context("send the message"));
                }
                self.note(&format!("not sent: {why:#}"))?;
                self.answering.take_if(|answering| *answering == run);
            }
        }
        Ok(Next::Go)
    }

    fn on_input(&mut self, line: Option<String>) -> anyhow::Result<Next> {
        let Some(line) = line else {
            self.input_ended = true;
            return Ok(if self.piped { Next::Go } else { Next::End });
        };
        self.screen.entered();
        if !self.piped && line.trim() == EXIT {
            return Ok(Next::End);
        }
        if line.trim().is_empty() {
            self.screen.prompt()?;
            return Ok(Next::Go);
        }
        match self.transcript.answer(&line).filter(|_| !self.piped) {
            Some((interaction, value)) => self.respond(interaction, value),
            None => self.send(line),
        }
        Ok(Next::Go)
    }

    fn send(&mut self, message: String) {
        let (message_id, run_id) = (MessageId::random(), RunId::random());
        if self.piped {
            self.answering = Some(run_id.clone());
        } else {
            self.transcript.typed(message_id.clone());
        }
        let chat = Chat {
            agent_id: Some(self.target.agent.agent_id.clone()),
            message,
            conversation_id: None,
            message_id: Some(message_id),
            run_id: Some(run_id.clone()),
            interrupt: false,
            ephemeral: false,
            response_mode: None,
        };
        let forward = self.forward(agents::CHAT, &chat);
        let link = self.link.clone();
        self.calls.spawn(async move {
            // The message has an id, so sending it again after a reconnect changes nothing.
            Done::Sent(
                run_id,
                answer(link.call(clients::FORWARD, &[&forward], WhenDown::Wait).await),
            )
        });
    }

    /// Answers what the agent asks.
    fn respond(&mut self, interaction_id: InteractionId, value: String) {
        let respond = RespondInteraction {
            agent_id: None,
            interaction_id,
            value: Some(value.into()),
            cancel: false,
        };
        let forward = self.forward(agents::RESPOND_INTERACTION, &respond);
        let link = self.link.clone();
        self.calls.spawn(async move {
            let answered = link.call(clients::FORWARD, &[&forward], WhenDown::Wait).await;
            Done::Answered(answer(answered))
        });
    }

    /// The login that resumes where the transcript ends.
    fn login(&self) -> Box<RawValue> {
        let cursor = self.transcript.cursor();
        let login = Login {
            agent_id: self.target.agent.agent_id.clone(),
            password: None,
            resume_token: None,
            conversation_id: None,
            limit: cursor.is_none().then_some(self.target.history.max(1)),
            after_seq: cursor.as_ref().map(|(seq, _)| *seq),
            epoch: cursor.map(|(_, epoch)| epoch),
            observe: false,
        };
        self.forward(agents::LOGIN, &login)
    }

    /// After the manager came back, for a login that it missed.
    fn log_in_later(&mut self) {
        let (forward, link) = (self.login(), self.link.clone());
        self.calls.spawn(async move {
            Done::LoggedIn(answer(link.call(clients::FORWARD, &[&forward], WhenDown::Fail).await))
        });
    }

    fn forward(&self, event: &str, payload: &impl Serialize) -> Box<RawValue> {
        raw(&Forward {
            event: event.to_owned(),
            payload: Some(raw(payload)),
            agent_id: Some(self.target.agent.agent_id.clone()),
            correlation_id: None,
            traceparent: None,
        })
    }

    fn note(&mut self, text: &str) -> io::Result<()> {
        self.screen.show(&Shown::Note(text.to_owned()))
    }
}

fn raw(payload: &impl Serialize) -> Box<RawValue> {
    to_raw_value(payload).expect("a payload has only texts, numbers and objects")
}

/// What an acknowledgement says; its data is of no interest here, because events carry it too.
fn answer(result: Result<Box<RawValue>, CallError>) -> Result<(), Failed> {
    let ack = result.map_err(Failed::Lost)?;
    let ack: Result<Ack<serde::de::IgnoredAny>, _> = serde_json::from_str(ack.get());
    match ack.map(Ack::into_result) {
        Ok(Err(error)) => Err(Failed::Refused(error)),
        Ok(Ok(_)) => Ok(()),
        Err(error) => {
            tracing::warn!(%error, "acknowledgement of another shape");
            Ok(())
        }
    }
}
