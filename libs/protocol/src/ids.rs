//! Identifiers: opaque strings `[A-Za-z0-9._:-]{1,128}`, one type each, and [`Seq`].

use std::borrow::Cow;
use std::fmt;
use std::sync::Arc;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Deserializer, Serialize};

/// Longest id accepted, in bytes.
pub const MAX_ID_LENGTH: usize = 128;

/// The text is no id: empty, longer than [`MAX_ID_LENGTH`], or with a character outside the set.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("an id is 1 to 128 characters of A-Z a-z 0-9 . _ : -")]
pub struct InvalidId;

fn check(text: &str) -> Result<(), InvalidId> {
    let fits = (1..=MAX_ID_LENGTH).contains(&text.len());
    let plain = text.bytes().all(|b| b.is_ascii_alphanumeric() || b"._:-".contains(&b));
    if fits && plain { Ok(()) } else { Err(InvalidId) }
}

/// 80 bits of the system's randomness after a prefix: unique without asking anyone.
fn random(prefix: &str) -> Arc<str> {
    let mut bytes = [0_u8; 10];
    getrandom::fill(&mut bytes).expect("the system has a source of randomness");
    let mut text = String::with_capacity(prefix.len() + 1 + 20);
    text.push_str(prefix);
    text.push('_');
    for byte in bytes {
        text.push(char::from_digit(u32::from(byte >> 4), 16).expect("a nibble"));
        text.push(char::from_digit(u32::from(byte & 15), 16).expect("a nibble"));
    }
    text.into()
}

macro_rules! id {
    ($(#[doc = $doc:literal])* $name:ident, $prefix:literal) => {
        $(#[doc = $doc])*
        ///
        /// Cheap to clone: the text is shared.
        #[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize)]
        #[serde(transparent)]
        pub struct $name(Arc<str>);

        impl $name {
            /// Checks the text and takes it as an id.
            ///
            /// # Errors
            /// [`InvalidId`] when it is outside the id alphabet or length.
            pub fn new(text: impl AsRef<str>) -> Result<Self, InvalidId> {
                check(text.as_ref())?;
                Ok(Self(text.as_ref().into()))
            }

            /// A new id that nobody has used.
            #[must_use]
            pub fn random() -> Self {
                Self(random($prefix))
            }

            /// The id as text.
            #[must_use]
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }

        impl std::str::FromStr for $name {
            type Err = InvalidId;
            fn from_str(text: &str) -> Result<Self, InvalidId> {
                Self::new(text)
            }
        }

        impl std::borrow::Borrow<str> for $name {
            fn borrow(&self) -> &str {
                &self.0
            }
        }

        impl<'de> Deserialize<'de> for $name {
            fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                let text = Cow::<'de, str>::deserialize(deserializer)?;
                Self::new(text).map_err(serde::de::Error::custom)
            }
        }

        impl JsonSchema for $name {
            fn schema_name() -> Cow<'static, str> {
                stringify!($name).into()
            }
            fn json_schema(_: &mut SchemaGenerator) -> Schema {
                json_schema!({
                    "type": "string",
                    "pattern": "^[A-Za-z0-9._:-]{1,128}$",
                    "description": concat!($($doc),*).trim(),
                })
            }
        }
    };
}

id!(/// A registered manager, as a user sees it (a workspace).
    ClientId, "cl");
id!(/// A named program under one manager.
    AgentId, "ag");
id!(/// One log within an agent.
    ConversationId, "cv");
id!(/// One turn of an agent.
    RunId, "run");
id!(/// Chosen by the sender of a message, so that sending it again changes nothing.
    MessageId, "msg");
id!(/// One stored message.
    EntryId, "en");
id!(/// One question of an agent.
    InteractionId, "in");
id!(/// Chosen by who asks, or made for them: comes back with the answer, and is in every line of the logs about it.
    CorrelationId, "co");
id!(/// One socket; new each time.
    ConnectionId, "cn");
id!(/// Whoever follows conversations over one or more connections; stable.
    ViewerId, "vw");
id!(/// One terminal.
    SessionId, "tm");
id!(/// One browser that is told of what happens while nobody looks.
    SubscriptionId, "ps");
id!(/// One access token; says nothing of its secret.
    TokenId, "tk");
id!(/// One life of a log. It changes when the log is cleared or its store was replaced.
    Epoch, "ep");

/// Position of an entry in its conversation's log: 1, 2, 3 … without holes. 0 stands before the first.
#[derive(
    Debug,
    Clone,
    Copy,
    PartialEq,
    Eq,
    Hash,
    PartialOrd,
    Ord,
    Default,
    Serialize,
    Deserialize,
    JsonSchema,
)]
#[serde(transparent)]
pub struct Seq(pub u64);

impl Seq {
    /// Before the first entry.
    pub const ZERO: Self = Self(0);

    /// The position after this one. The last one is its own successor, because a peer may name any number.
    #[must_use]
    pub fn next(self) -> Self {
        Self(self.0.saturating_add(1))
    }
}

impl fmt::Display for Seq {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_id_outside_the_alphabet_is_refused() {
        for bad in ["", "a b", "é", "a/b", "a\"b", &"x".repeat(129)] {
            assert_eq!(AgentId::new(bad), Err(InvalidId), "{bad:?}");
            let json = serde_json::to_string(bad).unwrap();
            assert!(serde_json::from_str::<AgentId>(&json).is_err(), "{bad:?}");
        }
        assert_eq!(AgentId::new("a.B_9:-").unwrap().as_str(), "a.B_9:-");
        assert!(AgentId::new("x".repeat(128)).is_ok());
    }

    #[test]
    fn random_ids_differ_and_are_ids() {
        let (one, two) = (RunId::random(), RunId::random());

        assert_ne!(one, two);
        assert_eq!(RunId::new(one.as_str()), Ok(one));
    }
}
