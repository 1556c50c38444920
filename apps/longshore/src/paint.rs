//! Colour where it is wanted, and text of others that cannot do more than be read.

use std::borrow::Cow;
use std::ffi::OsString;

/// Whether what is printed has colours.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Paint(bool);

impl Paint {
    /// For a stream that is a terminal or not, by the conventions of the environment.
    pub(crate) fn of(is_terminal: bool) -> Self {
        Self::by(is_terminal, |name| std::env::var_os(name))
    }

    /// `NO_COLOR` counts most, then `CLICOLOR_FORCE`; then a terminal has colours, unless it is dumb or `CLICOLOR` is 0.
    fn by(is_terminal: bool, variable: impl Fn(&str) -> Option<OsString>) -> Self {
        let is_set = |name: &str| variable(name).is_some_and(|value| !value.is_empty());
        let is = |name: &str, text: &str| variable(name).is_some_and(|value| value == text);
        Self(if is_set("NO_COLOR") {
            false
        } else if is_set("CLICOLOR_FORCE") && !is("CLICOLOR_FORCE", "0") {
            true
        } else {
            is_terminal && !is("TERM", "dumb") && !is("CLICOLOR", "0")
        })
    }

    pub(crate) fn is_on(self) -> bool {
        self.0
    }

    #[cfg(test)]
    pub(crate) const NONE: Self = Self(false);

    pub(crate) fn dim<'a>(self, text: impl Into<Cow<'a, str>>) -> Cow<'a, str> {
        self.with("2", text.into())
    }

    pub(crate) fn bold<'a>(self, text: impl Into<Cow<'a, str>>) -> Cow<'a, str> {
        self.with("1", text.into())
    }

    pub(crate) fn red<'a>(self, text: impl Into<Cow<'a, str>>) -> Cow<'a, str> {
        self.with("31", text.into())
    }

    pub(crate) fn yellow<'a>(self, text: impl Into<Cow<'a, str>>) -> Cow<'a, str> {
        self.with("33", text.into())
    }

    pub(crate) fn cyan<'a>(self, text: impl Into<Cow<'a, str>>) -> Cow<'a, str> {
        self.with("36", text.into())
    }

    fn with(self, code: &str, text: Cow<'_, str>) -> Cow<'static, str> {
        if self.0 { format!("\x1b[{code}m{text}\x1b[0m").into() } else { text.into_owned().into() }
    }
}

/// The text with everything replaced by U+FFFD that could move a terminal's cursor, or worse, or turn the order of what is read.
pub(crate) fn visible(text: &str) -> Cow<'_, str> {
    let harmful = |c: char| {
        (c.is_control() && !matches!(c, '\n' | '\t'))
            || matches!(c, '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
    };
    if text.contains(harmful) { text.replace(harmful, "\u{fffd}").into() } else { text.into() }
}

/// The same on one line, at most so many characters.
pub(crate) fn brief(text: &str, most: usize) -> String {
    let line = visible(text).split_whitespace().collect::<Vec<_>>().join(" ");
    match line.char_indices().nth(most) {
        Some((end, _)) => format!("{}…", &line[..end]),
        None => line,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn by(is_terminal: bool, set: &[(&str, &str)]) -> bool {
        Paint::by(is_terminal, |name| {
            set.iter().find(|(known, _)| *known == name).map(|(_, value)| value.into())
        })
        .0
    }

    #[test]
    fn colours_are_for_terminals_that_want_them() {
        assert!(by(true, &[]) && !by(false, &[]));
        assert!(by(true, &[("NO_COLOR", "")]), "an empty one does not count");
        assert!(!by(true, &[("NO_COLOR", "1"), ("CLICOLOR_FORCE", "1")]));
        assert!(!by(true, &[("TERM", "dumb")]) && !by(true, &[("CLICOLOR", "0")]));
        assert!(by(false, &[("CLICOLOR_FORCE", "1")]) && !by(false, &[("CLICOLOR_FORCE", "0")]));
    }

    #[test]
    fn text_of_others_is_only_read() {
        assert_eq!(visible("a\x1b[2J\r\u{9b}b\u{202e}"), "a\u{fffd}[2J\u{fffd}\u{fffd}b\u{fffd}");
        assert!(matches!(visible("fine\n\t漢字"), Cow::Borrowed(_)));
        assert_eq!(brief(" a \n b\tc ", 3), "a b…");
        assert_eq!(brief("漢字", 2), "漢字");
    }
}
