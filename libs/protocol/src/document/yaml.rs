//! Writes JSON values as YAML that reads well.
//!
//! An own writer rather than a library, because it is small, its output is the same for ever, which a checked-in file
//! needs, and texts come out as blocks. YAML 1.2 contains JSON, so whatever is in doubt is written as a JSON string.

use serde_json::Value;

/// Where folded text is broken.
const WIDTH: usize = 110;

/// The document, with a newline at its end.
pub(super) fn write(value: &Value) -> String {
    let mut out = String::new();
    node(&mut out, value, 0);
    out.trim_start().to_owned() + "\n"
}

/// Writes what follows `key:` or `-`, with the white space before it and without a newline after it.
fn node(out: &mut String, value: &Value, indent: usize) {
    match value {
        Value::Object(fields) if !fields.is_empty() => {
            for (key, value) in fields {
                line(out, indent);
                out.push_str(&if is_plain(key) { key.clone() } else { quoted(key) });
                out.push(':');
                node(out, value, indent + 2);
            }
        }
        Value::Array(items) if !items.is_empty() => {
            for item in items {
                line(out, indent);
                out.push('-');
                let mut text = String::new();
                node(&mut text, item, indent + 2);
                // The first field of an item stands beside its dash.
                let beside = text.strip_prefix(&format!("\n{}", " ".repeat(indent + 2)));
                out.push_str(&beside.map_or(text.clone(), |rest| format!(" {rest}")));
            }
        }
        Value::String(text) => string(out, text, indent),
        scalar => {
            out.push(' ');
            out.push_str(&scalar.to_string());
        }
    }
}

fn line(out: &mut String, indent: usize) {
    out.push('\n');
    out.push_str(&" ".repeat(indent));
}

fn string(out: &mut String, text: &str, indent: usize) {
    // At the top there is nothing that a block could be indented against.
    let indent = indent.max(2);
    if is_block(text) {
        out.push_str(" |-");
        for part in text.split('\n') {
            if part.is_empty() {
                out.push('\n');
            } else {
                line(out, indent);
            }
            out.push_str(part);
        }
    } else if text.len() > WIDTH && is_foldable(text) {
        out.push_str(" >-");
        fold(out, text, indent);
    } else {
        out.push(' ');
        out.push_str(&if is_plain(text) { text.to_owned() } else { quoted(text) });
    }
}

fn fold(out: &mut String, text: &str, indent: usize) {
    let mut width = usize::MAX;
    for word in text.split(' ') {
        let length = word.chars().count();
        if width.saturating_add(1 + length) > WIDTH - indent.min(WIDTH / 2) {
            line(out, indent);
            width = length;
        } else {
            out.push(' ');
            width += 1 + length;
        }
        out.push_str(word);
    }
}

fn quoted(text: &str) -> String {
    Value::from(text).to_string()
}

/// Several lines of which none begins or ends in a way that a block would change.
fn is_block(text: &str) -> bool {
    let line = |line: &str| line.trim_end() == line && !line.contains(is_odd);
    text.contains('\n')
        && !text.starts_with([' ', '\n'])
        && !text.ends_with('\n')
        && text.split('\n').all(line)
}

/// Words with single spaces between them: folding and unfolding changes nothing.
fn is_foldable(text: &str) -> bool {
    !text.contains(is_odd) && text.split(' ').all(|word| !word.is_empty() && word.trim() == word)
}

fn is_odd(c: char) -> bool {
    c.is_control() || c == '\u{feff}' || c == '\u{2028}' || c == '\u{2029}'
}

/// Whether it is that same string without quotes: nothing that means something to YAML, in any version of it.
fn is_plain(text: &str) -> bool {
    const WORDS: [&str; 9] = ["true", "false", "null", "yes", "no", "on", "off", "y", "n"];
    text.starts_with(|c: char| c.is_ascii_alphabetic() || c == '$' || c == '/')
        && !text.ends_with([' ', ':'])
        && !text.contains(is_odd)
        && !text.contains(": ")
        && !text.contains(" #")
        && !WORDS.contains(&text.to_ascii_lowercase().as_str())
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn values_are_written_as_blocks() {
        let value = json!({
            "name": "a plain text",
            "empty": [{}, [], ""],
            "list": [1, true, null, { "a": 1.5, "b": ["x", { "c": "d" }] }],
            "text": "one\n\n  two",
        });

        assert_eq!(
            write(&value),
            "name: a plain text\nempty:\n  - {}\n  - []\n  - \"\"\nlist:\n  - 1\n  - true\n  - null\n  - a: 1.5\n    b:\n      \
             - x\n      - c: d\ntext: |-\n  one\n\n    two\n"
        );
    }

    #[test]
    fn what_would_mean_something_else_is_quoted() {
        for odd in [
            "true", "No", "1", "-1", "~", "", " a", "a ", "a: b", "a:", "a #b", "#a", "*a", "&a",
            "@a", "`a", "\t", "\n", "a\n",
        ] {
            let text = format!("x:\n  - {}\n", quoted(odd));
            assert_eq!(write(&json!({ "x": [odd] })), text, "{odd:?}");
        }
        assert_eq!(write(&json!({ "a: b": 1, "$ref": "#/a" })), "\"a: b\": 1\n$ref: \"#/a\"\n");
    }

    #[test]
    fn long_text_is_folded_at_words() {
        let text = "word ".repeat(40).trim_end().to_owned();

        let written = write(&json!({ "x": text }));

        assert!(written.starts_with("x: >-\n  word word"));
        assert!(written.lines().all(|line| line.len() <= WIDTH), "{written}");
        let unfolded: Vec<_> = written.lines().skip(1).map(str::trim).collect();
        assert_eq!(unfolded.join(" "), text);
    }
}
