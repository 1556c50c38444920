//! The life of a server, the same on both namespaces: that it is to stop, and what it has to say to everybody.

use std::time::Duration;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::limits::LONGEST_DRAIN_MS;
use crate::time::Timestamp;

/// `shutdown`: stop, and begin again if asked to.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Shutdown {
    /// How long open runs may go on, up to an hour, in milliseconds; as the server is configured without. 0 cancels them
    /// at once.
    #[schemars(range(max = LONGEST_DRAIN_MS))]
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub deadline_ms: Option<u64>,
    /// Start again in the same place, with the same settings.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub restart: bool,
}

impl Shutdown {
    /// How long open runs may go on, if it says so.
    ///
    /// # Errors
    /// Longer than an hour; the text is for the peer.
    pub fn deadline(&self) -> Result<Option<Duration>, String> {
        match self.deadline_ms {
            Some(longer) if longer > LONGEST_DRAIN_MS => {
                Err(format!("deadlineMs is 0 to {LONGEST_DRAIN_MS}"))
            }
            within => Ok(within.map(Duration::from_millis)),
        }
    }
}

/// Acknowledgement of `shutdown`. Of several, the nearest deadline counts, and one without `restart`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Stopping {
    /// How long open runs may go on from now, in milliseconds.
    pub deadline_ms: u64,
    /// Whether the server starts again.
    pub restart: bool,
}

/// `serverNotice`: what a server has to say to everybody who is connected, or that it is no longer so.
///
/// A notice holds until it is dismissed or the connection ends. One with the `id` of an earlier one takes its place.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct ServerNotice {
    /// What it is about: `stopping`, `restarting`, `store`. Others may be added.
    pub id: String,
    /// How bad it is. With `dismiss`, this and the rest is left out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub level: Option<NoticeLevel>,
    /// A few words.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub title: Option<String>,
    /// A sentence or two, English, for people.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub message: Option<String>,
    /// Of `stopping` and `restarting`: when what still runs is cancelled.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub until: Option<Timestamp>,
    /// It is no longer so.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub dismiss: bool,
}

/// How bad something is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub enum NoticeLevel {
    /// Good to know.
    Info,
    /// Something is going to change.
    Warning,
    /// Something does not work.
    Error,
}

impl ServerNotice {
    /// Says something.
    #[must_use]
    pub fn new(id: &str, level: NoticeLevel, title: &str, message: &str) -> Self {
        Self {
            level: Some(level),
            title: Some(title.to_owned()),
            message: Some(message.to_owned()),
            dismiss: false,
            ..Self::dismissal(id)
        }
    }

    /// Takes it back.
    #[must_use]
    pub fn dismissal(id: &str) -> Self {
        Self {
            id: id.to_owned(),
            level: None,
            title: None,
            message: None,
            until: None,
            dismiss: true,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_deadline_is_an_hour_away_at_most() {
        let ask = |deadline_ms| Shutdown { deadline_ms, restart: false }.deadline();

        assert_eq!(ask(None), Ok(None));
        assert_eq!(ask(Some(0)), Ok(Some(Duration::ZERO)));
        assert_eq!(ask(Some(LONGEST_DRAIN_MS)), Ok(Some(Duration::from_secs(3_600))));
        assert!(ask(Some(LONGEST_DRAIN_MS + 1)).is_err() && ask(Some(u64::MAX)).is_err());
    }

    #[test]
    fn a_dismissal_says_nothing_else() {
        let json = serde_json::to_string(&ServerNotice::dismissal("store")).unwrap();

        assert_eq!(json, r#"{"id":"store","dismiss":true}"#);
        let shown = ServerNotice::new("store", NoticeLevel::Error, "a", "b");
        assert!(!serde_json::to_string(&shown).unwrap().contains("dismiss"));
    }
}
