//! `forward`: a command for the selected manager.

use std::sync::Arc;

use gateway::{Command, Message, Reply, Start};
use link::WhenDown;
use protocol::agents::{ForAgent, LoginError, LogoutSuccess, Origin};
use protocol::catalogue::{self, ForwardLogin};
use protocol::clients::Forward;
use protocol::names::agents::{
    CANCEL_RUN, CHAT, LOGIN, LOGIN_ERROR, LOGIN_SUCCESS, LOGOUT, LOGOUT_SUCCESS,
};
use protocol::{AgentId, ErrorCode, WireError};
use serde::Deserialize;
use serde_json::value::RawValue;

use super::Viewer;
use crate::error::Error;
use crate::remote::Remote;

/// What of a payload decides where it goes.
#[derive(Deserialize, Default)]
#[serde(rename_all = "camelCase")]
struct Address {
    #[serde(default)]
    agent_id: Option<AgentId>,
    /// With one, a chat may be sent again without being said twice.
    #[serde(default)]
    message_id: Option<serde::de::IgnoredAny>,
}

impl Viewer {
    pub(super) async fn forward(&mut self, command: Command) {
        let forward = match parse(&command) {
            Ok(forward) => forward,
            Err(error) => return command.reply.err(error),
        };
        let Some(remote) = self.selected.as_ref().map(|selected| Arc::clone(&selected.remote))
        else {
            return command.reply.err(Error::NoClient.into());
        };
        match forward.event.as_str() {
            LOGIN => self.login(&remote, forward, command.reply).await,
            LOGOUT => self.logout(forward, command.reply),
            event if catalogue::forwardable(event) => {
                self.pass_on(&remote, forward, command.reply).await;
            }
            _ => command.reply.err(Error::UnknownCommand.into()),
        }
    }

    /// Follows a conversation from the controller's own copy; the manager's login is the link's affair.
    async fn login(&mut self, remote: &Remote, forward: Forward, reply: Reply) {
        let login = match payload::<ForwardLogin>(&forward) {
            Ok(login) => login,
            Err(error) => return self.refuse_login(None, error, reply),
        };
        let Some(agent) = login.agent_id.or(forward.agent_id) else {
            return self.refuse_login(
                None,
                Error::Invalid("agentId is required".to_owned()).into(),
                reply,
            );
        };
        match remote.follow(&agent, login.conversation_id.as_ref()).await {
            Err(error) => self.refuse_login(Some(agent), error.into(), reply),
            Ok(followed) => {
                self.outbox.relayed(LOGIN_SUCCESS, &followed.success);
                reply.ok(&followed.success);
                let conversations = self.follows.entry(agent).or_default();
                let conversation = followed.success.conversation_id;
                if !conversations.contains(&conversation) {
                    conversations.push(conversation);
                }
                let after = login.after_seq.map(|seq| (seq, login.epoch));
                self.outbox
                    .send(Message::Follow(followed.feed, Start { after, limit: login.limit }));
            }
        }
    }

    fn refuse_login(&self, agent_id: Option<AgentId>, error: WireError, reply: Reply) {
        let (code, message, retry_after_ms) =
            (error.code, error.message.clone(), error.retry_after_ms);
        self.outbox.relayed(LOGIN_ERROR, &LoginError { agent_id, code, message, retry_after_ms });
        if reply.wants_ack() {
            reply.err(error);
        }
    }

    /// Ends this connection's subscription and nobody else's.
    fn logout(&mut self, forward: Forward, reply: Reply) {
        let named = payload::<Address>(&forward).map(|address| address.agent_id);
        match named {
            Err(error) => reply.err(error),
            Ok(named) => match named.or(forward.agent_id) {
                None => reply.err(Error::Invalid("agentId is required".to_owned()).into()),
                Some(agent_id) => {
                    self.unfollow(&agent_id);
                    self.outbox
                        .relayed(LOGOUT_SUCCESS, &LogoutSuccess { agent_id: agent_id.clone() });
                    reply.ok(&ForAgent { agent_id });
                }
            },
        }
    }

    /// Logs in to the named agent when nobody has yet, then passes the payload on as it came.
    async fn pass_on(&mut self, remote: &Remote, forward: Forward, reply: Reply) {
        let address = match payload::<Address>(&forward) {
            Ok(address) => address,
            Err(error) => return reply.err(error),
        };
        let agent = forward.agent_id.clone().or(address.agent_id);
        if let Some(agent) = &agent
            && let Err(error) = remote.follow(agent, None).await
        {
            return reply.err(error.into());
        }
        let origin = gateway::raw(&Origin {
            viewer_id: Some(self.identity.viewer.clone()),
            connection_id: Some(self.connection.clone()),
            user: Some(self.identity.user.clone()),
            agent_id: agent,
        });
        let when_down = match forward.event.as_str() {
            CHAT if address.message_id.is_some() => WhenDown::Wait,
            CANCEL_RUN => WhenDown::Wait,
            _ => WhenDown::Fail,
        };
        let empty = RawValue::from_string("{}".to_owned()).expect("an object is JSON");
        let payload = forward.payload.unwrap_or(empty);
        match remote.begin(&forward.event, &[&payload, &origin], when_down).await {
            Ok(answer) => {
                self.under_way.push(Box::pin(async move { (reply, answer.wait().await) }));
            }
            Err(error) => reply.err(Error::from(error).into()),
        }
    }
}

fn parse(command: &Command) -> Result<Forward, WireError> {
    let required = || WireError::new(ErrorCode::InvalidPayload, "event is required");
    if !command.has("event") {
        return Err(required());
    }
    let forward: Forward = command.payload()?;
    if forward.event.is_empty() { Err(required()) } else { Ok(forward) }
}

fn payload<'a, T: Deserialize<'a> + Default>(forward: &'a Forward) -> Result<T, WireError> {
    let Some(payload) = &forward.payload else { return Ok(T::default()) };
    serde_json::from_str(payload.get())
        .map_err(|error| WireError::new(ErrorCode::InvalidPayload, error.to_string()))
}
