//! Text from bytes that come in pieces.

/// Keeps the beginning of a character whose end has not come. What is no UTF-8 becomes U+FFFD.
#[derive(Debug, Default)]
pub(super) struct Decoder {
    /// At most three bytes.
    begun: Vec<u8>,
}

impl Decoder {
    /// The whole characters so far.
    pub(super) fn decode(&mut self, bytes: &[u8]) -> String {
        self.begun.extend_from_slice(bytes);
        let mut text = String::with_capacity(self.begun.len());
        let mut kept = 0;
        for chunk in self.begun.utf8_chunks() {
            text.push_str(chunk.valid());
            let invalid = chunk.invalid();
            let is_last = invalid.as_ptr_range().end == self.begun.as_ptr_range().end;
            if is_last && is_begun(invalid) {
                kept = invalid.len();
            } else if !invalid.is_empty() {
                text.push(char::REPLACEMENT_CHARACTER);
            }
        }
        self.begun.drain(..self.begun.len() - kept);
        text
    }

    /// What is left when nothing more comes.
    pub(super) fn end(&mut self) -> String {
        String::from_utf8_lossy(&std::mem::take(&mut self.begun)).into_owned()
    }
}

/// Whether more bytes could make a character of it.
fn is_begun(bytes: &[u8]) -> bool {
    std::str::from_utf8(bytes).is_err_and(|error| error.error_len().is_none())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_character_that_comes_in_pieces_is_one() {
        let mut decoder = Decoder::default();

        let pieces: Vec<String> = "aé漢🦀".bytes().map(|byte| decoder.decode(&[byte])).collect();

        assert_eq!(pieces, ["a", "", "é", "", "", "漢", "", "", "", "🦀"]);
        assert_eq!(decoder.end(), "");
    }

    #[test]
    fn what_is_no_character_holds_nothing_up() {
        let mut decoder = Decoder::default();

        assert_eq!(decoder.decode(b"\xff\xe6\xbc"), "\u{fffd}");
        assert_eq!(decoder.decode(b"x"), "\u{fffd}x");
        assert_eq!(decoder.decode(b"\xf0\x9f"), "");
        assert_eq!(decoder.end(), "\u{fffd}");
    }

    proptest! {
        #[test]
        fn however_it_is_cut_it_reads_as_if_it_had_come_whole(
            bytes in proptest::collection::vec(any::<u8>(), 0..64),
            cuts in proptest::collection::vec(0_usize..8, 0..64),
        ) {
            let mut decoder = Decoder::default();
            let mut text = String::new();
            let mut rest = &bytes[..];
            for cut in cuts {
                let (piece, others) = rest.split_at(cut.min(rest.len()));
                text += &decoder.decode(piece);
                prop_assert!(decoder.begun.len() < 4);
                rest = others;
            }
            text += &decoder.decode(rest);
            text += &decoder.end();

            prop_assert_eq!(text, String::from_utf8_lossy(&bytes).into_owned());
        }
    }
}
