//! Whether a database can be written now.

use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::time::Instant;

use crate::StoreError;

/// How long an answer holds: whoever may ask, there is one write in this time at most.
const HOLDS: Duration = Duration::from_secs(1);
/// How long a write may take before the disk counts as not answering.
const PATIENCE: Duration = Duration::from_secs(2);

/// Writes the head of the database as it is: a transaction with its fsync, and nothing changes.
pub(crate) const PROBE: &str = "PRAGMA user_version = 0";

/// When it was looked last, and what was found.
type Found = (Instant, Result<(), String>);

/// What was found last.
#[derive(Debug, Clone, Default)]
pub(crate) struct Probe(Arc<Mutex<Option<Found>>>);

impl Probe {
    /// What `write` comes to, or came to a moment ago.
    pub(crate) async fn ask(
        &self,
        write: impl Future<Output = Result<(), StoreError>>,
    ) -> Result<(), String> {
        let known = self.0.lock().unwrap_or_else(PoisonError::into_inner).clone();
        if let Some((at, found)) = known
            && at.elapsed() < HOLDS
        {
            return found;
        }
        let written = tokio::time::timeout(PATIENCE, write).await;
        let found = match written {
            Ok(Ok(())) => Ok(()),
            Ok(Err(cause)) => {
                tracing::warn!(%cause, "the database cannot be written");
                Err("it cannot be written".to_owned())
            }
            Err(_) => Err("the disk does not answer".to_owned()),
        };
        let mut last = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        *last = Some((Instant::now(), found.clone()));
        found
    }
}

/// Bytes that are free where a path is, for who is not root; none where the system does not say.
#[must_use]
pub fn free_bytes(path: &Path) -> Option<u64> {
    let found = rustix::fs::statvfs(path).ok()?;
    Some(found.f_bavail.saturating_mul(found.f_frsize))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn an_answer_holds_for_a_moment_and_a_disk_that_hangs_is_found_out() {
        let probe = Probe::default();
        let failed = || std::future::ready(Err(StoreError::Unavailable("disk full".to_owned())));

        assert_eq!(probe.ask(failed()).await.unwrap_err(), "it cannot be written");
        assert!(probe.ask(std::future::ready(Ok(()))).await.is_err(), "as a moment ago");
        tokio::time::advance(HOLDS).await;
        assert!(probe.ask(std::future::ready(Ok(()))).await.is_ok());
        tokio::time::advance(HOLDS).await;
        assert!(probe.ask(std::future::pending()).await.unwrap_err().contains("answer"));
        assert!(free_bytes(Path::new("/")).is_some());
    }
}
