//! Keeps what is printed from the moment in which the line appears: it would stand behind the prompt.

use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};

/// Where the line is. A mutex, because what is printed between two lines has to be printed before the next appears.
#[derive(Debug, Default)]
pub(super) struct Gate {
    line: Mutex<Line>,
    changed: Condvar,
}

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
enum Line {
    /// Not there: what is printed goes to the terminal.
    #[default]
    Away,
    /// About to be drawn.
    Begins,
    /// There: what is printed goes by way of it.
    There,
}

impl Gate {
    /// The line is going to be drawn.
    pub(super) fn begins(&self) {
        self.change(Line::Begins);
    }

    /// It is there from now on.
    pub(super) fn has_begun(&self) {
        let is_new = *self.lock() == Line::Begins;
        if is_new {
            self.change(Line::There);
        }
    }

    pub(super) fn ended(&self) {
        self.change(Line::Away);
    }

    /// Prints, when the line is there or not.
    pub(super) fn pass(&self, print: impl FnOnce()) {
        let is_drawn = |line: &mut Line| *line == Line::Begins;
        let line = self.changed.wait_while(self.lock(), is_drawn);
        let line = line.unwrap_or_else(PoisonError::into_inner);
        // Where it is there, it has to take what is printed, and needs the gate for that.
        let held = (*line == Line::Away).then_some(line);
        print();
        drop(held);
    }

    fn change(&self, to: Line) {
        *self.lock() = to;
        self.changed.notify_all();
    }

    fn lock(&self) -> MutexGuard<'_, Line> {
        self.line.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::sync::mpsc::channel;

    use super::*;

    #[test]
    fn nothing_is_printed_while_the_line_appears() {
        let gate = Arc::new(Gate::default());
        let (printed, prints) = channel();
        gate.begins();

        let printing = std::thread::spawn({
            let gate = Arc::clone(&gate);
            move || gate.pass(|| printed.send(*gate.lock()).unwrap())
        });
        assert!(prints.try_recv().is_err());
        gate.has_begun();

        assert_eq!(prints.recv().unwrap(), Line::There);
        printing.join().unwrap();
        gate.ended();
        gate.pass(|| {});
    }
}
