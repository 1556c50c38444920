//! What a viewer watches besides conversations.

use std::sync::Arc;

use gateway::{Message, Reply, Scroll};
use link::WhenDown;
use protocol::agents::{Subscribe, TerminalInfo, Topic};
use protocol::clients::Forward;
use protocol::names::agents::CREATE_TERMINAL;
use protocol::{Ack, AgentId, SessionId};
use serde::Deserialize;
use serde_json::value::RawValue;

use super::forward::{Address, payload};
use super::{Then, Viewer};
use crate::error::Error;
use crate::remote::Remote;

/// What of a payload says which terminal, and from where on.
#[derive(Deserialize, Default)]
#[serde(rename_all = "camelCase")]
struct Asked {
    #[serde(default)]
    session_id: Option<SessionId>,
    #[serde(default)]
    offset: Option<u64>,
}

/// A terminal that the manager has been asked to show.
pub(super) struct Watch {
    pub(super) session: SessionId,
    scroll: Arc<Scroll>,
    offset: Option<u64>,
    is_new: bool,
}

impl Viewer {
    /// `createTerminal`, `joinTerminal`: keeps what the terminal shows from now on, and shows it when the manager has said
    /// that the viewer may. The id of a new terminal is made here, so that a viewer that goes meanwhile is known to have
    /// watched it.
    pub(super) async fn watch_terminal(
        &mut self,
        remote: &Arc<Remote>,
        forward: Forward,
        reply: Reply,
    ) {
        let read = payload::<Address>(&forward)
            .and_then(|address| Ok((address, payload::<Asked>(&forward)?)));
        let (address, asked) = match read {
            Ok(read) => read,
            Err(error) => return reply.err(error),
        };
        let session = match asked.session_id {
            Some(session) => session,
            None if forward.event == CREATE_TERMINAL => SessionId::random(),
            None => return reply.err(Error::Invalid("sessionId is required".to_owned()).into()),
        };
        let named = self.agent(&forward, &address);
        let Some(agent) = logged_in(remote, named, &reply).await else { return };
        let origin = self.origin();
        let Some((_, membership)) = &mut self.selected else { return };
        let (scroll, is_new) = membership.watch(&agent, &session, origin);
        let then = Then::Watch(Watch { session, scroll, offset: asked.offset, is_new });
        self.send(remote, forward, Some(agent), WhenDown::Fail, reply, then).await;
    }

    /// `leaveTerminal`: nothing more is shown, whatever the manager says.
    pub(super) async fn leave_terminal(
        &mut self,
        remote: &Arc<Remote>,
        forward: Forward,
        reply: Reply,
    ) {
        if let (Ok(Asked { session_id: Some(session), .. }), Some((_, membership))) =
            (payload::<Asked>(&forward), &mut self.selected)
        {
            membership.unwatch(&session);
        }
        self.pass_on(remote, forward, reply).await;
    }

    /// `subscribe`.
    pub(super) async fn subscribe(&mut self, remote: &Arc<Remote>, forward: Forward, reply: Reply) {
        let read = payload::<Address>(&forward).and_then(|address| {
            let asked = forward.payload.as_ref().map_or("{}", |payload| payload.get());
            let subscribe: Subscribe =
                serde_json::from_str(asked).map_err(|error| Error::Invalid(error.to_string()))?;
            Ok((address, subscribe))
        });
        let (address, subscribe) = match read {
            Ok(read) => read,
            Err(error) => return reply.err(error),
        };
        let named = self.agent(&forward, &address);
        let Some(agent) = logged_in(remote, named, &reply).await else { return };
        let origin = self.origin();
        let Some((_, membership)) = &mut self.selected else { return };
        let is_new = if subscribe.topics.contains(&Topic::ContainerStats) {
            membership.subscribe(&agent, origin)
        } else {
            membership.unsubscribe(&agent);
            false
        };
        let then = if is_new { Then::Subscribe(agent.clone()) } else { Then::Nothing };
        self.send(remote, forward, Some(agent), WhenDown::Fail, reply, then).await;
    }

    /// The manager has let the viewer watch a terminal, or has not.
    pub(super) fn on_watch(&mut self, watch: Watch, answer: Option<&RawValue>) {
        let info = answer.and_then(|answer| {
            let ack = serde_json::from_str::<Ack<TerminalInfo>>(answer.get()).ok()?;
            ack.into_result().ok()
        });
        let Some((_, membership)) = &mut self.selected else { return };
        match info {
            Some(info) if membership.watches(&watch.session, &watch.scroll) => {
                let from = watch.offset.filter(|offset| *offset <= info.offset);
                self.outbox.send(Message::Watch(watch.scroll, from));
            }
            None if watch.is_new => membership.stop_watching(&watch.session),
            _ => {}
        }
    }
}

/// The agent, when the link is logged in to it; else the command is refused.
async fn logged_in(remote: &Remote, agent: Option<AgentId>, reply: &Reply) -> Option<AgentId> {
    let Some(agent) = agent else {
        reply.clone().err(Error::Invalid("agentId is required".to_owned()).into());
        return None;
    };
    match remote.follow(&agent, None).await {
        Ok(_) => Some(agent),
        Err(error) => {
            reply.clone().err(error.into());
            None
        }
    }
}
