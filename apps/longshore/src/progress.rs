//! A line that shows how far long work is, on a terminal; elsewhere nothing.

use std::fmt::Write as _;
use std::io::{self, IsTerminal, Write};
use std::time::{Duration, Instant};

/// How often the line is drawn anew.
const PACE: Duration = Duration::from_millis(100);
/// Work that takes less is not worth a line.
const PATIENCE: Duration = Duration::from_millis(300);
/// Cells of the bar.
const WIDTH: usize = 24;

/// How far something is. Its line is erased when it is dropped, so that what is printed then begins a line.
#[derive(Debug)]
pub struct Progress {
    what: String,
    unit: Unit,
    shown: bool,
    began: Instant,
    drawn: Option<Instant>,
}

/// What is counted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Unit {
    /// Bytes, told in KiB, MiB or GiB.
    Bytes,
    /// Things, told as they are.
    Things,
}

impl Progress {
    /// Work that begins now; `what` says which, in a few words.
    #[must_use]
    pub fn new(what: impl Into<String>, unit: Unit) -> Self {
        let shown =
            io::stderr().is_terminal() && std::env::var_os("TERM").is_none_or(|t| t != "dumb");
        Self { what: what.into(), unit, shown, began: Instant::now(), drawn: None }
    }

    /// `done` of `total`; call it as often as is convenient.
    pub fn at(&mut self, done: u64, total: u64) {
        let now = Instant::now();
        let due = self.drawn.map_or(self.began + PATIENCE, |drawn| drawn + PACE);
        if !self.shown || now < due {
            return;
        }
        self.drawn = Some(now);
        self.draw(&line(&self.what, self.unit, done, total));
    }

    fn draw(&self, line: &str) {
        let mut out = io::stderr().lock();
        let _ = write!(out, "\r{line}\u{1b}[K");
        let _ = out.flush();
    }
}

impl Drop for Progress {
    fn drop(&mut self) {
        if self.drawn.is_some() {
            self.draw("");
        }
    }
}

fn line(what: &str, unit: Unit, done: u64, total: u64) -> String {
    // An estimate may turn out too small.
    let done = done.min(total);
    let share =
        |of: u64| u64::try_from(u128::from(done) * u128::from(of) / u128::from(total.max(1)));
    let cells = usize::try_from(share(WIDTH as u64).unwrap_or(0)).unwrap_or(0);
    let mut line = format!("{what}  ");
    line.extend((0..WIDTH).map(|cell| if cell < cells { '█' } else { '░' }));
    let _ = write!(line, " {:>3}%  ", share(100).unwrap_or(0));
    match unit {
        Unit::Bytes => line.push_str(&format!("{} of {}", bytes(done), bytes(total))),
        Unit::Things => line.push_str(&format!("{done} of {total}")),
    }
    line
}

/// A number of bytes for people.
#[must_use]
pub fn bytes(number: u64) -> String {
    const UNITS: [&str; 4] = ["KiB", "MiB", "GiB", "TiB"];
    if number < 1024 {
        return format!("{number} bytes");
    }
    let steps = (number.ilog2() / 10).clamp(1, 4);
    // A tenth is enough; the remainder of what the shift drops is below that.
    let tenths = (u128::from(number) * 10) >> (10 * steps);
    format!("{}.{} {}", tenths / 10, tenths % 10, UNITS[steps as usize - 1])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_has_a_bar_a_share_and_both_numbers() {
        let half = line("copying", Unit::Bytes, 1024, 2048);

        assert_eq!(
            half,
            format!("copying  {}{}  50%  1.0 KiB of 2.0 KiB", "█".repeat(12), "░".repeat(12))
        );
        assert!(line("x", Unit::Things, 9, 3).ends_with("100%  3 of 3"));
        assert!(line("x", Unit::Things, 0, 0).contains("  0%"));
    }

    #[test]
    fn bytes_are_told_in_the_fitting_unit() {
        let told = [0, 1023, 1024, 1536, 5 << 20, (3 << 30) + (1 << 29), u64::MAX].map(bytes);

        assert_eq!(
            told,
            ["0 bytes", "1023 bytes", "1.0 KiB", "1.5 KiB", "5.0 MiB", "3.5 GiB", "16777215.9 TiB"]
        );
    }

    #[test]
    fn what_is_done_at_once_shows_nothing() {
        let mut progress = Progress::new("x", Unit::Things);

        progress.at(1, 2);

        assert!(progress.drawn.is_none());
    }
}
