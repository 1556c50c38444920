//! From bytes to lines.

use std::borrow::Cow;
use std::mem;

/// A line without its line ending.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Line {
    /// The text, or its head when the line was too long. What is no UTF-8 is U+FFFD.
    pub(crate) text: String,
    /// How much of the text [`Framing::stream`] has handed out already, in bytes.
    pub(crate) streamed: usize,
    /// How many bytes came.
    pub(crate) bytes: u64,
    cut: bool,
}

impl Line {
    /// Whether the text is only the head of what came.
    pub(crate) fn is_cut(&self) -> bool {
        self.cut
    }

    /// What nobody has seen of it yet.
    pub(crate) fn unseen(&self) -> &str {
        &self.text[self.streamed..]
    }
}

/// Splits bytes at `\n`, and at nothing else; of a `\r\n` the `\r` goes as well. Characters may
/// arrive in parts. A line's memory is bounded: of one that is too long the head is kept, the
/// rest is counted.
#[derive(Debug)]
pub(crate) struct Framing {
    longest: usize,
    /// The line so far, or its beginning.
    head: Vec<u8>,
    /// Bytes of the line so far, those not kept included.
    bytes: u64,
    /// Bytes of `head` that were streamed, and the length of the text that they became.
    streamed: (usize, usize),
}

impl Framing {
    /// A framing for lines of at most `longest` bytes.
    pub(crate) fn new(longest: usize) -> Self {
        Self { longest, head: Vec::new(), bytes: 0, streamed: (0, 0) }
    }

    /// Takes bytes, gives the lines that they complete.
    pub(crate) fn push(&mut self, bytes: &[u8]) -> Vec<Line> {
        let mut lines = Vec::new();
        for piece in bytes.split_inclusive(|byte| *byte == b'\n') {
            match piece.strip_suffix(b"\n") {
                Some(rest) => {
                    self.extend(rest);
                    lines.push(self.end_line());
                }
                None => self.extend(piece),
            }
        }
        lines
    }

    /// The line so far, if a beginning of one is there and it is no longer than that.
    pub(crate) fn tail(&self, longest: usize) -> Option<Cow<'_, str>> {
        let is_there = (1..=longest).contains(&self.head.len());
        is_there.then(|| String::from_utf8_lossy(&self.head))
    }

    /// Whether the line so far begins with that byte.
    pub(crate) fn begins_with(&self, byte: u8) -> bool {
        self.head.first() == Some(&byte)
    }

    /// Takes the line so far as if it had ended.
    pub(crate) fn take_tail(&mut self) -> Option<Line> {
        (self.bytes > 0).then(|| self.end_line())
    }

    /// What has come of the line so far since the last call. A character of which only a part is
    /// there, and a `\r` that may belong to the line's end, wait for more.
    pub(crate) fn stream(&mut self) -> String {
        let (from, length) = self.streamed;
        let fresh = &self.head[from..];
        let end = from + definite(fresh.strip_suffix(b"\r").unwrap_or(fresh));
        let text = String::from_utf8_lossy(&self.head[from..end]).into_owned();
        self.streamed = (end, length + text.len());
        text
    }

    fn extend(&mut self, bytes: &[u8]) {
        // One more than the longest line has, as it may be the `\r` of its end.
        let kept = bytes.len().min(self.longest + 1 - self.head.len());
        self.head.extend_from_slice(&bytes[..kept]);
        self.bytes += bytes.len() as u64;
    }

    fn end_line(&mut self) -> Line {
        let (_, streamed) = mem::take(&mut self.streamed);
        let bytes = mem::take(&mut self.bytes);
        // The buffer goes with the line, so that one long line does not cost its memory for ever.
        let mut head = mem::take(&mut self.head);
        if bytes == head.len() as u64 && head.last() == Some(&b'\r') {
            head.pop();
        }
        let cut = head.len() > self.longest;
        if cut {
            head.truncate(self.longest);
            head.truncate(definite(&head));
        }
        let text = match String::from_utf8(head) {
            Ok(text) => text,
            Err(invalid) => String::from_utf8_lossy(invalid.as_bytes()).into_owned(),
        };
        Line { streamed: streamed.min(text.len()), text, bytes, cut }
    }
}

/// How many bytes can be decoded without knowing what follows.
fn definite(bytes: &[u8]) -> usize {
    // A character has at most four bytes, so only the last three can be an unfinished one.
    let start = bytes.len().saturating_sub(3);
    (start..bytes.len()).find(|&at| is_unfinished(&bytes[at..])).unwrap_or(bytes.len())
}

fn is_unfinished(bytes: &[u8]) -> bool {
    std::str::from_utf8(bytes)
        .is_err_and(|error| error.valid_up_to() == 0 && error.error_len().is_none())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// A line's text, how many bytes came, and whether it was cut.
    type Seen = (String, u64, bool);

    /// What a framing has to do, said without chunks and without memory limits.
    fn model(input: &[u8], longest: usize) -> (Vec<Seen>, Option<Seen>) {
        let mut parts: Vec<&[u8]> = input.split(|byte| *byte == b'\n').collect();
        let tail = parts.pop().filter(|tail| !tail.is_empty());
        let line = |raw: &[u8]| {
            let text = raw.strip_suffix(b"\r").unwrap_or(raw);
            let cut = text.len() > longest;
            let mut kept = &text[..text.len().min(longest)];
            let last = kept.utf8_chunks().last().map_or(&[][..], |chunk| chunk.invalid());
            if cut && std::str::from_utf8(last).is_err_and(|error| error.error_len().is_none()) {
                kept = &kept[..kept.len() - last.len()];
            }
            (String::from_utf8_lossy(kept).into_owned(), raw.len() as u64, cut)
        };
        (parts.into_iter().map(line).collect(), tail.map(line))
    }

    fn seen(line: Line) -> Seen {
        let cut = line.is_cut();
        (line.text, line.bytes, cut)
    }

    fn noise() -> impl Strategy<Value = Vec<u8>> {
        let piece = prop_oneof![
            3 => "[a-cä€😀\\n\r\u{0}]{0,6}".prop_map(String::into_bytes),
            1 => proptest::collection::vec(any::<u8>(), 0..4),
            1 => Just(b"\r\n".to_vec()),
            1 => Just(vec![0xf0, 0x9f]),
        ];
        proptest::collection::vec(piece, 0..20).prop_map(|pieces| pieces.concat())
    }

    proptest! {
        #[test]
        fn chunks_do_not_matter(
            input in noise(),
            chunk in 1_usize..9,
            longest in 1_usize..20,
            stream in any::<bool>(),
        ) {
            let mut framing = Framing::new(longest);
            let mut lines = Vec::new();
            for bytes in input.chunks(chunk) {
                lines.extend(framing.push(bytes));
                if stream {
                    framing.stream();
                }
                prop_assert!(framing.head.len() <= longest + 1);
            }

            let (expected, tail) = model(&input, longest);
            prop_assert_eq!(lines.into_iter().map(seen).collect::<Vec<_>>(), expected);
            prop_assert_eq!(framing.take_tail().map(seen), tail);
        }

        #[test]
        fn what_was_streamed_and_what_was_not_make_the_line(input in noise(), chunk in 1_usize..9) {
            let mut framing = Framing::new(usize::MAX - 1);
            let mut streamed = String::new();
            for bytes in input.chunks(chunk) {
                for line in framing.push(bytes) {
                    streamed.push_str(line.unseen());
                    prop_assert_eq!(&streamed, &line.text);
                    streamed.clear();
                }
                streamed.push_str(&framing.stream());
            }
            if let Some(line) = framing.take_tail() {
                streamed.push_str(line.unseen());
                prop_assert_eq!(streamed, line.text);
            }
        }
    }

    #[test]
    fn a_hundred_megabytes_without_newline_cost_a_line() {
        let mut framing = Framing::new(1 << 20);
        let chunk = vec![b'x'; 1 << 16];

        for _ in 0..1600 {
            assert!(framing.push(&chunk).is_empty());
        }
        assert!(framing.head.capacity() <= 2 << 20, "holds {}", framing.head.capacity());
        let line = framing.push(b"\n").remove(0);

        assert_eq!((line.text.len(), line.bytes, line.is_cut()), (1 << 20, 100 << 20, true));
    }

    #[test]
    fn a_line_of_the_longest_length_is_whole_with_either_ending() {
        let mut framing = Framing::new(3);

        let lines = framing.push(b"abc\nabc\r\nabcd\r\n");

        let seen: Vec<_> = lines.into_iter().map(seen).collect();
        assert_eq!(seen[0], ("abc".into(), 3, false));
        assert_eq!(seen[1], ("abc".into(), 4, false));
        assert_eq!(seen[2], ("abc".into(), 5, true));
    }

    #[test]
    fn only_the_last_return_belongs_to_the_line_end() {
        let mut framing = Framing::new(9);

        let lines = framing.push(b"a\rb\r\r\n\0\n");

        assert_eq!(lines[0].text, "a\rb\r");
        assert_eq!(lines[1].text, "\0");
    }

    #[test]
    fn half_a_character_at_the_end_of_a_line_is_replaced() {
        let mut framing = Framing::new(9);

        let lines = framing.push(b"a\xf0\x9f\nb\n");

        assert_eq!(lines[0].text, "a\u{fffd}");
        assert_eq!(lines[1].text, "b");
    }
}
