//! A program that is started only to see whether it answers.

use std::time::Duration;

use protocol::agents::OutputStream;
use protocol::limits::MAX_LINE;
use serde_json::Value;
use tokio::time::timeout;

use super::out::{Heard, Out};
use super::{Dialect, Opening, Setting, Unknown};
use crate::codec::exit::describe;
use crate::framing::Framing;
use crate::host::process::{Activity, Process};

/// How long it may take: somebody waits for the answer to a request.
const LONGEST: Duration = Duration::from_secs(20);

/// Bytes of what it says last on stderr that are told when it fails.
const LAST_WORDS: usize = 2_000;

/// Starts the program, waits until it takes turns, and ends it. The answer is whether it can take up a session.
///
/// # Errors
/// Why it does not take turns, for people.
pub(in crate::codec) async fn greet(
    mut dialect: Box<dyn Dialect>,
    setting: Setting,
) -> Result<bool, String> {
    if dialect.is_per_turn() {
        // There is nothing to be said before a message.
        return Ok(dialect.resumes());
    }
    let args = dialect.arguments(setting.program.args(), None);
    let program = setting.program.with_args(args);
    let mut process = program.start().await.map_err(|error| error.to_string())?;
    let mut out = Out::default();
    dialect.open(&Opening { resume: None, directory: program.directory() }, &mut out);
    let late = || Err(format!("{} does not answer as a program of its codec does", setting.name));
    let greeted = timeout(LONGEST, listen(&mut *dialect, &mut process, out, &setting.name));
    let greeted = greeted.await.unwrap_or_else(|_| late());
    process.end(setting.graces.terminate).await;
    greeted.map(|()| dialect.resumes())
}

async fn listen(
    dialect: &mut dyn Dialect,
    process: &mut Process,
    mut out: Out,
    name: &str,
) -> Result<(), String> {
    let (mut stdout, mut last_words) = (Framing::new(MAX_LINE), Vec::new());
    loop {
        let Out { lines, heard } = std::mem::take(&mut out);
        for line in lines {
            process.tell(format!("{line}\n").as_bytes());
        }
        for heard in heard {
            match heard {
                Heard::Ready | Heard::ReadyWhenQuiet => return Ok(()),
                Heard::Refused(why) => return Err(why),
                _ => {}
            }
        }
        match process.next().await {
            Activity::Output(OutputStream::Stdout, bytes) => {
                for line in stdout.push(&bytes) {
                    if let Ok(Value::Object(message)) = serde_json::from_str(&line.text) {
                        // What means nothing to it is no greeting.
                        let _: Result<(), Unknown> = dialect.hear(&message, &mut out);
                    }
                }
            }
            Activity::Output(OutputStream::Stderr, bytes) => {
                last_words.extend_from_slice(&bytes);
                let more = last_words.len().saturating_sub(LAST_WORDS);
                last_words.drain(..more);
            }
            Activity::Exited { status, .. } => {
                let said = String::from_utf8_lossy(&last_words);
                return Err(format!("{name} {}: {}", describe(status), said.trim()));
            }
            Activity::Written | Activity::NotWritten(_) => {}
        }
    }
}
