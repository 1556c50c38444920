//! The audit log: who came, who was refused, who approved and who changed what.
//!
//! [`Audit::note`] never waits and never fails for the caller: entries are written by a task, a few at a time, and each is a
//! line of the log with target `audit`, too. What is written is names and ids: no secret, and nothing that was said.

mod budget;
mod event;

use std::net::IpAddr;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use protocol::{ConnectionId, ErrorCode, Timestamp};
use store::{AuditEntry, AuditShelf, ControllerDb};
use tokio::sync::mpsc;
use tokio::time::{Instant, MissedTickBehavior, interval};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use self::budget::{Budgets, Kind, MINUTE, Of};
pub(crate) use self::event::Event;
use crate::access::Caller;

/// Entries that may wait to be written. Full, one is lost, and the log says how many were; all but changes are lost before it is.
const WAITING: usize = 4_096;
/// What of it is left to changes.
const FOR_CHANGES: usize = 1_024;
/// Entries that are written at a time.
const AT_ONCE: usize = 256;
/// How often what is too old or too much is removed.
const PRUNE: Duration = Duration::from_hours(1);
/// Entries after which that is done, too: a twentieth of what is kept.
const MANY: usize = 5_000;
/// How often it is looked whether entries were left out or lost, which nobody has told.
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
    counts: Arc<Counts>,
    stop: CancellationToken,
    tasks: TaskTracker,
}

/// What is counted instead of written.
#[derive(Debug, Default)]
struct Counts {
    /// Of refusals and visits, so that neither guessing nor coming and going fills anything. Short and synchronous.
    budgets: Mutex<Budgets>,
    /// Entries for which there was no room.
    lost: AtomicU64,
}

impl Audit {
    pub(crate) fn start(db: ControllerDb) -> Self {
        let (queue, waiting) = mpsc::channel(WAITING);
        let counts = Arc::<Counts>::default();
        let (stop, tasks) = (CancellationToken::new(), TaskTracker::new());
        let writer =
            Writer { db, waiting, counts: Arc::clone(&counts), stop: stop.clone(), written: 0 };
        tasks.spawn(writer.run());
        Self { queue, counts, stop, tasks }
    }

    /// Writes down that somebody did something. Of many visits with the same token, some.
    pub(crate) fn note(&self, actor: impl Into<Actor>, event: &Event) {
        let (actor, shelf) = (actor.into(), event.shelf());
        if shelf != AuditShelf::Visits || self.takes(Kind::Visits, &actor) {
            self.file(actor, event, "ok".to_owned(), shelf);
        }
    }

    /// Writes down that somebody was not let in or not allowed. Of many, some; says whether this is one of them.
    pub(crate) fn refused(&self, actor: impl Into<Actor>, event: &Event, code: ErrorCode) -> bool {
        let actor = actor.into();
        let is_told = self.takes(Kind::Refusals, &actor);
        if is_told {
            self.file(actor, event, code_text(code), AuditShelf::Refusals);
        }
        is_told
    }

    fn takes(&self, kind: Kind, actor: &Actor) -> bool {
        let of = Of { kind, token: actor.token_id.clone() };
        self.counts.lock().take(of, Instant::now())
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
            self.counts.lost.fetch_add(1, Ordering::Relaxed);
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
    counts: Arc<Counts>,
    stop: CancellationToken,
    /// Since it was pruned.
    written: usize,
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
                _at = look.tick() => entries.extend(self.left_out(Instant::now())),
                () = self.stop.cancelled() => {
                    while let Ok(entry) = self.waiting.try_recv() {
                        entries.push(entry);
                    }
                    // The minutes of all are over.
                    entries.extend(self.left_out(Instant::now() + MINUTE));
                    return self.write(&mut entries).await;
                }
            }
            self.write(&mut entries).await;
        }
    }

    async fn write(&mut self, entries: &mut Vec<Filed>) {
        if !entries.is_empty()
            && let Err(error) = self.db.add_audit(entries).await
        {
            let count = entries.len();
            tracing::error!(%error, count, "entries of the audit log are in this log only");
        }
        self.written += entries.len();
        entries.clear();
        if self.written >= MANY {
            self.prune().await;
        }
    }

    async fn prune(&mut self) {
        self.written = 0;
        if let Err(error) = self.db.prune_audit(Timestamp::now()).await {
            tracing::warn!(%error, "old entries of the audit log were not removed");
        }
    }

    /// That refusals or visits were left out, and how many of whose.
    fn left_out(&self, now: Instant) -> Vec<Filed> {
        let lost = self.counts.lost.swap(0, Ordering::Relaxed);
        if lost > 0 {
            tracing::error!(
                lost,
                "entries of the audit log are in this log only: too many at once"
            );
        }
        let counted = self.counts.lock().left_out(now);
        counted.into_iter().map(|(of, count)| counted_entry(of, count)).collect()
    }
}

impl Counts {
    fn lock(&self) -> MutexGuard<'_, Budgets> {
        self.budgets.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// In place of so many.
fn counted_entry(of: Of, count: u64) -> Filed {
    let shelf = match of.kind {
        Kind::Refusals => AuditShelf::Refusals,
        Kind::Visits => AuditShelf::Visits,
    };
    let entry = AuditEntry {
        id: 0,
        time: Timestamp::now(),
        user: None,
        token_id: of.token,
        address: None,
        connection_id: None,
        action: of.kind.left_out().to_owned(),
        target: Some(count.to_string()),
        outcome: "ok".to_owned(),
    };
    tell(&entry);
    (shelf, entry)
}

/// The entry as a line of the log.
fn tell(entry: &AuditEntry) {
    let AuditEntry { user, token_id, address, connection_id, action, target, outcome, .. } = entry;
    tracing::info!(target: "audit", %action, user, token = token_id, address, conn = connection_id, what = target, %outcome, "audit");
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
