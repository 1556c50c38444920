//! The routing head of an event, and how a stored body becomes an event.

use std::borrow::Cow;

use schemars::JsonSchema;
use serde::{Deserialize, Deserializer, Serialize};

use crate::ids::{AgentId, ConversationId, Epoch, RunId, Seq};
use crate::time::Timestamp;

/// The fields that every stored event begins with.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct EntryHead {
    /// The agent whose log it is in.
    pub agent_id: AgentId,
    /// The log that it is in.
    pub conversation_id: ConversationId,
    /// Its position there.
    pub seq: Seq,
    /// The run that it belongs to; absent for what an agent says unasked.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub run_id: Option<RunId>,
    /// When it was appended.
    pub timestamp: Timestamp,
}

impl EntryHead {
    /// The event's payload as JSON: the head's fields, then those of `body`, a non-empty JSON object.
    ///
    /// It is a function of its arguments alone, so a replayed event is byte for byte the live one.
    #[must_use]
    pub fn render(&self, body: &str) -> String {
        let mut json = serde_json::to_string(self).expect("a head has only strings and numbers");
        debug_assert!(body.len() > 2 && body.starts_with('{'), "a body is an object with fields");
        json.pop();
        json.reserve(body.len());
        json.push(',');
        json.push_str(body.strip_prefix('{').unwrap_or(body));
        json
    }
}

/// What a controller reads of an event. The rest passes through as the bytes that came.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct RoutingHead<'a> {
    /// The agent, unless the event is about the connection.
    #[serde(borrow, default, deserialize_with = "text")]
    pub agent_id: Option<Cow<'a, str>>,
    /// The log, for events of a conversation.
    #[serde(borrow, default, deserialize_with = "text")]
    pub conversation_id: Option<Cow<'a, str>>,
    /// The run, where it belongs to one.
    #[serde(borrow, default, deserialize_with = "text")]
    pub run_id: Option<Cow<'a, str>>,
    /// Whose message or run it is.
    #[serde(borrow, default, deserialize_with = "text")]
    pub viewer_id: Option<Cow<'a, str>>,
    /// The one connection that it is for.
    #[serde(borrow, default, deserialize_with = "text")]
    pub connection_id: Option<Cow<'a, str>>,
    /// Present exactly on stored events, and on `runActivity`, which tells of one.
    #[serde(default)]
    pub seq: Option<Seq>,
    /// Present exactly on pieces of an answer.
    #[serde(default)]
    pub sequence: Option<u64>,
    /// On `historyEnd` and `loginSuccess`.
    #[serde(default)]
    pub epoch: Option<Epoch>,
}

/// Borrows the text where it has no escapes. `Option<Cow>` alone would copy it for every event relayed.
fn text<'de: 'a, 'a, D: Deserializer<'de>>(field: D) -> Result<Option<Cow<'a, str>>, D::Error> {
    #[derive(Deserialize)]
    struct Text<'a>(#[serde(borrow)] Cow<'a, str>);

    Ok(Option::<Text<'a>>::deserialize(field)?.map(|text| text.0))
}

impl<'a> RoutingHead<'a> {
    /// Reads the head of an event's payload.
    ///
    /// # Errors
    /// The payload is no object, or a routing field is of the wrong type.
    pub fn read(payload: &'a str) -> Result<Self, serde_json::Error> {
        // Fields would be read from an array, too, by their place.
        if payload.trim_start().starts_with('[') {
            return Err(serde::de::Error::custom("an array is no object"));
        }
        serde_json::from_str(payload)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_array_has_no_head() {
        for payload in ["[]", r#"["a","c"]"#, r#" ["a"]"#, "null", "1"] {
            assert!(RoutingHead::read(payload).is_err(), "{payload}");
        }
        assert!(RoutingHead::read(" {}").is_ok());
    }

    #[test]
    fn a_rendered_entry_is_its_head_and_then_its_body() {
        let head = EntryHead {
            agent_id: AgentId::new("a").unwrap(),
            conversation_id: ConversationId::new("c").unwrap(),
            seq: Seq(3),
            run_id: Some(RunId::new("r").unwrap()),
            timestamp: Timestamp::from_millis(1),
        };

        let json = head.render(r#"{"x":1.10}"#);

        assert_eq!(
            json,
            r#"{"agentId":"a","conversationId":"c","seq":3,"runId":"r","timestamp":"1970-01-01T00:00:00.001Z","x":1.10}"#
        );
        let routing = RoutingHead::read(&json).unwrap();
        assert!(matches!(routing.agent_id, Some(Cow::Borrowed("a"))), "not copied");
        assert_eq!(routing.seq, Some(Seq(3)));
    }
}
