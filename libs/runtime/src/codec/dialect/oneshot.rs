//! A program for each turn: it reads the message from its stdin up to the end, prints JSON lines, and exits.
//!
//! What the lines mean says a table: one of those in `oneshot/tables.json`, or the agent's own. The turn ends with the
//! program; a program that said that it was done and does not exit is made to.

use std::collections::{BTreeMap, HashMap};
use std::process::ExitStatus;
use std::sync::LazyLock;

use protocol::agents::{RunReason, Usage};
use protocol::spec::{OneshotFormat, OneshotMeaning, OneshotRule};
use serde::Deserialize;
use serde_json::Value;

use super::json::Places;
use super::out::Out;
use super::permission::Choice;
use super::{Dialect, Message, Opening, Unknown};
use crate::event::Outcome;

/// Where the arguments that continue a session stand.
const RESUME: &str = "{resume}";
/// What stands for the session's id in them.
const SESSION: &str = "{session}";

/// How a program is started, and what its lines mean.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Table {
    /// Used if none are configured.
    arguments: Vec<String>,
    resume: Vec<String>,
    rules: Vec<OneshotRule>,
}

static TABLES: LazyLock<HashMap<OneshotFormat, Table>> =
    LazyLock::new(|| serde_json::from_str(include_str!("oneshot/tables.json")).expect("tables"));

impl Table {
    /// That of a known program or an own one; the arguments that continue a session may be others.
    pub(super) fn new(
        format: Option<OneshotFormat>,
        rules: Vec<OneshotRule>,
        resume: Vec<String>,
    ) -> Self {
        let known = format.and_then(|format| TABLES.get(&format).cloned());
        let mut table = known.unwrap_or_else(|| Self { rules, ..Self::default() });
        if !resume.is_empty() {
            table.resume = resume;
        }
        table
    }
}

/// A program's turn.
#[derive(Debug)]
pub(super) struct Oneshot {
    table: Table,
    /// How the turn ended, if the program has said so.
    outcome: Option<Outcome>,
}

impl Oneshot {
    pub(super) fn new(table: Table) -> Self {
        Self { table, outcome: None }
    }
}

impl Dialect for Oneshot {
    fn is_per_turn(&self) -> bool {
        true
    }

    fn arguments(&self, configured: &[String], resume: Option<&str>) -> Vec<String> {
        let base = if configured.is_empty() { &self.table.arguments } else { configured };
        let resume = resume.map_or_else(Vec::new, |session| {
            self.table.resume.iter().map(|argument| argument.replace(SESSION, session)).collect()
        });
        let at = base.iter().position(|argument| argument == RESUME);
        let (before, after) = at.map_or((base, &[][..]), |at| (&base[..at], &base[at + 1..]));
        [before, &resume, after].concat()
    }

    fn open(&mut self, _opening: &Opening<'_>, out: &mut Out) {
        out.ready();
    }

    fn prompt(&mut self, text: &str) -> String {
        self.outcome = None;
        text.to_owned()
    }

    fn hear(&mut self, message: &Message, out: &mut Out) -> Result<(), Unknown> {
        let Self { table, outcome } = self;
        let fits = |rule: &&OneshotRule| has(message, &rule.when);
        let mut fitting = table.rules.iter().filter(fits).peekable();
        fitting.peek().ok_or(Unknown)?;
        for rule in fitting {
            match &rule.each {
                None => rule.then.iter().for_each(|meaning| mean(meaning, message, outcome, out)),
                Some(place) => {
                    for item in message.items(place).iter().filter(|item| has(*item, &rule.item)) {
                        rule.then.iter().for_each(|meaning| mean(meaning, item, outcome, out));
                    }
                }
            }
        }
        Ok(())
    }

    fn decide(&mut self, _key: &str, _choice: Choice, _out: &mut Out) {
        // It cannot ask.
    }

    fn cancel(&mut self, _out: &mut Out) -> bool {
        false
    }

    fn exited(&mut self, status: ExitStatus) -> Option<Outcome> {
        self.outcome.take().or_else(|| status.success().then_some(Outcome::Done))
    }
}

/// Whether these values are at these places.
fn has(value: &impl Places, wanted: &BTreeMap<String, Value>) -> bool {
    wanted.iter().all(|(place, wanted)| value.at(place) == Some(wanted))
}

/// What is meant by a place: what is there, or the text itself.
fn read(value: &impl Places, place: &str) -> Option<Value> {
    if place.starts_with('/') {
        return value.at(place).cloned();
    }
    Some(Value::String(place.to_owned()))
}

fn read_text(value: &impl Places, place: &str) -> Option<String> {
    match read(value, place)? {
        Value::String(text) => Some(text),
        Value::Number(number) => Some(number.to_string()),
        _ => None,
    }
}

fn mean(
    meaning: &OneshotMeaning,
    value: &impl Places,
    outcome: &mut Option<Outcome>,
    out: &mut Out,
) {
    let text = |place: &str| read_text(value, place);
    let optional = |place: &Option<String>| place.as_ref().and_then(|place| read(value, place));
    match meaning {
        OneshotMeaning::Session { id } => {
            if let Some(id) = text(id) {
                out.session(&id);
            }
        }
        OneshotMeaning::Delta { text: place } => out.delta(&text(place).unwrap_or_default()),
        OneshotMeaning::Message { text: place } => out.message(&text(place).unwrap_or_default()),
        OneshotMeaning::Thinking { text: place } => out.thinking(&text(place).unwrap_or_default()),
        OneshotMeaning::Status { text: place } => {
            if let Some(message) = text(place) {
                out.status(message);
            }
        }
        OneshotMeaning::ToolCall { id, name, input } => {
            if let (Some(id), Some(name)) = (text(id), text(name)) {
                out.tool_call(&id, &name, None, optional(input));
            }
        }
        OneshotMeaning::ToolResult { id, output, failed } => {
            if let Some(id) = text(id) {
                out.tool_result(
                    &id,
                    optional(failed).is_some_and(|failed| is_bad(&failed)),
                    optional(output),
                );
            }
        }
        OneshotMeaning::Usage { input, output, cached, cost } => {
            let number = |place| optional(place).and_then(|value| value.as_u64());
            out.usage(Usage {
                input_tokens: number(input),
                output_tokens: number(output),
                cached_tokens: number(cached),
                cost_usd: optional(cost).and_then(|cost| cost.as_f64()),
            });
        }
        OneshotMeaning::Done {} => *outcome = Some(Outcome::Done),
        OneshotMeaning::Failed { error } => {
            let error = text(error).unwrap_or_else(|| "it failed".to_owned());
            *outcome = Some(Outcome::failed(RunReason::AgentError, error));
        }
    }
    if let Some(outcome) = outcome
        && matches!(meaning, OneshotMeaning::Done {} | OneshotMeaning::Failed { .. })
    {
        out.ended(outcome.clone());
    }
}

/// Whether a tool failed of which that is said.
fn is_bad(value: &Value) -> bool {
    match value {
        Value::Bool(failed) => *failed,
        Value::Number(code) => code.as_f64() != Some(0.0),
        Value::String(status) => matches!(status.as_str(), "error" | "failed"),
        _ => false,
    }
}
