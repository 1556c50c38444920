//! All registered managers.

use std::collections::{HashMap, HashSet};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use futures_util::future::join_all;
use gateway::Outbox;
use link::{Endpoint, Reach, Trust};
use protocol::catalogue::Namespace;
use protocol::{ClientId, Clients, ConnectionId};
use serde_json::json;
use store::{ClientRecord, ControllerDb};
use tokio::sync::broadcast;

use crate::activity::{Activity, Audience, Listening};
use crate::error::Error;
use crate::remote::Remote;

/// How managers are connected to.
#[derive(Debug, Default)]
pub(crate) struct Links {
    /// Where those may be that came by REST.
    pub(crate) reach: Reach,
    /// Which are trusted.
    pub(crate) trust: Trust,
    /// What is counted of them.
    pub(crate) meters: link::Meters,
}

/// A remote for each registered client, whether anyone looks at it or not, so that its state is always known.
#[derive(Debug)]
pub(crate) struct Remotes {
    db: ControllerDb,
    audience: Arc<Audience>,
    links: Links,
    /// Endpoints that the operator named: those may be anywhere. Held to look one up.
    vouched_for: Mutex<HashSet<String>>,
    // Short and synchronous: remotes are put in, taken out and cloned.
    remotes: Mutex<HashMap<ClientId, Arc<Remote>>>,
}

impl Remotes {
    pub(crate) fn new(db: ControllerDb, links: Links) -> Self {
        Self {
            db,
            audience: Audience::new(),
            links,
            vouched_for: Mutex::default(),
            remotes: Mutex::default(),
        }
    }

    /// The operator has named this endpoint: it may be anywhere.
    pub(crate) fn vouch_for(&self, endpoint: &str) {
        let mut vouched_for = self.vouched_for.lock().unwrap_or_else(PoisonError::into_inner);
        vouched_for.insert(endpoint.to_owned());
    }

    /// Where a client is, and how far a link to it may go.
    ///
    /// # Errors
    /// It is no address of a manager.
    pub(crate) fn endpoint(&self, client: &ClientRecord) -> Result<Endpoint, Error> {
        let auth = json!({ "token": client.api_key });
        let endpoint = Endpoint::new(&client.endpoint, Namespace::Agents.path(), auth)
            .map_err(|error| Error::Invalid(error.to_string()))?;
        let vouched_for = self.vouched_for.lock().unwrap_or_else(PoisonError::into_inner);
        let is_anywhere = vouched_for.contains(&client.endpoint);
        let reach = if is_anywhere { Reach::anywhere() } else { self.links.reach.clone() };
        Ok(endpoint.within(reach).trusting(self.links.trust.clone()))
    }

    /// Opens a remote; one that is open goes on at the client's new place, with its viewers.
    pub(crate) async fn open(&self, client: &ClientRecord) -> Result<(), Error> {
        if let Ok(remote) = self.get(&client.client_id) {
            remote.overview().changed(&client.name);
            return remote.reopen(self.endpoint(client)?).await;
        }
        let endpoint = self.endpoint(client)?;
        let meters = self.links.meters.clone();
        let remote = Remote::open(endpoint, client, self.db.clone(), &self.audience, meters);
        let before = self.lock().insert(client.client_id.clone(), Arc::clone(&remote));
        remote.overview().created();
        self.end(before).await;
        Ok(())
    }

    pub(crate) async fn close(&self, client: &ClientId) {
        let remote = self.lock().remove(client);
        self.end(remote.clone()).await;
        if let Some(remote) = remote {
            remote.overview().deleted();
        }
    }

    /// A client has another name.
    pub(crate) fn renamed(&self, client: &ClientRecord) {
        if let Ok(remote) = self.get(&client.client_id) {
            remote.overview().changed(&client.name);
        }
    }

    /// Tells a viewer what all agents of those clients are doing: all that there is, and then what changes.
    pub(crate) fn listen(
        &self,
        connection: &ConnectionId,
        outbox: &Outbox,
        clients: &Clients,
    ) -> Listening {
        // Listened to first: what changes while the rest is noted is newer than that.
        let listening = self.audience.listen(connection, outbox, clients);
        for remote in self.some(clients) {
            remote.overview().show(listening.listener());
        }
        listening
    }

    /// Tells a viewer nothing more of that.
    pub(crate) fn unlisten(&self, connection: &ConnectionId) {
        self.audience.end(connection);
    }

    /// What the runs of all managers come to, from now on. A receiver that lags loses the oldest, and is told how many.
    pub(crate) fn activity(&self) -> broadcast::Receiver<Activity> {
        self.audience.runs()
    }

    /// Conversations of those managers in which a run is open.
    pub(crate) fn open_conversations(&self, clients: &Clients) -> usize {
        self.some(clients).iter().map(|remote| remote.overview().open_conversations()).sum()
    }

    /// Waits until the first attempt to connect to each has succeeded or failed.
    pub(crate) async fn tried(&self) {
        let all = self.some(&Clients::All);
        join_all(all.iter().map(|remote| remote.tried())).await;
    }

    /// Those that can be talked to, and all.
    pub(crate) fn count(&self) -> (usize, usize) {
        let all = self.some(&Clients::All);
        (all.iter().filter(|remote| remote.status().connected).count(), all.len())
    }

    fn some(&self, clients: &Clients) -> Vec<Arc<Remote>> {
        let remotes = self.lock();
        let seen = remotes.iter().filter(|(client, _)| clients.include(client));
        seen.map(|(_, remote)| Arc::clone(remote)).collect()
    }

    pub(crate) async fn close_all(&self) {
        let all: Vec<_> = self.lock().drain().map(|(_, remote)| remote).collect();
        for remote in all {
            self.end(Some(remote)).await;
        }
    }

    pub(crate) fn get(&self, client: &ClientId) -> Result<Arc<Remote>, Error> {
        self.lock().get(client).cloned().ok_or_else(|| Error::ClientNotFound(client.clone()))
    }

    async fn end(&self, remote: Option<Arc<Remote>>) {
        if let Some(remote) = remote {
            remote.close().await;
        }
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<ClientId, Arc<Remote>>> {
        self.remotes.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
