//! The answer that is being written above the prompt.
//!
//! What is printed above the prompt are lines. A piece that goes on in the middle of one goes up to it, prints its last row anew
//! and goes on. Where that row may not be directly above the prompt any more, the piece begins a row of its own.

use unicode_width::UnicodeWidthChar;

const TAB: usize = 8;
const UP: &str = "\x1b[1A\r";

/// The last row that was printed, while more may follow in it.
#[derive(Debug, Default)]
pub(super) struct Tail {
    row: String,
    width: usize,
    /// Columns of the terminal when that was printed.
    columns: usize,
}

impl Tail {
    /// Nothing follows in the row; or it is not where it was.
    pub(super) fn cut(&mut self) {
        *self = Self::default();
    }

    /// What to print so that `text` follows, which has no character that would move the cursor.
    pub(super) fn write(&mut self, text: &str, columns: usize) -> String {
        let mut out = String::new();
        if self.columns != columns {
            self.cut();
        }
        if !self.row.is_empty() {
            out.push_str(UP);
            out.push_str(&self.row);
        }
        out.push_str(text);
        self.columns = columns;
        self.advance(text);
        if !out.ends_with('\n') {
            out.push('\n');
        }
        out
    }

    /// Follows what a terminal does with the text. Colours have no width.
    fn advance(&mut self, text: &str) {
        let mut chars = text.chars();
        while let Some(c) = chars.next() {
            let width = match c {
                '\n' => {
                    (self.row, self.width) = (String::new(), 0);
                    continue;
                }
                '\x1b' => {
                    self.row.push(c);
                    for c in chars.by_ref() {
                        self.row.push(c);
                        if c == 'm' {
                            break;
                        }
                    }
                    continue;
                }
                '\t' => TAB - self.width % TAB,
                c => c.width().unwrap_or(0),
            };
            if self.width + width > self.columns {
                (self.row, self.width) = (String::new(), 0);
            }
            self.row.push(c);
            self.width += width;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_piece_goes_on_in_the_row_above() {
        let mut tail = Tail::default();

        assert_eq!(tail.write("one ", 80), "one \n");
        assert_eq!(tail.write("two", 80), "\x1b[1A\rone two\n");
        assert_eq!(tail.write("\nthree", 80), "\x1b[1A\rone two\nthree\n");
        assert_eq!(tail.write("!\n", 80), "\x1b[1A\rthree!\n");
        assert_eq!(tail.write("four", 80), "four\n");
    }

    #[test]
    fn of_a_long_line_only_the_last_row_is_printed_anew() {
        let mut tail = Tail::default();

        tail.write("abcdefgh", 5);

        assert_eq!(tail.write("i", 5), "\x1b[1A\rfghi\n");
        assert_eq!(tail.write("j", 5), "\x1b[1A\rfghij\n");
        assert_eq!(tail.write("k", 5), "\x1b[1A\rfghijk\n", "a full row goes on in the next");
        assert_eq!(tail.write("l", 5), "\x1b[1A\rkl\n");
    }

    #[test]
    fn wide_and_combining_characters_count_as_what_they_take() {
        let mut tail = Tail::default();

        tail.write("漢字漢", 5);

        assert_eq!(
            tail.write("x", 5),
            "\x1b[1A\r漢x\n",
            "the third did not fit into the first row"
        );
        tail.cut();
        tail.write("e\u{301}abcd", 5);
        assert_eq!(tail.write("!", 5), "\x1b[1A\re\u{301}abcd!\n");
    }

    #[test]
    fn colours_take_no_room() {
        let mut tail = Tail::default();

        tail.write("\x1b[1mabc\x1b[0mde", 5);

        assert_eq!(tail.write("f", 5), "\x1b[1A\r\x1b[1mabc\x1b[0mdef\n");
    }

    #[test]
    fn what_is_not_where_it_was_is_left_alone() {
        let mut tail = Tail::default();
        tail.write("one", 80);

        assert_eq!(tail.write("two", 40), "two\n", "the terminal has another size");
        tail.cut();
        assert_eq!(tail.write("three", 40), "three\n");
    }
}
