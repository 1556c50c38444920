//! Every message of longshore, in one table: what servers route by and what the documents are made from.

mod agents;
mod clients;
mod relayed;
mod samples;
mod shape;

pub use relayed::ForwardLogin;
pub use shape::{Sample, Shape};

use crate::access::Role;
use crate::error::{Ack, ErrorCode};
use shape::Sampled;

/// A Socket.IO namespace.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Namespace {
    /// Browser or terminal ↔ controller.
    Clients,
    /// Controller ↔ manager; the same inside `forward` and `forwardedEvent`.
    Agents,
}

impl Namespace {
    /// Both, from the outside in.
    pub const ALL: [Self; 2] = [Self::Clients, Self::Agents];

    /// As in the CONNECT packet: `/clients`.
    #[must_use]
    pub fn path(self) -> &'static str {
        match self {
            Self::Clients => "/clients",
            Self::Agents => "/agents",
        }
    }

    /// Its messages, commands first.
    #[must_use]
    pub fn messages(self) -> &'static [Message] {
        match self {
            Self::Clients => clients::MESSAGES,
            Self::Agents => agents::MESSAGES,
        }
    }

    /// A command that answers with `A`, and the role that it takes.
    const fn command<P: Sampled, A: Sampled>(
        self,
        wants: Role,
        name: &'static str,
        summary: &'static str,
    ) -> Message {
        let answer = Answer { data: Shape::of::<A>(), acknowledgement: Shape::of::<Ack<A>>() };
        let command = self.event::<P>(name, summary);
        Message {
            direction: Direction::ClientToServer,
            wants: Some(wants),
            answer: Some(answer),
            ..command
        }
    }

    const fn event<P: Sampled>(self, name: &'static str, summary: &'static str) -> Message {
        Message {
            namespace: self,
            key: name,
            name,
            direction: Direction::ServerToClient,
            audience: Audience::Viewers,
            wants: None,
            stored: false,
            summary,
            description: "",
            errors: &[],
            payload: Shape::of::<P>(),
            answer: None,
            forwarded: None,
        }
    }
}

/// Who sends a message.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Direction {
    /// A command: who connected sends it, and it is acknowledged.
    ClientToServer,
    /// An event.
    ServerToClient,
}

/// Whom a message of `/agents` is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Audience {
    /// Anyone; a controller passes it on from `forward`, and into `forwardedEvent`.
    Viewers,
    /// A controller on its own account, never on a viewer's behalf. What it hears so it tells in its own way.
    Controllers,
}

/// What a command is acknowledged with.
#[derive(Debug, Clone, Copy)]
pub struct Answer {
    /// The `data` of a success.
    pub data: Shape,
    /// The whole acknowledgement: [`Ack`] of that.
    pub acknowledgement: Shape,
}

/// A command as a viewer sends it inside `forward`, where that is not as a manager takes it.
#[derive(Debug, Clone, Copy)]
pub struct Forwarded {
    /// Payload.
    pub payload: Shape,
    /// The `data` of a success.
    pub data: Shape,
}

/// One row of the table.
#[derive(Debug, Clone, Copy)]
pub struct Message {
    /// Where it is spoken.
    pub namespace: Namespace,
    /// Unique in the namespace: the name, except where one event name has two meanings.
    pub key: &'static str,
    /// The event name on the wire.
    pub name: &'static str,
    /// Who sends it.
    pub direction: Direction,
    /// Whom it is for.
    pub audience: Audience,
    /// The role that a command takes. An event is told to whoever may follow what it is of.
    pub wants: Option<Role>,
    /// Whether it is an entry of a log: it has a `seq`, and can be replayed.
    pub stored: bool,
    /// One line, without a full stop.
    pub summary: &'static str,
    /// What the types cannot say; may be empty.
    pub description: &'static str,
    /// What a command may be refused with, besides [`Self::ALWAYS_POSSIBLE`].
    pub errors: &'static [ErrorCode],
    /// Its first argument.
    pub payload: Shape,
    /// On commands.
    pub answer: Option<Answer>,
    /// Where it differs inside `forward`.
    pub forwarded: Option<Forwarded>,
}

impl Message {
    /// What every command may be refused with.
    pub const ALWAYS_POSSIBLE: [ErrorCode; 3] =
        [ErrorCode::InvalidPayload, ErrorCode::RateLimited, ErrorCode::Internal];

    const fn about(self, description: &'static str) -> Self {
        Self { description, ..self }
    }

    const fn refused_with(self, errors: &'static [ErrorCode]) -> Self {
        Self { errors, ..self }
    }

    const fn stored(self) -> Self {
        Self { stored: true, ..self }
    }

    const fn keyed(self, key: &'static str) -> Self {
        Self { key, ..self }
    }

    const fn for_controllers(self) -> Self {
        Self { audience: Audience::Controllers, ..self }
    }

    const fn forwarded_as<P: Sampled, A: Sampled>(self) -> Self {
        let forwarded = Forwarded { payload: Shape::of::<P>(), data: Shape::of::<A>() };
        Self { forwarded: Some(forwarded), ..self }
    }

    /// Whether a peer sends it to be acknowledged.
    #[must_use]
    pub fn is_command(&self) -> bool {
        self.direction == Direction::ClientToServer
    }

    /// Whether a controller passes it on from `forward`.
    #[must_use]
    pub fn is_forwardable(&self) -> bool {
        self.namespace == Namespace::Agents
            && self.is_command()
            && self.audience == Audience::Viewers
    }
}

/// Every message of both namespaces.
pub fn messages() -> impl Iterator<Item = &'static Message> {
    Namespace::ALL.into_iter().flat_map(Namespace::messages)
}

/// The command of that name, if the namespace has it.
#[must_use]
pub fn command(namespace: Namespace, name: &str) -> Option<&'static Message> {
    namespace.messages().iter().find(|message| message.is_command() && message.name == name)
}

/// The name of a command as the catalogue has it, for where names that others choose must not go; `other` for one that is
/// not of the catalogue.
#[must_use]
pub fn label(name: &str) -> &'static str {
    let mut commands = messages().filter(|message| message.is_command());
    commands.find(|command| command.name == name).map_or("other", |command| command.name)
}

/// Whether the namespace has a command of that name.
#[must_use]
pub fn is_command(namespace: Namespace, name: &str) -> bool {
    command(namespace, name).is_some()
}

/// Whether a controller passes on a command of that name from `forward`.
#[must_use]
pub fn forwardable(name: &str) -> bool {
    command(Namespace::Agents, name).is_some_and(Message::is_forwardable)
}

/// The role that a command takes. One that longshore does not know is the agent's own, and takes what saying something takes.
#[must_use]
pub fn wants(namespace: Namespace, name: &str) -> Role {
    command(namespace, name).and_then(|command| command.wants).unwrap_or(Role::User)
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;
    use crate::agents::EntryKind;
    use crate::names;

    #[test]
    fn only_commands_for_viewers_are_forwarded() {
        for name in ["login", "logout", "chat", "cancelRun", "getHistory", "listAgents"] {
            assert!(forwardable(name), "{name}");
        }
        for name in ["createAgent", "deleteAgent", "startAgent", "stopAgent", "checkAgent"] {
            assert!(is_command(Namespace::Agents, name), "{name}");
            assert!(!forwardable(name), "{name}");
        }
        for name in ["", "chatMessage", "setClient", "forward", "Chat", "login "] {
            assert!(!is_command(Namespace::Agents, name) && !forwardable(name), "{name:?}");
        }
        assert!(is_command(Namespace::Clients, "setClient"));
        assert!(!is_command(Namespace::Clients, "connected"));
    }

    #[test]
    fn the_table_has_every_name() {
        for (namespace, names) in
            [(Namespace::Clients, names::clients::ALL), (Namespace::Agents, names::agents::ALL)]
        {
            let table: HashSet<_> =
                namespace.messages().iter().map(|message| message.name).collect();
            assert_eq!(table, names.iter().copied().collect());
        }
    }

    #[test]
    fn exactly_the_kinds_of_entries_are_stored() {
        let stored: HashSet<_> = messages().filter(|m| m.stored).map(|m| m.name).collect();

        assert_eq!(stored, EntryKind::ALL.map(EntryKind::as_str).into());
    }

    #[test]
    fn a_stored_message_has_a_seq_and_no_other_does() {
        let others = |m: &&Message| m.name != names::agents::RUN_ACTIVITY;
        let events = messages().filter(|m| m.namespace == Namespace::Agents && !m.is_command());
        for message in events.filter(others) {
            for sample in message.payload.samples() {
                let head = crate::agents::RoutingHead::read(&sample.json).unwrap();
                assert_eq!(head.seq.is_some(), message.stored, "{} {}", message.key, sample.json);
            }
        }
    }

    #[test]
    fn readers_change_nothing_and_users_configure_nothing() {
        let of = |role| {
            let commands = Namespace::Agents.messages().iter().filter(|m| m.wants == Some(role));
            commands.map(|message| message.name).collect::<HashSet<_>>()
        };

        let look = [
            "login",
            "logout",
            "joinConversation",
            "leaveConversation",
            "listConversations",
            "searchConversations",
            "getHistory",
            "joinTerminal",
            "leaveTerminal",
            "listTerminals",
            "listFiles",
            "readFile",
            "subscribe",
            "listAgents",
        ];
        assert_eq!(of(Role::ReadOnly), look.into());
        let for_controllers = Namespace::Agents
            .messages()
            .iter()
            .filter(|message| message.is_command() && message.audience == Audience::Controllers);
        assert!(for_controllers.into_iter().all(|message| of(Role::Admin).contains(message.name)));
        assert_eq!(wants(Namespace::Agents, "anAgentsOwn"), Role::User);
        assert_eq!(wants(Namespace::Clients, "setClient"), Role::ReadOnly);
    }

    #[test]
    fn every_message_is_described_once() {
        let mut seen = HashSet::new();
        for message in messages() {
            let key = (message.namespace, message.key);
            assert!(seen.insert(key), "{key:?} twice");
            assert!(!message.summary.is_empty() && !message.summary.ends_with('.'), "{key:?}");
            assert!(message.name.bytes().all(|b| b.is_ascii_alphanumeric()), "{key:?}");
            assert_eq!(message.is_command(), message.answer.is_some(), "{key:?}");
            assert_eq!(message.is_command(), message.wants.is_some(), "{key:?}");
            assert!(!message.payload.samples().is_empty(), "{key:?}");
        }
    }
}
