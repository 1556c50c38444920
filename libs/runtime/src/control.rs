//! Control messages: lines of a program's output that are for longshore and not a part of the answer.
//!
//! Such a line is one JSON object of exactly the form described in `docs/agents.md`. Everything else is text, also what is
//! almost one: a program that prints JSON of its own is not misunderstood.

use std::time::Duration;

use protocol::agents::{ChatEventBody, InteractionKind, InteractionState};
use protocol::{InteractionId, names};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use serde_json::value::RawValue;

use crate::size::MAX_TEXT;

/// Longest question, in bytes.
pub(crate) const MAX_QUESTION: usize = 16 << 10;
/// Choices of a question, or fields of a form.
pub(crate) const MAX_CHOICES: usize = 50;
/// Milliseconds that a question may wait: a second to a day; 10 minutes when it does not say.
const WAIT: std::ops::RangeInclusive<u64> = 1_000..=24 * 60 * 60 * 1_000;

/// A control message.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Control {
    /// The program asks, and waits for the answer.
    Ask(Ask),
    /// Something of its own.
    Event { topic: String, payload: Value },
    /// Another agent is to go on with the turn.
    Handoff { agent: String, message: Option<String>, reason: Option<String> },
    /// Something that happens in the turn.
    Note(ChatEventBody),
}

/// What an agent asks.
#[derive(Debug, Clone, PartialEq)]
pub struct Ask {
    /// The agent's own id for it, which comes back with the answer.
    pub interaction_id: InteractionId,
    /// What kind of answer it wants.
    pub kind: InteractionKind,
    /// The question, 1 byte to 16 KiB.
    pub message: String,
    /// With a question: 1 to 50 choices.
    pub choices: Vec<String>,
    /// Which of them counts when nobody answers in time.
    pub default_index: Option<u32>,
    /// With a form: the names of its 1 to 50 fields.
    pub fields: Vec<String>,
    /// How long it waits, 1 s to 1 day.
    pub timeout: Duration,
}

/// The answer to what an agent has asked.
#[derive(Debug, Clone, PartialEq)]
pub struct InteractionAnswer {
    /// The agent's own id for the question.
    pub interaction_id: InteractionId,
    /// How it ended.
    pub state: InteractionState,
    /// The answer, if there is one.
    pub value: Option<Value>,
}

/// What an agent is told beside its turns.
#[derive(Debug)]
pub(crate) enum Told {
    Answer(InteractionAnswer),
    /// A command of its own.
    Command {
        name: String,
        payload: Box<RawValue>,
    },
}

/// A line of output as it is written.
#[derive(Deserialize)]
#[serde(tag = "type", rename_all = "camelCase", deny_unknown_fields)]
enum Line {
    #[serde(rename_all = "camelCase")]
    Ask {
        interaction_id: Option<InteractionId>,
        kind: InteractionKind,
        message: String,
        #[serde(default)]
        choices: Vec<String>,
        default_index: Option<u32>,
        #[serde(default)]
        fields: Vec<String>,
        timeout_ms: Option<u64>,
    },
    Event {
        topic: String,
        #[serde(default)]
        payload: Value,
    },
    #[serde(rename_all = "camelCase")]
    Handoff {
        agent_id: String,
        message: Option<String>,
        reason: Option<String>,
    },
    ChatEvent {
        kind: String,
        payload: Value,
    },
}

impl Control {
    /// The control message that a line is, if it is one.
    pub(crate) fn parse(line: &str) -> Option<Self> {
        // Most lines are not: told without reading them.
        if !line.starts_with('{') || line.len() > MAX_TEXT {
            return None;
        }
        match serde_json::from_str(line).ok()? {
            Line::Ask {
                interaction_id,
                kind,
                message,
                choices,
                default_index,
                fields,
                timeout_ms,
            } => {
                let timeout_ms = timeout_ms.unwrap_or(10 * 60 * 1_000);
                let ask = Ask {
                    interaction_id: interaction_id.unwrap_or_else(InteractionId::random),
                    kind,
                    message,
                    choices,
                    default_index,
                    fields,
                    timeout: Duration::from_millis(timeout_ms),
                };
                (WAIT.contains(&timeout_ms) && ask.is_sound()).then_some(Self::Ask(ask))
            }
            Line::Event { topic, payload } => {
                names::is_event_name(&topic).then_some(Self::Event { topic, payload })
            }
            Line::Handoff { agent_id: agent, message, reason } => {
                let is_name = (1..=128).contains(&agent.chars().count());
                is_name.then_some(Self::Handoff { agent, message, reason })
            }
            Line::ChatEvent { kind, payload } => {
                let note = note(kind, payload)?;
                (!matches!(note, ChatEventBody::Raw { .. })).then_some(Self::Note(note))
            }
        }
    }
}

impl Ask {
    fn is_sound(&self) -> bool {
        let listed = |names: &[String]| (1..=MAX_CHOICES).contains(&names.len());
        let fits = match self.kind {
            InteractionKind::Question => listed(&self.choices) && self.fields.is_empty(),
            InteractionKind::Form => listed(&self.fields) && self.choices.is_empty(),
            InteractionKind::Text => self.choices.is_empty() && self.fields.is_empty(),
        };
        let default = self.default_index.is_none_or(|index| (index as usize) < self.choices.len());
        fits && default && (1..=MAX_QUESTION).contains(&self.message.len())
    }
}

/// Whether longshore has an event or a command of that name, so that an agent cannot.
pub(crate) fn is_reserved(topic: &str) -> bool {
    names::agents::ALL.contains(&topic) || names::clients::ALL.contains(&topic)
}

/// A `chatEvent` of that kind.
pub(crate) fn note(kind: String, payload: Value) -> Option<ChatEventBody> {
    let mut body = serde_json::Map::new();
    body.insert("kind".to_owned(), Value::String(kind));
    body.insert("payload".to_owned(), payload);
    serde_json::from_value(Value::Object(body)).ok()
}

/// A line of input as a program reads it.
#[derive(Serialize)]
#[serde(tag = "type", rename_all = "camelCase")]
enum Input<'a> {
    #[serde(rename_all = "camelCase")]
    Answer {
        interaction_id: &'a InteractionId,
        state: InteractionState,
        #[serde(skip_serializing_if = "Option::is_none")]
        value: &'a Option<Value>,
    },
    Command {
        command: &'a str,
        payload: &'a RawValue,
    },
}

impl Told {
    /// The line that says it to a program.
    pub(crate) fn line(&self) -> Vec<u8> {
        let input = match self {
            Self::Answer(InteractionAnswer { interaction_id, state, value }) => {
                Input::Answer { interaction_id, state: *state, value }
            }
            Self::Command { name, payload } => Input::Command { command: name, payload },
        };
        // A payload may have been written over several lines.
        let json = serde_json::to_string(&input).expect("texts and JSON are JSON");
        let mut line = json.replace(['\n', '\r'], " ").into_bytes();
        line.push(b'\n');
        line
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::json;

    use super::*;

    #[test]
    fn what_is_exactly_a_control_message_is_one() {
        let ask = r#"{"type":"ask","interactionId":"q1","kind":"question","message":"Which?","choices":["a","b"],"defaultIndex":1}"#;
        let Some(Control::Ask(ask)) = Control::parse(ask) else { panic!("{ask}") };
        assert_eq!((ask.interaction_id.as_str(), ask.default_index), ("q1", Some(1)));
        assert_eq!(ask.timeout, Duration::from_secs(600));
        let event = Control::parse(r#"{"type":"event","topic":"x","payload":[1]}"#);
        assert_eq!(event, Some(Control::Event { topic: "x".into(), payload: json!([1]) }));
        let handoff = Control::parse(r#"{"type":"handoff","agentId":"other","reason":"why"}"#);
        assert!(matches!(handoff, Some(Control::Handoff { message: None, .. })));
        let note = r#"{"type":"chatEvent","kind":"thinking","payload":{"text":"hm"}}"#;
        assert_eq!(
            Control::parse(note),
            Some(Control::Note(ChatEventBody::Thinking { text: "hm".into() }))
        );
    }

    #[test]
    fn what_is_almost_one_is_text() {
        for line in [
            "",
            "{}",
            r#"{"type":"ask"}"#,
            r#"{"type":"ask","kind":"question","message":"no choices"}"#,
            r#"{"type":"ask","kind":"text","message":""}"#,
            r#"{"type":"ask","kind":"text","message":"x","timeoutMs":5}"#,
            r#"{"type":"ask","kind":"question","message":"x","choices":["a"],"defaultIndex":1}"#,
            r#"{"type":"ask","kind":"form","message":"x","choices":["a"]}"#,
            r#"{"type":"event","topic":"a b"}"#,
            r#"{"type":"event","topic":"a","payload":1,"more":2}"#,
            r#"{"type":"handoff","agentId":""}"#,
            r#"{"type":"chatEvent","kind":"raw","payload":{"stream":"stdout","text":"x"}}"#,
            r#"{"type":"chatEvent","kind":"thinking","payload":{}}"#,
            r#" {"type":"event","topic":"x"}"#,
            r#"{"type":"other"}"#,
        ] {
            assert_eq!(Control::parse(line), None, "{line}");
        }
    }

    #[test]
    fn what_is_told_is_one_line() {
        let payload = RawValue::from_string("{\n\"a\": 1\r\n}".to_owned()).unwrap();
        let command = Told::Command { name: "go".to_owned(), payload };
        let answer = Told::Answer(InteractionAnswer {
            interaction_id: InteractionId::new("q").unwrap(),
            state: InteractionState::Resolved,
            value: Some(json!("a\nb")),
        });

        let lines = [command.line(), answer.line()].map(|line| String::from_utf8(line).unwrap());

        assert_eq!(
            lines[0],
            "{\"type\":\"command\",\"command\":\"go\",\"payload\":{ \"a\": 1  }}\n"
        );
        assert_eq!(
            lines[1],
            "{\"type\":\"answer\",\"interactionId\":\"q\",\"state\":\"resolved\",\"value\":\"a\\nb\"}\n"
        );
    }

    proptest! {
        #[test]
        fn any_line_is_read(line in "\\PC*|\\{\"type\":\"(ask|event|handoff|chatEvent)\".{0,40}\\}") {
            Control::parse(&line);
        }
    }
}
