//! What people are told of outside, by Web Push and webhooks.

use serde::{Deserialize, Serialize};

/// Why somebody is told.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum NotificationKind {
    /// An agent asks, and waits for the answer.
    NeedsYou,
    /// A run has ended well.
    Done,
    /// A run has failed.
    Failed,
}

impl NotificationKind {
    /// All there are.
    pub const ALL: [Self; 3] = [Self::NeedsYou, Self::Done, Self::Failed];

    /// Its name on the wire.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::NeedsYou => "needs_you",
            Self::Done => "done",
            Self::Failed => "failed",
        }
    }
}

/// The text names no kind.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("expected needs_you, done or failed")]
pub struct UnknownKind;

impl std::str::FromStr for NotificationKind {
    type Err = UnknownKind;

    fn from_str(text: &str) -> Result<Self, UnknownKind> {
        Self::ALL.into_iter().find(|kind| kind.name() == text).ok_or(UnknownKind)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_kind_has_one_name() {
        for kind in NotificationKind::ALL {
            assert_eq!(serde_json::to_value(kind).unwrap(), kind.name());
            assert_eq!(kind.name().parse(), Ok(kind));
        }
        assert_eq!("blocked".parse::<NotificationKind>(), Err(UnknownKind));
    }
}
