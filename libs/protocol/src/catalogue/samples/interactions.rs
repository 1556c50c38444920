//! Samples about interactions.

use super::{at, head, id, viewer};
use crate::agents::{
    InteractionEnded, InteractionKind, InteractionRequest, InteractionRequestBody,
    InteractionState, InteractionUpdate, InteractionUpdateBody, RespondInteraction,
};
use crate::catalogue::shape::Sampled;
use crate::ids::InteractionId;

fn interaction() -> InteractionId {
    id("in_6e0d24b9f1837ac5d9e2")
}

impl Sampled for InteractionRequest {
    fn samples() -> Vec<(&'static str, Self)> {
        let choice = InteractionRequestBody {
            interaction_id: interaction(),
            kind: InteractionKind::Question,
            message: "In which base?".into(),
            choices: vec!["ten".into(), "two".into()],
            default_index: Some(0),
            fields: Vec::new(),
            expires_at: at(600_012),
        };
        let text = InteractionRequestBody {
            kind: InteractionKind::Text,
            choices: Vec::new(),
            default_index: None,
            ..choice.clone()
        };
        let form = InteractionRequestBody {
            kind: InteractionKind::Form,
            fields: vec!["base".into(), "digits".into()],
            ..text.clone()
        };
        let asked = |body| Self { head: head(3, 12), body };
        vec![("a choice", asked(choice)), ("a text", asked(text)), ("a form", asked(form))]
    }
}

impl Sampled for InteractionUpdate {
    fn samples() -> Vec<(&'static str, Self)> {
        let answered = InteractionUpdateBody {
            interaction_id: interaction(),
            state: InteractionState::Resolved,
            value: Some("two".into()),
            viewer_id: Some(viewer()),
            user: Some("ada".into()),
        };
        let declined = InteractionUpdateBody {
            state: InteractionState::Cancelled,
            value: None,
            ..answered.clone()
        };
        let late = InteractionUpdateBody {
            state: InteractionState::TimedOut,
            value: Some("ten".into()),
            viewer_id: None,
            user: None,
            ..answered.clone()
        };
        let ended = |body| Self { head: head(4, 80), body };
        vec![
            ("answered", ended(answered)),
            ("declined", ended(declined)),
            ("nobody answered", ended(late)),
        ]
    }
}

impl Sampled for RespondInteraction {
    fn samples() -> Vec<(&'static str, Self)> {
        let answer = Self {
            agent_id: None,
            interaction_id: interaction(),
            value: Some("two".into()),
            cancel: false,
        };
        let decline = Self { value: None, cancel: true, ..answer.clone() };
        vec![("answer", answer), ("decline", decline)]
    }
}

impl Sampled for InteractionEnded {
    fn samples() -> Vec<(&'static str, Self)> {
        vec![("answered", Self { state: InteractionState::Resolved })]
    }
}
