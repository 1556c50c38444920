//! `login`: log in to an agent and follow a conversation of it.

use std::net::IpAddr;
use std::sync::Arc;
use std::time::Instant;

use gateway::Start;
use protocol::agents::{LoggedIn, Login, LoginError, LoginSuccess};
use protocol::names::agents as names;
use protocol::{AgentId, WireError};

use crate::agent::Agent;
use crate::call::Call;
use crate::connection::Connection;
use crate::conversation::Conversation;
use crate::error::Error;
use crate::server::Server;

/// A login whose credentials have been checked, for the connection to go on with.
#[derive(Debug)]
pub(crate) struct Checked {
    call: Call,
    login: Login,
    verdict: Result<Arc<Agent>, Error>,
}

/// Checks the credentials beside the connection, which meanwhile holds back other commands for that agent only.
pub(super) fn run(connection: &mut Connection, call: Call) {
    let login: Login = match call.payload() {
        Ok(login) => login,
        Err(error) => return refuse(connection, call, None, error),
    };
    let (server, peer, agent_id) =
        (connection.server().clone(), connection.peer(), login.agent_id.clone());
    connection.hold_back(agent_id, async move {
        let verdict = check(&server, peer, &login).await;
        Checked { call, login, verdict }
    });
}

impl Checked {
    /// Logs in, or says why not.
    pub(crate) fn finish(self, connection: &mut Connection) -> AgentId {
        let Self { call, login, verdict } = self;
        let agent_id = login.agent_id.clone();
        let found = verdict.and_then(|agent| {
            let conversation = agent.conversations.get(login.conversation_id.as_ref())?;
            Ok((agent, conversation))
        });
        let (peer, agent) = (connection.peer(), &agent_id);
        match &found {
            Ok(_) => tracing::info!(target: "audit", %peer, %agent, outcome = "ok", "agent login"),
            Err(error) => {
                tracing::warn!(target: "audit", %peer, %agent, outcome = %error, "agent login");
            }
        }
        match found {
            Ok((agent, conversation)) => enter(connection, call, &login, &agent, &conversation),
            Err(error) => refuse(connection, call, Some(agent_id.clone()), error),
        }
        agent_id
    }
}

/// A resume token costs microseconds; a password 14 ms of a core, for an agent that does not exist as well.
async fn check(server: &Server, peer: IpAddr, login: &Login) -> Result<Arc<Agent>, Error> {
    let agent = server.agents.get(&login.agent_id);
    if let (Some(agent), Some(token)) = (&agent, &login.resume_token)
        && server.resume_tokens.verify(&agent.id, &agent.password_hash, token)
    {
        return Ok(agent.clone());
    }
    let password = match (&login.password, &login.resume_token) {
        (Some(password), _) => password.clone(),
        (None, Some(_)) => return Err(Error::InvalidCredentials),
        (None, None) => {
            return Err(Error::InvalidPayload("password or resumeToken is required".to_owned()));
        }
    };
    let key = (peer, login.agent_id.clone());
    server
        .attempts()
        .begin(key.clone(), Instant::now())
        .map_err(|retry_after| Error::TooManyAttempts { retry_after })?;
    let hash = agent.as_ref().map(|agent| agent.password_hash.clone());
    let right = server.passwords.verify(hash, password).await?;
    let agent = agent.filter(|_| right).ok_or(Error::InvalidCredentials)?;
    server.attempts().succeeded(&key);
    Ok(agent)
}

/// Acknowledgement, `loginSuccess`, replay, `historyEnd` and what is live go out in this order.
fn enter(
    connection: &mut Connection,
    call: Call,
    login: &Login,
    agent: &Arc<Agent>,
    conversation: &Conversation,
) {
    let (epoch, head_seq) = conversation.feed().head();
    let success = LoginSuccess {
        message: format!("Welcome, {}!", agent.spec().name),
        agent_id: agent.id.clone(),
        agent_name: agent.spec().name.clone(),
        conversation_id: conversation.id().clone(),
        epoch,
        head_seq,
    };
    let resume_token = connection.server().resume_tokens.issue(&agent.id, &agent.password_hash);
    call.give(Ok(LoggedIn { success: success.clone(), resume_token }));
    connection.emit(names::LOGIN_SUCCESS, &success);
    let after = login.after_seq.map(|seq| (seq, login.epoch.clone()));
    let start = Start { after, limit: login.limit, filter: None };
    connection.enter(agent, conversation, start, login.observe);
}

/// `loginError` tells everybody; the acknowledgement, when there is one, says the same.
fn refuse(connection: &Connection, call: Call, agent_id: Option<AgentId>, error: Error) {
    let error = WireError::from(error);
    let event = LoginError {
        agent_id,
        code: error.code,
        message: error.message.clone(),
        retry_after_ms: error.retry_after_ms,
    };
    connection.emit(names::LOGIN_ERROR, &event);
    call.refuse_told(error);
}
