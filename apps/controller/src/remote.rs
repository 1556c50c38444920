//! One registered manager: its link, the agents that are logged in to over it, and the viewers that selected it.

mod follows;
mod notices;
mod overview;
pub(crate) mod people;
mod retries;
pub(crate) mod screens;
mod status;
mod watchers;
mod worker;

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use gateway::{Feed, Outbox};
use link::{Answer, CallError, Endpoint, Link, Signal, WhenDown};
use protocol::agents::LoginSuccess;
use protocol::{AgentId, ClientId, ConnectionId, ConversationId};
use serde::Serialize;
use serde_json::value::RawValue;
use store::{ClientRecord, ControllerDb};
use tokio::sync::{mpsc, oneshot, watch};
use tokio::task::JoinHandle;
use tracing::Instrument;

use crate::activity::Audience;
use crate::correlate;
use crate::error::Error;
use notices::{Notice, Reach};
use overview::Overview;
use people::People;
use screens::Screens;
pub(crate) use status::Status;
use watchers::Watchers;
pub(crate) use watchers::Watching;
use worker::Worker;

/// Viewers that wait for an agent's login to be looked up. When full, they wait here.
const REQUESTS: usize = 256;

/// How long adding a manager waits for it.
const FIRST_ATTEMPT: Duration = Duration::from_secs(5);

/// Handle of a remote.
#[derive(Debug)]
pub(crate) struct Remote {
    /// Replaced when the manager moves. Behind a lock that is held to clone it.
    link: Mutex<Link>,
    /// Counts the link.
    links: link::Meters,
    requests: mpsc::Sender<Request>,
    watchers: Watchers,
    people: People,
    screens: Screens,
    overview: Overview,
    /// Unbounded, because who goes cannot wait: a connection adds one for each conversation that it comes to or leaves.
    notices: mpsc::UnboundedSender<Notice>,
    reach: watch::Sender<Reach>,
    task: Mutex<Option<JoinHandle<()>>>,
}

/// What the task is asked for.
pub(crate) enum Request {
    /// A viewer needs an agent's conversation.
    Follow {
        agent: AgentId,
        conversation: Option<ConversationId>,
        reply: oneshot::Sender<Result<Followed, Error>>,
    },
    /// The manager moved or has another key: these are the new link's signals.
    Moved(mpsc::Receiver<Signal>),
    /// The remote is no longer needed.
    Close,
}

/// A conversation that the link follows.
#[derive(Debug, Clone)]
pub(crate) struct Followed {
    pub(crate) success: LoginSuccess,
    pub(crate) feed: Arc<Feed>,
}

/// A notice on its way. Those of one connection have their places in order, so that the last one is enough to wait for.
#[derive(Debug)]
#[must_use = "a command that is not to overtake it has to wait for it"]
pub(crate) struct Placed(oneshot::Receiver<()>);

impl Placed {
    /// Waits until it has its place in the order of commands, or the manager is told nothing now.
    pub(crate) async fn wait(self) {
        self.0.await.unwrap_or_default();
    }
}

impl Remote {
    /// The client whose manager it is.
    pub(crate) fn client_id(&self) -> &ClientId {
        self.watchers.client_id()
    }

    /// Opens the link and starts the task that owns it.
    pub(crate) fn open(
        endpoint: Endpoint,
        client: &ClientRecord,
        db: ControllerDb,
        audience: &Arc<Audience>,
        links: link::Meters,
    ) -> Arc<Self> {
        let (link, signals) = Link::open_metered(endpoint, links.clone());
        Self::over(link, signals, client, db, audience, links)
    }

    /// The same over a link that is open.
    pub(crate) fn over(
        link: Link,
        signals: mpsc::Receiver<Signal>,
        client: &ClientRecord,
        db: ControllerDb,
        audience: &Arc<Audience>,
        links: link::Meters,
    ) -> Arc<Self> {
        let (client, name) = (client.client_id.clone(), client.name.clone());
        let (requests, incoming) = mpsc::channel(REQUESTS);
        let (notices, to_tell) = mpsc::unbounded_channel();
        let (reach, known) = watch::channel(Reach::Away);
        let remote = Arc::new(Self {
            link: Mutex::new(link),
            links,
            requests,
            watchers: Watchers::new(client.clone()),
            people: People::default(),
            screens: Screens::default(),
            overview: Overview::new(client.clone(), name, Arc::clone(audience)),
            notices,
            reach,
            task: Mutex::default(),
        });
        tokio::spawn(notices::run(Arc::downgrade(&remote), to_tell, known));
        let worker = Worker::new(&remote, client, db);
        let lines = tracing::error_span!(parent: None, "link", tier = "controller", client = %remote.client_id());
        let task = tokio::spawn(worker.run(signals, incoming).instrument(lines));
        *remote.task.lock().unwrap_or_else(PoisonError::into_inner) = Some(task);
        remote
    }

    /// Goes on at another place or with another key. Viewers keep what they follow.
    pub(crate) async fn reopen(&self, endpoint: Endpoint) -> Result<(), Error> {
        let (link, signals) = Link::open_metered(endpoint, self.links.clone());
        let before =
            std::mem::replace(&mut *self.link.lock().unwrap_or_else(PoisonError::into_inner), link);
        self.requests
            .send(Request::Moved(signals))
            .await
            .map_err(|_| Error::Call(CallError::Closed))?;
        before.close().await;
        Ok(())
    }

    fn link(&self) -> Link {
        self.link.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Ends the link and waits for the task.
    pub(crate) async fn close(&self) {
        self.link().close().await;
        self.requests.send(Request::Close).await.ok();
        let task = self.task.lock().unwrap_or_else(PoisonError::into_inner).take();
        if let Some(task) = task {
            task.await.ok();
        }
        // Whoever waits for a notice's place waits no longer.
        self.reach.send_replace(Reach::Away);
        self.watchers.gone();
    }

    /// Its viewers.
    pub(crate) fn people(&self) -> &People {
        &self.people
    }

    /// What its viewers watch besides conversations.
    pub(crate) fn screens(&self) -> &Screens {
        &self.screens
    }

    /// What its agents are doing.
    pub(crate) fn overview(&self) -> &Overview {
        &self.overview
    }

    /// Tells a connection about this remote's state until what this gives is dropped.
    pub(crate) fn watch(self: &Arc<Self>, connection: &ConnectionId, outbox: &Outbox) -> Watching {
        self.watchers.watch(Arc::clone(self), connection, outbox)
    }

    /// Waits until the first attempt to connect has succeeded or failed, 5 s at most: whoever registers a manager wants to
    /// know, and may go on at once.
    pub(crate) async fn tried(&self) {
        tokio::time::timeout(FIRST_ATTEMPT, self.watchers.tried()).await.ok();
    }

    /// Whether the manager can be talked to, since when, and why not.
    pub(crate) fn status(&self) -> Status {
        self.watchers.status()
    }

    /// Logs in to an agent, once however many ask, and follows a conversation of it.
    pub(crate) async fn follow(
        &self,
        agent: &AgentId,
        conversation: Option<&ConversationId>,
    ) -> Result<Followed, Error> {
        let (reply, followed) = oneshot::channel();
        let request =
            Request::Follow { agent: agent.clone(), conversation: conversation.cloned(), reply };
        self.requests.send(request).await.map_err(|_| Error::Call(CallError::Closed))?;
        followed.await.map_err(|_| Error::Call(CallError::Closed))?
    }

    /// Passes on a command. It has its place in the order of commands when this returns.
    pub(crate) async fn begin(
        &self,
        event: &str,
        arguments: &[&RawValue],
        when_down: WhenDown,
    ) -> Result<Answer, CallError> {
        self.link().begin(event, arguments, when_down).await
    }

    /// Tells the manager something on behalf of a viewer.
    pub(crate) fn notify(
        &self,
        event: &'static str,
        payload: Box<RawValue>,
        origin: Box<RawValue>,
    ) -> Placed {
        let (placed, told) = oneshot::channel();
        self.notices.send(Notice::Command { event, payload, origin, placed }).ok();
        Placed(told)
    }

    /// Gives a command of the controller's own and waits for its acknowledgement.
    pub(crate) async fn ask(
        &self,
        event: &str,
        payload: &impl Serialize,
    ) -> Result<Box<RawValue>, CallError> {
        let payload = gateway::raw(payload);
        // Of a request, the manager's lines are found by the same id.
        let origin = correlate::current().map(|context| gateway::raw(&context.origin()));
        let arguments: Vec<&RawValue> =
            [Some(&*payload), origin.as_deref()].into_iter().flatten().collect();
        self.link().call(event, &arguments, WhenDown::Fail).await
    }
}
