//! A door for `tests/fuzz`: a program's messages without a program.

use std::path::Path;

use protocol::spec::{CodexSandbox, OneshotFormat};
use serde_json::Value;

use super::out::{Heard, Out};
use super::permission::Choice;
use super::{Dialect, Opening, acp, claude, codex, oneshot};

/// The program of a number, its session taken up or not, says these lines; it gets a turn once it is ready, and
/// permission or not as `allow` says. The answer is what it is told, and how often each permission that it asked for was
/// answered.
#[must_use]
pub fn conversation(number: u8, resumes: bool, allow: bool, lines: &[&str]) -> Vec<String> {
    match number % 7 {
        0 => converse(acp::Acp::new(), resumes, allow, lines),
        1 => converse(claude::Claude::default(), resumes, allow, lines),
        2 => converse(codex::Codex::new(CodexSandbox::default()), resumes, allow, lines),
        number => {
            let formats = [
                OneshotFormat::Codex,
                OneshotFormat::Gemini,
                OneshotFormat::Opencode,
                OneshotFormat::Claude,
            ];
            let format = formats[usize::from(number) - 3];
            let table = oneshot::Table::new(Some(format), Vec::new(), Vec::new());
            converse(oneshot::Oneshot::new(table), resumes, allow, lines)
        }
    }
}

fn converse(mut dialect: impl Dialect, resumes: bool, allow: bool, lines: &[&str]) -> Vec<String> {
    let (mut out, mut told, mut ready) = (Out::default(), Vec::new(), false);
    let directory = Path::new("/");
    dialect.open(&Opening { resume: resumes.then_some("session"), directory }, &mut out);
    for line in lines {
        if let Ok(Value::Object(message)) = serde_json::from_str(line) {
            // What means nothing is kept as it is, and so is nothing that it may have meant besides.
            let _: Result<(), super::Unknown> = dialect.hear(&message, &mut out);
        }
        let Out { lines, heard } = std::mem::take(&mut out);
        told.extend(lines);
        for heard in heard {
            match heard {
                Heard::Ready | Heard::ReadyWhenQuiet if !std::mem::replace(&mut ready, true) => {
                    told.push(dialect.prompt("hello"));
                }
                Heard::Permission(permission) => {
                    assert!(!permission.options.is_empty(), "nothing can be answered");
                    let choice = if allow { Choice::Option(0) } else { permission.denial() };
                    dialect.decide(&permission.key, choice, &mut out);
                    assert_eq!(out.lines.len(), 1, "a permission is answered once");
                    dialect.decide(&permission.key, choice, &mut out);
                    assert_eq!(out.lines.len(), 1, "a permission is answered once");
                    told.append(&mut out.lines);
                }
                _ => {}
            }
        }
    }
    dialect.cancel(&mut out);
    told.append(&mut out.lines);
    told
}
