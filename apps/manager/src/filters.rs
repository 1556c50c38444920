//! Message filters: rules on lines of text, so that what is streamed and what is stored are filtered alike.

use std::borrow::Cow;
use std::sync::Arc;

use protocol::agents::{FilterDirection, FilterStatus};
use protocol::spec::{Filter, FilterAction};
use regex::Regex;
use serde_json::Value;

/// What stands for a match when a rule does not say.
const REPLACEMENT: &str = "[removed]";

/// The filters of an agent, compiled.
#[derive(Debug, Default)]
pub(crate) struct Filters {
    incoming: Vec<Rule>,
    outgoing: Vec<Rule>,
}

#[derive(Debug, Clone)]
struct Rule {
    name: Arc<str>,
    pattern: Regex,
    action: FilterAction,
    replacement: Arc<str>,
}

/// What filters found.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Findings {
    names: Vec<Arc<str>>,
    status: Option<FilterStatus>,
}

impl Findings {
    /// What was done, if anything was found.
    pub(crate) fn status(&self) -> Option<FilterStatus> {
        self.status
    }

    /// Names of the filters, each once.
    pub(crate) fn names(&self) -> Vec<String> {
        self.names.iter().map(ToString::to_string).collect()
    }

    fn add(&mut self, rule: &Rule) {
        if !self.names.contains(&rule.name) {
            self.names.push(rule.name.clone());
        }
        let status = match rule.action {
            FilterAction::Flag => FilterStatus::Flagged,
            FilterAction::Replace => FilterStatus::Filtered,
            FilterAction::Drop => FilterStatus::Dropped,
        };
        self.status = self.status.max(Some(status));
    }
}

impl Filters {
    /// Compiles them. One that cannot be compiled was refused with the agent's configuration.
    pub(crate) fn new(filters: &[Filter]) -> Self {
        let rules = |direction: FilterDirection| {
            let of = filters
                .iter()
                .filter(|filter| filter.direction.is_none_or(|only| only == direction));
            of.filter_map(Rule::new).collect()
        };
        Self {
            incoming: rules(FilterDirection::Incoming),
            outgoing: rules(FilterDirection::Outgoing),
        }
    }

    /// Whether an agent's answers have to be looked at.
    pub(crate) fn are_outgoing(&self) -> bool {
        !self.outgoing.is_empty()
    }

    /// A person's message as the agent gets it; dropped ones have no text.
    pub(crate) fn incoming(&self, text: &Arc<str>) -> (Arc<str>, Findings) {
        let mut findings = Findings::default();
        if self.incoming.is_empty() {
            return (text.clone(), findings);
        }
        let (text, _) = apply(&self.incoming, text, &mut findings);
        (text.into(), findings)
    }

    /// A whole text of the agent. Whether the rest of the turn is left out.
    pub(crate) fn outgoing(&self, text: &str, findings: &mut Findings) -> (String, bool) {
        apply(&self.outgoing, text, findings)
    }

    /// Filters every text in a value.
    pub(crate) fn value(&self, value: &mut Value, findings: &mut Findings) {
        match value {
            Value::String(text) => *text = self.outgoing(text, findings).0,
            Value::Array(values) => values.iter_mut().for_each(|value| self.value(value, findings)),
            Value::Object(fields) => {
                let filtered = std::mem::take(fields).into_iter().map(|(key, mut value)| {
                    self.value(&mut value, findings);
                    (self.outgoing(&key, findings).0, value)
                });
                *fields = filtered.collect();
            }
            Value::Null | Value::Bool(_) | Value::Number(_) => {}
        }
    }
}

impl Rule {
    fn new(filter: &Filter) -> Option<Self> {
        Some(Self {
            name: filter.name.as_str().into(),
            pattern: filter.regex().ok()?,
            action: filter.action,
            replacement: filter.replacement.as_deref().unwrap_or(REPLACEMENT).into(),
        })
    }
}

/// Applies rules line by line. A line that is dropped ends the text.
fn apply(rules: &[Rule], text: &str, findings: &mut Findings) -> (String, bool) {
    let mut filtered = String::with_capacity(text.len());
    for line in text.split_inclusive('\n') {
        let (content, end) = line.strip_suffix('\n').map_or((line, ""), |line| (line, "\n"));
        match apply_to_line(rules, content, findings) {
            Some(line) => filtered.push_str(&line),
            None => return (filtered, true),
        }
        filtered.push_str(end);
    }
    (filtered, false)
}

fn apply_to_line<'a>(
    rules: &[Rule],
    line: &'a str,
    findings: &mut Findings,
) -> Option<Cow<'a, str>> {
    let mut line = Cow::Borrowed(line);
    for rule in rules {
        if !rule.pattern.is_match(&line) {
            continue;
        }
        findings.add(rule);
        match rule.action {
            FilterAction::Flag => {}
            FilterAction::Replace => {
                let replaced = rule.pattern.replace_all(&line, &*rule.replacement).into_owned();
                line = Cow::Owned(replaced);
            }
            FilterAction::Drop => return None,
        }
    }
    Some(line)
}

/// The answer of one turn while it is streamed: a line is shown once it is complete, because a match may end with it.
#[derive(Debug, Clone, Default)]
pub(crate) struct Stream {
    line: String,
    /// A line was dropped: no more pieces are shown.
    over: bool,
    /// A message with such a line was shown as far as it goes: no more messages are.
    cut: bool,
}

impl Stream {
    /// What can be shown now that more was said.
    pub(crate) fn more(&mut self, filters: &Filters, text: String) -> Option<String> {
        if !filters.are_outgoing() {
            return Some(text);
        }
        if self.over {
            return None;
        }
        self.line.push_str(&text);
        let complete = self.line.rfind('\n')? + 1;
        let rest = self.line.split_off(complete);
        let lines = std::mem::replace(&mut self.line, rest);
        // Reported with the whole message, which has the same lines.
        let (shown, over) = filters.outgoing(&lines, &mut Findings::default());
        self.over = over;
        (!shown.is_empty()).then_some(shown)
    }

    /// A whole message as it is shown; what was streamed was a part of it.
    pub(crate) fn message(
        &mut self,
        filters: &Filters,
        text: String,
    ) -> (Option<String>, Findings) {
        let mut findings = Findings::default();
        if !filters.are_outgoing() {
            return (Some(text), findings);
        }
        self.line.clear();
        if self.cut {
            return (None, findings);
        }
        let (shown, over) = filters.outgoing(&text, &mut findings);
        self.cut = over;
        self.over |= over;
        (Some(shown).filter(|shown| !shown.is_empty() || !over), findings)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn filter(pattern: &str, action: FilterAction) -> Filter {
        Filter {
            name: pattern.to_owned(),
            pattern: pattern.to_owned(),
            direction: None,
            action,
            replacement: None,
        }
    }

    #[test]
    fn rules_apply_in_order_and_the_strongest_counts() {
        let mut number = filter(r"(\d)\d+", FilterAction::Replace);
        number.replacement = Some("$1*".to_owned());
        let filters = Filters::new(&[number, filter("secret", FilterAction::Flag)]);

        let (text, findings) = filters.incoming(&"secret 1234\nok".into());

        assert_eq!(&*text, "secret 1*\nok");
        assert_eq!(findings.names(), [r"(\d)\d+", "secret"]);
        assert_eq!(findings.status(), Some(FilterStatus::Filtered));
        let (text, findings) = filters.incoming(&"fine".into());
        assert_eq!((&*text, findings.status()), ("fine", None));
    }

    #[test]
    fn a_dropped_line_ends_the_answer() {
        let filters = Filters::new(&[filter("secret", FilterAction::Drop)]);
        let mut stream = Stream::default();

        assert_eq!(stream.more(&filters, "one\nthe sec".into()).as_deref(), Some("one\n"));
        assert_eq!(stream.more(&filters, "ret is 42\nmore\n".into()), None);
        assert_eq!(stream.more(&filters, "still more\n".into()), None);
        let (text, findings) =
            stream.message(&filters, "one\nthe secret is 42\nmore\nstill more".into());

        assert_eq!(text.as_deref(), Some("one\n"));
        assert_eq!(findings.status(), Some(FilterStatus::Dropped));
        assert_eq!(stream.message(&filters, "a second part".into()).0, None);
    }

    #[test]
    fn every_text_of_a_value_is_filtered() {
        let filters = Filters::new(&[filter("secret", FilterAction::Replace)]);
        let mut value = serde_json::json!({ "a": ["secret", 1, { "secret b": "a secret" }] });

        filters.value(&mut value, &mut Findings::default());

        assert_eq!(
            value,
            serde_json::json!({ "a": ["[removed]", 1, { "[removed] b": "a [removed]" }] })
        );
    }

    proptest! {
        #[test]
        fn what_is_removed_is_in_no_piece_either(
            pieces in prop::collection::vec("[sx\\n]{0,4}|secret|sec|ret", 0..20),
            drop in any::<bool>(),
        ) {
            let action = if drop { FilterAction::Drop } else { FilterAction::Replace };
            let filters = Filters::new(&[filter("secret", action)]);
            let mut stream = Stream::default();
            let streamed: String =
                pieces.iter().filter_map(|piece| stream.more(&filters, piece.clone())).collect();
            let (message, _) = stream.message(&filters, pieces.concat());
            let message = message.unwrap_or_default();

            prop_assert!(!streamed.contains("secret"));
            prop_assert!(!message.contains("secret"));
            prop_assert!(message.starts_with(&streamed), "{message:?} {streamed:?}");
        }
    }
}
