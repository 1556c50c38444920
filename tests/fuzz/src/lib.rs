//! What the targets share.

/// Cuts an input into pieces. Its first four bytes say how long they are, in turn; the rest is what is cut.
pub fn pieces(input: &[u8]) -> (&[u8], Vec<&[u8]>) {
    let (lengths, whole) = input.split_at(input.len().min(4));
    let (mut rest, mut pieces) = (whole, Vec::new());
    for length in lengths.iter().cycle() {
        if rest.is_empty() {
            break;
        }
        let (piece, after) = rest.split_at(rest.len().min(1 + usize::from(*length)));
        pieces.push(piece);
        rest = after;
    }
    (whole, pieces)
}

/// The lines of an output, and what follows the last of them.
pub fn split(output: &[u8]) -> (Vec<&[u8]>, Option<&[u8]>) {
    let mut lines: Vec<_> = output.split(|byte| *byte == b'\n').collect();
    let tail = lines.pop().filter(|tail| !tail.is_empty());
    (lines, tail)
}

/// A line without the `\r` of its end.
pub fn without_return(line: &[u8]) -> &[u8] {
    line.strip_suffix(b"\r").unwrap_or(line)
}
