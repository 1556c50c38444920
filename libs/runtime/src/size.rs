//! How much text fits into one stored entry.

use protocol::limits::MAX_ENTRY;

/// Longest text in one message or note, in bytes as written in JSON: an entry less what stands
/// around the text.
pub(crate) const MAX_TEXT: usize = MAX_ENTRY - 4 * 1024;

/// Length of a character within a JSON string.
fn written(char: char) -> usize {
    match char {
        '"' | '\\' | '\n' | '\r' | '\t' | '\u{8}' | '\u{c}' => 2,
        control if control < ' ' => 6,
        other => other.len_utf8(),
    }
}

/// Length of a text within a JSON string, without its quotes.
pub(crate) fn of(text: &str) -> usize {
    text.chars().map(written).sum()
}

/// The longest beginning of a text that takes at most `room` bytes within a JSON string.
pub(crate) fn prefix_that_fits(text: &str, room: usize) -> &str {
    let mut taken = 0;
    for (at, char) in text.char_indices() {
        taken += written(char);
        if taken > room {
            return &text[..at];
        }
    }
    text
}

/// A text in parts that fit into an entry each, at least one.
pub fn parts(mut text: &str) -> impl Iterator<Item = &str> {
    let mut first = true;
    std::iter::from_fn(move || {
        if text.is_empty() && !first {
            return None;
        }
        first = false;
        let (part, rest) = text.split_at(prefix_that_fits(text, MAX_TEXT).len());
        text = rest;
        Some(part)
    })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn size_is_that_of_the_json(text in "\\PC*|[\u{0}-\u{20}\"\\\\äé😀]*") {
            prop_assert_eq!(of(&text) + 2, serde_json::to_string(&text).unwrap().len());
        }

        #[test]
        fn a_prefix_fits_and_is_the_longest(text in "[\u{0}-\u{20}\"a-cäé😀]{0,20}", room in 0_usize..40) {
            let prefix = prefix_that_fits(&text, room);

            prop_assert!(text.starts_with(prefix) && of(prefix) <= room);
            if let Some(next) = text[prefix.len()..].chars().next() {
                prop_assert!(of(prefix) + written(next) > room);
            }
        }
    }
}
