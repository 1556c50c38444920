//! Where a conversation is shown, and where what is said comes from: a terminal with a line to edit, or pipes.

use std::io::{self, IsTerminal, Write};
use std::path::PathBuf;

use rustix::termios;
use tokio::sync::mpsc;

use super::editor::{Editor, Input, Names};
use super::input;
use super::screen::Kind;
use crate::paint::Paint;

/// Columns where nobody says how many there are.
const COLUMNS: usize = 80;

/// Both ends of the talk.
pub(super) struct Output {
    kind: Kind,
    paint: Paint,
    from: From,
}

enum From {
    Editor(Box<Editor>),
    /// Lines of standard input.
    Lines(mpsc::Receiver<String>),
    /// Nobody: what is said is known.
    Nothing,
}

impl Output {
    /// Takes the terminal when somebody is going to type on it; `history` is where that is kept.
    pub(super) fn open(
        somebody_types: bool,
        history: impl FnOnce() -> Option<PathBuf>,
    ) -> anyhow::Result<Self> {
        let is_terminal = io::stdout().is_terminal();
        let is_dumb = std::env::var_os("TERM").is_some_and(|term| term == "dumb");
        let kind = match (is_terminal, is_dumb) {
            (false, _) => Kind::Pipe,
            (true, true) => Kind::Dumb,
            (true, false) => Kind::Terminal,
        };
        let paint = Paint::of(is_terminal);
        let from = match somebody_types {
            false => From::Nothing,
            true if is_terminal && io::stdin().is_terminal() => {
                From::Editor(Box::new(Editor::open(history(), paint)?))
            }
            true => From::Lines(input::lines()),
        };
        Ok(Self { kind, paint, from })
    }

    pub(super) fn kind(&self) -> Kind {
        self.kind
    }

    pub(super) fn paint(&self) -> Paint {
        self.paint
    }

    /// Whether somebody edits lines.
    pub(super) fn is_edited(&self) -> bool {
        matches!(self.from, From::Editor(_))
    }

    /// Columns of the terminal now.
    pub(super) fn columns(&self) -> usize {
        let size = termios::tcgetwinsize(rustix::stdio::stdout()).ok();
        size.map(|size| usize::from(size.ws_col)).filter(|columns| *columns > 0).unwrap_or(COLUMNS)
    }

    /// The next thing that is typed; a line of a pipe only when `wants_line`. Cancel safe.
    pub(super) async fn input(&mut self, wants_line: bool) -> Input {
        match &mut self.from {
            From::Editor(editor) => editor.input.recv().await.unwrap_or(Input::End),
            From::Lines(lines) if wants_line => lines.recv().await.map_or(Input::End, Input::Line),
            From::Lines(_) | From::Nothing => std::future::pending().await,
        }
    }

    /// Asks for the next line.
    pub(super) fn go_on(&self) {
        if let From::Editor(editor) = &self.from {
            editor.go_on();
        }
    }

    /// Whether the row above the line is not the one that was printed last.
    pub(super) fn has_moved(&self) -> bool {
        matches!(&self.from, From::Editor(editor) if editor.has_moved())
    }

    pub(super) fn name(&self, change: impl FnOnce(&mut Names)) {
        if let From::Editor(editor) = &self.from {
            editor.name(change);
        }
    }

    /// Prints whole lines.
    pub(super) async fn print(&self, lines: String) -> io::Result<()> {
        if lines.is_empty() {
            return Ok(());
        }
        match &self.from {
            From::Editor(editor) => editor.print(lines).await,
            From::Lines(_) | From::Nothing => {
                let mut out = io::stdout().lock();
                out.write_all(lines.as_bytes())?;
                out.flush()?;
            }
        }
        Ok(())
    }

    /// Gives the terminal back.
    pub(super) fn close(&mut self) {
        if let From::Editor(editor) = &mut self.from {
            editor.close();
        }
    }
}
