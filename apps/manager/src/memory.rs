//! What was answered to commands that may come again.

use std::collections::VecDeque;
use std::collections::hash_map::{Entry, HashMap};
use std::sync::{Mutex, MutexGuard, PoisonError};

use protocol::MessageId;
use protocol::names::agents::{CANCEL_RUN, RESPOND_INTERACTION};
use serde_json::value::RawValue;

/// Answers that are remembered. A link that was lost sends at most 1,000 commands again.
const ANSWERS: usize = 4_096;

/// Whether answers to that command are remembered: it is sent again by a link that was lost, and would be refused the second
/// time. `chat` and `startRun` are not among them: the log remembers those.
pub(crate) fn keeps(command: &str) -> bool {
    [CANCEL_RUN, RESPOND_INTERACTION].contains(&command)
}

/// The newest answers. `R` is a way back to who has sent the command.
#[derive(Debug)]
pub(crate) struct Memory<R>(Mutex<Inner<R>>);

#[derive(Debug)]
struct Inner<R> {
    answers: HashMap<MessageId, Box<RawValue>>,
    order: VecDeque<MessageId>,
    /// Commands that are not answered yet, and who has sent them again since.
    under_way: HashMap<MessageId, Vec<R>>,
}

/// What is known of a command.
#[derive(Debug)]
pub(crate) enum Known<R> {
    /// It has come for the first time.
    New(R),
    /// It was answered.
    Answered(R, Box<RawValue>),
    /// It is going to be answered with the first one.
    UnderWay,
}

impl<R> Default for Memory<R> {
    fn default() -> Self {
        Self(Mutex::new(Inner {
            answers: HashMap::new(),
            order: VecDeque::new(),
            under_way: HashMap::new(),
        }))
    }
}

impl<R> Memory<R> {
    /// Takes up a command.
    pub(crate) fn begin(&self, command: &MessageId, reply: R) -> Known<R> {
        let mut inner = self.lock();
        if let Some(answer) = inner.answers.get(command).cloned() {
            return Known::Answered(reply, answer);
        }
        match inner.under_way.entry(command.clone()) {
            Entry::Occupied(mut again) => {
                again.get_mut().push(reply);
                Known::UnderWay
            }
            Entry::Vacant(first) => {
                first.insert(Vec::new());
                Known::New(reply)
            }
        }
    }

    /// Remembers an answer. It is that of all who have sent the command again.
    pub(crate) fn keep(&self, command: MessageId, answer: Box<RawValue>) -> Vec<R> {
        let mut inner = self.lock();
        let again = inner.under_way.remove(&command).unwrap_or_default();
        if inner.answers.insert(command.clone(), answer).is_none() {
            inner.order.push_back(command);
        }
        if inner.order.len() > ANSWERS
            && let Some(oldest) = inner.order.pop_front()
        {
            inner.answers.remove(&oldest);
        }
        again
    }

    /// Forgets a command that was not answered; who has sent it again is not going to be either.
    pub(crate) fn forget(&self, command: &MessageId) -> Vec<R> {
        self.lock().under_way.remove(command).unwrap_or_default()
    }

    fn lock(&self) -> MutexGuard<'_, Inner<R>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn answer() -> Box<RawValue> {
        RawValue::from_string("1".to_owned()).unwrap()
    }

    #[test]
    fn the_newest_answers_are_remembered() {
        let memory = Memory::default();
        let ids: Vec<_> = (0..=ANSWERS).map(|_| MessageId::random()).collect();

        for id in &ids {
            assert!(matches!(memory.begin(id, ()), Known::New(())));
            memory.keep(id.clone(), answer());
        }

        assert!(matches!(memory.begin(&ids[0], ()), Known::New(())));
        assert!(matches!(memory.begin(&ids[1], ()), Known::Answered((), _)));
        assert!(matches!(memory.begin(&ids[ANSWERS], ()), Known::Answered((), _)));
    }

    #[test]
    fn a_repetition_of_what_is_under_way_gets_its_answer() {
        let memory = Memory::default();
        let id = MessageId::random();

        assert!(matches!(memory.begin(&id, "first"), Known::New("first")));
        assert!(matches!(memory.begin(&id, "again"), Known::UnderWay));

        assert_eq!(memory.keep(id.clone(), answer()), ["again"]);
        assert!(matches!(memory.begin(&id, "later"), Known::Answered("later", _)));
        assert!(memory.forget(&id).is_empty());
        let dropped = MessageId::random();
        memory.begin(&dropped, "first");
        memory.begin(&dropped, "again");
        assert_eq!(memory.forget(&dropped), ["again"]);
        assert!(matches!(memory.begin(&dropped, "later"), Known::New("later")));
    }
}
