//! Where a session is: what its program needs to know besides its configuration.

use std::path::{Path, PathBuf};

use protocol::{AgentId, RunId};
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

use crate::event::AgentEvent;
use crate::flow::Speaker;
use crate::host::container::Containers;
use crate::meters::Meters;

/// Where a session is at home.
#[derive(Debug, Clone)]
pub struct Home {
    workdir: PathBuf,
    lodging: Option<Lodging>,
    meters: Meters,
}

/// What happens to a session's container when the session is stopped. It is stopped in any case.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Stay {
    /// It stays, with all that the agent has changed in it, for the next session of the same name.
    Keep,
    /// It is removed.
    Remove,
}

/// Whose container it is.
#[derive(Debug, Clone)]
pub(crate) struct Lodging {
    pub(crate) containers: Containers,
    pub(crate) agent: AgentId,
    pub(crate) session: String,
    pub(crate) stay: Stay,
}

impl Home {
    /// With that working directory, which is created, unless the agent's configuration names another.
    #[must_use]
    pub fn new(workdir: &Path) -> Self {
        Self { workdir: workdir.to_owned(), lodging: None, meters: Meters::default() }
    }

    /// With handles that count its programs.
    #[must_use]
    pub fn with_meters(self, meters: &Meters) -> Self {
        Self { meters: meters.clone(), ..self }
    }

    /// With containers, for an agent that runs in one. A later session of the same name, also of a manager that was
    /// started again, finds the same container. Two at once must not have one name.
    #[must_use]
    pub fn with_containers(
        mut self,
        containers: &Containers,
        agent: &AgentId,
        session: &str,
        stay: Stay,
    ) -> Self {
        let (containers, agent) = (containers.clone(), agent.clone());
        self.lodging = Some(Lodging { containers, agent, session: session.to_owned(), stay });
        self
    }

    pub(crate) fn workdir(&self) -> &Path {
        &self.workdir
    }

    pub(crate) fn lodging(&self) -> Option<&Lodging> {
        self.lodging.as_ref()
    }

    /// The session has ended.
    pub(crate) async fn leave(self) {
        if let Some(Lodging { containers, agent, session, stay: Stay::Remove }) = self.lodging {
            containers.remove(Some(&agent), Some(&session)).await;
        }
    }
}

/// Its home, and what to know about a session while its program is being started.
#[derive(Debug, Clone)]
pub(crate) struct Site {
    home: Home,
    stop: CancellationToken,
    cancelled: watch::Receiver<Option<RunId>>,
    speaker: Speaker,
}

impl Site {
    pub(crate) fn new(
        home: Home,
        stop: CancellationToken,
        cancelled: watch::Receiver<Option<RunId>>,
        speaker: Speaker,
    ) -> Self {
        Self { home, stop, cancelled, speaker }
    }

    pub(crate) fn workdir(&self) -> &Path {
        self.home.workdir()
    }

    pub(crate) fn meters(&self) -> &Meters {
        &self.home.meters
    }

    pub(crate) fn lodging(&self) -> Option<&Lodging> {
        self.home.lodging()
    }

    /// Tells people how the start goes on. Waits while the conversation is busy.
    pub(crate) async fn say(&self, message: String) {
        if let Ok(room) = self.speaker.room().await {
            room.send(AgentEvent::status(None, message));
        }
    }

    /// Resolves when the session is stopped, or a turn is cancelled from now on: whatever is being started is not
    /// wanted any more.
    pub(crate) async fn interrupted(&self) {
        let mut cancelled = self.cancelled.clone();
        cancelled.mark_unchanged();
        tokio::select! {
            () = self.stop.cancelled() => {}
            changed = cancelled.changed() => {
                if changed.is_err() {
                    self.stop.cancelled().await;
                }
            }
        }
    }
}
