//! The terminals of all agents.
//!
//! A terminal is a task with a program behind a pseudo-terminal. What it shows goes into a scroll, which connections read
//! with a cursor each. Who watches it has a seat; without any it ends after a while.

mod task;

use std::collections::{HashMap, HashSet, VecDeque};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use gateway::{Message, Outbox, Scroll, raw};
use protocol::agents::{TerminalClosed, TerminalEnd, TerminalInfo};
use protocol::limits::{MAX_TERMINALS, MAX_TERMINALS_OF_AGENT};
use protocol::names::agents::{TERMINAL_CLOSED, TERMINAL_CREATED};
use protocol::{AgentId, ConnectionId, SessionId, Timestamp};
use runtime::{Place, Shell, Size};
use tokio::sync::{mpsc, watch};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::agent::Agent;
use crate::audience::Audience;
use crate::conversation::Key;
use crate::error::Error;
use crate::pace::Pace;
use task::Inbox;

/// Inputs of one terminal that wait for its program, and their bytes.
const INPUTS: usize = 256;
const INPUT_BYTES: usize = 256 << 10;
/// Ids that terminals have had, so that what is said about one is not taken for another. More than can be told about
/// before everybody has heard of it.
const USED: usize = 1_024;

/// The terminals by their ids. Behind one lock that is held to look, to note, and to tell outboxes, which never wait.
#[derive(Debug)]
pub(crate) struct Terminals {
    inner: Mutex<Inner>,
    pace: Pace,
    /// How long one outlives the last who watches it.
    grace: Duration,
    tasks: TaskTracker,
}

#[derive(Debug, Default)]
struct Inner {
    open: HashMap<SessionId, Arc<Terminal>>,
    used: VecDeque<SessionId>,
    /// The manager stops.
    is_closed: bool,
}

/// One terminal.
#[derive(Debug)]
pub(crate) struct Terminal {
    id: SessionId,
    agent: AgentId,
    audience: Arc<Audience>,
    shell: String,
    created_at: Timestamp,
    scroll: Arc<Scroll>,
    seats: watch::Sender<HashSet<Key>>,
    size: watch::Sender<Size>,
    inputs: mpsc::Sender<String>,
    /// Bytes of inputs that wait.
    waiting: AtomicUsize,
    end: watch::Sender<Option<TerminalEnd>>,
    has_ended: CancellationToken,
}

/// A terminal that has its id and its first seat, and no program yet.
#[derive(Debug)]
pub(crate) struct Reserved {
    terminal: Arc<Terminal>,
    inbox: Inbox,
}

impl Terminals {
    pub(crate) fn new(grace: Duration, tasks: TaskTracker) -> Self {
        Self { inner: Mutex::default(), pace: Pace::default(), grace, tasks }
    }

    /// Takes an id and a place among those that may be open. Whoever asks has a seat from now on, so that it can go before
    /// the program has started.
    pub(crate) fn reserve(
        &self,
        agent: &Agent,
        id: SessionId,
        shell: Shell,
        key: Key,
    ) -> Result<Reserved, Error> {
        let mut inner = self.lock();
        if inner.is_closed {
            return Err(Error::Stopping);
        }
        if inner.open.contains_key(&id) || inner.used.contains(&id) {
            return Err(Error::TerminalExists(id));
        }
        let of_agent = inner.open.values().filter(|other| other.agent == agent.id).count();
        if of_agent >= MAX_TERMINALS_OF_AGENT || inner.open.len() >= MAX_TERMINALS {
            return Err(Error::LimitReached("terminals"));
        }
        let (inputs, to_type) = mpsc::channel(INPUTS);
        let terminal = Arc::new(Terminal {
            id: id.clone(),
            agent: agent.id.clone(),
            audience: agent.audience.clone(),
            shell: shell.program,
            created_at: Timestamp::now(),
            scroll: Scroll::new(agent.id.clone(), id.clone()),
            seats: watch::Sender::new(HashSet::from([key])),
            size: watch::Sender::new(shell.size),
            inputs,
            waiting: AtomicUsize::new(0),
            end: watch::Sender::default(),
            has_ended: CancellationToken::new(),
        });
        let inbox = Inbox {
            inputs: to_type,
            size: terminal.size.subscribe(),
            seats: terminal.seats.subscribe(),
            end: terminal.end.subscribe(),
        };
        inner.open.insert(id, terminal.clone());
        Ok(Reserved { terminal, inbox })
    }

    /// Starts the program beside the caller. `answer` is called when it runs, before it shows anything, or cannot be
    /// started.
    pub(crate) fn start(
        self: &Arc<Self>,
        reserved: Reserved,
        place: Place,
        answer: impl FnOnce(Result<&Terminal, Error>) + Send + 'static,
    ) {
        let Reserved { terminal, inbox } = reserved;
        let terminals = self.clone();
        self.tasks.spawn(async move {
            let shell = Shell { program: terminal.shell.clone(), size: *terminal.size.borrow() };
            match place.terminal(shell).await {
                Err(error) => {
                    terminals.lock().open.remove(&terminal.id);
                    terminal.has_ended.cancel();
                    answer(Err(error.into()));
                }
                Ok(program) => {
                    tracing::debug!(agent = %terminal.agent, session = %terminal.id, "terminal started");
                    answer(Ok(&terminal));
                    terminal.audience.tell_others(TERMINAL_CREATED, &terminal.info(), |_| false);
                    let (exit_code, reason) =
                        task::run(&terminal, &terminals.pace, terminals.grace, program, inbox)
                            .await;
                    terminals.remove(&terminal, exit_code, reason);
                }
            }
        });
    }

    /// It has ended: whoever watches it is told behind its output, and everybody else at once.
    fn remove(&self, terminal: &Terminal, exit_code: Option<i32>, reason: TerminalEnd) {
        let closed = TerminalClosed {
            agent_id: terminal.agent.clone(),
            session_id: terminal.id.clone(),
            exit_code,
            reason,
            timestamp: Timestamp::now(),
        };
        let mut inner = self.lock();
        inner.open.remove(&terminal.id);
        inner.used.push_back(terminal.id.clone());
        if inner.used.len() > USED {
            inner.used.pop_front();
        }
        // Nobody takes a seat any more.
        let seats = terminal.seats.borrow();
        let watches = |link: &ConnectionId| seats.iter().any(|key| key.link == *link);
        terminal.scroll.close(raw(&closed).into());
        terminal.audience.tell_others(TERMINAL_CLOSED, &closed, watches);
        terminal.has_ended.cancel();
    }

    /// Somebody watches an agent's terminal, on that connection and from that offset on; once `answer` has been called.
    pub(crate) fn join(
        &self,
        agent: &AgentId,
        id: &SessionId,
        key: Key,
        outbox: &Outbox,
        from: Option<u64>,
        answer: impl FnOnce(TerminalInfo),
    ) -> Result<(), Error> {
        let inner = self.lock();
        let found = inner.open.get(id).filter(|terminal| terminal.agent == *agent);
        let terminal = found.ok_or_else(|| Error::TerminalNotFound(id.clone()))?;
        terminal.seats.send_modify(|seats| _ = seats.insert(key));
        answer(terminal.info());
        let from = from.filter(|from| *from <= terminal.scroll.end());
        outbox.send(Message::Watch(terminal.scroll.clone(), from));
        Ok(())
    }

    /// Somebody watches a terminal no more.
    pub(crate) fn leave(&self, id: &SessionId, key: &Key, outbox: &Outbox) -> Result<(), Error> {
        let terminal = self.find(id, key)?;
        terminal.seats.send_modify(|seats| _ = seats.remove(key));
        if !terminal.is_watched_by(&key.link) {
            outbox.send(Message::Unwatch(id.clone()));
        }
        Ok(())
    }

    /// A connection is gone, or has logged out of an agent, and with it all who were behind it.
    pub(crate) fn lose(&self, agent: &AgentId, link: &ConnectionId) {
        let all = self.lock().open.values().cloned().collect::<Vec<_>>();
        for terminal in all.iter().filter(|terminal| terminal.agent == *agent) {
            terminal.seats.send_if_modified(|seats| {
                let before = seats.len();
                seats.retain(|key| key.link != *link);
                seats.len() < before
            });
        }
    }

    /// The terminal, for who watches it. For others there is none.
    pub(crate) fn find(&self, id: &SessionId, key: &Key) -> Result<Arc<Terminal>, Error> {
        let found = self.lock().open.get(id).cloned();
        found
            .filter(|terminal| terminal.seats.borrow().contains(key))
            .ok_or_else(|| Error::TerminalNotFound(id.clone()))
    }

    /// Whether any is open.
    pub(crate) fn are_there(&self) -> bool {
        !self.lock().open.is_empty()
    }

    /// The agent's terminals, the oldest first.
    pub(crate) fn list(&self, agent: &AgentId) -> Vec<TerminalInfo> {
        let inner = self.lock();
        let own = inner.open.values().filter(|terminal| terminal.agent == *agent);
        let mut list: Vec<_> = own.map(|terminal| terminal.info()).collect();
        list.sort_by(|one, other| {
            (one.created_at, &one.session_id).cmp(&(other.created_at, &other.session_id))
        });
        list
    }

    /// Ends the terminals of an agent, or all and for good, and waits for that.
    pub(crate) async fn close(&self, agent: Option<&AgentId>, reason: TerminalEnd) {
        let ending: Vec<Arc<Terminal>> = {
            let mut inner = self.lock();
            inner.is_closed |= agent.is_none();
            let all = inner.open.values();
            all.filter(|terminal| agent.is_none_or(|agent| terminal.agent == *agent))
                .cloned()
                .collect()
        };
        for terminal in &ending {
            terminal.close(reason);
        }
        for terminal in &ending {
            terminal.has_ended.cancelled().await;
        }
    }

    /// How many are open.
    pub(crate) fn count(&self) -> usize {
        self.lock().open.len()
    }

    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Terminal {
    pub(crate) fn info(&self) -> TerminalInfo {
        let size = *self.size.borrow();
        TerminalInfo {
            agent_id: self.agent.clone(),
            session_id: self.id.clone(),
            shell: self.shell.clone(),
            cols: size.cols.into(),
            rows: size.rows.into(),
            created_at: self.created_at,
            offset: self.scroll.end(),
        }
    }

    /// Shows it on the connection of who made it, unless that one has left meanwhile.
    pub(crate) fn show(&self, key: &Key, outbox: &Outbox) {
        // Held, so that who leaves now is told so behind this.
        let seats = self.seats.borrow();
        if seats.contains(key) {
            outbox.send(Message::Watch(self.scroll.clone(), None));
        }
    }

    /// Types, when the program reads what was typed before.
    pub(crate) fn input(&self, data: String) -> Result<(), Error> {
        let bytes = data.len();
        if self.waiting.fetch_add(bytes, Ordering::Relaxed) + bytes > INPUT_BYTES
            || self.inputs.try_send(data).is_err()
        {
            self.waiting.fetch_sub(bytes, Ordering::Relaxed);
            return Err(Error::Busy);
        }
        Ok(())
    }

    pub(crate) fn resize(&self, size: Size) {
        self.size.send_replace(size);
    }

    /// Ends it; the first reason counts.
    pub(crate) fn close(&self, reason: TerminalEnd) {
        self.end.send_modify(|end| _ = end.get_or_insert(reason));
    }

    fn is_watched_by(&self, link: &ConnectionId) -> bool {
        self.seats.borrow().iter().any(|key| key.link == *link)
    }
}
