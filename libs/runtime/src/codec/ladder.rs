//! Signals of growing force, with time between them.

use rustix::process::Signal;
use tokio::time::Instant;

use crate::session::Graces;

/// What to send next to a program that is to give up its turn, and when.
#[derive(Debug, Clone, Copy)]
pub(super) struct Ladder {
    next: Option<(Instant, Signal)>,
    graces: Graces,
}

impl Ladder {
    /// Begins with an interrupt, at once.
    pub(super) fn interrupt(now: Instant, graces: Graces) -> Self {
        Self { next: Some((now, Signal::INT)), graces }
    }

    /// Gives the program, which was told to give up its turn, some time to do so, then begins with an interrupt.
    pub(super) fn cancel(now: Instant, graces: Graces) -> Self {
        Self { next: Some((now + graces.interrupt, Signal::INT)), graces }
    }

    /// Gives the program some time to exit by itself, then tells it to.
    pub(super) fn exit(now: Instant, graces: Graces) -> Self {
        Self { next: Some((now + graces.interrupt, Signal::TERM)), graces }
    }

    /// When [`Ladder::climb`] has something to send.
    pub(super) fn deadline(&self) -> Option<Instant> {
        self.next.map(|(at, _)| at)
    }

    /// What to send now.
    pub(super) fn climb(&mut self, now: Instant) -> Option<Signal> {
        let (_, signal) = self.next.take_if(|(at, _)| *at <= now)?;
        self.next = match signal {
            Signal::INT => Some((now + self.graces.interrupt, Signal::TERM)),
            Signal::TERM => Some((now + self.graces.terminate, Signal::KILL)),
            // Nothing is stronger.
            _ => None,
        };
        Some(signal)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn climb_to_the_top(mut ladder: Ladder, start: Instant) -> Vec<(u128, Signal)> {
        let mut steps = Vec::new();
        while let Some(at) = ladder.deadline() {
            let signal = ladder.climb(at).expect("it is time");
            steps.push(((at - start).as_millis(), signal));
        }
        steps
    }

    #[test]
    fn force_grows() {
        let now = Instant::now();

        let cancel = climb_to_the_top(Ladder::interrupt(now, Graces::default()), now);
        let exit = climb_to_the_top(Ladder::exit(now, Graces::default()), now);

        assert_eq!(cancel, [(0, Signal::INT), (2_000, Signal::TERM), (5_000, Signal::KILL)]);
        assert_eq!(exit, [(2_000, Signal::TERM), (5_000, Signal::KILL)]);
    }

    #[test]
    fn nothing_is_sent_early() {
        let now = Instant::now();
        let mut ladder = Ladder::exit(now, Graces::default());

        assert_eq!(ladder.climb(now), None);
        assert_eq!(ladder.deadline(), Some(now + Graces::default().interrupt));
    }
}
