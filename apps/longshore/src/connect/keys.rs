//! What Esc and Ctrl-C mean, which depends on when they were pressed before.

use std::time::{Duration, Instant};

/// Within this time the same key once more means more.
const TWICE: Duration = Duration::from_secs(1);

/// A key that means something whatever is being typed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Key {
    Escape,
    Interrupt,
}

/// What is to be done.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Act {
    /// What was typed is gone, and that is all.
    Nothing,
    /// Cancel the run that the agent has.
    Cancel,
    /// Cancel it and all that wait.
    CancelAll,
    /// Say how to leave.
    Explain,
    Leave,
}

/// The key that was pressed last.
#[derive(Debug, Default)]
pub(super) struct Keys(Option<(Key, Instant)>);

impl Keys {
    /// A key is pressed. What was typed has been cleared by it, if there was anything.
    pub(super) fn press(
        &mut self,
        key: Key,
        had_text: bool,
        is_running: bool,
        now: Instant,
    ) -> Act {
        let before = self.0.replace((key, now));
        let is_soon = |(last, at)| last == key && now.duration_since(at) < TWICE;
        // Who has typed between the two means the first again.
        let twice = !had_text && before.is_some_and(is_soon);
        match (key, twice) {
            (Key::Interrupt, true) => Act::Leave,
            (Key::Escape, true) => {
                self.0 = None;
                Act::CancelAll
            }
            (_, false) if had_text => Act::Nothing,
            (_, false) if is_running => Act::Cancel,
            (Key::Interrupt, false) => Act::Explain,
            (Key::Escape, false) => Act::Nothing,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Presses the keys with so many milliseconds between them.
    fn press(keys: &[(Key, bool, bool, u64)]) -> Vec<Act> {
        let (mut machine, mut now) = (Keys::default(), Instant::now());
        let press = |&(key, had_text, is_running, after): &(Key, bool, bool, u64)| {
            now += Duration::from_millis(after);
            machine.press(key, had_text, is_running, now)
        };
        keys.iter().map(press).collect()
    }

    #[test]
    fn the_first_clears_what_is_typed_or_cancels_what_runs() {
        for key in [Key::Escape, Key::Interrupt] {
            assert_eq!(press(&[(key, true, true, 0)]), [Act::Nothing]);
            assert_eq!(press(&[(key, false, true, 0)]), [Act::Cancel]);
        }
        assert_eq!(press(&[(Key::Escape, false, false, 0)]), [Act::Nothing]);
        assert_eq!(press(&[(Key::Interrupt, false, false, 0)]), [Act::Explain]);
    }

    #[test]
    fn twice_within_a_second_means_more() {
        let twice = |key, after| press(&[(key, true, true, 0), (key, false, true, after)])[1];

        assert_eq!(twice(Key::Escape, 999), Act::CancelAll);
        assert_eq!(twice(Key::Interrupt, 999), Act::Leave);
        assert_eq!(twice(Key::Escape, 1000), Act::Cancel);
        assert_eq!(twice(Key::Interrupt, 1000), Act::Cancel);
    }

    #[test]
    fn what_is_typed_between_is_only_cleared() {
        let keys = [(Key::Interrupt, false, true, 0), (Key::Interrupt, true, false, 10)];

        assert_eq!(press(&keys), [Act::Cancel, Act::Nothing]);
    }

    #[test]
    fn another_key_between_is_another_beginning() {
        let keys = [(Key::Interrupt, true, true, 0), (Key::Escape, false, true, 10)];

        assert_eq!(press(&keys), [Act::Nothing, Act::Cancel]);
    }
}
