//! How many refusals and visits are written down.

use std::collections::HashMap;
use std::time::Duration;

use tokio::time::Instant;

/// What is written down of one kind in a minute: enough to see who tries and how, or who comes and goes.
const PER_MINUTE: u32 = 60;
pub(super) const MINUTE: Duration = Duration::from_mins(1);
/// Budgets that are remembered. With more, those whose minute is over are forgotten, and newcomers share the strangers'.
const REMEMBERED: usize = 1_024;

/// Whose budget it is, and of what.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(super) struct Of {
    pub(super) kind: Kind,
    /// Strangers have none and share a budget, so that they use up nobody's whose token is known.
    pub(super) token: Option<String>,
}

/// What has a budget. What was changed has none.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) enum Kind {
    Refusals,
    Visits,
}

impl Kind {
    /// Under which name those are told that were left out.
    pub(super) fn left_out(self) -> &'static str {
        match self {
            Self::Refusals => "refusals.left_out",
            Self::Visits => "visits.left_out",
        }
    }
}

/// The budgets of all. Plain values: time is passed in.
#[derive(Debug, Default)]
pub(super) struct Budgets(HashMap<Of, Budget>);

impl Budgets {
    /// Whether one more is written down.
    pub(super) fn take(&mut self, of: Of, now: Instant) -> bool {
        let mut of = of;
        if self.0.len() >= REMEMBERED && !self.0.contains_key(&of) {
            self.0.retain(|_, budget| !budget.is_whole(now));
            if self.0.len() >= REMEMBERED {
                of.token = None;
            }
        }
        self.0.entry(of).or_insert_with(|| Budget::new(now)).take(now)
    }

    /// How many were left out since this was asked before, of those whose minute is over.
    pub(super) fn left_out(&mut self, now: Instant) -> Vec<(Of, u64)> {
        let counted =
            self.0.iter_mut().map(|(of, budget)| Some((of.clone(), budget.left_out(now)?)));
        counted.flatten().collect()
    }
}

/// What of this minute is left, and how many were left out.
#[derive(Debug)]
struct Budget {
    since: Instant,
    told: u32,
    left_out: u64,
}

impl Budget {
    fn new(now: Instant) -> Self {
        Self { since: now, told: 0, left_out: 0 }
    }

    fn take(&mut self, now: Instant) -> bool {
        if now.duration_since(self.since) >= MINUTE {
            (self.since, self.told) = (now, 0);
        }
        let has_room = self.told < PER_MINUTE;
        if has_room {
            self.told += 1;
        } else {
            self.left_out += 1;
        }
        has_room
    }

    fn left_out(&mut self, now: Instant) -> Option<u64> {
        let is_over = now.duration_since(self.since) >= MINUTE || self.told < PER_MINUTE;
        (is_over && self.left_out > 0).then(|| std::mem::take(&mut self.left_out))
    }

    /// Whether it is as a new one.
    fn is_whole(&self, now: Instant) -> bool {
        now.duration_since(self.since) >= MINUTE && self.left_out == 0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(kind: Kind, token: Option<&str>) -> Of {
        Of { kind, token: token.map(ToOwned::to_owned) }
    }

    #[test]
    fn of_many_refusals_some_are_written_and_the_others_counted() {
        let start = Instant::now();
        let (mut budgets, strangers) = (Budgets::default(), of(Kind::Refusals, None));

        let told = (0..1_000).filter(|_| budgets.take(strangers.clone(), start)).count();

        assert_eq!(told, PER_MINUTE as usize);
        assert!(budgets.left_out(start).is_empty(), "there may be more");
        let left_out = 1_000 - u64::from(PER_MINUTE);
        assert_eq!(budgets.left_out(start + MINUTE), [(strangers.clone(), left_out)]);
        assert!(budgets.left_out(start + MINUTE).is_empty());
        assert!(budgets.take(strangers, start + MINUTE));
    }

    #[test]
    fn nobody_uses_up_what_is_left_to_another() {
        let start = Instant::now();
        let mut budgets = Budgets::default();
        while budgets.take(of(Kind::Refusals, None), start) {}
        while budgets.take(of(Kind::Visits, Some("tk_1")), start) {}

        assert!(budgets.take(of(Kind::Refusals, Some("tk_1")), start));
        assert!(budgets.take(of(Kind::Visits, Some("tk_2")), start));
        for nth in 0..2 * REMEMBERED {
            budgets.take(of(Kind::Visits, Some(&nth.to_string())), start);
        }
        assert!(budgets.0.len() <= REMEMBERED + 2, "two kinds of strangers");
        budgets.left_out(start + MINUTE);
        budgets.take(of(Kind::Visits, Some("tk_3")), start + MINUTE);
        assert_eq!(budgets.0.len(), 1);
    }
}
