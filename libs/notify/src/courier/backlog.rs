//! Which message is next. No I/O and no clock.

use std::collections::VecDeque;

use tokio::time::Instant;

use super::Parcel;

/// A message and how often it was tried.
#[derive(Debug)]
pub(super) struct Job<T> {
    pub(super) parcel: Parcel<T>,
    /// Attempts before this one.
    pub(super) attempt: u32,
    /// Place in the order of sending.
    order: u64,
    due: Instant,
}

/// An attempt that is being made.
#[derive(Debug)]
struct Underway<T> {
    order: u64,
    tag: T,
    subject: Option<String>,
    /// A newer one of the same subject has come, or it is of no interest any more.
    is_outdated: bool,
}

/// What waits, in the order of sending, and what is underway.
#[derive(Debug)]
pub(super) struct Backlog<T> {
    limit: usize,
    at_once: usize,
    waiting: VecDeque<Job<T>>,
    underway: Vec<Underway<T>>,
    sent: u64,
}

impl<T: Clone> Backlog<T> {
    pub(super) fn new(limit: usize, at_once: usize) -> Self {
        Self { limit, at_once, waiting: VecDeque::new(), underway: Vec::new(), sent: 0 }
    }

    /// Adds a message in the place of an older one of its subject; gives the tag of the oldest if too many wait.
    pub(super) fn put(&mut self, parcel: Parcel<T>, now: Instant) -> Option<T> {
        if parcel.subject.is_some() {
            self.waiting.retain(|job| job.parcel.subject != parcel.subject);
            for attempt in self.underway.iter_mut().filter(|a| a.subject == parcel.subject) {
                attempt.is_outdated = true;
            }
        }
        self.waiting.push_back(Job { parcel, attempt: 0, order: self.sent, due: now });
        self.sent += 1;
        self.left_out()
    }

    fn left_out(&mut self) -> Option<T> {
        let is_full = self.waiting.len() > self.limit;
        if is_full { self.waiting.pop_front().map(|job| job.parcel.tag) } else { None }
    }

    /// Takes out what is of no interest any more, by tag and subject; an attempt that is being made is the last.
    pub(super) fn withdraw(&mut self, is_old: impl Fn(&T, Option<&str>) -> bool) {
        self.waiting.retain(|job| !is_old(&job.parcel.tag, job.parcel.subject.as_deref()));
        for attempt in &mut self.underway {
            attempt.is_outdated |= is_old(&attempt.tag, attempt.subject.as_deref());
        }
    }

    /// Nothing is underway: whoever made the attempts has ended.
    pub(super) fn begin(&mut self) {
        self.underway.clear();
    }

    /// The next attempt to make now, if there is one.
    pub(super) fn take(&mut self, now: Instant) -> Option<Job<T>> {
        if self.underway.len() >= self.at_once {
            return None;
        }
        let next = self.waiting.iter().position(|job| job.due <= now && self.is_free(job))?;
        let job = self.waiting.remove(next)?;
        let subject = job.parcel.subject.clone();
        let (order, tag) = (job.order, job.parcel.tag.clone());
        self.underway.push(Underway { order, tag, subject, is_outdated: false });
        Some(job)
    }

    /// When the next attempt can be made, if no other has to end before it.
    pub(super) fn next_due(&self) -> Option<Instant> {
        if self.underway.len() >= self.at_once {
            return None;
        }
        self.waiting.iter().filter(|job| self.is_free(job)).map(|job| job.due).min()
    }

    /// None of the same subject is underway, which it could overtake.
    fn is_free(&self, job: &Job<T>) -> bool {
        let subject = &job.parcel.subject;
        subject.is_none() || self.underway.iter().all(|attempt| attempt.subject != *subject)
    }

    /// An attempt has ended, and there will be no other. Whether a newer message of its subject has come meanwhile.
    pub(super) fn finish(&mut self, job: &Job<T>) -> bool {
        let place = self.underway.iter().position(|attempt| attempt.order == job.order);
        place.is_some_and(|place| self.underway.swap_remove(place).is_outdated)
    }

    /// An attempt has ended, and the next is to be made at `due`, unless a newer message of its subject has come. Gives the tag
    /// if it is left out, because too many wait that are newer.
    pub(super) fn retry(&mut self, job: Job<T>, due: Instant) -> Option<T> {
        if self.finish(&job) {
            return None;
        }
        if self.waiting.len() >= self.limit {
            return Some(job.parcel.tag);
        }
        let place = self.waiting.partition_point(|waiting| waiting.order < job.order);
        self.waiting.insert(place, Job { attempt: job.attempt + 1, due, ..job });
        None
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::{Target, Webhook};

    fn parcel(tag: u32, subject: Option<&str>) -> Parcel<u32> {
        let message =
            Webhook::new(Target::new("http://a.b").unwrap(), None).message("e", "d", Vec::new());
        Parcel { tag, subject: subject.map(str::to_owned), message }
    }

    fn tags(backlog: &mut Backlog<u32>, now: Instant) -> Vec<u32> {
        std::iter::from_fn(|| backlog.take(now)).map(|job| job.parcel.tag).collect()
    }

    #[test]
    fn the_oldest_goes_when_too_many_wait() {
        let (mut backlog, now) = (Backlog::new(2, 8), Instant::now());

        let left_out: Vec<_> = (1..=4).map(|tag| backlog.put(parcel(tag, None), now)).collect();

        assert_eq!(left_out, [None, None, Some(1), Some(2)]);
        assert_eq!(tags(&mut backlog, now), [3, 4]);
    }

    #[test]
    fn what_is_withdrawn_is_not_tried_again() {
        let (mut backlog, now) = (Backlog::new(8, 1), Instant::now());
        for (tag, subject) in [(1, Some("a")), (2, Some("b")), (3, Some("c"))] {
            backlog.put(parcel(tag, subject), now);
        }
        let underway = backlog.take(now).unwrap();

        backlog.withdraw(|tag, subject| *tag == 2 || subject == Some("a"));

        assert_eq!(backlog.retry(underway, now), None);
        assert_eq!(tags(&mut backlog, now), [3]);
    }

    #[test]
    fn a_newer_message_of_a_subject_replaces_the_one_that_waits() {
        let (mut backlog, now) = (Backlog::new(8, 8), Instant::now());

        for (tag, subject) in [(1, Some("a")), (2, Some("b")), (3, Some("a")), (4, None), (5, None)]
        {
            backlog.put(parcel(tag, subject), now);
        }

        assert_eq!(tags(&mut backlog, now), [2, 3, 4, 5]);
    }

    #[test]
    fn none_overtakes_another_of_its_subject_and_the_older_is_not_tried_again() {
        let (mut backlog, now) = (Backlog::new(8, 8), Instant::now());
        backlog.put(parcel(1, Some("a")), now);
        let first = backlog.take(now).unwrap();

        backlog.put(parcel(2, Some("a")), now);

        assert!(backlog.take(now).is_none());
        assert_eq!(backlog.next_due(), None, "not before the first attempt has ended");
        assert_eq!(backlog.retry(first, now), None);
        assert_eq!(tags(&mut backlog, now), [2]);
    }

    #[test]
    fn a_retry_is_made_when_it_is_due_and_before_what_came_later() {
        let (mut backlog, now) = (Backlog::new(8, 1), Instant::now());
        let soon = now + Duration::from_secs(2);
        backlog.put(parcel(1, None), now);
        backlog.put(parcel(2, None), now);
        let first = backlog.take(now).unwrap();
        assert!(backlog.take(now).is_none(), "one at a time");

        backlog.retry(first, soon);

        let second = backlog.take(now).unwrap();
        assert_eq!((second.parcel.tag, backlog.next_due()), (2, None));
        backlog.finish(&second);
        assert_eq!(backlog.next_due(), Some(soon));
        let again = backlog.take(soon).unwrap();
        assert_eq!((again.parcel.tag, again.attempt), (1, 1));
    }

    #[test]
    fn a_retry_does_not_take_the_place_of_what_is_newer() {
        let (mut backlog, now) = (Backlog::new(1, 8), Instant::now());
        backlog.put(parcel(1, None), now);
        let first = backlog.take(now).unwrap();
        backlog.put(parcel(2, None), now);

        assert_eq!(backlog.retry(first, now), Some(1));

        assert_eq!(tags(&mut backlog, now), [2]);
    }
}
