//! All registered managers.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use protocol::ClientId;
use store::{ClientRecord, ControllerDb};

use crate::error::Error;
use crate::remote::Remote;

/// A remote for each registered client, whether anyone looks at it or not, so that its state is always known.
#[derive(Debug)]
pub(crate) struct Remotes {
    db: ControllerDb,
    // Short and synchronous: remotes are put in, taken out and cloned.
    remotes: Mutex<HashMap<ClientId, Arc<Remote>>>,
}

impl Remotes {
    pub(crate) fn new(db: ControllerDb) -> Self {
        Self { db, remotes: Mutex::default() }
    }

    /// Opens a remote; one that is open goes on at the client's new place, with its viewers.
    pub(crate) async fn open(&self, client: &ClientRecord) -> Result<(), Error> {
        if let Ok(remote) = self.get(&client.client_id) {
            return remote.reopen(client).await;
        }
        let remote = Remote::open(client, self.db.clone())?;
        let before = self.lock().insert(client.client_id.clone(), remote);
        self.end(before).await;
        Ok(())
    }

    pub(crate) async fn close(&self, client: &ClientId) {
        let remote = self.lock().remove(client);
        self.end(remote).await;
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
