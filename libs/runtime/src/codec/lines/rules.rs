//! How the end of a turn is told from a pause. No I/O and no clock: instants are passed in.

use std::time::Duration;

use protocol::spec::Codec;
use regex::Regex;
use tokio::time::Instant;

use crate::control::Control;
use crate::framing::{Framing, Line};

/// A prompt is a line that does not go on. What is longer is a line on its way, and searching it
/// again with each piece that arrives would cost the square of its length.
const MAX_PROMPT: usize = 4 << 10;

/// Before a beginning of a line is taken for a prompt: a line that merely arrives in pieces goes
/// on sooner.
const SETTLE: Duration = Duration::from_millis(20);

/// Keeps sums of instants and configured times in range.
const LONGEST: Duration = Duration::from_secs(24 * 60 * 60);

/// When a turn ends. A mark, if one is configured, is waited for as long as it takes; without one,
/// silence has to do.
#[derive(Debug, Clone)]
pub(super) struct Rules {
    sentinel: Option<Regex>,
    one_line: bool,
    quiet: Duration,
    empty: Duration,
    greeting: Duration,
    control: bool,
}

/// What a line is to its turn.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Meaning {
    /// A part of the answer.
    Text,
    /// The last part of the answer.
    LastText,
    /// The end, and no part of the answer.
    End,
}

/// How long to wait in silence: none stands for ever.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Patience {
    /// After something was said.
    after: Option<Duration>,
    /// Before anything was said.
    before: Option<Duration>,
}

impl Rules {
    /// Those of a `lines` agent; none for another codec.
    pub(super) fn from_codec(codec: &Codec) -> Option<Result<Self, regex::Error>> {
        let Codec::Lines { sentinel, one_line, quiet_ms, empty_ms, greeting_ms, control } = codec
        else {
            return None;
        };
        let rules = |sentinel| Self {
            sentinel,
            one_line: *one_line,
            quiet: Duration::from_millis(*quiet_ms).min(LONGEST),
            empty: Duration::from_millis(*empty_ms).min(LONGEST),
            greeting: Duration::from_millis(*greeting_ms).min(LONGEST),
            control: *control,
        };
        Some(sentinel.as_deref().map(Regex::new).transpose().map(rules))
    }

    /// The control message that a line is, if it is one.
    pub(super) fn control(&self, line: &Line) -> Option<Control> {
        let may_be = self.control && !line.is_cut();
        may_be.then(|| Control::parse(&line.text)).flatten()
    }

    /// Whether nothing can be shown of a line before all of it is there: a pattern decides what belongs to the answer,
    /// or it begins like a control message.
    pub(super) fn holds_back(&self, stdout: &Framing) -> bool {
        self.has_sentinel() || (self.control && stdout.begins_with(b'{'))
    }

    pub(super) fn meaning(&self, line: &str) -> Meaning {
        match &self.sentinel {
            Some(sentinel) if sentinel.is_match(line) => Meaning::End,
            _ if self.one_line => Meaning::LastText,
            _ => Meaning::Text,
        }
    }

    /// Whether the last that came, if it is the beginning of a line, is a prompt.
    pub(super) fn is_prompted(&self, stdout: &Framing) -> bool {
        self.has_sentinel() && stdout.tail(MAX_PROMPT).is_some_and(|tail| self.is_prompt(&tail))
    }

    /// Whether the beginning of a line is a prompt.
    pub(super) fn is_prompt(&self, tail: &str) -> bool {
        let sentinel = self.sentinel.as_ref().filter(|_| tail.len() <= MAX_PROMPT);
        sentinel.is_some_and(|sentinel| sentinel.is_match(tail))
    }

    /// Whether a pattern decides what belongs to the answer.
    fn has_sentinel(&self) -> bool {
        self.sentinel.is_some()
    }

    /// Whether a program that was just started is waited for before it is written to. It is if
    /// it may prompt: its first prompt would be taken for the end of the first turn otherwise. One that ran before is,
    /// too: it may still say what it was asked then.
    pub(super) fn wait_for_greeting(&self, ran_before: bool) -> Option<Patience> {
        let patience = if ran_before { self.quiet } else { self.greeting };
        let patience = Patience { after: Some(patience), before: Some(patience) };
        (ran_before || self.has_sentinel()).then_some(patience)
    }

    pub(super) fn wait_for_answer(&self) -> Patience {
        if self.has_mark() {
            return Patience { after: None, before: None };
        }
        Patience { after: Some(self.quiet), before: Some(self.empty) }
    }

    /// A program that was interrupted shows that it has noticed by saying something. One that
    /// says nothing may still be at work.
    pub(super) fn wait_for_reaction(&self) -> Patience {
        Patience { after: self.wait_for_answer().after, before: None }
    }

    /// After what is said outside of turns.
    pub(super) fn quiet(&self) -> Duration {
        self.quiet
    }

    fn has_mark(&self) -> bool {
        self.has_sentinel() || self.one_line
    }
}

/// How long nothing was said.
#[derive(Debug, Clone, Copy)]
pub(super) struct Silence {
    since: Instant,
    spoken: bool,
    prompted: bool,
}

impl Silence {
    /// Begins now, with nothing said.
    pub(super) fn begin(now: Instant) -> Self {
        Self { since: now, spoken: false, prompted: false }
    }

    /// Something was said, which may have been a prompt.
    pub(super) fn broken(&mut self, now: Instant, prompted: bool) {
        *self = Self { since: now, spoken: true, prompted };
    }

    /// Something was said beside it: a sign of life, and no answer.
    pub(super) fn disturbed(&mut self, now: Instant) {
        self.since = now;
    }

    /// Something was said beside it that counts, as there was nothing to say but this.
    pub(super) fn reacted(&mut self, now: Instant) {
        self.since = now;
        self.spoken = true;
    }

    /// Since when nothing was said.
    pub(super) fn since(&self) -> Instant {
        self.since
    }

    /// Whether a prompt was the last that was said.
    pub(super) fn is_prompted(&self) -> bool {
        self.prompted
    }

    /// When it has lasted long enough to mean the end.
    pub(super) fn end(&self, patience: Patience) -> Option<Instant> {
        if self.prompted {
            return Some(self.since + SETTLE);
        }
        let wait = if self.spoken { patience.after } else { patience.before };
        wait.map(|wait| self.since + wait)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rules(sentinel: Option<&str>, one_line: bool) -> Rules {
        let sentinel = sentinel.map(str::to_owned);
        let codec = Codec::Lines {
            sentinel,
            one_line,
            quiet_ms: 300,
            empty_ms: 5_000,
            greeting_ms: 1_000,
            control: true,
        };
        Rules::from_codec(&codec).unwrap().unwrap()
    }

    fn millis(silence: &Silence, patience: Patience, now: Instant) -> Option<u128> {
        silence.end(patience).map(|at| (at - now).as_millis())
    }

    #[test]
    fn silence_ends_a_turn_without_mark() {
        let (rules, now) = (rules(None, false), Instant::now());
        let mut silence = Silence::begin(now);

        assert_eq!(millis(&silence, rules.wait_for_answer(), now), Some(5_000));
        silence.disturbed(now + Duration::from_secs(1));
        assert_eq!(millis(&silence, rules.wait_for_answer(), now), Some(6_000));
        silence.broken(now, false);
        assert_eq!(millis(&silence, rules.wait_for_answer(), now), Some(300));
    }

    #[test]
    fn a_mark_is_waited_for() {
        let now = Instant::now();
        for rules in [rules(Some("^END$"), false), rules(None, true)] {
            let mut silence = Silence::begin(now);
            assert_eq!(silence.end(rules.wait_for_answer()), None);
            silence.broken(now, false);
            assert_eq!(silence.end(rules.wait_for_answer()), None);
        }
    }

    #[test]
    fn a_prompt_has_to_settle() {
        let (rules, now) = (rules(Some("^> $"), false), Instant::now());
        let mut silence = Silence::begin(now);

        silence.broken(now, rules.is_prompt("> "));
        assert_eq!(millis(&silence, rules.wait_for_answer(), now), Some(20));
        silence.broken(now, rules.is_prompt("> quoted"));
        assert_eq!(silence.end(rules.wait_for_answer()), None);
    }

    #[test]
    fn only_a_reaction_shows_that_an_interrupt_was_noticed() {
        let (rules, now) = (rules(None, false), Instant::now());
        let mut silence = Silence::begin(now);

        assert_eq!(silence.end(rules.wait_for_reaction()), None);
        silence.broken(now, false);
        assert_eq!(millis(&silence, rules.wait_for_reaction(), now), Some(300));
    }

    #[test]
    fn lines_have_a_meaning() {
        assert_eq!(rules(None, false).meaning("a"), Meaning::Text);
        assert_eq!(rules(None, true).meaning("a"), Meaning::LastText);
        assert_eq!(rules(Some("^END$"), false).meaning("ENDING"), Meaning::Text);
        assert_eq!(rules(Some("^END$"), true).meaning("END"), Meaning::End);
    }

    #[test]
    fn absurd_times_are_in_range() {
        let codec = Codec::Lines {
            sentinel: None,
            one_line: false,
            quiet_ms: u64::MAX,
            empty_ms: u64::MAX,
            greeting_ms: u64::MAX,
            control: true,
        };
        let rules = Rules::from_codec(&codec).unwrap().unwrap();

        assert!(Silence::begin(Instant::now()).end(rules.wait_for_answer()).is_some());
    }
}
