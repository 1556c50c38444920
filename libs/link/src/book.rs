//! Calls without an answer yet. Pure: time is given.

use std::collections::{BTreeMap, VecDeque};
use std::time::Duration;

use serde_json::value::RawValue;
use tokio::time::Instant;

use crate::handle::{Call, CallError, WhenDown};

/// Calls that may wait for the link.
const WAITING: usize = 1_000;

/// Calls that wait for the link, and calls that were sent.
#[derive(Debug, Default)]
pub(crate) struct Book {
    waiting: VecDeque<Call>,
    sent: BTreeMap<u64, Sent>,
    next_id: u64,
    privileged: usize,
}

#[derive(Debug)]
struct Sent {
    call: Call,
    privileged: bool,
    at: Instant,
}

impl Book {
    /// A call that comes while the link is not ready.
    pub(crate) fn wait(&mut self, call: Call, retry_after: Duration) {
        let error = match call.when_down {
            WhenDown::Fail => CallError::Unavailable { retry_after },
            WhenDown::Wait => return self.queue(call),
        };
        call.reply.send(Err(error)).ok();
    }

    /// A call that comes while the link is ready and others are still on their way to it.
    pub(crate) fn queue(&mut self, call: Call) {
        if self.waiting.len() >= WAITING {
            call.reply.send(Err(CallError::QueueFull)).ok();
        } else {
            self.waiting.push_back(call);
        }
    }

    /// The next call that waited.
    pub(crate) fn next_waiting(&mut self) -> Option<Call> {
        self.waiting.pop_front()
    }

    /// Whether any call waits.
    pub(crate) fn is_waiting(&self) -> bool {
        !self.waiting.is_empty()
    }

    /// Notes a call as sent and gives it an id. Ids are sequential and never used again on a link.
    pub(crate) fn send(&mut self, call: Call, privileged: bool) -> u64 {
        let id = self.next_id;
        self.next_id += 1;
        self.privileged += usize::from(privileged);
        self.sent.insert(id, Sent { call, privileged, at: Instant::now() });
        id
    }

    /// The server has answered; how long that took. An answer that nobody waits for is ignored.
    pub(crate) fn answer(&mut self, id: u64, answer: &RawValue) -> Option<Duration> {
        let sent = self.sent.remove(&id)?;
        self.privileged -= usize::from(sent.privileged);
        sent.call.reply.send(Ok(answer.to_owned())).ok();
        Some(sent.at.elapsed())
    }

    /// Whether a session waits for an answer.
    pub(crate) fn has_privileged(&self) -> bool {
        self.privileged > 0
    }

    /// The connection has ended: calls that may be sent again wait, in their order, before those that came later.
    pub(crate) fn lost(&mut self) {
        self.privileged = 0;
        for (_, sent) in std::mem::take(&mut self.sent).into_iter().rev() {
            match sent.call.when_down {
                WhenDown::Wait => self.waiting.push_front(sent.call),
                WhenDown::Fail => drop(sent.call.reply.send(Err(CallError::Lost))),
            }
        }
    }

    /// Ends the calls whose time is up, and forgets those that nobody waits for any more.
    pub(crate) fn expire(&mut self, now: Instant, retry_after: Duration) {
        for _ in 0..self.waiting.len() {
            let Some(call) = self.waiting.pop_front() else { break };
            if call.deadline > now {
                self.waiting.push_back(call);
            } else {
                call.reply.send(Err(CallError::Unavailable { retry_after })).ok();
            }
        }
        let late: Vec<u64> = self
            .sent
            .iter()
            .filter(|(_, sent)| sent.call.deadline <= now)
            .map(|(id, _)| *id)
            .collect();
        for id in late {
            if let Some(sent) = self.sent.remove(&id) {
                self.privileged -= usize::from(sent.privileged);
                sent.call.reply.send(Err(CallError::Timeout)).ok();
            }
        }
    }
}
