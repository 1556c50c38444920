//! Errors that say what can be done about them: `error: …` and, where there is one, `hint: …`.
//!
//! ```text
//! error: no controller runs here
//! hint: start one with `longshore up`, or say which with --url and --token
//! ```
//!
//! A hint is added where the error is made or passed on, with [`Advise::hint`]; [`crate::run()`] prints both.

use std::borrow::Cow;
use std::fmt;
use std::process::ExitCode;

/// Adds a hint to what went wrong.
pub trait Advise<T> {
    /// What can be done about an error. The outermost hint is the one that is shown.
    ///
    /// # Errors
    /// The same error, with the hint.
    fn hint(self, hint: impl Into<Cow<'static, str>>) -> anyhow::Result<T>;

    /// The same, where the hint has to be made.
    ///
    /// # Errors
    /// The same error, with the hint.
    fn with_hint(self, hint: impl FnOnce() -> String) -> anyhow::Result<T>;
}

impl<T, E: Into<anyhow::Error>> Advise<T> for Result<T, E> {
    fn hint(self, hint: impl Into<Cow<'static, str>>) -> anyhow::Result<T> {
        self.map_err(|error| hinted(error.into(), hint))
    }

    fn with_hint(self, hint: impl FnOnce() -> String) -> anyhow::Result<T> {
        self.map_err(|error| hinted(error.into(), hint()))
    }
}

/// An error with a hint, where there is no `Result` yet: `return Err(hinted(anyhow!("…"), "…"))`.
pub fn hinted(
    error: impl Into<anyhow::Error>,
    hint: impl Into<Cow<'static, str>>,
) -> anyhow::Error {
    Hinted { error: error.into(), hint: hint.into() }.into()
}

/// Shows and is traced like the error in it, so that the hint is no part of any message.
struct Hinted {
    error: anyhow::Error,
    hint: Cow<'static, str>,
}

impl fmt::Display for Hinted {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.error.fmt(f)
    }
}

impl fmt::Debug for Hinted {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.error.fmt(f)
    }
}

impl std::error::Error for Hinted {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        self.error.source()
    }
}

/// An end with a status of its own. What there was to say has been said; nothing more is printed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Status(pub u8);

impl fmt::Display for Status {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "status {}", self.0)
    }
}

impl std::error::Error for Status {}

/// Tells the user, on stderr, and gives the status to exit with.
#[must_use]
pub fn report(error: &anyhow::Error) -> ExitCode {
    if let Some(Status(status)) = error.downcast_ref() {
        return ExitCode::from(*status);
    }
    eprint!("{}", text(error));
    ExitCode::FAILURE
}

fn text(error: &anyhow::Error) -> String {
    let mut text = format!("error: {}\n", plain(&format!("{error:#}")));
    if let Some(hint) = hint_of(error) {
        text.push_str(&format!("hint: {}\n", plain(hint)));
    }
    text
}

fn hint_of(error: &anyhow::Error) -> Option<&str> {
    let hinted = error.chain().find_map(|cause| cause.downcast_ref::<Hinted>());
    hinted.map(|hinted| hinted.hint.as_ref())
}

/// What came over a wire may try to be more than text: control characters would move the cursor or forge a line.
fn plain(text: &str) -> String {
    text.chars().map(|c| if c.is_control() { ' ' } else { c }).collect()
}

#[cfg(test)]
mod tests {
    use anyhow::{Context, anyhow};

    use super::*;

    #[test]
    fn the_error_is_told_with_its_causes_and_the_hint_below() {
        let error = Err::<(), _>(anyhow!("connection refused")).hint("start it");
        let error = error.context("ask the server").unwrap_err();

        assert_eq!(text(&error), "error: ask the server: connection refused\nhint: start it\n");
    }

    #[test]
    fn the_outermost_hint_counts_and_causes_are_told_once() {
        let inner = Err::<(), _>(anyhow!("a").context("b")).hint("inner");
        let outer = inner.with_hint(|| "outer".to_owned()).unwrap_err();

        assert_eq!(text(&outer), "error: b: a\nhint: outer\n");
        assert_eq!(text(&anyhow!("x")), "error: x\n");
    }

    #[test]
    fn text_of_others_stays_on_its_line() {
        let error = anyhow!("no agent \u{1b}[2J\nerror: forged");

        assert_eq!(text(&error), "error: no agent  [2J error: forged\n");
    }
}
