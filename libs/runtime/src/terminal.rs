//! A terminal: a program behind a pseudo-terminal, in a session of its own.
//!
//! What ends the program ends what was started in the terminal: all process groups of the session get the signal, those in
//! the background, too. Only who begins a session of its own escapes.

mod here;
mod inside;
mod text;

use std::time::Duration;

use crate::host::container::{NotStarted, Room};
use crate::place::Local;
use here::Here;
use inside::Inside;

/// Bytes read at once: what a flooding program can make of one turn.
const READ: usize = 16 << 10;

/// Kind of terminal that programs are told they have; every viewer that is used today understands it.
pub(crate) const KIND: &str = "xterm-256color";

/// Columns and rows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Size {
    /// Columns.
    pub cols: u16,
    /// Rows.
    pub rows: u16,
}

/// What to start.
#[derive(Debug, Clone)]
pub struct Shell {
    /// The program: a path, or a name looked up on the PATH.
    pub program: String,
    /// Size of the terminal.
    pub size: Size,
}

/// Something that a terminal shows.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Shown {
    /// Text and control sequences, whole characters.
    Output(String),
    /// Its program has exited, with this code if it was not killed; in a container a kill is a code above 128. The last
    /// thing that it shows.
    Exited(Option<i32>),
}

/// A running terminal. Dropping it kills what runs in it.
#[derive(Debug)]
pub struct Terminal(Kind);

#[derive(Debug)]
enum Kind {
    Here(Box<Here>),
    Inside(Box<Inside>),
}

impl Terminal {
    /// Starts one on this machine, or says why not.
    pub(crate) async fn here(place: &Local, shell: &Shell) -> Result<Self, String> {
        Ok(Self(Kind::Here(Box::new(Here::start(place, shell).await?))))
    }

    /// Starts one in a container, with these variables besides the container's.
    pub(crate) async fn inside(
        room: &Room,
        shell: &Shell,
        variables: Vec<String>,
    ) -> Result<Self, NotStarted> {
        Ok(Self(Kind::Inside(Box::new(Inside::start(room, shell, variables).await?))))
    }

    /// Types, while [`Terminal::next`] is awaited. The caller sees to it that what was typed before is written.
    pub fn write(&mut self, input: String) {
        match &mut self.0 {
            Kind::Here(terminal) => terminal.write(input),
            Kind::Inside(terminal) => terminal.write(input),
        }
    }

    /// Whether what was typed last waits for the program to read.
    #[must_use]
    pub fn is_writing(&self) -> bool {
        match &self.0 {
            Kind::Here(terminal) => terminal.is_writing(),
            Kind::Inside(terminal) => terminal.is_writing(),
        }
    }

    /// Gives it another size, before what is typed from now on is written.
    pub fn resize(&mut self, size: Size) {
        match &mut self.0 {
            Kind::Here(terminal) => terminal.resize(size),
            Kind::Inside(terminal) => terminal.resize(size),
        }
    }

    /// What it shows next. Cancel safe.
    pub async fn next(&mut self) -> Shown {
        match &mut self.0 {
            Kind::Here(terminal) => terminal.next().await,
            Kind::Inside(terminal) => terminal.next().await,
        }
    }

    /// Ends what runs in it, with force if it does not end within `grace`, and waits for that. What it shows
    /// meanwhile is lost.
    pub async fn end(self, grace: Duration) {
        match self.0 {
            Kind::Here(terminal) => terminal.end(grace).await,
            Kind::Inside(terminal) => terminal.end(grace).await,
        }
    }
}
