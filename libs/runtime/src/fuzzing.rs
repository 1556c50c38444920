//! A door for `tests/fuzz` to what is private.

pub use crate::codec::{conversation, turn};
use crate::framing::{Framing, Line};

/// A framing, and what of each line was streamed.
#[derive(Debug)]
pub struct Lines {
    framing: Framing,
    longest: usize,
    streamed: String,
}

/// A line, how many bytes came, and whether it was cut.
pub type Seen = (String, u64, bool);

impl Lines {
    /// Lines of at most `longest` bytes.
    #[must_use]
    pub fn new(longest: usize) -> Self {
        Self { framing: Framing::new(longest), longest, streamed: String::new() }
    }

    /// Takes bytes, gives the lines that they complete; streams the beginning of the next one, if wanted.
    pub fn push(&mut self, bytes: &[u8], stream: bool) -> Vec<Seen> {
        let lines = self.framing.push(bytes);
        let lines = lines.into_iter().map(|line| self.seen(line)).collect();
        if stream {
            self.streamed.push_str(&self.framing.stream());
        }
        let is_bounded = self.framing.tail(self.longest + 1).is_some();
        assert!(is_bounded || self.framing.tail(usize::MAX).is_none(), "holds more than a line");
        lines
    }

    /// Takes the line so far as if it had ended.
    pub fn end(&mut self) -> Option<Seen> {
        let line = self.framing.take_tail();
        line.map(|line| self.seen(line))
    }

    fn seen(&mut self, line: Line) -> Seen {
        let cut = line.is_cut();
        self.streamed.push_str(line.unseen());
        assert!(
            cut || self.streamed == line.text,
            "{:?} was streamed as {:?}",
            line.text,
            self.streamed
        );
        self.streamed.clear();
        (line.text, line.bytes, cut)
    }
}
