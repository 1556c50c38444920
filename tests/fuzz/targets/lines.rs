//! A turn does not depend on the pieces that the output comes in. What is exactly a control message is one, any other
//! line is text.

#![no_main]

use fuzz::{pieces, split, without_return};
use libfuzzer_sys::fuzz_target;
use protocol::InteractionId;
use protocol::agents::{ChatEventBody, InteractionKind};
use protocol::names::is_event_name;
use protocol::spec::Codec;
use runtime::AgentEvent;
use runtime::fuzzing::turn;
use serde_json::{Map, Value, json};

const END: &str = "END";

/// How a turn ends, and whether there are control messages.
#[derive(Clone, Copy)]
struct Rules {
    control: bool,
    one_line: bool,
    sentinel: bool,
}

fuzz_target!(|input: &[u8]| {
    let Some((flags, input)) = input.split_first() else { return };
    let rules =
        Rules { control: flags & 1 == 0, one_line: flags & 2 != 0, sentinel: flags & 4 != 0 };
    let (whole, pieces) = pieces(input);
    let codec = rules.codec();

    let told = summary(turn(&codec, pieces));

    assert_eq!(told, summary(turn(&codec, [whole])));
    assert_eq!(told.answer, told.streamed);
    let (answer, controls) = rules.expect(whole);
    assert_eq!(told.answer, answer);
    assert_eq!(told.others.len(), controls + 1, "{:?}", told.others);
    assert!(matches!(told.others.last(), Some((_, AgentEvent::Ended { .. }))));
});

impl Rules {
    fn codec(self) -> Codec {
        let Self { control, one_line, sentinel } = self;
        let sentinel = sentinel.then(|| format!("^{END}$"));
        Codec::Lines {
            sentinel,
            one_line,
            quiet_ms: 300,
            empty_ms: 300,
            greeting_ms: 1_000,
            control,
        }
    }

    /// The answer, and how many control messages there are beside it.
    fn expect(self, output: &[u8]) -> (String, usize) {
        let (lines, tail) = split(output);
        let (mut answer, mut controls) = (Vec::new(), 0);
        let complete = lines.len();
        for (index, line) in lines.into_iter().chain(tail).enumerate() {
            let line = String::from_utf8_lossy(without_return(line)).into_owned();
            let is_whole = index < complete;
            if is_whole && self.control && is_control(&line) {
                controls += 1;
            } else if self.sentinel && line == END {
                break;
            } else {
                answer.push(line);
                if self.one_line {
                    break;
                }
            }
        }
        (answer.join("\n"), controls)
    }
}

/// What a turn said.
#[derive(Debug, PartialEq)]
struct Summary {
    answer: String,
    streamed: String,
    /// Anything else, and how much had been streamed before it.
    others: Vec<(usize, AgentEvent)>,
}

fn summary(events: impl IntoIterator<Item = AgentEvent>) -> Summary {
    let (mut answer, mut streamed, mut others) = (String::new(), String::new(), Vec::new());
    for event in events {
        match without_chance(event) {
            AgentEvent::Delta { text, .. } => streamed.push_str(&text),
            AgentEvent::Message { text, .. } => answer.push_str(&text),
            event => others.push((streamed.len(), event)),
        }
    }
    Summary { answer, streamed, others }
}

/// The event with one id for all that are made up.
fn without_chance(mut event: AgentEvent) -> AgentEvent {
    if let AgentEvent::Asked { ask, .. } = &mut event
        && ask.interaction_id.as_str().starts_with("in_")
    {
        ask.interaction_id = InteractionId::new("in").expect("an id");
    }
    event
}

/// Says once more, in other words, what `docs/agents.md` does.
fn is_control(line: &str) -> bool {
    let Some(fields) = fields(line) else { return false };
    let Some(kind) = fields.get("type").and_then(Value::as_str) else { return false };
    let only =
        |names: &[&str]| fields.keys().all(|field| field == "type" || names.contains(&&**field));
    let text = |field| fields.get(field).and_then(Value::as_str);
    match kind {
        "ask" => {
            only(&[
                "interactionId",
                "kind",
                "message",
                "choices",
                "defaultIndex",
                "fields",
                "timeoutMs",
            ]) && is_ask(&fields)
        }
        "event" => only(&["topic", "payload"]) && text("topic").is_some_and(is_event_name),
        "handoff" => {
            let agent = text("agentId").is_some_and(|id| (1..=128).contains(&id.chars().count()));
            let said = ["message", "reason"]
                .iter()
                .all(|field| optional(&fields, field, Value::is_string));
            only(&["agentId", "message", "reason"]) && agent && said
        }
        "chatEvent" => only(&["kind", "payload"]) && text("kind").is_some() && is_note(&fields),
        _ => false,
    }
}

fn is_note(fields: &Map<String, Value>) -> bool {
    let body =
        fields.get("payload").map(|payload| json!({ "kind": fields["kind"], "payload": payload }));
    let body = body.and_then(|body| serde_json::from_value(body).ok());
    body.is_some_and(|body| !matches!(body, ChatEventBody::Raw { .. }))
}

fn is_ask(fields: &Map<String, Value>) -> bool {
    let kind = fields.get("kind").and_then(|kind| serde_json::from_value(kind.clone()).ok());
    let texts = |field| match fields.get(field) {
        None => Some(0),
        Some(Value::Array(texts)) if texts.iter().all(Value::is_string) => Some(texts.len()),
        Some(_) => None,
    };
    let (Some(choices), Some(inputs)) = (texts("choices"), texts("fields")) else { return false };
    let fits = match kind {
        Some(InteractionKind::Question) => (1..=50).contains(&choices) && inputs == 0,
        Some(InteractionKind::Form) => (1..=50).contains(&inputs) && choices == 0,
        Some(InteractionKind::Text) => choices == 0 && inputs == 0,
        None => false,
    };
    let message = fields.get("message").and_then(Value::as_str);
    let is_default = |index: &Value| index.as_u64().is_some_and(|index| index < choices as u64);
    let is_wait = |wait: &Value| wait.as_u64().is_some_and(|ms| (1_000..=86_400_000).contains(&ms));
    let is_id = |id: &Value| id.as_str().is_some_and(|id| InteractionId::new(id).is_ok());
    fits && message.is_some_and(|message| (1..=16 << 10).contains(&message.len()))
        && optional(fields, "defaultIndex", is_default)
        && optional(fields, "timeoutMs", is_wait)
        && optional(fields, "interactionId", is_id)
}

fn optional(fields: &Map<String, Value>, name: &str, is_sound: impl Fn(&Value) -> bool) -> bool {
    fields.get(name).is_none_or(|value| value.is_null() || is_sound(value))
}

/// The fields of an object that begins at once and has none of them twice.
fn fields(line: &str) -> Option<Map<String, Value>> {
    let value: Value = serde_json::from_str(line).ok().filter(|_| line.starts_with('{'))?;
    let fields = value.as_object()?.clone();
    (fields.len() == count(line)?).then_some(fields)
}

/// How many fields an object has, those that are there twice counted twice.
fn count(line: &str) -> Option<usize> {
    struct Fields;
    impl<'de> serde::de::Visitor<'de> for Fields {
        type Value = usize;

        fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
            f.write_str("an object")
        }

        fn visit_map<A: serde::de::MapAccess<'de>>(self, mut map: A) -> Result<usize, A::Error> {
            let mut count = 0;
            while map.next_entry::<String, serde::de::IgnoredAny>()?.is_some() {
                count += 1;
            }
            Ok(count)
        }
    }
    serde::Deserializer::deserialize_map(&mut serde_json::Deserializer::from_str(line), Fields).ok()
}
