//! What can be changed of a controller while it serves.

use std::sync::{Arc, PoisonError};

use protocol::{AgentId, ClientId};

use crate::audit::{Actor, Event};
use crate::controller::Controller;
use crate::server::Server;

/// A controller, to whoever started it and lets it serve. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Handle {
    server: Arc<Server>,
}

impl Controller {
    /// For changes while it serves.
    #[must_use]
    pub fn handle(&self) -> Handle {
        Handle { server: self.server() }
    }
}

impl Handle {
    /// Whose pages may talk to it from now on, besides its own. Connections that are open stay.
    pub fn set_origins(&self, origins: Vec<String>) {
        *self.server.origins.write().unwrap_or_else(PoisonError::into_inner) = origins.into();
    }

    /// Writes down that its settings were read again, and which of them are others now. Whoever did it is somebody on its machine.
    pub fn reloaded(&self, changed: &str) {
        self.server.audit.note(Actor::default(), &Event::Reload(changed.to_owned()));
    }

    /// Stores an agent's password, so that viewers are logged in with it.
    ///
    /// # Errors
    /// The registry cannot be written, or has no such client.
    pub async fn set_password(
        &self,
        client: &ClientId,
        agent: &AgentId,
        password: &str,
    ) -> anyhow::Result<()> {
        Ok(self.server.db.set_credentials(client, agent, password).await?)
    }
}

impl Server {
    /// Whose pages may talk to it, besides its own.
    pub(crate) fn origins(&self) -> Arc<[String]> {
        Arc::clone(&self.origins.read().unwrap_or_else(PoisonError::into_inner))
    }
}
