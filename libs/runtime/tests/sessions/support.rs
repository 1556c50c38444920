//! An agent at hand, and what it says in a turn.

use std::collections::BTreeMap;
use std::os::fd::OwnedFd;
use std::time::Duration;

use protocol::agents::{ChatEventBody, InteractionState, OutputStream};
use protocol::spec::{AgentSpec, Codec, Host};
use protocol::{InteractionId, RunId};
use runtime::{AgentEvent, Ask, Events, Graces, InteractionAnswer, Outcome, Session};
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::process::{Pid, PidfdFlags, pidfd_open};
use tempfile::TempDir;
use tokio::time::timeout;

/// Long enough for anything that happens at all.
const SOON: Duration = Duration::from_secs(30);
/// A time that a test does not live to see.
pub(crate) const NEVER_MS: u64 = 1_000_000;

pub(crate) struct Agent {
    pub(crate) session: Session,
    pub(crate) events: Events,
    pub(crate) workdir: TempDir,
}

/// What happened from a prompt to the end of its turn.
#[derive(Debug, Default)]
pub(crate) struct Heard {
    pub(crate) deltas: String,
    pub(crate) messages: Vec<String>,
    pub(crate) unasked: Vec<String>,
    pub(crate) status: Vec<String>,
    pub(crate) stderr: Vec<String>,
    pub(crate) raw: Vec<ChatEventBody>,
    pub(crate) notes: Vec<ChatEventBody>,
    pub(crate) asked: Vec<Ask>,
    pub(crate) own: Vec<(String, serde_json::Value)>,
    pub(crate) handed: Vec<String>,
    pub(crate) withdrawn: Vec<InteractionId>,
    /// The agent's own session.
    pub(crate) session: Option<String>,
    pub(crate) outcome: Option<Outcome>,
}

impl Heard {
    /// The answer of a turn that ended well.
    #[track_caller]
    pub(crate) fn answer(&self) -> &str {
        assert_eq!(self.outcome, Some(Outcome::Done), "{self:?}");
        assert_eq!(self.messages.len(), 1, "{self:?}");
        &self.messages[0]
    }

    /// Why a turn failed.
    #[track_caller]
    pub(crate) fn failure(&self) -> (protocol::agents::RunReason, &str) {
        match &self.outcome {
            Some(Outcome::Failed { reason, error }) => (*reason, error),
            _ => panic!("did not fail: {self:?}"),
        }
    }
}

/// A `lines` agent that runs a shell script.
pub(crate) fn script(script: &str) -> AgentSpec {
    program("sh", &["-c", script])
}

/// A `lines` agent that is given all the time it needs to say something.
pub(crate) fn program(command: &str, args: &[&str]) -> AgentSpec {
    let args = args.iter().map(|&arg| arg.to_owned()).collect();
    AgentSpec {
        codec: Codec::Lines {
            sentinel: None,
            one_line: false,
            quiet_ms: 300,
            empty_ms: NEVER_MS,
            greeting_ms: 1_000,
            control: true,
        },
        ..AgentSpec::lines("test", command, args)
    }
}

pub(crate) fn with_times(mut spec: AgentSpec, quiet: u64, empty: u64) -> AgentSpec {
    if let Codec::Lines { quiet_ms, empty_ms, .. } = &mut spec.codec {
        (*quiet_ms, *empty_ms) = (quiet, empty);
    }
    spec
}

pub(crate) fn with_sentinel(mut spec: AgentSpec, pattern: &str) -> AgentSpec {
    if let Codec::Lines { sentinel, .. } = &mut spec.codec {
        *sentinel = Some(pattern.to_owned());
    }
    spec
}

pub(crate) fn with_one_line(mut spec: AgentSpec) -> AgentSpec {
    if let Codec::Lines { one_line, .. } = &mut spec.codec {
        *one_line = true;
    }
    spec
}

pub(crate) fn with_env(mut spec: AgentSpec, name: &str, value: &str) -> AgentSpec {
    if let Some(Host::Process { env, .. }) = &mut spec.host {
        *env = BTreeMap::from([(name.to_owned(), value.to_owned())]);
    }
    spec
}

impl Agent {
    pub(crate) fn start(spec: &AgentSpec) -> Self {
        Self::start_with(spec, Graces::default())
    }

    pub(crate) fn start_with(spec: &AgentSpec, graces: Graces) -> Self {
        let workdir = tempfile::tempdir().unwrap();
        Self::resume(spec, graces, None, workdir)
    }

    /// In the working directory of an agent before, with its own session.
    pub(crate) fn resume(
        spec: &AgentSpec,
        graces: Graces,
        own: Option<String>,
        workdir: tempfile::TempDir,
    ) -> Self {
        let directory = workdir.path().join("agents/one");
        let (session, events) = Session::start_with(spec, &directory, own, graces);
        Self { session, events, workdir }
    }

    pub(crate) async fn prompt(&self, text: &str) -> RunId {
        let run = RunId::random();
        self.session.prompt(run.clone(), text.to_owned()).await.unwrap();
        run
    }

    pub(crate) async fn event(&mut self) -> AgentEvent {
        timeout(SOON, self.events.recv()).await.expect("in time").expect("the session runs")
    }

    /// Waits until the agent asks something.
    pub(crate) async fn question(&mut self) -> Ask {
        loop {
            if let AgentEvent::Asked { ask, .. } = self.event().await {
                return ask;
            }
        }
    }

    pub(crate) fn answer(&self, ask: &Ask, value: &str) {
        let answer = InteractionAnswer {
            interaction_id: ask.interaction_id.clone(),
            state: InteractionState::Resolved,
            value: Some(value.into()),
        };
        self.session.answer(answer).unwrap();
    }

    /// One turn, whole.
    pub(crate) async fn ask(&mut self, text: &str) -> Heard {
        let run = self.prompt(text).await;
        self.hear(&run).await
    }

    /// What is said until the turn ends. Checks the order of it.
    pub(crate) async fn hear(&mut self, run: &RunId) -> Heard {
        let mut heard = Heard::default();
        while heard.outcome.is_none() {
            let event = self.event().await;
            heard.take(run, event);
        }
        heard
    }

    /// Reads on until the program has said this much in a turn.
    pub(crate) async fn wait_for_delta(&mut self, expected: &str) -> String {
        let mut said = String::new();
        while !said.contains(expected) {
            if let AgentEvent::Delta { text, .. } = self.event().await {
                said.push_str(&text);
            }
        }
        said
    }

    pub(crate) async fn stop(self) {
        timeout(SOON, self.session.stop()).await.expect("stops in time");
    }
}

impl Heard {
    fn take(&mut self, current: &RunId, event: AgentEvent) {
        match event {
            AgentEvent::Delta { run, text } => {
                assert_eq!(&run, current);
                self.deltas.push_str(&text);
            }
            AgentEvent::Message { run: None, text } => self.unasked.push(text),
            AgentEvent::Message { run: Some(run), text } => {
                assert_eq!(&run, current);
                self.messages.push(text);
            }
            AgentEvent::Note { run, body } => {
                assert!(run.is_none_or(|run| run == *current));
                match body {
                    ChatEventBody::Status { message } => self.status.push(message),
                    ChatEventBody::Raw { stream: OutputStream::Stderr, text, .. } => {
                        self.stderr.push(text);
                    }
                    raw @ ChatEventBody::Raw { .. } => self.raw.push(raw),
                    other => self.notes.push(other),
                }
            }
            AgentEvent::Asked { run, ask } => {
                assert!(run.is_none_or(|run| run == *current));
                self.asked.push(ask);
            }
            AgentEvent::Withdrawn { interaction_id } => self.withdrawn.push(interaction_id),
            AgentEvent::Session { id } => self.session = Some(id),
            AgentEvent::Event { topic, payload, .. } => self.own.push((topic, payload)),
            AgentEvent::Handoff { run, agent, .. } => {
                assert_eq!(&run, current);
                self.handed.push(agent);
            }
            AgentEvent::Ended { run, outcome } => {
                assert_eq!(&run, current);
                self.outcome = Some(outcome);
            }
        }
    }
}

/// A process that the kernel is asked about, so that nobody else can take its number.
pub(crate) struct Watched(OwnedFd);

impl Watched {
    pub(crate) fn process(id: &str) -> Self {
        let id = Pid::from_raw(id.trim().parse().expect("a process id")).expect("a process id");
        Self(pidfd_open(id, PidfdFlags::empty()).expect("it runs"))
    }

    pub(crate) async fn gone(self) {
        let limit = Timespec::try_from(SOON).expect("a short time");
        let ended = tokio::task::spawn_blocking(move || {
            poll(&mut [PollFd::new(&self.0, PollFlags::IN)], Some(&limit))
        });
        assert_eq!(ended.await.unwrap(), Ok(1), "it ends in time");
    }
}
