//! What is to be said, in its order, until it is stored or refused.

use std::collections::VecDeque;

use protocol::agents::Chat;

/// One time that a message is sent. The answer to one that was given up comes too late.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Attempt(u64);

/// Messages that wait. One is on its way at a time, or a lost one would be overtaken.
#[derive(Debug, Default)]
pub(super) struct Outbox {
    waiting: VecDeque<Chat>,
    under_way: bool,
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
        self.under_way = false;
        self.waiting.pop_front()
    }

    /// Whether what was on its way got there is not known. It has an id, so it may be sent again.
    pub(super) fn lost(&mut self) {
        self.under_way = false;
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
}
