//! Prints what is shown: whole lines for a pipe, and for a terminal also pieces of an answer as they come.

use std::borrow::Cow;
use std::io::{self, Write};

use jiff::tz::TimeZone;
use protocol::{RunId, Timestamp};

use super::transcript::Shown;

/// Returns to the start of the line and clears it, for what the prompt left there.
const CLEAR_LINE: &str = "\r\x1b[K";
const PROMPT: &str = "> ";

/// Where the conversation is shown.
#[derive(Debug)]
pub(super) struct Screen<W> {
    out: W,
    terminal: bool,
    zone: TimeZone,
    /// The answer that stands half on the terminal: its run, and the text so far.
    streaming: Option<(RunId, String)>,
    prompted: bool,
}

impl<W: Write> Screen<W> {
    /// A screen on `out`, which is a terminal or not.
    pub(super) fn new(out: W, terminal: bool, zone: TimeZone) -> Self {
        Self { out, terminal, zone, streaming: None, prompted: false }
    }

    /// Shows it.
    ///
    /// # Errors
    /// The output is closed.
    pub(super) fn show(&mut self, shown: &Shown) -> io::Result<()> {
        match shown {
            Shown::Message { time, who, text, run } => {
                self.message(*time, who, text, run.as_ref())?;
            }
            Shown::Delta { time, who, run, text } if self.terminal => {
                self.delta(*time, who, run, text)?;
            }
            Shown::SoFar { time, who, run, text } if self.terminal => {
                self.so_far(*time, who, run, text)?;
            }
            Shown::Note(text) => {
                self.fresh_line()?;
                writeln!(self.out, "-- {}", self.visible(text))?;
            }
            Shown::Delta { .. } | Shown::SoFar { .. } | Shown::Ended(_) | Shown::HistoryEnd => {}
        }
        self.prompt()
    }

    /// Asks for input, unless half an answer stands on the line.
    ///
    /// # Errors
    /// The output is closed.
    pub(super) fn prompt(&mut self) -> io::Result<()> {
        if self.terminal && !self.prompted && self.streaming.is_none() {
            write!(self.out, "{PROMPT}")?;
            self.prompted = true;
        }
        self.out.flush()
    }

    /// The user pressed Enter, so the prompt's line is used up.
    pub(super) fn entered(&mut self) {
        self.prompted = false;
    }

    /// Leaves the terminal at the start of a line.
    ///
    /// # Errors
    /// The output is closed.
    pub(super) fn close(&mut self) -> io::Result<()> {
        self.fresh_line()?;
        self.out.flush()
    }

    fn message(
        &mut self,
        time: Timestamp,
        who: &str,
        text: &str,
        run: Option<&RunId>,
    ) -> io::Result<()> {
        let streamed = self.streaming.take_if(|(streaming, _)| Some(&*streaming) == run);
        if let Some(rest) =
            streamed.as_ref().and_then(|(_, so_far)| text.strip_prefix(so_far.as_str()))
        {
            return writeln!(self.out, "{}", self.visible(rest));
        }
        if streamed.is_some() {
            writeln!(self.out)?;
        }
        self.fresh_line()?;
        let text = self.visible(text);
        writeln!(self.out, "[{}] {who}: {text}", self.clock(time))
    }

    fn delta(&mut self, time: Timestamp, who: &str, run: &RunId, text: &str) -> io::Result<()> {
        if self.streaming.as_ref().is_none_or(|(streaming, _)| streaming != run) {
            self.fresh_line()?;
            write!(self.out, "[{}] {who}: ", self.clock(time))?;
            self.streaming = Some((run.clone(), String::new()));
        }
        if let Some((_, so_far)) = &mut self.streaming {
            so_far.push_str(text);
        }
        write!(self.out, "{}", self.visible(text))
    }

    /// Shows what is not on the terminal yet of an answer that is being written.
    fn so_far(&mut self, time: Timestamp, who: &str, run: &RunId, text: &str) -> io::Result<()> {
        let shown = self.streaming.as_ref().filter(|(streaming, _)| streaming == run);
        let rest = shown.and_then(|(_, so_far)| text.strip_prefix(so_far.as_str()));
        if rest.is_none() {
            self.fresh_line()?;
        }
        self.delta(time, who, run, rest.unwrap_or(text))
    }

    /// An agent's text must not move a terminal's cursor, or worse. A pipe gets it as it is.
    fn visible<'a>(&self, text: &'a str) -> Cow<'a, str> {
        let harmful = |c: char| c.is_control() && !matches!(c, '\n' | '\t');
        if self.terminal && text.contains(harmful) {
            text.replace(harmful, "\u{fffd}").into()
        } else {
            text.into()
        }
    }

    fn fresh_line(&mut self) -> io::Result<()> {
        if self.streaming.take().is_some() {
            writeln!(self.out)?;
        }
        if std::mem::take(&mut self.prompted) {
            write!(self.out, "{CLEAR_LINE}")?;
        }
        Ok(())
    }

    /// The time of day where the reader is, with the date when that is not today's.
    fn clock(&self, time: Timestamp) -> String {
        let millis = i64::try_from(time.as_millis()).ok();
        let Some(point) = millis.and_then(|m| jiff::Timestamp::from_millisecond(m).ok()) else {
            return time.to_string();
        };
        let here = point.to_zoned(self.zone.clone());
        let today = jiff::Timestamp::now().to_zoned(self.zone.clone()).date();
        let form = if here.date() == today { "%H:%M:%S" } else { "%Y-%m-%d %H:%M:%S" };
        here.strftime(form).to_string()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(terminal: bool, items: &[Shown]) -> String {
        let mut screen = Screen::new(Vec::new(), terminal, TimeZone::UTC);
        for item in items {
            screen.show(item).unwrap();
        }
        String::from_utf8(screen.out).unwrap()
    }

    fn run() -> RunId {
        RunId::new("r").unwrap()
    }

    fn delta(text: &str) -> Shown {
        Shown::Delta {
            time: Timestamp::from_millis(0),
            who: "echo".into(),
            run: run(),
            text: text.into(),
        }
    }

    fn message(text: &str) -> Shown {
        Shown::Message {
            time: Timestamp::from_millis(0),
            who: "echo".into(),
            text: text.into(),
            run: Some(run()),
        }
    }

    #[test]
    fn a_pipe_gets_whole_lines_only() {
        let text = shown(
            false,
            &[delta("he"), delta("llo"), message("hello"), Shown::Note("cancelled".into())],
        );

        assert_eq!(text, "[1970-01-01 00:00:00] echo: hello\n-- cancelled\n");
    }

    #[test]
    fn a_terminal_gets_an_answer_once_however_it_came() {
        let text = shown(true, &[delta("he"), delta("l"), message("hello")]);

        assert_eq!(text, "[1970-01-01 00:00:00] echo: hello\n> ");
    }

    #[test]
    fn an_answer_that_differs_from_its_pieces_is_shown_whole() {
        let text = shown(true, &[delta("draft"), message("final")]);

        assert_eq!(
            text,
            "[1970-01-01 00:00:00] echo: draft\n[1970-01-01 00:00:00] echo: final\n> "
        );
    }

    #[test]
    fn an_agent_cannot_control_the_terminal() {
        assert!(!shown(true, &[message("a\x1b[2Jb")]).contains("\x1b[2J"));
        assert!(shown(false, &[message("a\x1b[2Jb")]).contains("a\x1b[2Jb"));
    }

    #[test]
    fn news_replace_the_prompt() {
        let text = shown(true, &[message("one"), Shown::Note("two".into())]);

        assert_eq!(text, "[1970-01-01 00:00:00] echo: one\n> \r\x1b[K-- two\n> ");
    }
}
