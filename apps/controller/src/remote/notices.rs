//! What the manager is told by the way: who comes and goes. In order, and nobody waits for its answer.

use std::sync::Weak;

use link::WhenDown;
use serde_json::value::RawValue;
use tokio::sync::{mpsc, oneshot};

use super::Remote;

/// A command on behalf of a viewer that did not give it.
#[derive(Debug)]
pub(super) struct Notice {
    pub(super) event: &'static str,
    pub(super) payload: Box<RawValue>,
    pub(super) origin: Box<RawValue>,
    /// Dropped once the command has its place before those that come later.
    pub(super) placed: oneshot::Sender<()>,
}

/// Sends notices until the remote is gone. A manager that is away is told all when it is back.
pub(super) async fn run(remote: Weak<Remote>, mut notices: mpsc::UnboundedReceiver<Notice>) {
    while let Some(Notice { event, payload, origin, placed }) = notices.recv().await {
        let Some(remote) = remote.upgrade() else { return };
        let begun = remote.begin(event, &[&payload, &origin], WhenDown::Fail).await;
        drop(placed);
        if let Ok(answer) = begun {
            tokio::spawn(async move { answer.wait().await.ok() });
        }
    }
}
