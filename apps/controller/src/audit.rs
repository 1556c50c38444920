//! The audit log: who came, who was refused, who approved and who changed what.
//!
//! [`Audit::note`] never waits and never fails for the caller: entries are written by a task, a few at a time, and each is a
//! line of the log with target `audit`, too. What is written is names and ids: no secret, and nothing that was said.

mod budget;
mod event;

use std::net::IpAddr;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use protocol::{ConnectionId, ErrorCode, Timestamp};
use store::{AuditEntry, AuditShelf, ControllerDb};
use tokio::sync::mpsc;
use tokio::time::{Instant, MissedTickBehavior, interval};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use self::budget::Budget;
pub(crate) use self::event::Event;
use crate::access::Caller;

/// Entries that may wait to be written. Full, one is lost, which the log says; all but changes are lost before it is.
const WAITING: usize = 4_096;
/// What of it is left to changes.
const FOR_CHANGES: usize = 1_024;
/// Entries that are written at a time.
const AT_ONCE: usize = 256;
/// How often what is too old or too much is removed.
const PRUNE: Duration = Duration::from_hours(1);
/// How often it is looked whether refusals were left out that nobody has told.
const LOOK: Duration = Duration::from_mins(1);

/// An entry on its way, and where it is kept.
type Filed = (AuditShelf, AuditEntry);

/// Who does something.
#[derive(Debug, Clone, Default)]
pub(crate) struct Actor {
    pub(crate) user: Option<String>,
    pub(crate) token_id: Option<String>,
    pub(crate) address: Option<IpAddr>,
    pub(crate) connection: Option<ConnectionId>,
}

impl Actor {
    /// Somebody who was not let in.
    pub(crate) fn stranger(address: Option<IpAddr>) -> Self {
        Self { address, ..Self::default() }
    }

    /// The same, on a connection.
    pub(crate) fn on(self, connection: &ConnectionId) -> Self {
        Self { connection: Some(connection.clone()), ..self }
    }
}

impl From<&Caller> for Actor {
    fn from(caller: &Caller) -> Self {
        Self {
            user: Some(caller.user.clone()),
            token_id: Some(caller.token_id.to_string()),
            address: caller.address,
            connection: None,
        }
    }
}

/// Where entries go.
#[derive(Debug)]
pub(crate) struct Audit {
    queue: mpsc::Sender<Filed>,
    /// Of refusals, so that guessing fills nothing. Short and synchronous.
    refusals: std::sync::Arc<Mutex<Budget>>,
    stop: CancellationToken,
    tasks: TaskTracker,
}

impl Audit {
    pub(crate) fn start(db: ControllerDb) -> Self {
        let (queue, waiting) = mpsc::channel(WAITING);
        let refusals = std::sync::Arc::new(Mutex::new(Budget::new(Instant::now())));
        let (stop, tasks) = (CancellationToken::new(), TaskTracker::new());
        let writer = Writer { db, waiting, refusals: refusals.clone(), stop: stop.clone() };
        tasks.spawn(writer.run());
        Self { queue, refusals, stop, tasks }
    }

    /// Writes down that somebody did something.
    pub(crate) fn note(&self, actor: impl Into<Actor>, event: &Event) {
        self.file(actor.into(), event, "ok".to_owned(), event.shelf());
    }

    /// Writes down that somebody was not let in or not allowed. Of many, some.
    pub(crate) fn refused(&self, actor: impl Into<Actor>, event: &Event, code: ErrorCode) {
        let is_told = lock(&self.refusals).take(Instant::now());
        if is_told {
            self.file(actor.into(), event, code_text(code), AuditShelf::Refusals);
        }
    }

    /// Writes what waits, and ends.
    pub(crate) async fn close(&self) {
        self.stop.cancel();
        self.tasks.close();
        self.tasks.wait().await;
    }

    fn file(&self, actor: Actor, event: &Event, outcome: String, shelf: AuditShelf) {
        let entry = AuditEntry {
            id: 0,
            time: Timestamp::now(),
            user: actor.user.map(|user| clean(&user)),
            token_id: actor.token_id,
            address: actor.address.map(|address| address.to_string()),
            connection_id: actor.connection.map(|connection| connection.to_string()),
            action: event.action().to_owned(),
            target: event.target().map(|target| clean(&target)),
            outcome,
        };
        tell(&entry);
        let is_full = shelf != AuditShelf::Changes && self.queue.capacity() < FOR_CHANGES;
        if is_full || self.queue.try_send((shelf, entry)).is_err() {
            tracing::error!("an entry of the audit log is in this log only: too many at once");
        }
    }
}

/// What writes ends also when nobody has closed it.
impl Drop for Audit {
    fn drop(&mut self) {
        self.stop.cancel();
    }
}

struct Writer {
    db: ControllerDb,
    waiting: mpsc::Receiver<Filed>,
    refusals: std::sync::Arc<Mutex<Budget>>,
    stop: CancellationToken,
}

impl Writer {
    async fn run(mut self) {
        let (mut prune, mut look) = (interval(PRUNE), interval(LOOK));
        prune.set_missed_tick_behavior(MissedTickBehavior::Delay);
        look.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let mut entries = Vec::new();
        loop {
            tokio::select! {
                _some = self.waiting.recv_many(&mut entries, AT_ONCE) => {}
                _at = prune.tick() => self.prune().await,
                _at = look.tick() => entries.extend(self.left_out()),
                () = self.stop.cancelled() => {
                    while let Ok(entry) = self.waiting.try_recv() {
                        entries.push(entry);
                    }
                    entries.extend(self.left_out());
                    return self.write(&mut entries).await;
                }
            }
            self.write(&mut entries).await;
        }
    }

    async fn write(&self, entries: &mut Vec<Filed>) {
        if !entries.is_empty()
            && let Err(error) = self.db.add_audit(entries).await
        {
            let count = entries.len();
            tracing::error!(%error, count, "entries of the audit log are in this log only");
        }
        entries.clear();
    }

    async fn prune(&self) {
        if let Err(error) = self.db.prune_audit(Timestamp::now()).await {
            tracing::warn!(%error, "old entries of the audit log were not removed");
        }
    }

    /// That refusals were left out, and how many.
    fn left_out(&self) -> Option<Filed> {
        let count = lock(&self.refusals).left_out(Instant::now())?;
        let entry = AuditEntry {
            id: 0,
            time: Timestamp::now(),
            user: None,
            token_id: None,
            address: None,
            connection_id: None,
            action: "refusals.left_out".to_owned(),
            target: Some(count.to_string()),
            outcome: "ok".to_owned(),
        };
        tell(&entry);
        Some((AuditShelf::Refusals, entry))
    }
}

/// The entry as a line of the log.
fn tell(entry: &AuditEntry) {
    let AuditEntry { user, token_id, address, connection_id, action, target, outcome, .. } = entry;
    tracing::info!(target: "audit", %action, user, token = token_id, address, conn = connection_id, what = target, %outcome, "audit");
}

fn lock(budget: &Mutex<Budget>) -> std::sync::MutexGuard<'_, Budget> {
    budget.lock().unwrap_or_else(PoisonError::into_inner)
}

fn code_text(code: ErrorCode) -> String {
    let code = serde_json::to_value(code).ok();
    code.and_then(|code| code.as_str().map(ToOwned::to_owned)).unwrap_or_default()
}

/// Characters of a name that are kept.
const LONGEST: usize = 256;

/// A name as one line that is read from left to right: whoever chose it cannot write lines of their own.
fn clean(text: &str) -> String {
    let is_plain = |c: char| {
        !c.is_control()
            && !matches!(c, '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}' | '\u{feff}')
    };
    text.chars().take(LONGEST).map(|c| if is_plain(c) { c } else { '\u{fffd}' }).collect()
}

#[cfg(test)]
mod tests;
