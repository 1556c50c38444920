//! What a program says, put together from lines.

use std::mem;

use crate::framing::Line;
use crate::size::{self, MAX_TEXT};

/// An answer as it grows: lines with newlines between them, none at the end. It is bounded: what
/// would not fit into one entry is handed out in parts.
#[derive(Debug, Default)]
pub(super) struct Answer {
    text: String,
    /// Length of the text as written in JSON.
    size: usize,
    lines: u64,
}

impl Answer {
    /// Adds a line. The answer is the parts that are full.
    pub(super) fn add(&mut self, line: &str) -> Vec<String> {
        let mut full = Vec::new();
        if self.lines > 0 {
            self.push("\n", &mut full);
        }
        self.lines += 1;
        self.push(line, &mut full);
        full
    }

    /// Takes the last part.
    pub(super) fn take(&mut self) -> String {
        mem::take(self).text
    }

    fn push(&mut self, mut text: &str, full: &mut Vec<String>) {
        let size = size::of(text);
        if self.size + size <= MAX_TEXT {
            self.text.push_str(text);
            self.size += size;
            return;
        }
        loop {
            let fits = size::prefix_that_fits(text, MAX_TEXT - self.size);
            self.text.push_str(fits);
            text = &text[fits.len()..];
            if text.is_empty() {
                self.size = size::of(&self.text);
                return;
            }
            // Between lines if possible: filters look at whole ones.
            let rest = self.text.rfind('\n').map(|at| self.text.split_off(at + 1));
            full.push(mem::replace(&mut self.text, rest.unwrap_or_default()));
            self.size = size::of(&self.text);
        }
    }
}

/// An answer as it is streamed: the same text, as it comes.
#[derive(Debug, Default)]
pub(super) struct Deltas {
    /// A line has ended; its newline is said once something follows it.
    owes_newline: bool,
    text: String,
}

impl Deltas {
    /// More of a line.
    pub(super) fn more(&mut self, text: &str) {
        if !text.is_empty() {
            self.pay();
            self.text.push_str(text);
        }
    }

    /// The rest of a line.
    pub(super) fn line(&mut self, line: &Line) {
        // A line of which something was said has paid already.
        if line.streamed == 0 {
            self.pay();
        }
        self.text.push_str(line.unseen());
        self.owes_newline = true;
    }

    /// A line of which no more is said than was.
    pub(super) fn break_off(&mut self, line: &Line) {
        self.owes_newline |= line.streamed > 0;
    }

    /// Takes what there is to say.
    pub(super) fn take(&mut self) -> Option<String> {
        (!self.text.is_empty()).then(|| mem::take(&mut self.text))
    }

    fn pay(&mut self) {
        if mem::take(&mut self.owes_newline) {
            self.text.push('\n');
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::framing::Framing;

    proptest! {
        #[test]
        fn deltas_make_the_answer(input in "[ab\\nä]{0,40}", chunk in 1_usize..7, stream in any::<bool>()) {
            let mut framing = Framing::new(1_000);
            let (mut answer, mut deltas) = (Answer::default(), Deltas::default());
            let mut streamed = String::new();
            for bytes in input.as_bytes().chunks(chunk) {
                for line in framing.push(bytes) {
                    deltas.line(&line);
                    answer.add(&line.text);
                }
                if stream {
                    deltas.more(&framing.stream());
                }
                streamed.extend(deltas.take());
            }
            if let Some(line) = framing.take_tail() {
                deltas.line(&line);
                answer.add(&line.text);
            }
            streamed.extend(deltas.take());

            prop_assert_eq!(&streamed, input.strip_suffix('\n').unwrap_or(&input));
            prop_assert_eq!(answer.take(), streamed);
        }
    }

    #[test]
    fn an_answer_too_long_for_an_entry_comes_in_parts() {
        let mut answer = Answer::default();
        let line = "\u{1}".repeat(MAX_TEXT / 10);

        let mut parts: Vec<_> = (0..5).flat_map(|_| answer.add(&line)).collect();
        parts.push(answer.take());

        assert!(parts.iter().all(|part| size::of(part) <= MAX_TEXT));
        assert!(parts[..parts.len() - 1].iter().all(|part| part.ends_with('\n')));
        assert_eq!(parts.concat(), [line.as_str(); 5].join("\n"));
    }
}
