//! Commands, one at a time, with what they answer.

use std::time::Duration;

use link::{CallError, Link, Session, WhenDown};
use protocol::agents::JoinConversation;
use protocol::clients::{Forward, SetClient};
use protocol::lifecycle::{Shutdown, Stopping};
use protocol::names::{agents, clients};
use protocol::{Ack, AgentId, ClientId, ConversationId, ErrorCode, WireError};
use serde::Serialize;
use serde::de::{DeserializeOwned, IgnoredAny};
use serde_json::value::{RawValue, to_raw_value};

use super::{JoinAnswer, pause};

/// Sends commands to the manager that is selected. Cheap to clone.
#[derive(Debug, Clone)]
pub(crate) struct Caller {
    link: Link,
    client: ClientId,
}

/// Why a command did not succeed.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Failed {
    /// The controller or the manager refused it.
    #[error("{}", .0.message)]
    Refused(WireError),
    /// It never got there, or no answer came back.
    #[error("{0}")]
    Lost(#[from] CallError),
}

impl Failed {
    /// When to try again on the same connection, if that can help.
    pub(super) fn passes(&self) -> Option<Duration> {
        use ErrorCode::{
            AgentNotFound, ClientNotFound, ConversationNotFound, Forbidden, Unauthorized,
        };

        match self {
            Self::Refused(error) => match error.code {
                AgentNotFound | ClientNotFound | ConversationNotFound | Forbidden
                | Unauthorized => None,
                _ => Some(pause(error)),
            },
            Self::Lost(CallError::Timeout | CallError::QueueFull) => Some(super::PAUSE),
            // The next connection begins anew.
            Self::Lost(_) => None,
        }
    }
}

impl Caller {
    pub(super) fn new(link: Link, client: ClientId) -> Self {
        Self { link, client }
    }

    /// A command of namespace `/agents`. It fails when the connection does: whoever may say it again does so.
    ///
    /// # Errors
    /// [`Failed`].
    pub(crate) async fn forward<T: DeserializeOwned>(
        &self,
        agent: Option<&AgentId>,
        event: &str,
        payload: &impl Serialize,
    ) -> Result<T, Failed> {
        let forward = forward(agent, event, payload);
        answer(&self.link.call(clients::FORWARD, &[&forward], WhenDown::Fail).await?)
    }

    /// The same for a command with an id, which may be sent again when the connection was lost under it.
    ///
    /// # Errors
    /// [`Failed`].
    pub(crate) async fn insist<T: DeserializeOwned>(
        &self,
        agent: Option<&AgentId>,
        event: &str,
        payload: &impl Serialize,
    ) -> Result<T, Failed> {
        let forward = forward(agent, event, payload);
        answer(&self.link.call(clients::FORWARD, &[&forward], WhenDown::Wait).await?)
    }

    /// Has the controller stop, and what runs with it in one process.
    ///
    /// # Errors
    /// [`Failed`]: only admins may.
    pub(crate) async fn shutdown(&self) -> Result<Stopping, Failed> {
        let shutdown = raw(&Shutdown::default());
        answer(&self.link.call(clients::SHUTDOWN, &[&shutdown], WhenDown::Fail).await?)
    }

    /// Selects the manager on a fresh connection and joins what was followed on the one before, ahead of all else. Who is patient
    /// asks again for as long as the connection lasts: it would be of no use without.
    pub(super) async fn enter(
        &self,
        session: Session,
        joins: Vec<(AgentId, ConversationId, JoinConversation)>,
        is_patient: bool,
    ) -> Result<Vec<JoinAnswer>, Failed> {
        while let Err(failed) = self.select(&session).await {
            let pause = failed.passes().filter(|_| is_patient).ok_or(failed)?;
            tokio::time::sleep(pause).await;
        }
        let mut joined = Vec::new();
        for (agent, id, join) in joins {
            let forward = forward(Some(&agent), agents::JOIN_CONVERSATION, &join);
            let called = session.call(clients::FORWARD, &[&forward]).await;
            joined.push((id, called.map_err(Failed::Lost).and_then(|ack| answer(&ack))));
        }
        session.ready();
        Ok(joined)
    }

    async fn select(&self, session: &Session) -> Result<(), Failed> {
        let select = raw(&SetClient { client_id: self.client.clone() });
        answer::<IgnoredAny>(&session.call(clients::SET_CLIENT, &[&select]).await?).map(drop)
    }

    pub(super) async fn close(&self) {
        self.link.close().await;
    }
}

fn forward(agent: Option<&AgentId>, event: &str, payload: &impl Serialize) -> Box<RawValue> {
    raw(&Forward {
        event: event.to_owned(),
        payload: Some(raw(payload)),
        agent_id: agent.cloned(),
        correlation_id: None,
        traceparent: None,
    })
}

fn raw(payload: &impl Serialize) -> Box<RawValue> {
    to_raw_value(payload).expect("a payload has only texts, numbers and objects")
}

/// What an acknowledgement says.
fn answer<T: DeserializeOwned>(ack: &RawValue) -> Result<T, Failed> {
    match serde_json::from_str::<Ack<T>>(ack.get()).map(Ack::into_result) {
        Ok(answer) => answer.map_err(Failed::Refused),
        Err(error) => {
            tracing::debug!(%error, "acknowledgement of another shape");
            let message = "the answer has another shape: is the server of another version?";
            Err(Failed::Refused(WireError::new(ErrorCode::Internal, message)))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_stays_refused_is_not_asked_again() {
        let passes = |code| Failed::Refused(WireError::new(code, "")).passes();

        for code in [ErrorCode::ClientNotFound, ErrorCode::Forbidden, ErrorCode::Unauthorized] {
            assert_eq!(passes(code), None, "{code:?}");
        }
        assert_eq!(passes(ErrorCode::ServerStopping), Some(Duration::from_secs(1)));
        let limited = WireError::new(ErrorCode::RateLimited, "");
        let limited = Failed::Refused(limited.retry_after(Duration::from_secs(7)));
        assert_eq!(limited.passes(), Some(Duration::from_secs(7)));
        assert!(Failed::Lost(CallError::Timeout).passes().is_some());
        assert_eq!(Failed::Lost(CallError::Lost).passes(), None);
    }
}
