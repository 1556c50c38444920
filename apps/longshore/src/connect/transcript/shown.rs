//! What there is to show, and what of an agent's asides is worth it.

use protocol::agents::{ChatEventBody, InteractionRequestBody, PlanStatus, PlanStep, Usage};
use protocol::{RunId, Timestamp};

use crate::run::Outcome;

/// Something to show.
#[derive(Debug, Clone, PartialEq)]
pub(in crate::connect) enum Shown {
    /// A whole message. With a run, what was streamed of that run is part of it.
    Message {
        /// When it was said.
        time: Timestamp,
        /// By whom.
        who: String,
        /// What.
        text: String,
        /// The run that it belongs to.
        run: Option<RunId>,
    },
    /// A live piece of an answer.
    Delta {
        /// When.
        time: Timestamp,
        /// The agent's name.
        who: String,
        /// The run that it belongs to.
        run: RunId,
        /// The piece.
        text: String,
    },
    /// An answer that is being written, as far as it is: for one who comes in the middle of it.
    SoFar {
        /// When.
        time: Timestamp,
        /// The agent's name.
        who: String,
        /// The run that it belongs to.
        run: RunId,
        /// The text so far.
        text: String,
    },
    /// Something to know.
    Note(String),
    /// Something beside the answer: tools, thoughts, plans.
    Aside(String),
    /// The agent asks.
    Asked(String, InteractionRequestBody),
    /// A run ended.
    Ended {
        /// The run.
        run: RunId,
        /// How.
        outcome: Outcome,
        /// Why, where it did not end well.
        why: Option<String>,
        /// How long it took.
        millis: Option<u64>,
        /// What it cost.
        usage: Option<Usage>,
        /// It was over before we came.
        is_history: bool,
    },
    /// All history has been shown; whether there was any.
    HistoryEnd(bool),
    /// The conversation is gone.
    Deleted,
}

impl Shown {
    /// Something beside the answer.
    pub(super) fn of_chat(body: ChatEventBody) -> Option<Self> {
        Some(match body {
            ChatEventBody::Status { message } => Self::Note(message),
            ChatEventBody::Raw { text, .. } => Self::Aside(text),
            ChatEventBody::Thinking { text } => Self::Aside(format!("thinks: {text}")),
            ChatEventBody::Question { message } => Self::Note(format!("asks: {message}")),
            ChatEventBody::ToolCall { name, title, input, .. } => {
                Self::Aside(tool(title.unwrap_or(name), input))
            }
            ChatEventBody::ToolResult { is_error: true, .. } => {
                Self::Aside("the tool failed".to_owned())
            }
            ChatEventBody::Plan { steps } => {
                let step = |step: &PlanStep| {
                    let mark = match step.status {
                        PlanStatus::Pending => ' ',
                        PlanStatus::InProgress => '>',
                        PlanStatus::Completed => 'x',
                    };
                    format!("[{mark}] {}", step.content)
                };
                let steps: Vec<_> = steps.iter().map(step).collect();
                Self::Aside(format!("plan\n{}", steps.join("\n")))
            }
            ChatEventBody::ToolResult { .. } | ChatEventBody::Usage(_) => return None,
        })
    }
}

/// A tool and what it is given, where that is short.
fn tool(name: String, input: Option<serde_json::Value>) -> String {
    let input = input.map(|input| input.as_str().map_or_else(|| input.to_string(), str::to_owned));
    match input.filter(|input| !name.contains(input.as_str())) {
        Some(input) => format!("uses {name}  {}", crate::paint::brief(&input, 80)),
        None => format!("uses {name}"),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn text(event: Value) -> String {
        match Shown::of_chat(serde_json::from_value(event).unwrap()) {
            Some(Shown::Aside(text)) => text,
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn tools_and_plans_are_short() {
        let call =
            json!({ "kind": "toolCall", "payload": { "id": "1", "name": "sh", "input": "ls -l" } });
        let steps = json!([{ "content": "look", "status": "completed" }, { "content": "do", "status": "inProgress" }]);
        let plan = json!({ "kind": "plan", "payload": { "steps": steps } });

        assert_eq!(text(call), "uses sh  ls -l");
        assert_eq!(text(plan), "plan\n[x] look\n[>] do");
    }
}
