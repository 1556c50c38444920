//! A conversation for people.

use std::fmt::Write as _;

use protocol::ConversationId;
use protocol::agents::{
    AgentChanged, AgentResponse, ChatEvent, ChatEventBody, ChatMessage, ChatMessageBody, EntryKind,
    HistoryEvent, InteractionRequest, InteractionState, InteractionUpdate, RunEvent, RunState,
};
use serde::de::DeserializeOwned;
use serde_json::Value;

/// Writes entries as Markdown, page by page.
pub(super) struct Markdown {
    title: Option<String>,
}

impl Markdown {
    pub(super) fn new(id: &ConversationId) -> Self {
        Self { title: Some(format!("# Conversation {id}\n\n")) }
    }

    /// The next entries; the first ones with the title.
    pub(super) fn render(&mut self, events: &[HistoryEvent]) -> String {
        let mut text = self.title.take().unwrap_or_default();
        for event in events {
            // What cannot be read is of a newer version and left out; the other format has it.
            write_event(&mut text, event).ok();
        }
        text
    }
}

/// Why an entry is not written.
struct Unreadable;

impl From<std::fmt::Error> for Unreadable {
    fn from(_: std::fmt::Error) -> Self {
        Self
    }
}

fn read<T: DeserializeOwned>(event: &HistoryEvent) -> Result<T, Unreadable> {
    serde_json::from_str(event.payload.get()).map_err(|_| Unreadable)
}

fn write_event(text: &mut String, event: &HistoryEvent) -> Result<(), Unreadable> {
    match EntryKind::parse(&event.event) {
        Some(EntryKind::ChatMessage) => message(text, read(event)?)?,
        Some(EntryKind::ChatEvent) => happening(text, read(event)?)?,
        Some(EntryKind::RunEvent) => run(text, &read(event)?)?,
        Some(EntryKind::InteractionRequest) => {
            let InteractionRequest { body, .. } = read(event)?;
            aside(text, &format!("asks: {}", body.message))?;
        }
        Some(EntryKind::InteractionUpdate) => {
            let InteractionUpdate { body, .. } = read(event)?;
            let answer = body.value.map(|value| plain(&value)).unwrap_or_default();
            let who = body.user.unwrap_or_else(|| "nobody".to_owned());
            match body.state {
                InteractionState::Resolved => aside(text, &format!("{who} answers: {answer}"))?,
                InteractionState::Cancelled => aside(text, "the question was cancelled")?,
                InteractionState::TimedOut => aside(text, "nobody answered in time")?,
            }
        }
        Some(EntryKind::AgentChanged) => {
            let AgentChanged { body, .. } = read(event)?;
            aside(text, &format!("{} goes on", body.agent_name))?;
        }
        Some(EntryKind::AgentEvent | EntryKind::MessageFilterResult) | None => {}
    }
    Ok(())
}

fn message(text: &mut String, message: ChatMessage) -> Result<(), Unreadable> {
    let (who, said) = match message.body {
        ChatMessageBody::User { text, user, .. } => (user.unwrap_or_else(|| "user".into()), text),
        ChatMessageBody::Agent { agent_name, response, .. } => {
            let AgentResponse::Text { result } = response;
            (agent_name, result)
        }
    };
    let who = one_line(&who);
    writeln!(text, "## {who} · {}\n\n{said}\n", message.head.timestamp)?;
    Ok(())
}

fn happening(text: &mut String, event: ChatEvent) -> Result<(), Unreadable> {
    match event.body {
        ChatEventBody::ToolCall { name, title, input, .. } => {
            aside(text, &format!("uses {}", title.unwrap_or(name)))?;
            input.map_or(Ok(()), |input| fenced(text, &plain(&input)))
        }
        ChatEventBody::ToolResult { is_error, output, .. } => {
            aside(text, if is_error { "the tool failed" } else { "the tool gave back" })?;
            output.map_or(Ok(()), |output| fenced(text, &plain(&output)))
        }
        ChatEventBody::Thinking { text: thought } => aside(text, &thought),
        ChatEventBody::Question { message } | ChatEventBody::Status { message } => {
            aside(text, &message)
        }
        ChatEventBody::Plan { steps } => {
            for step in steps {
                writeln!(text, "- {}", one_line(&step.content))?;
            }
            text.push('\n');
            Ok(())
        }
        ChatEventBody::Raw { text: raw, .. } => fenced(text, &raw),
        ChatEventBody::Usage(_) => Ok(()),
    }
}

fn run(text: &mut String, run: &RunEvent) -> Result<(), Unreadable> {
    let why = || {
        let reason = run.body.reason.and_then(|reason| serde_json::to_value(reason).ok());
        reason.map(|reason| format!(" ({})", plain(&reason))).unwrap_or_default()
    };
    match run.body.state {
        RunState::Failed => aside(text, &format!("the run failed{}", why())),
        RunState::Cancelled => aside(text, &format!("the run was cancelled{}", why())),
        _ => Ok(()),
    }
}

/// One line in italics.
fn aside(text: &mut String, said: &str) -> Result<(), Unreadable> {
    let said = one_line(said).replace('*', "\\*").replace('_', "\\_");
    writeln!(text, "*{said}*\n")?;
    Ok(())
}

/// A block whose fence is longer than any in it.
fn fenced(text: &mut String, code: &str) -> Result<(), Unreadable> {
    let longest = code.split(|c| c != '`').map(str::len).max().unwrap_or(0);
    let fence = "`".repeat(longest.max(2) + 1);
    writeln!(text, "{fence}\n{}\n{fence}\n", code.trim_end_matches('\n'))?;
    Ok(())
}

fn one_line(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

fn plain(value: &Value) -> String {
    value.as_str().map_or_else(|| value.to_string(), str::to_owned)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn event(name: &str, body: Value) -> HistoryEvent {
        let mut payload = json!({
            "agentId": "a", "conversationId": "c", "seq": 1, "runId": "r",
            "timestamp": "1970-01-01T00:00:00.000Z",
        });
        payload.as_object_mut().unwrap().extend(body.as_object().unwrap().clone());
        HistoryEvent { event: name.into(), payload: gateway::raw(&payload) }
    }

    #[test]
    fn a_conversation_is_readable() {
        let call = json!({ "id": "1", "name": "sh", "input": "echo ```` " });
        let events = [
            event("chatMessage", json!({ "from": "user", "id": "e", "text": "hi", "user": "ada" })),
            event("runEvent", json!({ "state": "started" })),
            event("chatEvent", json!({ "kind": "toolCall", "payload": call })),
            event("runEvent", json!({ "state": "failed", "reason": "agent_exited" })),
            event("somethingNew", json!({})),
        ];

        let text = Markdown::new(&ConversationId::new("c").unwrap()).render(&events);

        assert_eq!(
            text,
            "# Conversation c\n\n## ada · 1970-01-01T00:00:00.000Z\n\nhi\n\n*uses sh*\n\n`````\necho ```` \n`````\n\n\
             *the run failed (agent\\_exited)*\n\n"
        );
    }
}
