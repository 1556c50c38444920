//! What waits for its first or its next attempt.

mod backlog;

use std::fmt::Debug;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use futures_util::StreamExt;
use futures_util::stream::FuturesUnordered;
use tokio::sync::Notify;
use tokio::time::{Instant, sleep_until};
use tokio_util::sync::CancellationToken;

use self::backlog::{Backlog, Job};
use crate::{Failure, Message, Poster, Reply, Verdict};

/// Attempts after the first.
const RETRIES: u32 = 3;
/// Each pause is so many times the one before.
const FACTOR: u32 = 5;
/// Whoever wants to be asked again only after so long is asked no more: the news would be old.
const TOO_LATE: Duration = Duration::from_secs(60 * 60);

/// How much a courier carries.
#[derive(Debug, Clone, Copy)]
pub struct Bounds {
    /// Messages that wait. Beyond, the oldest goes.
    pub waiting: usize,
    /// Attempts at a time.
    pub at_once: usize,
    /// Pause before the second attempt, up to half of it longer; 5 and 25 times this before the third and the fourth.
    pub pause: Duration,
    /// Whether a receiver that says that there is nobody will never say anything else. A push service means it; an operator's
    /// receiver may be being deployed.
    pub gone_is_final: bool,
}

/// A message to carry.
#[derive(Debug, Clone)]
pub struct Parcel<T> {
    /// What its sender knows it by.
    pub tag: T,
    /// Of those with the same subject only the newest is of interest, and none may overtake another.
    pub subject: Option<String>,
    /// What to post.
    pub message: Message,
}

/// A message that needs no further attempt.
#[derive(Debug)]
pub struct Delivered<T> {
    /// What its sender knows it by.
    pub tag: T,
    /// How the last attempt ended.
    pub last: Result<Reply, Failure>,
}

/// Carries messages. Those that wait are in memory only: a stop loses them.
#[derive(Debug)]
pub struct Courier<T> {
    poster: Poster,
    bounds: Bounds,
    // Short and synchronous: messages are put in and taken out.
    backlog: Mutex<Backlog<T>>,
    bell: Notify,
}

impl<T: Clone + Debug> Courier<T> {
    /// A courier that carries what is sent while [`Self::run`] runs.
    #[must_use]
    pub fn new(poster: Poster, bounds: Bounds) -> Self {
        let backlog = Mutex::new(Backlog::new(bounds.waiting, bounds.at_once));
        Self { poster, bounds, backlog, bell: Notify::new() }
    }

    /// Takes a message on its way. When too many wait, the oldest goes, which is logged.
    pub fn send(&self, parcel: Parcel<T>) {
        log(self.lock().put(parcel, Instant::now()));
        self.bell.notify_one();
    }

    /// Takes out what is of no interest any more, by tag and subject. It is not reported.
    pub fn withdraw(&self, is_old: impl Fn(&T, Option<&str>) -> bool) {
        self.lock().withdraw(is_old);
    }

    /// Carries until `stop`, and reports each message when it has been taken, was refused, or was tried often enough. It may
    /// be run again when it has ended: what was underway then is lost.
    pub async fn run<F>(&self, report: impl Fn(Delivered<T>) -> F, stop: CancellationToken)
    where
        F: Future<Output = ()>,
    {
        self.lock().begin();
        let mut underway = FuturesUnordered::new();
        loop {
            while let Some(job) = self.take() {
                underway.push(self.carry(job, &report));
            }
            let due = self.lock().next_due();
            let later = async {
                match due {
                    Some(due) => sleep_until(due).await,
                    None => std::future::pending().await,
                }
            };
            tokio::select! {
                () = stop.cancelled() => return,
                Some(()) = underway.next() => {}
                () = self.bell.notified() => {}
                () = later => {}
            }
        }
    }

    async fn carry<F>(&self, job: Job<T>, report: &impl Fn(Delivered<T>) -> F)
    where
        F: Future<Output = ()>,
    {
        let last = self.poster.post(&job.parcel.message).await;
        match self.pause(job.attempt, Verdict::of(&last)) {
            Some(pause) => log(self.lock().retry(job, Instant::now() + pause)),
            None => {
                self.lock().finish(&job);
                report(Delivered { tag: job.parcel.tag, last }).await;
            }
        }
    }

    /// How long to wait before the next attempt, if there is to be one.
    fn pause(&self, attempt: u32, verdict: Verdict) -> Option<Duration> {
        let asked = match verdict {
            Verdict::Later(asked) => asked,
            Verdict::Gone if !self.bounds.gone_is_final => None,
            Verdict::Taken | Verdict::Gone | Verdict::Refused => return None,
        };
        if attempt >= RETRIES {
            return None;
        }
        let own = self.bounds.pause * FACTOR.pow(attempt);
        let pause = asked.unwrap_or_else(|| own + own.mul_f64(fastrand::f64() / 2.0));
        (pause < TOO_LATE).then_some(pause)
    }

    fn take(&self) -> Option<Job<T>> {
        self.lock().take(Instant::now())
    }

    fn lock(&self) -> MutexGuard<'_, Backlog<T>> {
        self.backlog.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn log(left_out: Option<impl Debug>) {
    if let Some(tag) = left_out {
        tracing::warn!(?tag, "a notification was left out: too many wait");
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Reach;

    #[test]
    fn pauses_grow_and_end() {
        let pause = Duration::from_secs(2);
        let bounds = Bounds { waiting: 1, at_once: 1, pause, gone_is_final: true };
        let courier = Courier::<()>::new(Poster::new(Reach::Public), bounds);
        let seconds = Duration::from_secs;

        for (attempt, least) in [(0, 2), (1, 10), (2, 50)] {
            let pause = courier.pause(attempt, Verdict::Later(None)).unwrap();
            assert!(pause >= seconds(least) && pause <= seconds(least + least / 2), "{pause:?}");
        }
        assert_eq!(courier.pause(3, Verdict::Later(None)), None);
        assert_eq!(courier.pause(0, Verdict::Later(Some(seconds(7)))), Some(seconds(7)));
        assert_eq!(courier.pause(0, Verdict::Later(Some(TOO_LATE))), None);
        for verdict in [Verdict::Taken, Verdict::Gone, Verdict::Refused] {
            assert_eq!(courier.pause(0, verdict), None);
        }
        let bounds = Bounds { gone_is_final: false, ..bounds };
        let patient = Courier::<()>::new(Poster::new(Reach::Public), bounds);
        assert!(patient.pause(0, Verdict::Gone).is_some());
        assert_eq!(patient.pause(3, Verdict::Gone), None);
    }
}
