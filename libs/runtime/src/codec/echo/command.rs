//! What the echo agent can be told to do.

use std::time::Duration;

use protocol::agents::ChatEventBody;
use protocol::names::is_event_name;
use serde_json::Value;

/// Longest delta of a flood: a delta travels as one frame, with some room around it.
const MAX_DELTA: usize = 1 << 20;
/// Longest answer that is streamed: it is kept, and stored as one entry.
const MAX_ANSWER: usize = 1 << 20;

/// A message, understood.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Command {
    /// Answer this.
    Answer(String),
    /// So many deltas, then the whole.
    Stream { deltas: usize, text: String },
    /// Answer after a time.
    Sleep { time: Duration, text: String },
    /// Never end.
    Stall,
    /// Fail.
    Crash,
    /// Deltas as fast as they are taken.
    Flood { deltas: u64, bytes: usize },
    /// Many answers.
    Lines(u64),
    /// Answer, and say it again unasked.
    Say(String),
    /// Something beside the answer.
    Noise,
    /// Ask which of these.
    Ask(Vec<String>),
    /// Ask for a text, for that time.
    AskText(Duration),
    /// Something of its own.
    Event { topic: String, payload: Value },
    /// Have another agent go on.
    Handoff(String),
    /// A `chatEvent` as it is given.
    Note(Box<ChatEventBody>),
    /// One of each of what a turn with a tool brings.
    Tool,
}

impl Command {
    /// Reads a message. What is no command is a text to answer.
    pub(super) fn parse(message: &str) -> Self {
        Self::read(message).unwrap_or_else(|| Self::Answer(message.to_owned()))
    }

    /// What is said unasked after the turn.
    pub(super) fn afterwards(&self) -> Option<String> {
        match self {
            Self::Say(text) => Some(text.clone()),
            _ => None,
        }
    }

    fn read(message: &str) -> Option<Self> {
        let (name, rest) = message.split_once(' ').unwrap_or((message, ""));
        match name {
            "/stream" => {
                let (deltas, text) = rest.split_once(' ')?;
                let deltas = deltas.parse().ok()?;
                let whole = (text.len() + 1).checked_mul(deltas)?;
                (whole <= MAX_ANSWER).then(|| Self::Stream { deltas, text: text.into() })
            }
            "/sleep" => {
                let (millis, text) = rest.split_once(' ')?;
                let time = Duration::from_millis(millis.parse().ok()?);
                Some(Self::Sleep { time, text: text.into() })
            }
            "/stall" => Some(Self::Stall),
            "/crash" => Some(Self::Crash),
            "/flood" => {
                let (deltas, bytes) = rest.split_once(' ')?;
                let bytes = bytes.parse().ok().filter(|bytes| *bytes <= MAX_DELTA)?;
                Some(Self::Flood { deltas: deltas.parse().ok()?, bytes })
            }
            "/lines" => rest.parse().ok().map(Self::Lines),
            "/say" => Some(Self::Say(rest.into())),
            "/noise" => Some(Self::Noise),
            "/ask" => {
                let choices: Vec<String> = rest.split_whitespace().map(str::to_owned).collect();
                (1..=50).contains(&choices.len()).then_some(Self::Ask(choices))
            }
            "/asktext" => {
                rest.parse().ok().map(|millis| Self::AskText(Duration::from_millis(millis)))
            }
            "/event" => {
                let (topic, payload) = rest.split_once(' ')?;
                let payload = serde_json::from_str(payload).ok()?;
                is_event_name(topic).then(|| Self::Event { topic: topic.to_owned(), payload })
            }
            "/handoff" => (!rest.is_empty()).then(|| Self::Handoff(rest.to_owned())),
            "/note" => serde_json::from_str(rest).ok().map(|body| Self::Note(Box::new(body))),
            "/tool" => Some(Self::Tool),
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn commands_are_read() {
        let cases = [
            ("/stream 3 a b", Command::Stream { deltas: 3, text: "a b".into() }),
            ("/sleep 20 x", Command::Sleep { time: Duration::from_millis(20), text: "x".into() }),
            ("/stall", Command::Stall),
            ("/crash", Command::Crash),
            ("/flood 5 10", Command::Flood { deltas: 5, bytes: 10 }),
            ("/lines 4", Command::Lines(4)),
            ("/say hi there", Command::Say("hi there".into())),
            ("/noise", Command::Noise),
            ("/ask a b", Command::Ask(vec!["a".into(), "b".into()])),
            ("/asktext 50", Command::AskText(Duration::from_millis(50))),
            ("/event x [1]", Command::Event { topic: "x".into(), payload: serde_json::json!([1]) }),
            ("/handoff other", Command::Handoff("other".into())),
            (
                r#"/note {"kind":"thinking","payload":{"text":"hm"}}"#,
                Command::Note(Box::new(ChatEventBody::Thinking { text: "hm".into() })),
            ),
            ("/tool", Command::Tool),
        ];
        for (message, command) in cases {
            assert_eq!(Command::parse(message), command, "{message}");
        }
    }

    #[test]
    fn anything_else_is_its_own_answer() {
        let messages = [
            "",
            "hello",
            " /stall",
            "/unknown",
            "/stream",
            "/stream x y",
            "/stream 99999999999 text",
            "/sleep -1 x",
            "/flood 1 99999999999",
            "/lines",
            "/lines many",
            "/ask",
            "/asktext soon",
            "/event a",
            "/event a b",
            "/handoff",
            "/note {}",
        ];
        for message in messages {
            assert_eq!(Command::parse(message), Command::Answer(message.into()), "{message}");
        }
    }
}
