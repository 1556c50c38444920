//! How a remote has fared.

use std::time::Duration;

use protocol::Timestamp;
use serde::Serialize;

/// Whether a manager can be talked to, since when, and why not.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Status {
    /// Whether it can be talked to now.
    pub(crate) connected: bool,
    /// Since when it has been so; not known of one that was never reached.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) since: Option<Timestamp>,
    /// Of the next attempt, or the one that is being made.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) attempt: Option<u32>,
    /// When that is made.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) retry_at: Option<Timestamp>,
    /// What went wrong last, for people. It stays when all is well again.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) last_error: Option<String>,
    /// When that was.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) last_error_at: Option<Timestamp>,
}

impl Status {
    pub(super) fn connected(&mut self, now: Timestamp) {
        let (last_error, last_error_at) = (self.last_error.take(), self.last_error_at);
        *self = Self {
            connected: true,
            since: Some(now),
            last_error,
            last_error_at,
            ..Self::default()
        };
    }

    pub(super) fn disconnected(&mut self, reason: &str, now: Timestamp) {
        self.since = self.since.filter(|_| !self.connected).or(Some(now));
        self.connected = false;
        (self.attempt, self.retry_at) = (None, None);
        self.failed(reason, now);
    }

    pub(super) fn retrying(&mut self, attempt: u32, delay: Duration, now: Timestamp) {
        let delay = u64::try_from(delay.as_millis()).unwrap_or(u64::MAX);
        self.attempt = Some(attempt);
        self.retry_at = Some(Timestamp::from_millis(now.as_millis().saturating_add(delay)));
    }

    pub(super) fn failed(&mut self, error: &str, now: Timestamp) {
        self.last_error = Some(error.to_owned());
        self.last_error_at = Some(now);
    }

    /// The manager is looked for at another place or with another key: what was wrong is of no interest any more.
    pub(super) fn moved(&mut self, now: Timestamp) {
        *self = Self { since: Some(now), ..Self::default() };
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(millis: u64) -> Timestamp {
        Timestamp::from_millis(millis)
    }

    #[test]
    fn an_error_stays_and_the_attempt_goes() {
        let mut status = Status::default();
        status.retrying(1, Duration::from_millis(20), at(5));
        assert_eq!((status.since, status.retry_at), (None, Some(at(25))));
        status.failed("refused", at(30));

        status.connected(at(40));
        let up = Status {
            connected: true,
            since: Some(at(40)),
            last_error: Some("refused".into()),
            last_error_at: Some(at(30)),
            ..Status::default()
        };
        assert_eq!(status, up);

        status.disconnected("gone", at(50));
        status.retrying(1, Duration::from_millis(20), at(55));
        status.disconnected("still gone", at(60));
        assert_eq!((status.connected, status.since), (false, Some(at(50))));
        assert_eq!((status.attempt, status.retry_at), (None, None), "that attempt was made");
        assert_eq!(status.last_error.as_deref(), Some("still gone"));
        status.moved(at(70));
        assert_eq!(status, Status { since: Some(at(70)), ..Status::default() });
    }
}
