//! One talk: what comes from the line, from the keyboard and from commands, one thing after the other.

mod showing;
mod typed;

use std::collections::VecDeque;

use anyhow::bail;
use jiff::tz::TimeZone;
use protocol::agents::{
    AgentInfo, Chat, ConversationInfo, InteractionRequest, Joined, Queue, QueueUpdate, RunState,
};
use protocol::clients::ForwardedEvent;
use protocol::lifecycle::ServerNotice;
use protocol::names::{agents, clients};
use protocol::{ClientId, RunId};
use tokio::task::JoinSet;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use super::commands::{Asked, Effect, Here};
use super::keys::Keys;
use super::open_runs::OpenRuns;
use super::output::Output;
use super::remembered::{Last, Memory};
use super::screen::Screen;
use super::transcript::{Shown, Transcript};
use crate::choose::DEFAULT_CONVERSATION;
use crate::conversations::Shelf;
use crate::line::{Line, News};
use crate::run::{Outcome, Watch, chat};

/// Whom to talk to, and how.
pub(super) struct Target {
    pub(super) client: ClientId,
    pub(super) agent: AgentInfo,
    pub(super) conversation: ConversationInfo,
    /// How many entries of history to show.
    pub(super) history: u64,
    pub(super) no_reconnect: bool,
    /// What is said first, each when the one before is answered.
    pub(super) script: VecDeque<String>,
    /// Whether we stay after that.
    pub(super) stays: bool,
    /// Where the conversation is remembered, if it is.
    pub(super) memory: Option<Memory>,
}

/// Whether to go on.
enum Next {
    Go,
    End,
}

/// A talk. Its task owns everything; commands run beside it, so that the line is always drained.
pub(super) struct Session {
    line: Line,
    to: Target,
    output: Output,
    screen: Screen,
    transcript: Transcript,
    keys: Keys,
    queue: Queue,
    jobs: JoinSet<anyhow::Result<Vec<Effect>>>,
    /// What the user was asked to say yes or no to.
    asking: Option<Asked>,
    /// Where we are going to be.
    going: Option<(AgentInfo, ConversationInfo)>,
    /// Questions that were open when we came; those that the history did not have are shown behind it.
    open: Vec<InteractionRequest>,
    /// We have been in a conversation.
    arrived: bool,
    /// Somebody has been asked for the first line.
    prompted: bool,
    /// History has been shown, so that lines may follow it.
    ready: bool,
    away: bool,
    /// The controller does not let us in any more, and the user was told.
    refused: bool,
    /// Of a script: the run whose end the next line waits for.
    answering: Option<RunId>,
    /// All that a script said has been answered.
    all_well: bool,
    input_ended: bool,
    /// Pieces of an answer that are not drawn yet, and when they are.
    pieces: Option<(Shown, Instant)>,
}

impl Session {
    pub(super) fn new(line: Line, to: Target, output: Output) -> Self {
        let screen = Screen::new(output.kind(), output.paint(), TimeZone::system());
        Self {
            transcript: Transcript::new(to.agent.name.clone(), line.viewer().cloned()),
            going: Some((to.agent.clone(), to.conversation.clone())),
            line,
            to,
            output,
            screen,
            keys: Keys::default(),
            queue: Queue::default(),
            jobs: JoinSet::new(),
            asking: None,
            open: Vec::new(),
            arrived: false,
            prompted: false,
            ready: false,
            away: false,
            refused: false,
            answering: None,
            all_well: true,
            input_ended: false,
            pieces: None,
        }
    }

    /// Until the input has ended and been answered, or the user leaves: whether all that a script said was answered.
    pub(super) async fn run(&mut self, stop: CancellationToken) -> anyhow::Result<Outcome> {
        let (agent, id) = (&self.to.agent.agent_id, &self.to.conversation.conversation_id);
        self.line.follow(agent.clone(), id.clone(), self.to.history);
        if self.output.is_edited() {
            self.jobs.spawn(self.here().names());
        }
        let result = loop {
            self.follow_script();
            if self.is_finished() {
                break Ok(self.outcome());
            }
            let at = self.pieces.as_ref().map(|(_, at)| *at);
            let wants_line = self.is_free() && !self.input_ended;
            let next = tokio::select! {
                news = self.line.next() => self.on_news(news).await,
                Some(Ok(done)) = self.jobs.join_next() => self.on_effects(done).await,
                input = self.output.input(wants_line) => self.on_input(input).await,
                () = draw(at) => self.draw().await.map(|()| Next::Go),
                () = stop.cancelled() => break self.interrupted(&stop).await,
            };
            match next {
                Ok(Next::Go) => {}
                Ok(Next::End) => break Ok(self.outcome()),
                Err(error) => break Err(error),
            }
        };
        self.draw().await.ok();
        self.output.close();
        result
    }

    fn outcome(&self) -> Outcome {
        if self.all_well { Outcome::Done } else { Outcome::Failed }
    }

    /// Told to end. What a script waits for is cancelled; somebody who types is just gone.
    async fn interrupted(&mut self, stop: &CancellationToken) -> anyhow::Result<Outcome> {
        let is_script = !self.output.is_edited() || !self.to.script.is_empty();
        let Some(run) = self.answering.take() else {
            return Ok(if is_script { Outcome::Cancelled } else { self.outcome() });
        };
        let watch = Watch::silent(&mut self.line, run, None, stop.clone());
        // However it ended: it was to be cancelled.
        watch.answer().await?;
        Ok(Outcome::Cancelled)
    }

    /// Ends the connection, which is kept until then for what there is to tidy up.
    pub(super) async fn leave(&self) {
        self.line.close().await;
    }

    /// Whether the next line of a script or a pipe may be said.
    fn is_free(&self) -> bool {
        self.ready && self.answering.is_none() && self.to.script.is_empty()
    }

    fn is_finished(&self) -> bool {
        let said_all = self.is_free() && self.line.has_said_all() && self.jobs.is_empty();
        said_all && (self.input_ended || !self.to.stays)
    }

    fn follow_script(&mut self) {
        if self.ready
            && self.answering.is_none()
            && let Some(text) = self.to.script.pop_front()
        {
            self.answering = self.say(text, false);
            // Behind the last one somebody may type.
        } else if self.is_free() && self.to.stays && !std::mem::replace(&mut self.prompted, true) {
            self.output.go_on();
        }
    }

    fn here(&self) -> Here {
        Here {
            caller: self.line.caller(),
            agent: self.to.agent.clone(),
            conversation: self.to.conversation.conversation_id.clone(),
        }
    }

    async fn on_news(&mut self, news: News) -> anyhow::Result<Next> {
        match news {
            News::Event(event) => return self.on_event(&event).await,
            News::Joined(joined) => self.on_joined(*joined).await?,
            News::Back if std::mem::take(&mut self.away) => {
                self.refused = false;
                self.note("connected again").await?;
            }
            News::Lost if self.to.no_reconnect => bail!("the connection was lost"),
            News::Lost => {
                self.away = true;
                self.note("connection lost, reconnecting").await?;
            }
            // It is asked again and again.
            News::Refused(message) => {
                if !std::mem::replace(&mut self.refused, true) {
                    self.note(&format!("refused: {message}")).await?;
                }
            }
            News::ManagerAway => self.note("the manager is away; waiting for it").await?,
            News::ManagerBack => self.note("the manager is back").await?,
            News::Replaced => {
                self.transcript.replaced();
                self.note("the history was replaced; here it is from its beginning").await?;
            }
            News::NotJoined(error) => match self.line.followed() {
                None => bail!("{}", error.message),
                Some(_) => {
                    self.going = None;
                    let still = &self.to.conversation.name;
                    let note = format!("{}; still in \"{still}\"", error.message);
                    self.note(&note).await?;
                }
            },
            News::Gone(error) => return self.on_gone(&error.message).await,
            News::Said(run, Err(error)) => self.on_refused(&run, &error.message).await?,
            News::Said(_, Ok(accepted)) => {
                if accepted.state == RunState::Queued
                    && let Some(before) = accepted.position
                {
                    self.aside(&format!("queued, {before} before it")).await?;
                }
            }
            News::Told(name, payload) => self.on_notice(&name, payload.get()).await?,
            News::Back => {}
        }
        Ok(Next::Go)
    }

    async fn on_event(&mut self, event: &ForwardedEvent) -> anyhow::Result<Next> {
        if event.event == agents::QUEUE_UPDATE {
            let update = serde_json::from_str::<QueueUpdate>(event.payload.get()).ok();
            let here = &self.to.conversation.conversation_id;
            if let Some(update) = update.filter(|update| update.conversation_id == *here) {
                self.queue = update.queue;
            }
            return Ok(Next::Go);
        }
        self.on_notice(&event.event, event.payload.get()).await?;
        for shown in self.transcript.on_event(&event.event, event.payload.get()) {
            match shown {
                Shown::Deleted => return self.on_gone("the conversation was deleted").await,
                shown => self.show(shown).await?,
            }
        }
        Ok(Next::Go)
    }

    async fn on_joined(&mut self, joined: Joined) -> anyhow::Result<()> {
        let is_there = |(_, info): &mut (AgentInfo, ConversationInfo)| {
            info.conversation_id == joined.conversation_id
        };
        if let Some((agent, info)) = self.going.take_if(is_there) {
            self.transcript = Transcript::new(agent.name.clone(), self.line.viewer().cloned());
            let is_first = !std::mem::replace(&mut self.arrived, true);
            (self.to.agent, self.to.conversation) = (agent, info);
            self.ready = false;
            if !is_first {
                let name = &self.to.conversation.name;
                self.print(format!("Switched to conversation \"{name}\".\n")).await?;
            }
            self.remember();
        }
        self.to.conversation.name.clone_from(&joined.name);
        self.transcript.joined(&joined);
        if joined.read_only {
            self.note("this conversation takes no messages").await?;
        }
        self.transcript.runs = OpenRuns::of(&joined.queue);
        (self.queue, self.open) = (joined.queue, joined.interactions);
        Ok(())
    }

    /// What a script does is nothing to go on with.
    fn remember(&self) {
        if let Some(memory) = self.to.memory.as_ref().filter(|_| self.output.is_edited()) {
            memory.remember(&Last {
                client_id: self.to.client.clone(),
                agent_id: self.to.agent.agent_id.clone(),
                conversation_id: self.to.conversation.conversation_id.clone(),
            });
        }
    }

    /// The conversation is gone: a person goes on in the default one, a script cannot.
    async fn on_gone(&mut self, why: &str) -> anyhow::Result<Next> {
        if !self.output.is_edited() {
            bail!("{why}");
        }
        self.note(why).await?;
        let (agent, shelf) =
            (self.to.agent.clone(), Shelf::new(self.line.caller(), self.to.agent.agent_id.clone()));
        self.jobs.spawn(async move {
            let info = shelf.find_or_create(DEFAULT_CONVERSATION).await?;
            Ok(vec![Effect::Go(agent, info)])
        });
        Ok(Next::Go)
    }

    async fn on_refused(&mut self, run: &RunId, why: &str) -> anyhow::Result<()> {
        if self.answering.take_if(|answering| answering == run).is_some() {
            self.all_well = false;
            if !self.output.is_edited() {
                bail!("send the message: {why}");
            }
        }
        self.note(&format!("not sent: {why}")).await
    }

    /// Something that a server has to say to everybody.
    async fn on_notice(&mut self, name: &str, payload: &str) -> anyhow::Result<()> {
        if name == clients::SERVER_NOTICE
            && let Ok(notice) = serde_json::from_str::<ServerNotice>(payload)
            && let Some(message) = notice.message.filter(|_| !notice.dismiss)
        {
            self.note(&message).await?;
        }
        Ok(())
    }

    async fn on_effects(&mut self, done: anyhow::Result<Vec<Effect>>) -> anyhow::Result<Next> {
        let effects = match done {
            Ok(effects) => effects,
            Err(error) => {
                self.note(&format!("{error:#}")).await?;
                return Ok(Next::Go);
            }
        };
        for effect in effects {
            match effect {
                Effect::Show(lines) => self.print(lines).await?,
                Effect::Know(conversations, agents) => self.output.name(|names| {
                    names.conversations = conversations;
                    names.agents = agents.unwrap_or(std::mem::take(&mut names.agents));
                }),
                Effect::Ask(question, asked) => {
                    self.asking = Some(*asked);
                    self.print(format!("{question}\n")).await?;
                }
                Effect::Go(agent, info) => {
                    let (id, conversation) = (agent.agent_id.clone(), info.conversation_id.clone());
                    self.going = Some((agent, info));
                    self.line.follow(id, conversation, self.to.history);
                }
                Effect::Recall(history) => {
                    let mut past = Transcript::new(self.to.agent.name.clone(), None);
                    past.recalls(&self.to.conversation.conversation_id);
                    for event in history.events {
                        for shown in past.on_event(&event.event, event.payload.get()) {
                            let lines = self.screen.show(&shown, self.output.columns());
                            self.print(lines).await?;
                        }
                    }
                }
            }
        }
        Ok(Next::Go)
    }

    /// Says it now, instead of what the agent does.
    fn interrupt(&mut self, text: String) {
        let mut message = self.message(text);
        message.interrupt = true;
        self.line.say(message);
    }

    /// Says it; gives the run that is going to answer. What was typed on the terminal stands there already.
    fn say(&mut self, text: String, is_typed: bool) -> Option<RunId> {
        let message = self.message(text);
        let run = message.run_id.clone();
        if let Some(id) = message.message_id.clone().filter(|_| is_typed) {
            self.transcript.typed(id);
        }
        self.line.say(message);
        run
    }

    fn message(&self, text: String) -> Chat {
        let message = chat(text, self.to.conversation.conversation_id.clone(), RunId::random());
        Chat { agent_id: Some(self.to.agent.agent_id.clone()), ..message }
    }
}

async fn draw(at: Option<Instant>) {
    match at {
        Some(at) => tokio::time::sleep_until(at).await,
        None => std::future::pending().await,
    }
}
