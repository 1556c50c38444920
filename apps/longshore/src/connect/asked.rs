//! What the agent asks: shown with numbers, answered by a line.

use std::collections::VecDeque;

use protocol::InteractionId;
use protocol::agents::{InteractionKind, InteractionRequestBody};
use serde_json::{Map, Value};

/// What nobody has answered, the oldest first, and how much of a form is filled in.
#[derive(Debug, Default)]
pub(super) struct Asked {
    open: VecDeque<InteractionRequestBody>,
    filled: Map<String, Value>,
}

/// What a line is to what is asked.
#[derive(Debug, PartialEq)]
pub(super) enum Answer {
    /// The whole answer.
    Whole(InteractionId, Value),
    /// A field of a form; another one is wanted.
    Field(String),
    /// Nothing is asked, or not this.
    None,
}

impl Asked {
    pub(super) fn clear(&mut self) {
        *self = Self::default();
    }

    /// Something is asked. Whether that is news.
    pub(super) fn ask(&mut self, request: InteractionRequestBody) -> bool {
        let known = self.open.iter().any(|open| open.interaction_id == request.interaction_id);
        if !known {
            self.open.push_back(request);
        }
        !known
    }

    /// It is not asked any more.
    pub(super) fn end(&mut self, id: &InteractionId) {
        if self.first().is_some_and(|first| first == id) {
            self.filled.clear();
        }
        self.open.retain(|open| open.interaction_id != *id);
    }

    /// What a line answers.
    pub(super) fn first(&self) -> Option<&InteractionId> {
        self.open.front().map(|open| &open.interaction_id)
    }

    /// Takes a line as an answer: any for a text, a choice or its number for a question, a field after the other for a form.
    pub(super) fn answer(&mut self, line: &str) -> Answer {
        let Some(asked) = self.open.front() else { return Answer::None };
        let line = line.trim();
        let value = match asked.kind {
            InteractionKind::Text => line.into(),
            InteractionKind::Question => match choice(&asked.choices, line) {
                Some(choice) => choice.clone().into(),
                None => return Answer::None,
            },
            InteractionKind::Form => {
                if let Some(field) = asked.fields.get(self.filled.len()) {
                    self.filled.insert(field.clone(), line.into());
                }
                if let Some(next) = asked.fields.get(self.filled.len()) {
                    return Answer::Field(next.clone());
                }
                std::mem::take(&mut self.filled).into()
            }
        };
        Answer::Whole(asked.interaction_id.clone(), value)
    }
}

fn choice<'a>(choices: &'a [String], line: &str) -> Option<&'a String> {
    let number = line.parse::<usize>().ok().and_then(|number| number.checked_sub(1));
    let named = choices.iter().find(|choice| choice.eq_ignore_ascii_case(line));
    named.or_else(|| choices.get(number?))
}

/// How it can be answered.
pub(super) fn how(request: &InteractionRequestBody) -> String {
    match request.kind {
        InteractionKind::Question => {
            format!("answer with 1 to {}, /decline not to", request.choices.len())
        }
        InteractionKind::Text => "the next line is the answer, /decline not to".to_owned(),
        InteractionKind::Form => {
            let first = request.fields.first().map_or("", String::as_str);
            format!("a line for each of {}; /decline not to\n  {first}:", request.fields.join(", "))
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn request(kind: &str, more: &Value) -> InteractionRequestBody {
        let mut request = json!({
            "interactionId": format!("in_{kind}"), "type": kind, "message": "?", "expiresAt": "2026-01-01T00:00:00.000Z",
        });
        request.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        serde_json::from_value(request).unwrap()
    }

    fn asked(kind: &str, more: &Value) -> Asked {
        let mut asked = Asked::default();
        assert!(asked.ask(request(kind, more)));
        assert!(!asked.ask(request(kind, more)), "once");
        asked
    }

    #[test]
    fn a_question_is_answered_by_number_or_name() {
        let mut asked = asked("question", &json!({ "choices": ["red", "green"] }));
        let id = InteractionId::new("in_question").unwrap();

        assert_eq!(asked.answer(" Green"), Answer::Whole(id.clone(), json!("green")));
        assert_eq!(asked.answer("1"), Answer::Whole(id.clone(), json!("red")));
        for other in ["0", "3", "blue", ""] {
            assert_eq!(asked.answer(other), Answer::None, "{other}");
        }
        asked.end(&id);
        assert_eq!(asked.answer("1"), Answer::None);
    }

    #[test]
    fn a_form_is_answered_field_by_field() {
        let mut asked = asked("form", &json!({ "fields": ["name", "age"] }));

        assert_eq!(asked.answer("ada"), Answer::Field("age".into()));
        let Answer::Whole(_, value) = asked.answer("36") else { panic!() };
        assert_eq!(value, json!({ "name": "ada", "age": "36" }));
    }

    #[test]
    fn a_form_that_ends_takes_its_fields_along() {
        let mut asked = asked("form", &json!({ "fields": ["name", "age"] }));
        asked.answer("ada");
        asked.end(&InteractionId::new("in_form").unwrap());
        asked.ask(request("text", &json!({})));

        assert!(matches!(asked.answer("x"), Answer::Whole(_, value) if value == json!("x")));
    }
}
