//! Messages that carry other messages: their schema is a choice among the rows of the table.

use std::borrow::Cow;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use serde_json::{Value, json};

use super::{Audience, Message, Namespace};
use crate::agents::HistoryEvent;
use crate::clients::{ClientEvent, Forward, ForwardedEvent};
use crate::ids::{AgentId, ClientId, ConversationId, CorrelationId, Epoch, Seq};
use crate::names::agents as names;
use crate::trace::TraceParent;

/// `login` inside `forward`: follow a conversation. The controller adds what proves that it may.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct ForwardLogin {
    /// The agent; may be left to `forward`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub agent_id: Option<AgentId>,
    /// The conversation; without one, the one called `default`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub conversation_id: Option<ConversationId>,
    /// The newest entry that the caller has.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub after_seq: Option<Seq>,
    /// The epoch of that entry.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub epoch: Option<Epoch>,
    /// At most this many of the newest entries are replayed; without it, all.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub limit: Option<u64>,
}

/// Data of the acknowledgement of `forward`: what the command answers.
#[derive(Debug, Serialize, Deserialize)]
#[serde(transparent)]
pub(super) struct ForwardAnswer(pub(super) Box<RawValue>);

/// The events that a `clientEvent` carries.
const ACTIVITY: [&str; 4] = [
    names::AGENT_UPDATE,
    names::CONVERSATION_ACTIVITY,
    names::RUN_ACTIVITY,
    names::CONVERSATION_UPDATE,
];

fn forwardable() -> impl Iterator<Item = &'static Message> {
    Namespace::Agents.messages().iter().filter(|message| message.is_forwardable())
}

fn events() -> impl Iterator<Item = &'static Message> {
    Namespace::Agents.messages().iter().filter(|message| !message.is_command())
}

impl JsonSchema for Forward {
    fn schema_name() -> Cow<'static, str> {
        "Forward".into()
    }

    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        let agent = generator.subschema_for::<AgentId>();
        let correlation = generator.subschema_for::<CorrelationId>();
        let parent = generator.subschema_for::<TraceParent>();
        let choices = forwardable().map(|command| {
            let shape = command.forwarded.map_or(command.payload, |forwarded| forwarded.payload);
            let payload = shape.schema(generator);
            let mut required = vec!["event"];
            if needs_payload(generator, &payload) {
                required.push("payload");
            }
            json!({
                "type": "object",
                "description": command.summary,
                "properties": {
                    "event": name(command), "payload": payload, "agentId": agent,
                    "correlationId": correlation, "traceparent": parent,
                },
                "required": required,
            })
        });
        let choices: Vec<Value> = choices.collect();
        json_schema!({
            "description": "`forward`: a command of namespace `/agents` for the selected manager.\n\n`agentId` names the \
                agent that it is for, which the payload then need not.\nIt is logged in to first where needed. \
                `correlationId` is what the lines about this command have in the logs.",
            "oneOf": choices,
        })
    }
}

impl JsonSchema for ForwardedEvent {
    fn schema_name() -> Cow<'static, str> {
        "ForwardedEvent".into()
    }

    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        let for_viewers = events().filter(|event| event.audience == Audience::Viewers);
        let choices = carried(for_viewers, generator);
        json_schema!({
            "description": "`forwardedEvent`: an event of namespace `/agents`, payload untouched.",
            // Not `oneOf`: what is stored also fits the schema of the same event of an ephemeral run.
            "anyOf": choices,
        })
    }
}

impl JsonSchema for ClientEvent {
    fn schema_name() -> Cow<'static, str> {
        "ClientEvent".into()
    }

    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        let client = generator.subschema_for::<ClientId>();
        let mut choices =
            carried(events().filter(|event| ACTIVITY.contains(&event.name)), generator);
        for choice in &mut choices {
            choice["properties"]["clientId"] = client.clone().to_value();
            choice["required"] = json!(["clientId", "event", "payload"]);
        }
        json_schema!({
            "description": "`clientEvent`: an event of namespace `/agents` about what an agent of a client is doing, payload \
                untouched.",
            "oneOf": choices,
        })
    }
}

impl JsonSchema for HistoryEvent {
    fn schema_name() -> Cow<'static, str> {
        "HistoryEvent".into()
    }

    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        let choices = carried(events().filter(|event| event.stored), generator);
        json_schema!({
            "description": "One entry of a page, as the event that it is, byte for byte as it was live.",
            "oneOf": choices,
        })
    }
}

impl JsonSchema for ForwardAnswer {
    fn schema_name() -> Cow<'static, str> {
        "ForwardAnswer".into()
    }

    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        let data = |command: &Message| {
            command.forwarded.map(|f| f.data).or(command.answer.map(|a| a.data))
        };
        let choices: Vec<Schema> =
            forwardable().filter_map(data).map(|shape| shape.schema(generator)).collect();
        json_schema!({ "description": "What the forwarded command answers.", "anyOf": choices })
    }
}

fn carried(
    events: impl Iterator<Item = &'static Message>,
    generator: &mut SchemaGenerator,
) -> Vec<Value> {
    let choice = |event: &Message| {
        json!({
            "type": "object",
            "description": event.summary,
            "properties": { "event": name(event), "payload": event.payload.schema(generator) },
            "required": ["event", "payload"],
        })
    };
    events.map(choice).collect()
}

fn name(message: &Message) -> Value {
    json!({ "type": "string", "const": message.name })
}

/// Whether a command has a field that must be there and that `forward` does not have itself.
fn needs_payload(generator: &SchemaGenerator, reference: &Schema) -> bool {
    let name =
        reference.get("$ref").and_then(Value::as_str).and_then(|path| path.rsplit('/').next());
    let schema = name.and_then(|name| generator.definitions().get(name));
    let required = schema.and_then(|schema| schema.get("required")).and_then(Value::as_array);
    required.is_some_and(|fields| fields.iter().any(|field| field != "agentId"))
}
