//! Lines do not depend on the pieces that their bytes come in, and are bounded.

#![no_main]

use fuzz::{pieces, split, without_return};
use libfuzzer_sys::fuzz_target;
use runtime::fuzzing::{Lines, Seen};

fuzz_target!(|input: &[u8]| {
    let Some((longest, input)) = input.split_first() else { return };
    let (longest, streamed) = (1 + usize::from(longest >> 1), longest & 1 == 1);
    let (whole, pieces) = pieces(input);

    let at_once = lines(longest, &[whole], false);

    assert_eq!(lines(longest, &pieces, streamed), at_once);
    let (mut raw, tail) = split(whole);
    raw.extend(tail);
    assert_eq!(raw.len(), at_once.len());
    for (raw, line) in raw.into_iter().zip(at_once) {
        check(raw, &line, longest);
    }
});

fn lines(longest: usize, pieces: &[&[u8]], streamed: bool) -> Vec<Seen> {
    let mut lines = Lines::new(longest);
    let mut seen: Vec<_> = pieces.iter().flat_map(|piece| lines.push(piece, streamed)).collect();
    seen.extend(lines.end());
    seen
}

fn check(raw: &[u8], (text, bytes, cut): &Seen, longest: usize) {
    let line = without_return(raw);
    assert_eq!((*bytes, *cut), (raw.len() as u64, line.len() > longest));
    let head = String::from_utf8_lossy(&line[..line.len().min(longest)]);
    if *cut {
        // Without what may have been a part of a character.
        assert!(head.starts_with(text) && text.chars().count() + 3 >= head.chars().count());
    } else {
        assert_eq!(*text, head);
    }
}
