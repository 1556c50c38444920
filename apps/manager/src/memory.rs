//! What was answered to commands that may come again.

use std::collections::{HashMap, VecDeque};
use std::sync::{Mutex, PoisonError};

use protocol::MessageId;
use protocol::names::agents::{CANCEL_RUN, RESPOND_INTERACTION};
use serde_json::value::RawValue;

/// Answers that are remembered. A link that was lost sends at most 1,000 commands again.
const ANSWERS: usize = 4_096;

/// The newest answers to commands that a link sends again when it was lost, and that would be refused the second time.
/// `chat` and `startRun` are not among them: the log remembers those.
#[derive(Debug, Default)]
pub(crate) struct Memory(Mutex<Inner>);

#[derive(Debug, Default)]
struct Inner {
    answers: HashMap<MessageId, Box<RawValue>>,
    order: VecDeque<MessageId>,
}

impl Memory {
    /// Whether answers to that command are remembered.
    pub(crate) fn keeps(command: &str) -> bool {
        [CANCEL_RUN, RESPOND_INTERACTION].contains(&command)
    }

    pub(crate) fn recall(&self, command: &MessageId) -> Option<Box<RawValue>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).answers.get(command).cloned()
    }

    pub(crate) fn keep(&self, command: MessageId, answer: Box<RawValue>) {
        let mut inner = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if inner.answers.insert(command.clone(), answer).is_some() {
            return;
        }
        inner.order.push_back(command);
        if inner.order.len() > ANSWERS
            && let Some(oldest) = inner.order.pop_front()
        {
            inner.answers.remove(&oldest);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_newest_answers_are_remembered() {
        let memory = Memory::default();
        let answer = || RawValue::from_string("1".to_owned()).unwrap();
        let ids: Vec<_> = (0..=ANSWERS).map(|_| MessageId::random()).collect();

        for id in &ids {
            memory.keep(id.clone(), answer());
        }

        assert!(memory.recall(&ids[0]).is_none());
        assert!(memory.recall(&ids[1]).is_some() && memory.recall(&ids[ANSWERS]).is_some());
    }
}
