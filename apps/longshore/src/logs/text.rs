//! Lines for people.

use std::fmt::Write;

use protocol::Timestamp;
use tracing::{Level, Metadata};

use super::fields::{Fields, Value};

const DIM: &str = "\u{1b}[2m";
const PLAIN: &str = "\u{1b}[0m";

/// The line, with its end: time, level, what happened, and its fields.
pub(super) fn line(
    now: Timestamp,
    metadata: &Metadata<'_>,
    fields: Fields,
    colours: bool,
) -> String {
    let (message, fields) = fields.split();
    let [dim, plain] = if colours { [DIM, PLAIN] } else { [""; 2] };
    let level = *metadata.level();
    let colour = if colours { colour(level) } else { "" };
    let mut line = format!("{dim}{now}{plain} {colour}{:<5}{plain} ", level.as_str());
    write_escaped(&mut line, &message);
    for (name, value) in fields {
        line.push(' ');
        line.push_str(dim);
        line.push_str(name);
        line.push('=');
        line.push_str(plain);
        write_value(&mut line, &value);
    }
    line.push('\n');
    line
}

fn colour(level: Level) -> &'static str {
    match level {
        Level::ERROR => "\u{1b}[31m",
        Level::WARN => "\u{1b}[33m",
        Level::INFO => "\u{1b}[32m",
        _ => "\u{1b}[34m",
    }
}

fn write_value(line: &mut String, value: &Value) {
    let text = value.to_string();
    let is_plain = !text.is_empty() && !text.contains([' ', '"', '=', '\\']);
    if is_plain && !text.contains(is_odd) {
        line.push_str(&text);
    } else {
        line.push('"');
        for c in text.chars() {
            match c {
                '"' | '\\' => {
                    line.push('\\');
                    line.push(c);
                }
                c => write_char(line, c),
            }
        }
        line.push('"');
    }
}

fn write_escaped(line: &mut String, text: &str) {
    text.chars().for_each(|c| write_char(line, c));
}

fn write_char(line: &mut String, c: char) {
    match c {
        '\n' => line.push_str("\\n"),
        '\r' => line.push_str("\\r"),
        '\t' => line.push_str("\\t"),
        c if is_odd(c) => {
            // Writing into a string cannot fail.
            write!(line, "\\u{{{:x}}}", c as u32).unwrap_or_default();
        }
        c => line.push(c),
    }
}

/// Whether it ends a line, does something to a terminal, or turns round what is written after it.
pub(super) fn is_odd(c: char) -> bool {
    c.is_control()
        || matches!(c, '\u{2028}' | '\u{2029}' | '\u{200e}' | '\u{200f}' | '\u{61c}')
        || matches!(c, '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}
