//! What a program says, put together from what is streamed.

use std::mem;

use crate::size::{self, MAX_TEXT};

/// A part of an answer as it is streamed. It is bounded: what would not fit into one entry is handed out in parts.
#[derive(Debug, Default)]
pub(super) struct Speech {
    text: String,
    /// Length of the text as written in JSON.
    size: usize,
    /// Whether a part was handed out.
    parted: bool,
}

impl Speech {
    /// Takes more. The answer is the parts that are full.
    pub(super) fn more(&mut self, text: &str) -> Vec<String> {
        let mut full = Vec::new();
        for part in size::parts(text) {
            let size = size::of(part);
            if self.size + size > MAX_TEXT {
                full.push(mem::take(&mut self.text));
                (self.size, self.parted) = (0, true);
            }
            self.text.push_str(part);
            self.size += size;
        }
        full
    }

    /// Takes what is left, if anything is.
    pub(super) fn take(&mut self) -> Option<String> {
        let text = mem::take(self).text;
        (!text.is_empty()).then_some(text)
    }

    /// Takes it as it is said again as a whole: that counts, unless a part of it was handed out already.
    pub(super) fn take_as(&mut self, whole: &str) -> Vec<String> {
        if self.parted {
            return self.take().into_iter().collect();
        }
        *self = Self::default();
        size::parts(whole).filter(|part| !part.is_empty()).map(str::to_owned).collect()
    }

    pub(super) fn is_empty(&self) -> bool {
        self.text.is_empty()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_streamed_is_said_once() {
        let mut speech = Speech::default();
        assert!(speech.more("Hel").is_empty() && speech.more("lo").is_empty());
        assert_eq!(speech.take_as("Hello!"), ["Hello!"]);
        assert_eq!(speech.take(), None);
        assert!(speech.take_as("").is_empty());

        speech.more("left");
        assert_eq!(speech.take().as_deref(), Some("left"));
    }

    #[test]
    fn what_is_too_long_for_an_entry_comes_in_parts_once() {
        let (mut speech, text) = (Speech::default(), "x".repeat(MAX_TEXT + 10));

        let mut parts = speech.more(&text);
        parts.extend(speech.take_as(&text));

        assert_eq!(parts.iter().map(String::len).collect::<Vec<_>>(), [MAX_TEXT, 10]);
    }
}
