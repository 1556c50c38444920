//! The line at the bottom of the terminal: editing, history, completion, and what is printed above it.
//!
//! rustyline blocks, so it has a thread. It stays in it while messages come: they are printed above the line by its own
//! [`ExternalPrinter`], which draws the line again. A second thread hands them over, because that waits for the first.

use std::borrow::Cow;
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError, mpsc as threads};
use std::time::Instant;

use anyhow::Context as _;
use rustix::termios::{self, OptionalActions, Termios};
use rustyline::completion::Completer;
use rustyline::error::ReadlineError;
use rustyline::highlight::Highlighter;
use rustyline::hint::Hinter;
use rustyline::history::FileHistory;
use rustyline::validate::Validator;
use rustyline::{
    Cmd, CompletionType, ConditionalEventHandler, Config, Context, Event, EventContext,
    EventHandler, ExternalPrinter, Helper, KeyCode, KeyEvent, Modifiers, Movement, RepeatCount,
};
use tokio::sync::mpsc;

use super::gate::Gate;
use super::keys::Key;
use super::slash;
use crate::paint::Paint;

/// Lines typed before, at most.
const HISTORY: usize = 1_000;
/// How long the bytes of one key may take, in milliseconds: Esc alone is the beginning of others. Those of a terminal come at once,
/// over a slow connection nearly so.
const KEY: u16 = 40;
/// What waits to be read or printed. When it is full, who has more waits.
const WAITING: usize = 256;
const PROMPT: &str = "> ";

/// What was typed.
#[derive(Debug)]
pub(super) enum Input {
    /// A line, or several that were pasted.
    Line(String),
    /// A key, whether it cleared something, and when.
    Key(Key, bool, Instant),
    /// The terminal cannot be read any more, or the user is done.
    End,
}

/// What Tab can complete.
#[derive(Debug, Default)]
pub(super) struct Names {
    pub(super) conversations: Vec<String>,
    pub(super) agents: Vec<String>,
}

/// The line. Dropping it, or the end of what is typed, gives the terminal back as it was.
pub(super) struct Editor {
    pub(super) input: mpsc::Receiver<Input>,
    above: Option<mpsc::Sender<String>>,
    /// Gone when no more is to be read.
    go: Option<threads::Sender<()>>,
    names: Arc<Mutex<Names>>,
    moved: Arc<AtomicBool>,
    printer: Option<std::thread::JoinHandle<()>>,
    before: Option<Termios>,
}

impl Editor {
    /// Takes the terminal. `history` is where what is typed is kept.
    pub(super) fn open(history: Option<PathBuf>, paint: Paint) -> anyhow::Result<Self> {
        let before = termios::tcgetattr(rustix::stdio::stdin()).ok();
        let (typed, input) = mpsc::channel(WAITING);
        let (above, messages) = mpsc::channel(WAITING);
        let (go, gone) = threads::channel();
        let (names, moved) = (Arc::default(), Arc::new(AtomicBool::new(false)));
        let gate = Arc::new(Gate::default());
        let mut line = edit(&typed, &names, &moved, &gate)?;
        if let Some(path) = &history {
            // There is none at first.
            line.load_history(path).ok();
        }
        let printer = line.create_external_printer().ok();
        let before_line = Arc::clone(&gate);
        std::thread::spawn(move || read(line, &typed, &gone, &before_line, history, paint));
        let printer = std::thread::spawn(move || print(printer, &gate, messages));
        Ok(Self {
            input,
            above: Some(above),
            go: Some(go),
            names,
            moved,
            printer: Some(printer),
            before,
        })
    }

    /// Prints whole lines above the one that is typed.
    pub(super) async fn print(&self, lines: String) {
        if let Some(above) = &self.above {
            above.send(lines).await.ok();
        }
    }

    /// Asks for the next line.
    pub(super) fn go_on(&self) {
        if let Some(go) = &self.go {
            go.send(()).ok();
        }
    }

    /// Whether the row above the line is not the one that was printed last, since this was asked before.
    pub(super) fn has_moved(&self) -> bool {
        self.moved.swap(false, Ordering::Relaxed)
    }

    pub(super) fn name(&self, change: impl FnOnce(&mut Names)) {
        change(&mut self.names.lock().unwrap_or_else(PoisonError::into_inner));
    }

    /// Gives the terminal back, at the beginning of a row, with all printed.
    pub(super) fn close(&mut self) {
        self.above = None;
        // Ends the thread that waits to read, and with it its side of the printer, which may wait to be read from.
        self.go = None;
        if let Some(printer) = self.printer.take() {
            printer.join().ok();
        }
        let Some(before) = self.before.take() else { return };
        let raw = termios::tcgetattr(rustix::stdio::stdin());
        if raw.is_ok_and(|now| now.local_modes != before.local_modes) {
            // The thread is in the middle of a line, which it never ends: the prompt goes, and so does the mode of pasting.
            print!("\r\x1b[J\x1b[?2004l");
            std::io::Write::flush(&mut std::io::stdout()).ok();
            termios::tcsetattr(rustix::stdio::stdin(), OptionalActions::Now, &before).ok();
        }
    }
}

impl Drop for Editor {
    fn drop(&mut self) {
        self.close();
    }
}

type Line = rustyline::Editor<Completing, FileHistory>;

fn edit(
    typed: &mpsc::Sender<Input>,
    names: &Arc<Mutex<Names>>,
    moved: &Arc<AtomicBool>,
    gate: &Arc<Gate>,
) -> anyhow::Result<Line> {
    let config = Config::builder()
        .max_history_size(HISTORY)?
        .history_ignore_dups(true)?
        .completion_type(CompletionType::List)
        .keyseq_timeout(Some(KEY))
        .build();
    let mut line = Line::with_config(config).context("take the terminal")?;
    line.set_helper(Some(Completing { names: Arc::clone(names), gate: Arc::clone(gate) }));
    for (code, modifiers, key) in [
        (KeyCode::Esc, Modifiers::NONE, Key::Escape),
        (KeyCode::Char('C'), Modifiers::CTRL, Key::Interrupt),
    ] {
        let pressed = Pressed { key, typed: typed.clone() };
        line.bind_sequence(KeyEvent(code, modifiers), EventHandler::Conditional(Box::new(pressed)));
    }
    line.bind_sequence(
        KeyEvent(KeyCode::Enter, Modifiers::ALT),
        EventHandler::Simple(Cmd::Newline),
    );
    for control in ['L', 'Z'] {
        let moves = Moves(Arc::clone(moved));
        let key = KeyEvent(KeyCode::Char(control), Modifiers::CTRL);
        line.bind_sequence(key, EventHandler::Conditional(Box::new(moves)));
    }
    let moves = Moves(Arc::clone(moved));
    let enter = KeyEvent(KeyCode::Enter, Modifiers::NONE);
    line.bind_sequence(enter, EventHandler::Conditional(Box::new(moves)));
    Ok(line)
}

fn read(
    mut line: Line,
    typed: &mpsc::Sender<Input>,
    go: &threads::Receiver<()>,
    gate: &Gate,
    history: Option<PathBuf>,
    paint: Paint,
) {
    let prompt = (PROMPT, paint.bold(PROMPT));
    while let Ok(()) = go.recv() {
        gate.begins();
        let read = line.readline(&prompt);
        gate.ended();
        let read = match read {
            Ok(text) => {
                if !text.trim().is_empty() && line.add_history_entry(&text).unwrap_or(false) {
                    // What is typed counts, whether it can be kept or not.
                    history.as_ref().map(|path| line.append_history(path));
                }
                Input::Line(text)
            }
            // Bound, so it comes from a terminal that cannot be edited on.
            Err(ReadlineError::Interrupted) => Input::Key(Key::Interrupt, false, Instant::now()),
            Err(_) => Input::End,
        };
        let is_end = matches!(read, Input::End);
        if typed.blocking_send(read).is_err() || is_end {
            return;
        }
    }
}

fn print(
    mut printer: Option<impl ExternalPrinter>,
    gate: &Gate,
    mut messages: mpsc::Receiver<String>,
) {
    while let Some(lines) = messages.blocking_recv() {
        match &mut printer {
            Some(printer) => gate.pass(|| _ = printer.print(lines).ok()),
            None => print!("{lines}"),
        }
    }
}

/// Tells that a key was pressed, and clears what is typed.
struct Pressed {
    key: Key,
    typed: mpsc::Sender<Input>,
}

impl ConditionalEventHandler for Pressed {
    fn handle(&self, _: &Event, _: RepeatCount, _: bool, at: &EventContext<'_>) -> Option<Cmd> {
        // A session that does not keep up with keys has many already.
        self.typed.try_send(Input::Key(self.key, !at.line().is_empty(), Instant::now())).ok();
        Some(Cmd::Kill(Movement::WholeBuffer))
    }
}

/// Notes that the row above the line is going to be another, and does what the key does.
struct Moves(Arc<AtomicBool>);

impl ConditionalEventHandler for Moves {
    fn handle(&self, _: &Event, _: RepeatCount, _: bool, _: &EventContext<'_>) -> Option<Cmd> {
        self.0.store(true, Ordering::Relaxed);
        None
    }
}

/// Completes commands, and notices when the line is there.
struct Completing {
    names: Arc<Mutex<Names>>,
    gate: Arc<Gate>,
}

impl Completer for Completing {
    type Candidate = String;

    fn complete(
        &self,
        line: &str,
        at: usize,
        _: &Context<'_>,
    ) -> rustyline::Result<(usize, Vec<String>)> {
        let names = self.names.lock().unwrap_or_else(PoisonError::into_inner);
        Ok(slash::complete(&line[..at], &names.conversations, &names.agents))
    }
}

impl Helper for Completing {}
impl Validator for Completing {}
impl Hinter for Completing {
    type Hint = String;

    /// Asked for at each drawing, for the first time just before the first.
    fn hint(&self, _: &str, _: usize, _: &Context<'_>) -> Option<String> {
        self.gate.has_begun();
        None
    }
}
impl Highlighter for Completing {
    fn highlight_prompt<'b, 's: 'b, 'p: 'b>(&'s self, prompt: &'p str, _: bool) -> Cow<'b, str> {
        prompt.into()
    }
}
