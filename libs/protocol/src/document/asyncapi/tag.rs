//! What messages are grouped by.

use serde_json::{Value, json};

use crate::catalogue::{Audience, Message};

/// A group of messages.
#[derive(Debug, Clone, Copy)]
pub(super) enum Tag {
    Command,
    Acknowledgement,
    Event,
    Entry,
    Administration,
}

impl Tag {
    pub(super) const ALL: [Self; 5] =
        [Self::Command, Self::Acknowledgement, Self::Event, Self::Entry, Self::Administration];

    fn name(self) -> &'static str {
        match self {
            Self::Command => "command",
            Self::Acknowledgement => "acknowledgement",
            Self::Event => "event",
            Self::Entry => "entry",
            Self::Administration => "administration",
        }
    }

    pub(super) fn described(self) -> Value {
        let description = match self {
            Self::Command => "Sent by the client; acknowledged.",
            Self::Acknowledgement => "The answer to a command.",
            Self::Event => "Sent by the server.",
            Self::Entry => "Stored: has a `seq`, is replayed byte for byte.",
            Self::Administration => {
                "From a controller on its own account only, never inside `forward`."
            }
        };
        json!({ "name": self.name(), "description": description })
    }

    pub(super) fn reference(self) -> Value {
        json!({ "name": self.name() })
    }
}

/// The groups that a message is in.
pub(super) fn tags(message: &Message) -> Value {
    let kind = if message.is_command() { Tag::Command } else { Tag::Event };
    let entry = message.stored.then_some(Tag::Entry);
    let administration = (message.is_command() && message.audience == Audience::Controllers)
        .then_some(Tag::Administration);
    [Some(kind), entry, administration].into_iter().flatten().map(Tag::reference).collect()
}
