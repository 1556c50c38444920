//! What is to be said, in its order, until it is stored or refused.

use std::collections::VecDeque;

use protocol::RunId;
use protocol::agents::Chat;

/// One time that a message is sent. The answer to one that was given up comes too late.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Attempt(u64);

/// Messages that wait. One is on its way at a time, or a lost one would be overtaken.
#[derive(Debug, Default)]
pub(super) struct Outbox {
    waiting: VecDeque<Chat>,
    under_way: bool,
    /// The first one was sent before, and may have got there.
    in_doubt: bool,
    attempts: u64,
}

impl Outbox {
    pub(super) fn push(&mut self, chat: Chat) {
        self.waiting.push_back(chat);
    }

    pub(super) fn is_empty(&self) -> bool {
        self.waiting.is_empty()
    }

    /// What to send now, if anything; it is on its way from now on.
    pub(super) fn next(&mut self) -> Option<(Attempt, Chat)> {
        if self.under_way {
            return None;
        }
        let next = self.waiting.front().cloned()?;
        self.under_way = true;
        self.attempts += 1;
        Some((Attempt(self.attempts), next))
    }

    /// Whether the answer to this attempt is what is waited for.
    pub(super) fn is_current(&self, attempt: Attempt) -> bool {
        self.under_way && attempt == Attempt(self.attempts)
    }

    /// What was on its way has been answered.
    pub(super) fn done(&mut self) -> Option<Chat> {
        (self.under_way, self.in_doubt) = (false, false);
        self.waiting.pop_front()
    }

    /// Whether what was on its way got there is not known. It has an id, so it may be sent again.
    pub(super) fn lost(&mut self) {
        self.in_doubt |= self.under_way;
        self.under_way = false;
    }

    /// Takes back what is going to be answered by this run, unless it is on its way. Whether it was never sent.
    pub(super) fn take_back(&mut self, run: &RunId) -> bool {
        let at = self.waiting.iter().position(|chat| chat.run_id.as_ref() == Some(run));
        match at {
            Some(0) if self.under_way => false,
            Some(0) => {
                self.waiting.pop_front();
                !std::mem::take(&mut self.in_doubt)
            }
            Some(at) => self.waiting.remove(at).is_some(),
            None => false,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn chat(message: &str) -> Chat {
        serde_json::from_value(serde_json::json!({ "message": message })).unwrap()
    }

    #[test]
    fn one_after_the_other_and_again_what_was_lost() {
        let mut outbox = Outbox::default();
        outbox.push(chat("a"));
        outbox.push(chat("b"));

        let (first, a) = outbox.next().unwrap();
        assert_eq!(a.message, "a");
        assert_eq!(outbox.next(), None);
        outbox.lost();
        let (second, a) = outbox.next().unwrap();
        assert_eq!(a.message, "a");
        assert!(outbox.is_current(second) && !outbox.is_current(first));
        assert_eq!(outbox.done().unwrap().message, "a");
        assert_eq!(outbox.next().unwrap().1.message, "b");
        outbox.done();
        assert!(outbox.is_empty() && outbox.next().is_none());
    }

    #[test]
    fn only_what_was_never_sent_is_taken_back_for_certain() {
        let [a, b] = ["a", "b"].map(|id| RunId::new(id).unwrap());
        let mut outbox = Outbox::default();
        for run in [&a, &b] {
            outbox.push(Chat { run_id: Some(run.clone()), ..chat("x") });
        }

        outbox.next().unwrap();
        assert!(!outbox.take_back(&a), "it is on its way");
        assert!(outbox.take_back(&b));
        outbox.lost();
        assert!(!outbox.take_back(&a), "it may have got there");
        assert!(outbox.is_empty() && !outbox.take_back(&a));
    }
}
