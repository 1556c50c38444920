//! The agent's session of a conversation: started when it is needed, replaced when it is gone.

use std::path::PathBuf;
use std::sync::Arc;

use protocol::RunId;
use protocol::spec::AgentSpec;
use runtime::AgentEvent;
use tokio::sync::mpsc;

/// Events taken from the agent at once: one transaction for many of them.
pub(super) const BATCH: usize = 256;

/// Where the conversation's agent runs, if it runs.
#[derive(Debug)]
pub(super) struct Agent {
    spec: Arc<AgentSpec>,
    workdir: PathBuf,
    running: Option<(runtime::Session, mpsc::Receiver<AgentEvent>)>,
}

/// The session ended by itself.
#[derive(Debug)]
pub(super) struct Gone;

impl Agent {
    pub(super) fn new(spec: Arc<AgentSpec>, workdir: PathBuf) -> Self {
        Self { spec, workdir, running: None }
    }

    pub(super) fn name(&self) -> &str {
        &self.spec.name
    }

    /// Gives the agent a turn.
    pub(super) async fn prompt(&mut self, run: RunId, text: &str) -> Result<(), Gone> {
        let (session, _) =
            self.running.get_or_insert_with(|| runtime::Session::start(&self.spec, &self.workdir));
        if session.prompt(run, text.to_owned()).await.is_err() {
            self.running = None;
            return Err(Gone);
        }
        Ok(())
    }

    pub(super) fn cancel(&self, run: &RunId) {
        if let Some((session, _)) = &self.running {
            session.cancel(run);
        }
    }

    /// The next events. Waits for ever while no session runs; cancel safe.
    pub(super) async fn hear(&mut self, events: &mut Vec<AgentEvent>) -> Result<(), Gone> {
        let Some((_, receiver)) = &mut self.running else { return std::future::pending().await };
        if receiver.recv_many(events, BATCH).await == 0 {
            self.running = None;
            return Err(Gone);
        }
        Ok(())
    }

    /// Ends the session and its processes, and waits for that.
    pub(super) async fn stop(&mut self) {
        if let Some((session, events)) = self.running.take() {
            // Nobody listens any more: a session that is about to say something must not wait for us.
            drop(events);
            session.stop().await;
        }
    }
}
