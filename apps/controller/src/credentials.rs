//! Logging in to an agent with what is stored.

use link::{CallError, Link, Session, WhenDown};
use protocol::agents::{LoggedIn, Login};
use protocol::names::agents::LOGIN;
use protocol::{Ack, AgentId, ClientId, ConversationId, Epoch, ErrorCode, Seq, WireError};
use serde_json::value::RawValue;
use store::ControllerDb;

use crate::error::Error;

/// What to follow after the login.
#[derive(Debug, Clone, Default)]
pub(crate) struct Wanted {
    pub(crate) conversation: Option<ConversationId>,
    /// Where to go on.
    pub(crate) cursor: Option<(Seq, Epoch)>,
    pub(crate) limit: u64,
}

/// Who sends the login.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Over<'a> {
    /// A fresh connection that is being restored.
    Session(&'a Session),
    /// The link. It waits while that is being restored: a first login is welcome as soon as it is done.
    Link(&'a Link),
}

impl Over<'_> {
    /// Says something, and waits for the answer.
    pub(crate) async fn call(
        self,
        event: &str,
        payload: &RawValue,
    ) -> Result<Box<RawValue>, CallError> {
        match self {
            Self::Session(session) => session.call(event, &[payload]).await,
            Self::Link(link) => link.call(event, &[payload], WhenDown::Wait).await,
        }
    }

    async fn send(self, login: &Login) -> Result<Result<LoggedIn, WireError>, Error> {
        let answer = self.call(LOGIN, &gateway::raw(login)).await?;
        Ok(serde_json::from_str::<Ack<LoggedIn>>(answer.get())?.into_result())
    }
}

/// Logs in with the resume token, or with the password when there is none or it has ended, and keeps the new token.
pub(crate) async fn log_in(
    db: &ControllerDb,
    client: &ClientId,
    agent: &AgentId,
    wanted: Wanted,
    over: Over<'_>,
) -> Result<LoggedIn, Error> {
    let stored = db.credentials(client, agent).await?;
    let stored = stored.ok_or_else(|| Error::NoCredentials(agent.clone()))?;
    let mut login = Login {
        agent_id: agent.clone(),
        password: None,
        resume_token: stored.resume_token.clone(),
        conversation_id: wanted.conversation,
        after_seq: wanted.cursor.as_ref().map(|(seq, _)| *seq),
        epoch: wanted.cursor.map(|(_, epoch)| epoch),
        limit: Some(wanted.limit),
        observe: true,
    };
    let mut answer = None;
    if login.resume_token.is_some() {
        answer = match over.send(&login).await? {
            Err(error) if error.code == ErrorCode::InvalidCredentials => None,
            answered => Some(answered?),
        };
    }
    let logged_in = match answer {
        Some(logged_in) => logged_in,
        None => {
            login.resume_token = None;
            login.password = Some(stored.password);
            over.send(&login).await??
        }
    };
    if stored.resume_token.as_deref() != Some(&logged_in.resume_token) {
        let kept = db.set_resume_token(client, agent, Some(&logged_in.resume_token)).await;
        if let Err(error) = kept {
            // The next login takes the password again, which costs time and nothing else.
            tracing::warn!(%client, %agent, %error, "the resume token was not kept");
        }
    }
    Ok(logged_in)
}
