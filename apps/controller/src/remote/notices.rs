//! What the manager is told by the way: who comes and goes. In order, and nobody waits for its answer.

use std::sync::Weak;

use link::WhenDown;
use protocol::AgentId;
use protocol::names::agents::PRESENCE;
use serde_json::value::RawValue;
use tokio::sync::{mpsc, oneshot, watch};

use super::Remote;

/// What the manager is to be told. Who comes or goes is among the [`super::People`] before there is a notice of it.
#[derive(Debug)]
pub(super) enum Notice {
    /// A command on behalf of a viewer that did not give it.
    Command {
        event: &'static str,
        payload: Box<RawValue>,
        origin: Box<RawValue>,
        /// Dropped once the command has its place before those that come later.
        placed: oneshot::Sender<()>,
    },
    /// Who is present with an agent: the link was not logged in to it when the others' presence was restored.
    Presence(AgentId),
}

/// Whether the manager can be told.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Reach {
    /// It is told all when it is back.
    Away,
    /// It is being told who is present. Who has come or gone since then is told right after.
    Restoring,
    Ready,
}

/// Sends notices until the remote is gone.
pub(super) async fn run(
    remote: Weak<Remote>,
    mut notices: mpsc::UnboundedReceiver<Notice>,
    mut reach: watch::Receiver<Reach>,
) {
    while let Some(notice) = notices.recv().await {
        let known = reach.wait_for(|reach| *reach != Reach::Restoring).await;
        let Ok(reach) = known.map(|reach| *reach) else { return };
        let Some(remote) = remote.upgrade() else { return };
        match notice {
            _ if reach == Reach::Away => {}
            Notice::Command { event, payload, origin, placed } => {
                send(&remote, event, &[&payload, &origin]).await;
                drop(placed);
            }
            Notice::Presence(agent) => tell_presence(&remote, &agent).await,
        }
    }
}

/// A presence says all who are there: what was said of one who came or went meanwhile must not have its place before it.
async fn tell_presence(remote: &Remote, agent: &AgentId) {
    for conversation in remote.people.rooms_with(agent) {
        loop {
            let presence = remote.people.presence_in(agent, &conversation);
            send(remote, PRESENCE, &[&gateway::raw(&presence)]).await;
            if remote.people.presence_in(agent, &conversation) == presence {
                break;
            }
        }
    }
}

async fn send(remote: &Remote, event: &str, arguments: &[&RawValue]) {
    if let Ok(answer) = remote.begin(event, arguments, WhenDown::Fail).await {
        tokio::spawn(async move { answer.wait().await.ok() });
    }
}
