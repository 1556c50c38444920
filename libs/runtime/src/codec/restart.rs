//! When a program that ended may be started again, and what is said about it.

use std::time::Duration;

use tokio::time::Instant;

use crate::meters::Meters;

/// Wait before the second start in a row that a crash made necessary; doubled for each after it.
const FIRST: Duration = Duration::from_millis(500);
/// Longest wait: someone is waiting for an answer.
const LONGEST: Duration = Duration::from_secs(30);
/// A program that ran this long has worked; what it crashed of is not how it starts.
const STABLE: Duration = Duration::from_secs(10);

/// A program that crashed that often in a row, each time soon after its start, is not started any more.
const GIVEN_UP: u32 = 8;

/// How a program ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum End {
    /// After an answer, of its own accord: its way to end a turn.
    Answered,
    /// Because a turn was cancelled.
    Cancelled,
    /// Of its own accord between turns, and well.
    Left,
    /// Otherwise; with a description.
    Crashed(String),
}

/// Starts and ends of a program.
#[derive(Debug, Default)]
pub(super) struct Restart {
    /// Crashes in a row, each soon after its start.
    crashes: u32,
    started: Option<Instant>,
    ended: Option<(Instant, End)>,
    meters: Meters,
}

impl Restart {
    pub(super) fn new(meters: Meters) -> Self {
        Self { meters, ..Self::default() }
    }

    /// When to start the program.
    pub(super) fn not_before(&self, now: Instant) -> Instant {
        let Some((ended, End::Crashed(_))) = &self.ended else { return now };
        (*ended + self.delay()).max(now)
    }

    /// Whether it is not started any more, and why.
    pub(super) fn is_given_up(&self) -> Option<String> {
        let Some((_, End::Crashed(how))) = &self.ended else { return None };
        let given_up = self.crashes >= GIVEN_UP;
        given_up.then(|| format!("crashed {GIVEN_UP} times in a row and is not started again until the agent is restarted: {how}"))
    }

    /// The program was started. The answer is what to tell people.
    pub(super) fn on_start(&mut self, program: &str, now: Instant) -> Option<String> {
        self.started = Some(now);
        let before = self.ended.take().map(|(_, end)| end);
        self.meters.started(before.as_ref().is_some_and(|end| *end != End::Answered));
        let why = match before? {
            End::Answered => return None,
            End::Cancelled => "it was ended to cancel a turn".to_owned(),
            End::Left => "it had exited".to_owned(),
            End::Crashed(how) => how,
        };
        Some(format!("{program} was started again: {why}"))
    }

    /// The program ended.
    pub(super) fn on_end(&mut self, end: End, now: Instant) {
        let was_stable = self.started.is_none_or(|started| now - started >= STABLE);
        if was_stable || !matches!(end, End::Crashed(_)) {
            self.crashes = 0;
        }
        if matches!(end, End::Crashed(_)) {
            self.crashes = self.crashes.saturating_add(1);
            self.meters.crashed();
        }
        self.ended = Some((now, end));
    }

    fn delay(&self) -> Duration {
        match self.crashes {
            // A first crash may be an accident.
            0 | 1 => Duration::ZERO,
            crashes => FIRST.saturating_mul(1 << (crashes - 2).min(16)).min(LONGEST),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn crash(restart: &mut Restart, at: Instant, uptime: Duration) -> Duration {
        restart.on_start("bc", at);
        let ended = at + uptime;
        restart.on_end(End::Crashed("it ended with exit status: 1".into()), ended);
        restart.not_before(ended) - ended
    }

    #[test]
    fn crashes_in_a_row_wait_longer_and_longer() {
        let (mut restart, now) = (Restart::default(), Instant::now());

        let delays: Vec<_> =
            (0..10).map(|_| crash(&mut restart, now, Duration::from_secs(1)).as_millis()).collect();

        assert_eq!(delays[..4], [0, 500, 1_000, 2_000]);
        assert_eq!(delays[8..], [30_000, 30_000]);
    }

    #[test]
    fn a_program_that_keeps_crashing_is_given_up() {
        let (mut restart, now) = (Restart::default(), Instant::now());
        for _ in 1..GIVEN_UP {
            crash(&mut restart, now, Duration::ZERO);
            assert_eq!(restart.is_given_up(), None);
        }

        crash(&mut restart, now, Duration::ZERO);

        assert!(restart.is_given_up().unwrap().contains("it ended with exit status: 1"));
    }

    #[test]
    fn a_program_that_worked_starts_anew() {
        let (mut restart, now) = (Restart::default(), Instant::now());
        for _ in 0..5 {
            crash(&mut restart, now, Duration::ZERO);
        }

        assert_eq!(crash(&mut restart, now, STABLE), Duration::ZERO);
    }

    #[test]
    fn the_wait_counts_from_the_crash() {
        let (mut restart, now) = (Restart::default(), Instant::now());
        for _ in 0..3 {
            crash(&mut restart, now, Duration::ZERO);
        }

        let later = now + Duration::from_secs(60);
        assert_eq!(restart.not_before(later), later);
    }

    #[test]
    fn people_are_told_unless_it_is_the_programs_way() {
        let (mut restart, now) = (Restart::default(), Instant::now());
        assert_eq!(restart.on_start("bc", now), None);

        restart.on_end(End::Answered, now);
        assert_eq!(restart.not_before(now), now);
        assert_eq!(restart.on_start("bc", now), None);

        restart.on_end(End::Cancelled, now);
        assert!(restart.on_start("bc", now).is_some());
        restart.on_end(End::Crashed("it broke".into()), now);
        assert_eq!(restart.on_start("bc", now).unwrap(), "bc was started again: it broke");
    }
}
