//! The AsyncAPI 3.0 document.
//!
//! AsyncAPI knows channels, messages and operations; Socket.IO has namespaces, events and acknowledgements. Here a
//! namespace is a channel whose address is the namespace, an event is a message whose name is the event's, and an
//! acknowledgement is the reply of an operation. Actions are the server's: it receives commands and sends events.

mod access;
mod tag;

use access::{security_schemes, server};
use serde_json::{Map, Value, json};
use tag::{Tag, tags};

use super::schemas::Schemas;
use crate::agents::{AgentsAuth, Origin};
use crate::catalogue::{Message, Namespace, Sample, Shape};
use crate::clients::ClientAuth;
use crate::error::ErrorCode;

const DESCRIPTION: &str = include_str!("asyncapi.md");

/// The whole contract; its fields in the order in which a reader wants them.
#[must_use]
pub fn asyncapi() -> Value {
    let mut schemas = Schemas::new();
    let channels = each_namespace(|namespace| channel(namespace, &mut schemas));
    let operations =
        crate::catalogue::messages().map(|message| (operation_id(message), operation(message)));
    let operations: Map<String, Value> = operations.collect();
    json!({
        "asyncapi": "3.0.0",
        "id": "urn:longshore",
        "info": info(),
        "defaultContentType": "application/json",
        "servers": each_namespace(server),
        "channels": channels,
        "operations": operations,
        "components": {
            "securitySchemes": security_schemes(),
            "schemas": schemas.components(),
        },
    })
}

fn info() -> Value {
    json!({
        "title": "longshore",
        "version": env!("CARGO_PKG_VERSION"),
        "description": DESCRIPTION.trim_end(),
        "contact": { "name": "the authors of longshore" },
        "license": { "name": "MIT" },
        "tags": Tag::ALL.map(Tag::described),
    })
}

fn each_namespace(mut describe: impl FnMut(Namespace) -> Value) -> Value {
    Namespace::ALL
        .into_iter()
        .map(|namespace| (id(namespace).to_owned(), describe(namespace)))
        .collect()
}

/// The key of the namespace's channel; its server has the same.
fn id(namespace: Namespace) -> &'static str {
    namespace.path().trim_start_matches('/')
}

fn channel(namespace: Namespace, schemas: &mut Schemas) -> Value {
    let (title, summary) = match namespace {
        Namespace::Clients => (
            "Namespace /clients",
            "Between a browser, a terminal or any Socket.IO client and the controller",
        ),
        Namespace::Agents => (
            "Namespace /agents",
            "Between a controller and a manager; the same inside `forward` and `forwardedEvent`",
        ),
    };
    let auth = match namespace {
        Namespace::Clients => schemas.of_type::<ClientAuth>(),
        Namespace::Agents => schemas.of_type::<AgentsAuth>(),
    };
    let mut messages = Map::new();
    for message in namespace.messages() {
        messages.insert(message.key.into(), describe(message, schemas));
        if let Some(answer) = message.answer {
            messages.insert(
                answer_key(message),
                acknowledgement(message, &answer.acknowledgement, schemas),
            );
        }
    }
    json!({
        "address": namespace.path(),
        "title": title,
        "summary": summary,
        "servers": [reference(&format!("/servers/{}", id(namespace)))],
        "messages": messages,
        "bindings": { "ws": websocket() },
        "x-handshake": {
            "description": "`auth` of the CONNECT packet. A wrong one is answered with CONNECT_ERROR, `Unauthorized`.",
            "auth": auth,
        },
    })
}

/// There is no binding for Socket.IO; this is what its handshake is for a WebSocket.
fn websocket() -> Value {
    json!({
        "method": "GET",
        "query": {
            "type": "object",
            "properties": {
                "EIO": { "type": "string", "const": "4", "description": "Version of Engine.IO." },
                "transport": { "type": "string", "enum": ["websocket", "polling"] },
            },
            "required": ["EIO", "transport"],
        },
        "bindingVersion": "0.1.0",
    })
}

fn describe(message: &Message, schemas: &mut Schemas) -> Value {
    let mut described = json!({
        "name": message.name,
        "summary": message.summary,
    });
    let payload = schemas.of(&message.payload);
    let fields = described.as_object_mut().expect("an object");
    if !message.description.is_empty() {
        fields.insert("description".into(), message.description.into());
    }
    if message.namespace == Namespace::Agents && message.is_command() {
        fields.insert("headers".into(), schemas.of_type::<Origin>());
    }
    fields.insert("payload".into(), payload);
    fields.insert("examples".into(), examples(&message.payload));
    fields.insert("tags".into(), tags(message));
    if message.stored {
        fields.insert("x-stored".into(), true.into());
    }
    described
}

fn acknowledgement(message: &Message, shape: &Shape, schemas: &mut Schemas) -> Value {
    json!({
        "title": format!("Acknowledgement of {}", message.name),
        "summary": format!("What `{}` is answered with", message.name),
        "payload": schemas.of(shape),
        "examples": examples(shape),
        "tags": [Tag::Acknowledgement.reference()],
    })
}

fn examples(shape: &Shape) -> Value {
    let example = |sample: Sample| {
        let payload: Value = serde_json::from_str(&sample.json).expect("samples are JSON");
        json!({ "summary": sample.name, "payload": payload })
    };
    shape.samples().into_iter().map(example).collect()
}

fn operation(message: &Message) -> Value {
    let channel = format!("/channels/{}", id(message.namespace));
    let mut operation = json!({
        "action": if message.is_command() { "receive" } else { "send" },
        "channel": reference(&channel),
        "summary": message.summary,
    });
    let fields = operation.as_object_mut().expect("an object");
    if message.is_command() {
        fields.insert("description".into(), refusals(message).into());
    }
    fields.insert("tags".into(), tags(message));
    fields.insert(
        "messages".into(),
        json!([reference(&format!("{channel}/messages/{}", message.key))]),
    );
    if message.is_command() {
        let answer = reference(&format!("{channel}/messages/{}", answer_key(message)));
        fields.insert(
            "reply".into(),
            json!({ "channel": reference(&channel), "messages": [answer] }),
        );
    }
    operation
}

fn refusals(message: &Message) -> String {
    let code = |code: &ErrorCode| format!("`{}`", json!(code).as_str().unwrap_or_default());
    let codes = message.errors.iter().chain(&Message::ALWAYS_POSSIBLE).map(code);
    let role = message.wants.map(|role| format!("Takes the role `{role}`. ")).unwrap_or_default();
    format!("{role}May be refused with {}.", codes.collect::<Vec<_>>().join(", "))
}

fn operation_id(message: &Message) -> String {
    format!("{}.{}", id(message.namespace), message.key)
}

fn answer_key(message: &Message) -> String {
    format!("{}Acknowledgement", message.key)
}

fn reference(path: &str) -> Value {
    json!({ "$ref": format!("#{path}") })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::document::schemas::COMPONENTS;

    /// Every `$ref` in the document.
    fn references<'a>(value: &'a Value, found: &mut Vec<&'a str>) {
        match value {
            Value::Object(fields) => {
                found.extend(fields.get("$ref").and_then(Value::as_str));
                fields.values().for_each(|value| references(value, found));
            }
            Value::Array(items) => items.iter().for_each(|item| references(item, found)),
            _ => {}
        }
    }

    #[test]
    fn every_reference_leads_somewhere_and_every_schema_is_referred_to() {
        let document = asyncapi();
        let mut found = Vec::new();
        references(&document, &mut found);

        for reference in &found {
            let target = reference.strip_prefix('#').and_then(|pointer| document.pointer(pointer));
            assert!(target.is_some(), "{reference}");
        }
        for name in document["components"]["schemas"].as_object().unwrap().keys() {
            let reference = format!("#{COMPONENTS}/{name}");
            assert!(found.contains(&reference.as_str()), "{name} is not used");
        }
    }

    #[test]
    fn each_message_has_an_operation_and_each_command_a_reply() {
        let document = asyncapi();

        for message in crate::catalogue::messages() {
            let operation = &document["operations"][operation_id(message)];
            assert_eq!(operation["reply"].is_object(), message.is_command(), "{}", message.key);
        }
    }
}
