//! Interactions: an agent asks, the first answer counts.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::EntryHead;
use crate::ids::{AgentId, InteractionId, ViewerId};
use crate::time::Timestamp;

/// `interactionRequest`: the agent asks, and waits for the answer.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct InteractionRequest {
    /// Where it stands.
    #[serde(flatten)]
    pub head: EntryHead,
    /// What is asked.
    #[serde(flatten)]
    pub body: InteractionRequestBody,
}

/// An `interactionRequest` without its head, as it is stored.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct InteractionRequestBody {
    /// Unique within the manager.
    pub interaction_id: InteractionId,
    /// What kind of answer is wanted.
    #[serde(rename = "type")]
    pub kind: InteractionKind,
    /// The question.
    pub message: String,
    /// With `question`: what can be chosen. An answer is one of these.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub choices: Vec<String>,
    /// Which of the choices counts when nobody answers in time.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub default_index: Option<u32>,
    /// With `form`: the names of its fields. An answer is an object with these.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub fields: Vec<String>,
    /// When it ends by itself.
    pub expires_at: Timestamp,
}

/// What kind of answer an interaction wants.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub enum InteractionKind {
    /// One of its choices.
    Question,
    /// An object with its fields, each a string.
    Form,
    /// A string.
    Text,
}

/// `interactionUpdate`: an interaction has ended.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct InteractionUpdate {
    /// Where it stands.
    #[serde(flatten)]
    pub head: EntryHead,
    /// How it ended.
    #[serde(flatten)]
    pub body: InteractionUpdateBody,
}

/// An `interactionUpdate` without its head, as it is stored.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct InteractionUpdateBody {
    /// The interaction.
    pub interaction_id: InteractionId,
    /// How it ended.
    pub state: InteractionState,
    /// The answer; with `timedOut` the default one, if there is one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub value: Option<serde_json::Value>,
    /// Who answered or cancelled.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub viewer_id: Option<ViewerId>,
    /// That viewer's user name.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub user: Option<String>,
}

/// How an interaction ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub enum InteractionState {
    /// Somebody answered.
    Resolved,
    /// Somebody declined to, or its run has ended. A run that ends because its manager was restarted
    /// leaves its interactions open: they may still be answered.
    Cancelled,
    /// Nobody answered in time.
    TimedOut,
}

/// `respondInteraction`: answer, or decline to. The first answer counts.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct RespondInteraction {
    /// The agent; not needed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub agent_id: Option<AgentId>,
    /// The interaction.
    pub interaction_id: InteractionId,
    /// The answer, as the interaction wants it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub value: Option<serde_json::Value>,
    /// Decline to answer.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub cancel: bool,
}

/// Acknowledgement of `respondInteraction`: this was the answer that counts.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct InteractionEnded {
    /// How it ended.
    pub state: InteractionState,
}
