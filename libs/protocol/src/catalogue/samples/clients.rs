//! Samples of namespace `/clients`.

use super::{agent, at, id, raw};
use crate::access::Role;
use crate::agents::{Chat, ChatAccepted, ChatMessage, LiveEvent};
use crate::catalogue::relayed::{ForwardAnswer, ForwardLogin};
use crate::catalogue::shape::Sampled;
use crate::clients::{
    ClientSet, Connected, Forward, ForwardedEvent, Remote, RemoteReconnectError,
    RemoteReconnecting, SetClient,
};
use crate::error::{ErrorCode, WireError};
use crate::ids::{ClientId, CorrelationId, Seq};

pub(super) fn client() -> ClientId {
    id("cl_91e0b7d25c3f4a8870de")
}

impl Sampled for SetClient {
    fn samples() -> Vec<(&'static str, Self)> {
        vec![("select", Self { client_id: client() })]
    }
}

impl Sampled for ClientSet {
    fn samples() -> Vec<(&'static str, Self)> {
        vec![("selected", Self { client_id: client(), message: "Client context set".into() })]
    }
}

impl Sampled for Forward {
    fn samples() -> Vec<(&'static str, Self)> {
        let of = |event: &str, payload| Self {
            event: event.into(),
            payload,
            agent_id: Some(agent()),
            correlation_id: None,
            traceparent: None,
        };
        let login = of("login", None);
        let cursor = ForwardLogin {
            after_seq: Some(Seq(4)),
            epoch: Some(super::epoch()),
            ..ForwardLogin::default()
        };
        let again = of("login", Some(raw(&cursor)));
        let chat = Chat::samples();
        let mut chat: Vec<_> =
            chat.into_iter().map(|(name, chat)| (name, of("chat", Some(raw(&chat))))).collect();
        let traced = Self {
            correlation_id: CorrelationId::new("co_1").ok(),
            traceparent: "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01".parse().ok(),
            ..of("listAgents", None)
        };
        chat.push(("traced", traced));
        [("login", login), ("login from a cursor", again)].into_iter().chain(chat).collect()
    }
}

impl Sampled for ForwardAnswer {
    fn samples() -> Vec<(&'static str, Self)> {
        ChatAccepted::samples()
            .into_iter()
            .map(|(name, answer)| (name, Self(raw(&answer))))
            .collect()
    }
}

impl Sampled for ForwardedEvent {
    fn samples() -> Vec<(&'static str, Self)> {
        let delta =
            LiveEvent::samples().into_iter().map(|(name, event)| (name, "chatEvent", raw(&event)));
        let messages = ChatMessage::samples()
            .into_iter()
            .map(|(name, event)| (name, "chatMessage", raw(&event)));
        let carried = delta.chain(messages);
        carried
            .map(|(name, event, payload)| (name, Self { event: event.into(), payload }))
            .collect()
    }
}

impl Sampled for Connected {
    fn samples() -> Vec<(&'static str, Self)> {
        let connected = Self {
            connection_id: super::connection(),
            viewer_id: super::viewer(),
            user: "ada".into(),
            role: Role::User,
            server_version: env!("CARGO_PKG_VERSION").into(),
            server_time: at(0),
        };
        vec![("connected", connected)]
    }
}

impl Sampled for Remote {
    fn samples() -> Vec<(&'static str, Self)> {
        vec![("the selected client", Self { client_id: client() })]
    }
}

impl Sampled for RemoteReconnecting {
    fn samples() -> Vec<(&'static str, Self)> {
        vec![("third attempt", Self { client_id: client(), attempt: 3, delay_ms: 1_740 })]
    }
}

impl Sampled for RemoteReconnectError {
    fn samples() -> Vec<(&'static str, Self)> {
        vec![("nobody listens", Self { client_id: client(), error: "connection refused".into() })]
    }
}

impl Sampled for WireError {
    fn samples() -> Vec<(&'static str, Self)> {
        let no_client = Self {
            event: Some("forward".into()),
            ..Self::new(ErrorCode::NoClient, "No client selected. Call setClient first.")
        };
        let away = Self {
            event: Some("forward".into()),
            retry_after_ms: Some(1_740),
            ..Self::new(ErrorCode::RemoteUnavailable, "Remote connection not established")
        };
        vec![("no client", no_client), ("manager away", away)]
    }
}
