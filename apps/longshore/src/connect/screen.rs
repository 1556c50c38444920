//! What is shown as text: whole lines for a pipe, and for a terminal also pieces of an answer as they come.

use std::borrow::Cow;
use std::collections::HashMap;

use jiff::tz::TimeZone;
use protocol::{RunId, Timestamp};

use super::asked;
use super::tail::Tail;
use super::transcript::Shown;
use crate::paint::{Paint, visible};
use crate::run::{Outcome, seconds, usage};

/// Lines of an aside that are shown.
const ASIDE: usize = 12;

/// What it is shown on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    /// Gets the text of others as it is, and nothing that is not said.
    Pipe,
    /// A terminal that can only print.
    Dumb,
    /// A terminal whose cursor can go up.
    Terminal,
}

/// Makes text of what is shown. What it gives are whole lines.
#[derive(Debug)]
pub(super) struct Screen {
    kind: Kind,
    paint: Paint,
    zone: TimeZone,
    /// The answers that are being written, as far as they are on the screen.
    streamed: HashMap<RunId, String>,
    /// The one that was printed last, so that its next piece may follow it.
    current: Option<RunId>,
    tail: Tail,
}

impl Screen {
    pub(super) fn new(kind: Kind, paint: Paint, zone: TimeZone) -> Self {
        Self { kind, paint, zone, streamed: HashMap::new(), current: None, tail: Tail::default() }
    }

    /// The row above the prompt is not the one that was printed last.
    pub(super) fn cut(&mut self) {
        self.current = None;
        self.tail.cut();
    }

    /// The lines to print on a terminal of so many columns; none if there is nothing to print now.
    pub(super) fn show(&mut self, shown: &Shown, columns: usize) -> String {
        match shown {
            Shown::Message { time, who, text, run } => {
                self.message(*time, who, text, run.as_ref(), columns)
            }
            Shown::Delta { time, who, run, text } if self.kind == Kind::Terminal => {
                self.piece(*time, who, run, text, columns)
            }
            Shown::SoFar { time, who, run, text } if self.kind == Kind::Terminal => {
                self.so_far(*time, who, run, text, columns)
            }
            Shown::Note(text) => {
                self.cut();
                let text = self.visible(text);
                let note = text.lines().map(|line| format!("-- {line}"));
                lines(note.map(|line| self.paint.yellow(line)))
            }
            Shown::Aside(text) => self.aside(text),
            Shown::Asked(who, request) => {
                self.cut();
                let asks = format!("{who} asks: {}", self.visible(&request.message));
                let mut text = lines(asks.lines().map(|line| self.paint.bold(line)));
                for (n, choice) in request.choices.iter().enumerate() {
                    text.push_str(&format!("  {}. {}\n", n + 1, self.visible(choice)));
                }
                if self.kind != Kind::Pipe {
                    text.push_str(&lines([self.paint.dim(format!("  {}", asked::how(request)))]));
                }
                text
            }
            Shown::Ended { run, outcome, why, millis, usage, is_history } => {
                self.streamed.remove(run);
                self.ended(*outcome, why.as_deref(), *millis, usage.as_ref(), *is_history)
            }
            Shown::HistoryEnd(true) if self.kind != Kind::Pipe => {
                self.cut();
                lines([self.paint.dim("─── now ───")])
            }
            Shown::Deleted => {
                self.show(&Shown::Note("the conversation was deleted".into()), columns)
            }
            Shown::Delta { .. } | Shown::SoFar { .. } | Shown::HistoryEnd(_) => String::new(),
        }
    }

    fn message(
        &mut self,
        time: Timestamp,
        who: &str,
        text: &str,
        run: Option<&RunId>,
        columns: usize,
    ) -> String {
        let streamed = run.and_then(|run| self.streamed.remove(run));
        let follows = self.current.is_some() && self.current.as_ref() == run;
        if let Some(rest) = streamed.as_ref().and_then(|so_far| text.strip_prefix(so_far.as_str()))
        {
            let printed = match (follows, rest) {
                (_, "") => String::new(),
                (true, _) => self.tail.write(&visible(rest), columns),
                (false, _) => format!("{}{}\n", self.prefix(time, who), self.visible(rest)),
            };
            self.cut();
            return printed;
        }
        self.cut();
        format!("{}{}\n", self.prefix(time, who), self.visible(text))
    }

    fn piece(
        &mut self,
        time: Timestamp,
        who: &str,
        run: &RunId,
        text: &str,
        columns: usize,
    ) -> String {
        self.streamed.entry(run.clone()).or_default().push_str(text);
        let text = visible(text);
        if self.current.as_ref() == Some(run) {
            return self.tail.write(&text, columns);
        }
        self.tail.cut();
        self.current = Some(run.clone());
        self.tail.write(&format!("{}{text}", self.prefix(time, who)), columns)
    }

    /// Shows what is not on the terminal yet of an answer that is being written.
    fn so_far(
        &mut self,
        time: Timestamp,
        who: &str,
        run: &RunId,
        text: &str,
        columns: usize,
    ) -> String {
        let shown = self.streamed.get(run);
        let rest = shown.and_then(|so_far| text.strip_prefix(so_far.as_str())).map(str::to_owned);
        if rest.is_none() {
            self.cut();
            self.streamed.remove(run);
        }
        match rest.as_deref() {
            Some("") => String::new(),
            rest => self.piece(time, who, run, rest.unwrap_or(text), columns),
        }
    }

    fn aside(&mut self, text: &str) -> String {
        self.cut();
        let text = self.visible(text);
        let (mut shown, all): (Vec<_>, _) =
            (text.lines().take(ASIDE).collect(), text.lines().count());
        let more = format!("… {} lines more", all.saturating_sub(ASIDE));
        if all > ASIDE {
            shown.push(&more);
        }
        let line = |(n, line): (usize, &&str)| {
            let begin = if n == 0 { "--" } else { "  " };
            self.paint.dim(format!("{begin} {line}"))
        };
        lines(shown.iter().enumerate().map(line))
    }

    fn ended(
        &mut self,
        outcome: Outcome,
        why: Option<&str>,
        millis: Option<u64>,
        cost: Option<&protocol::agents::Usage>,
        is_history: bool,
    ) -> String {
        let why = self.visible(why.unwrap_or_default()).into_owned();
        let said = match outcome {
            Outcome::Failed => self.paint.red(format!("-- failed: {why}")),
            Outcome::Cancelled | Outcome::TimedOut => {
                self.paint.yellow(format!("-- cancelled: {why}"))
            }
            Outcome::Done if is_history || self.kind == Kind::Pipe => return String::new(),
            Outcome::Done => {
                let parts = [millis.map(seconds), cost.and_then(usage)];
                let parts: Vec<_> = parts.into_iter().flatten().collect();
                if parts.is_empty() {
                    return String::new();
                }
                self.paint.dim(format!("   {}", parts.join(" · ")))
            }
        };
        self.cut();
        lines([said])
    }

    /// An agent's text must not move a terminal's cursor, or worse. A pipe gets it as it is.
    fn visible<'a>(&self, text: &'a str) -> Cow<'a, str> {
        if self.kind == Kind::Pipe { text.into() } else { visible(text) }
    }

    fn prefix(&self, time: Timestamp, who: &str) -> String {
        let time = format!("[{}]", self.clock(time));
        format!("{} {} ", self.paint.dim(time), self.paint.cyan(format!("{}:", self.visible(who))))
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

fn lines<'a>(lines: impl IntoIterator<Item = Cow<'a, str>>) -> String {
    lines.into_iter().fold(String::new(), |text, line| text + &line + "\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(kind: Kind, items: &[Shown]) -> String {
        let mut screen = Screen::new(kind, Paint::NONE, TimeZone::UTC);
        items.iter().map(|item| screen.show(item, 80)).collect()
    }

    fn run() -> RunId {
        RunId::new("r").unwrap()
    }

    fn delta(text: &str) -> Shown {
        let (time, who) = (Timestamp::from_millis(0), "echo".into());
        Shown::Delta { time, who, run: run(), text: text.into() }
    }

    fn so_far(text: &str) -> Shown {
        let (time, who) = (Timestamp::from_millis(0), "echo".into());
        Shown::SoFar { time, who, run: run(), text: text.into() }
    }

    fn message(text: &str) -> Shown {
        let (time, who) = (Timestamp::from_millis(0), "echo".into());
        Shown::Message { time, who, text: text.into(), run: Some(run()) }
    }

    const NAME: &str = "[1970-01-01 00:00:00] echo: ";

    #[test]
    fn a_pipe_gets_whole_lines_only() {
        let ended = Shown::Ended {
            run: run(),
            outcome: Outcome::Done,
            why: None,
            millis: Some(1),
            usage: None,
            is_history: false,
        };
        let said = [delta("he"), delta("llo"), message("hello"), ended, Shown::Note("x".into())];

        assert_eq!(shown(Kind::Pipe, &said), format!("{NAME}hello\n-- x\n"));
    }

    #[test]
    fn a_terminal_gets_an_answer_once_however_it_came() {
        let text = shown(Kind::Terminal, &[delta("he"), delta("l"), message("hello")]);

        assert_eq!(text, format!("{NAME}he\n\x1b[1A\r{NAME}hel\n\x1b[1A\r{NAME}hello\n"));
        let whole = shown(Kind::Terminal, &[delta("hello"), message("hello")]);
        assert_eq!(whole, format!("{NAME}hello\n"));
    }

    #[test]
    fn what_comes_between_does_not_have_an_answer_said_again() {
        let said = [delta("he"), Shown::Note("x".into()), message("hello")];
        assert_eq!(shown(Kind::Terminal, &said), format!("{NAME}he\n-- x\n{NAME}llo\n"));

        let said = [delta("he"), Shown::Note("x".into()), delta("llo"), message("hello")];
        assert_eq!(shown(Kind::Terminal, &said), format!("{NAME}he\n-- x\n{NAME}llo\n"));
    }

    #[test]
    fn an_answer_that_differs_from_its_pieces_is_shown_whole() {
        let text = shown(Kind::Terminal, &[delta("draft"), message("final")]);

        assert_eq!(text, format!("{NAME}draft\n{NAME}final\n"));
    }

    #[test]
    fn who_comes_back_in_the_middle_sees_the_rest() {
        let said = [delta("he"), so_far("hel"), so_far("hel"), message("hello")];

        let text = shown(Kind::Terminal, &said);
        assert_eq!(text, format!("{NAME}he\n\x1b[1A\r{NAME}hel\n\x1b[1A\r{NAME}hello\n"));
    }

    #[test]
    fn an_agent_cannot_control_the_terminal() {
        for said in [message("a\x1b[2Jb"), delta("a\x1b[2Jb"), Shown::Aside("a\x1b[2Jb".into())] {
            assert!(
                !shown(Kind::Terminal, std::slice::from_ref(&said)).contains('\x1b'),
                "{said:?}"
            );
        }
        assert!(shown(Kind::Pipe, &[message("a\x1b[2Jb")]).contains("a\x1b[2Jb"));
    }

    #[test]
    fn a_terminal_that_only_prints_gets_whole_answers() {
        let text = shown(Kind::Dumb, &[delta("he"), message("hello")]);

        assert_eq!(text, format!("{NAME}hello\n"));
    }

    #[test]
    fn a_question_has_numbers() {
        let request = serde_json::from_value(serde_json::json!({
            "interactionId": "q", "type": "question", "message": "Which?", "choices": ["red", "green"],
            "expiresAt": "1970-01-01T00:10:00.000Z",
        }));
        let asked = Shown::Asked("echo".into(), request.unwrap());

        assert_eq!(
            shown(Kind::Terminal, &[asked]),
            "echo asks: Which?\n  1. red\n  2. green\n  answer with 1 to 2, /decline not to\n"
        );
    }

    #[test]
    fn what_is_long_beside_an_answer_is_cut() {
        let text = shown(Kind::Terminal, &[Shown::Aside("x\n".repeat(20))]);

        assert_eq!(text.lines().count(), ASIDE + 1);
        assert!(text.ends_with("… 8 lines more\n"));
    }
}
