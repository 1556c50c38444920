//! Lines for people.

use std::fmt::{Display, Write};
use std::str::FromStr;

use serde_json::{Map, Value as Json};
use tracing::Level;

use super::fields::Fields;
use super::json::OWN;

const DIM: &str = "\u{1b}[2m";
const PLAIN: &str = "\u{1b}[0m";

/// The line, with its end: time, level, what happened, and its fields.
pub(super) fn line(time: impl Display, level: Level, fields: Fields, colours: bool) -> String {
    let (message, fields) = fields.split();
    let fields = fields.into_iter().map(|(name, value)| (name, value.to_string()));
    write(&time.to_string(), level, &message, fields, colours)
}

/// The same of a line that was written as JSON; none of anything else.
pub(crate) fn of_json(json: &str, colours: bool) -> Option<String> {
    let line: Map<String, Json> = serde_json::from_str(json).ok()?;
    let own = |name: &str| line.get(name).and_then(Json::as_str);
    let level = Level::from_str(own("level")?).ok()?;
    let fields = line.iter().filter(|(name, _)| !OWN.contains(&name.as_str()));
    let fields = fields.map(|(name, value)| {
        (name, value.as_str().map_or_else(|| value.to_string(), str::to_owned))
    });
    Some(write(own("time")?, level, own("message")?, fields, colours))
}

fn write(
    time: &str,
    level: Level,
    message: &str,
    fields: impl Iterator<Item = (impl AsRef<str>, String)>,
    colours: bool,
) -> String {
    let [dim, plain] = if colours { [DIM, PLAIN] } else { [""; 2] };
    let colour = if colours { colour(level) } else { "" };
    let mut line = String::from(dim);
    write_escaped(&mut line, time);
    // Writing into a string cannot fail.
    write!(line, "{plain} {colour}{:<5}{plain} ", level.as_str()).unwrap_or_default();
    write_escaped(&mut line, message);
    for (name, value) in fields {
        line.push(' ');
        line.push_str(dim);
        write_escaped(&mut line, name.as_ref());
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

fn write_value(line: &mut String, text: &str) {
    let is_plain = !text.is_empty() && !text.contains([' ', '"', '=', '\\']);
    if is_plain && !text.contains(is_odd) {
        line.push_str(text);
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
