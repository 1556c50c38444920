//! Who may do what: the role of an access token, and the clients that it is for.

use std::collections::BTreeSet;
use std::fmt;
use std::str::FromStr;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::ids::ClientId;

/// What somebody may do. Each may what the one before may.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize, JsonSchema,
)]
#[serde(rename_all = "camelCase")]
// In the documents a `Role` is whose messages a page of history has.
#[schemars(rename = "AccessRole")]
pub enum Role {
    /// Look: follow conversations, read history and files, watch terminals.
    ReadOnly,
    /// Talk to agents, answer them, and use their terminals and files.
    User,
    /// Everything: clients, agents, access tokens, the audit log, stopping the server.
    Admin,
}

impl Role {
    /// All there are, the one that may least first.
    pub const ALL: [Self; 3] = [Self::ReadOnly, Self::User, Self::Admin];

    /// Its name on the wire.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::ReadOnly => "readOnly",
            Self::User => "user",
            Self::Admin => "admin",
        }
    }

    /// Whether it may what takes that role.
    #[must_use]
    pub fn covers(self, wanted: Self) -> bool {
        self >= wanted
    }
}

impl fmt::Display for Role {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

/// The text names no role.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("expected admin, user or readOnly")]
pub struct UnknownRole;

impl FromStr for Role {
    type Err = UnknownRole;

    fn from_str(text: &str) -> Result<Self, UnknownRole> {
        Self::ALL.into_iter().find(|role| role.name() == text).ok_or(UnknownRole)
    }
}

/// The clients that somebody may see. On the wire and in the store `null` or a list of ids, so that one who may see none is
/// never taken for one who may see all.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(from = "Option<BTreeSet<ClientId>>", into = "Option<BTreeSet<ClientId>>")]
pub enum Clients {
    /// All, those of tomorrow included.
    #[default]
    All,
    /// These.
    Only(BTreeSet<ClientId>),
}

impl Clients {
    /// Whether that one may be seen.
    #[must_use]
    pub fn include(&self, client: &ClientId) -> bool {
        match self {
            Self::All => true,
            Self::Only(clients) => clients.contains(client),
        }
    }

    /// Whether all may be seen.
    #[must_use]
    pub fn are_all(&self) -> bool {
        *self == Self::All
    }
}

impl From<Option<BTreeSet<ClientId>>> for Clients {
    fn from(only: Option<BTreeSet<ClientId>>) -> Self {
        only.map_or(Self::All, Self::Only)
    }
}

impl From<Clients> for Option<BTreeSet<ClientId>> {
    fn from(clients: Clients) -> Self {
        match clients {
            Clients::All => None,
            Clients::Only(only) => Some(only),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_role_may_what_those_below_it_may() {
        for (role, covered) in [(Role::ReadOnly, 1), (Role::User, 2), (Role::Admin, 3)] {
            let covers: Vec<_> =
                Role::ALL.into_iter().filter(|other| role.covers(*other)).collect();
            assert_eq!(covers, Role::ALL[..covered]);
            assert_eq!(serde_json::to_value(role).unwrap(), role.name());
            assert_eq!(role.name().parse(), Ok(role));
        }
        assert_eq!("root".parse::<Role>(), Err(UnknownRole));
    }

    #[test]
    fn no_clients_are_not_all() {
        let [a, b] = ["a", "b"].map(|id| ClientId::new(id).unwrap());
        let read = |json| serde_json::from_str::<Clients>(json).unwrap();

        assert!(read("null").include(&a) && read("null").are_all());
        assert!(read(r#"["a"]"#).include(&a) && !read(r#"["a"]"#).include(&b));
        assert!(!read("[]").include(&a) && !read("[]").are_all());
        assert_eq!(serde_json::to_string(&read(r#"["b","a"]"#)).unwrap(), r#"["a","b"]"#);
    }
}
