//! One JSON object a line, for programs.

use protocol::Timestamp;
use serde_json::{Map, Value as Json};
use tracing::Metadata;

use super::fields::{Fields, Value};

/// Names that are the line's own.
pub(super) const OWN: [&str; 4] = ["time", "level", "target", "message"];

/// The line, with its end.
pub(super) fn line(now: Timestamp, metadata: &Metadata<'_>, fields: Fields) -> String {
    let (message, fields) = fields.split();
    let mut line = Map::new();
    let level = metadata.level().as_str().to_ascii_lowercase();
    let own = [now.to_string(), level, metadata.target().to_owned(), message];
    for (name, value) in OWN.into_iter().zip(own) {
        line.insert(name.to_owned(), Json::String(value));
    }
    for (name, value) in fields.into_iter().filter(|(name, _)| !OWN.contains(name)) {
        line.insert(name.to_owned(), json(value));
    }
    let mut line = escape(&Json::Object(line).to_string());
    line.push('\n');
    line
}

fn json(value: Value) -> Json {
    match value {
        Value::Text(text) => Json::String(text),
        Value::Flag(flag) => Json::Bool(flag),
        Value::Fraction(number) => number.into(),
        Value::Number(number) => match (i64::try_from(number), u64::try_from(number)) {
            (Ok(number), _) => number.into(),
            (_, Ok(number)) => number.into(),
            _ => Json::String(number.to_string()),
        },
    }
}

/// JSON lets through what some programs take for the end of a line, or people for another order of what is written.
fn escape(json: &str) -> String {
    if json.is_ascii() && !json.contains('\u{7f}') {
        return json.to_owned();
    }
    let mut escaped = String::with_capacity(json.len());
    for c in json.chars() {
        if super::text::is_odd(c) {
            escaped.push_str(&format!("\\u{:04x}", c as u32));
        } else {
            escaped.push(c);
        }
    }
    escaped
}
