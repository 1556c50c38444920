//! The connections that have a remote selected, and what they are told about it.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use gateway::{Message, Outbox};
use protocol::clients::{self, RemoteReconnectError, RemoteReconnecting};
use protocol::lifecycle::ServerNotice;
use protocol::names::agents::SERVER_NOTICE;
use protocol::names::clients::{
    REMOTE_DISCONNECTED, REMOTE_RECONNECT_ERROR, REMOTE_RECONNECTED, REMOTE_RECONNECTING,
};
use protocol::{ClientId, ConnectionId, Timestamp};
use serde::Serialize;
use serde_json::value::RawValue;
use tokio::sync::Notify;

use super::Remote;
use super::status::Status;

/// Notices of a manager that are kept for those who come later: the newest.
const NOTICES: usize = 16;
/// Bytes of a notice that is kept: texts for people are shorter.
const NOTICE: usize = 8 << 10;

/// Behind a lock that is held to tell outboxes, which never wait.
#[derive(Debug)]
pub(super) struct Watchers {
    client: ClientId,
    inner: Mutex<Inner>,
    changed: Notify,
}

#[derive(Debug, Default)]
struct Inner {
    status: Status,
    /// An attempt was told about and none has succeeded since.
    lost: bool,
    connections: HashMap<ConnectionId, Outbox>,
    /// What the manager has to say to everybody, as its bytes: the oldest first, each id once.
    notices: Vec<(String, Arc<RawValue>)>,
}

/// A connection that is told; dropping it ends that.
#[derive(Debug)]
pub(crate) struct Watching {
    pub(crate) remote: Arc<Remote>,
    connection: ConnectionId,
}

impl Drop for Watching {
    fn drop(&mut self) {
        self.remote.watchers.lock().connections.remove(&self.connection);
    }
}

impl Watchers {
    pub(super) fn client_id(&self) -> &ClientId {
        &self.client
    }

    pub(super) fn new(client: ClientId) -> Self {
        Self { client, inner: Mutex::default(), changed: Notify::new() }
    }

    /// One who comes while the manager is away is told so.
    pub(super) fn watch(
        &self,
        remote: Arc<Remote>,
        connection: &ConnectionId,
        outbox: &Outbox,
    ) -> Watching {
        let mut inner = self.lock();
        if inner.lost {
            outbox.event(REMOTE_DISCONNECTED, &self.client());
        }
        for (_, payload) in &inner.notices {
            outbox.send(Message::Relayed(SERVER_NOTICE.into(), Arc::clone(payload)));
        }
        inner.connections.insert(connection.clone(), outbox.clone());
        Watching { remote, connection: connection.clone() }
    }

    /// Tells one connection, if it has this remote selected.
    pub(super) fn tell_one(&self, connection: &str, event: &str, payload: Arc<RawValue>) {
        if let Some(outbox) = self.lock().connections.get(connection) {
            outbox.send(Message::Relayed(event.into(), payload));
        }
    }

    /// Passes on what the manager has to say to everybody.
    pub(super) fn notice(&self, notice: ServerNotice, payload: &Arc<RawValue>) {
        let mut inner = self.lock();
        for outbox in inner.connections.values() {
            outbox.send(Message::Relayed(SERVER_NOTICE.into(), Arc::clone(payload)));
        }
        inner.notices.retain(|(id, _)| *id != notice.id);
        if notice.dismiss || payload.get().len() > NOTICE {
            return;
        }
        // A manager may not fill the memory with ever new ones.
        if inner.notices.len() >= NOTICES {
            inner.notices.remove(0);
        }
        inner.notices.push((notice.id, Arc::clone(payload)));
    }

    pub(super) fn status(&self) -> Status {
        self.lock().status.clone()
    }

    /// Waits until the first attempt to connect has succeeded or failed.
    pub(super) async fn tried(&self) {
        loop {
            let changed = self.changed.notified();
            let tried = {
                let inner = self.lock();
                inner.status.connected || inner.lost
            };
            if tried {
                return;
            }
            changed.await;
        }
    }

    pub(super) fn disconnected(&self, reason: &str) {
        let mut inner = self.lock();
        inner.status.disconnected(reason, Timestamp::now());
        inner.away(&self.client());
    }

    /// It is looked for at another place or with another key.
    pub(super) fn moved(&self) {
        let mut inner = self.lock();
        inner.status.moved(Timestamp::now());
        inner.away(&self.client());
    }

    pub(super) fn retrying(&self, attempt: u32, delay: Duration) {
        let client_id = self.client.clone();
        let delay_ms = u64::try_from(delay.as_millis()).unwrap_or(u64::MAX);
        let mut inner = self.lock();
        inner.status.retrying(attempt, delay, Timestamp::now());
        inner.tell(REMOTE_RECONNECTING, &RemoteReconnecting { client_id, attempt, delay_ms });
    }

    pub(super) fn retry_failed(&self, error: String) {
        let mut inner = self.lock();
        inner.lost = true;
        inner.status.failed(&error, Timestamp::now());
        inner.tell(
            REMOTE_RECONNECT_ERROR,
            &RemoteReconnectError { client_id: self.client.clone(), error },
        );
        self.changed.notify_waiters();
    }

    /// The manager can be talked to. Nobody is told who was not told that it was away.
    pub(super) fn connected(&self) {
        let mut inner = self.lock();
        inner.status.connected(Timestamp::now());
        self.changed.notify_waiters();
        if std::mem::take(&mut inner.lost) {
            inner.tell(REMOTE_RECONNECTED, &self.client());
        }
    }

    /// The remote was removed.
    pub(super) fn gone(&self) {
        let mut inner = self.lock();
        if std::mem::take(&mut inner.status).connected {
            inner.tell(REMOTE_DISCONNECTED, &self.client());
        }
    }

    fn client(&self) -> clients::Remote {
        clients::Remote { client_id: self.client.clone() }
    }

    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Inner {
    fn away(&mut self, client: &clients::Remote) {
        self.lost = true;
        // Those who know them know that they end with the connection.
        self.notices.clear();
        self.tell(REMOTE_DISCONNECTED, client);
    }

    fn tell(&self, event: &'static str, payload: &impl Serialize) {
        for outbox in self.connections.values() {
            outbox.event(event, payload);
        }
    }
}

#[cfg(test)]
mod tests {
    use protocol::lifecycle::NoticeLevel;

    use super::*;

    #[test]
    fn a_manager_does_not_fill_the_memory_with_notices() {
        let watchers = Watchers::new(ClientId::new("cl_1").unwrap());
        let tell = |id: &str, message: &str| {
            let notice = ServerNotice::new(id, NoticeLevel::Info, "a", message);
            let payload = Arc::from(gateway::raw(&notice));
            watchers.notice(notice, &payload);
        };

        for nth in 0..1_000 {
            tell(&format!("n{nth}"), "b");
        }
        tell("large", &"x".repeat(NOTICE));

        let inner = watchers.lock();
        let kept: Vec<_> = inner.notices.iter().map(|(id, _)| id.as_str()).collect();
        assert_eq!((kept.len(), kept[0], kept[NOTICES - 1]), (NOTICES, "n984", "n999"));
    }
}
