//! What the lines of programs mean that are started for each turn.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Programs whose lines are known.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub enum OneshotFormat {
    /// `codex exec --json`
    Codex,
    /// `gemini --output-format stream-json`
    Gemini,
    /// `opencode run --format json`
    Opencode,
    /// `claude -p --output-format stream-json --verbose`
    Claude,
}

/// What a JSON line means. Places in it are JSON Pointers (RFC 6901); of a meaning, a text that does not begin with `/` is the
/// text itself. All rules that fit a line count, in order.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct OneshotRule {
    /// Texts, numbers or truth values that have to be at these places.
    pub when: BTreeMap<String, serde_json::Value>,
    /// Where a list is: the rule is for each of its items, and the places of its meanings are in the item.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub each: Option<String>,
    /// With `each`: what has to be at these places of the item.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub item: BTreeMap<String, serde_json::Value>,
    /// What it means, in order; with none, nothing.
    pub then: Vec<OneshotMeaning>,
}

/// What something in a JSON line means. Where nothing is found, nothing is meant.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(
    tag = "type",
    rename_all = "camelCase",
    rename_all_fields = "camelCase",
    deny_unknown_fields
)]
pub enum OneshotMeaning {
    /// The id of the program's session.
    Session {
        /// Where it is.
        id: String,
    },
    /// More of the answer.
    Delta {
        /// Where it is.
        text: String,
    },
    /// A part of the answer that is whole.
    Message {
        /// Where it is.
        text: String,
    },
    /// What the agent thinks.
    Thinking {
        /// Where it is.
        text: String,
    },
    /// A tool is used.
    ToolCall {
        /// Where the call's id is.
        id: String,
        /// Where the tool's name is.
        name: String,
        /// Where its arguments are.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        input: Option<String>,
    },
    /// A tool has given something back.
    ToolResult {
        /// Where the call's id is.
        id: String,
        /// Where it is.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        output: Option<String>,
        /// Where it says so if the tool failed: `true`, text that is `error` or `failed`, or a number other than 0.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        failed: Option<String>,
    },
    /// What the turn cost.
    Usage {
        /// Where the number of tokens read is.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        input: Option<String>,
        /// Where the number of tokens written is.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        output: Option<String>,
        /// Where the number of tokens from a cache is.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        cached: Option<String>,
        /// Where the price in US dollars is.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        cost: Option<String>,
    },
    /// Something for people.
    Status {
        /// Where it is.
        text: String,
    },
    /// The turn ended well; the program is about to exit.
    Done {},
    /// The turn failed.
    Failed {
        /// Where it says why.
        error: String,
    },
}
