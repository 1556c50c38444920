//! The connections that have a remote selected, and what they are told about it.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use gateway::{Message, Outbox};
use protocol::clients::{self, RemoteReconnectError, RemoteReconnecting};
use protocol::names::clients::{
    REMOTE_DISCONNECTED, REMOTE_RECONNECT_ERROR, REMOTE_RECONNECTED, REMOTE_RECONNECTING,
};
use protocol::{ClientId, ConnectionId};
use serde::Serialize;
use serde_json::value::RawValue;
use tokio::sync::Notify;

use super::Remote;

/// Behind a lock that is held to tell outboxes, which never wait.
#[derive(Debug)]
pub(super) struct Watchers {
    client: ClientId,
    inner: Mutex<Inner>,
    changed: Notify,
}

#[derive(Debug, Default)]
struct Inner {
    up: bool,
    /// An attempt was told about and none has succeeded since.
    lost: bool,
    connections: HashMap<ConnectionId, Outbox>,
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
        inner.connections.insert(connection.clone(), outbox.clone());
        Watching { remote, connection: connection.clone() }
    }

    /// Tells one connection, if it has this remote selected.
    pub(super) fn tell_one(&self, connection: &str, event: &str, payload: Arc<RawValue>) {
        if let Some(outbox) = self.lock().connections.get(connection) {
            outbox.send(Message::Relayed(event.into(), payload));
        }
    }

    pub(super) fn is_up(&self) -> bool {
        self.lock().up
    }

    /// Waits until the first attempt to connect has succeeded or failed.
    pub(super) async fn tried(&self) {
        loop {
            let changed = self.changed.notified();
            let tried = {
                let inner = self.lock();
                inner.up || inner.lost
            };
            if tried {
                return;
            }
            changed.await;
        }
    }

    pub(super) fn disconnected(&self) {
        let mut inner = self.lock();
        inner.up = false;
        inner.lost = true;
        inner.tell(REMOTE_DISCONNECTED, &self.client());
    }

    pub(super) fn retrying(&self, attempt: u32, delay_ms: u64) {
        let client_id = self.client.clone();
        self.lock().tell(REMOTE_RECONNECTING, &RemoteReconnecting { client_id, attempt, delay_ms });
    }

    pub(super) fn retry_failed(&self, error: String) {
        let mut inner = self.lock();
        inner.lost = true;
        inner.tell(
            REMOTE_RECONNECT_ERROR,
            &RemoteReconnectError { client_id: self.client.clone(), error },
        );
        self.changed.notify_waiters();
    }

    /// The manager can be talked to. Nobody is told who was not told that it was away.
    pub(super) fn connected(&self) {
        let mut inner = self.lock();
        inner.up = true;
        self.changed.notify_waiters();
        if std::mem::take(&mut inner.lost) {
            inner.tell(REMOTE_RECONNECTED, &self.client());
        }
    }

    /// The remote was removed.
    pub(super) fn gone(&self) {
        let mut inner = self.lock();
        if std::mem::take(&mut inner.up) {
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
    fn tell(&self, event: &'static str, payload: &impl Serialize) {
        for outbox in self.connections.values() {
            outbox.event(event, payload);
        }
    }
}
