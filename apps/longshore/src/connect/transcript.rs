//! What has been said so far: turns events into what is to be shown, each once, and keeps the cursor.

use protocol::agents::{
    AgentChanged, AgentResponse, ChatEvent, ChatEventBody, ChatMessage, ChatMessageBody,
    ConversationAction, ConversationUpdate, EntryHead, HistoryEnd, InteractionKind,
    InteractionRequest, InteractionRequestBody, InteractionState, InteractionUpdate, LiveEvent,
    LiveEventBody, LoginSuccess, RunEvent, RunReason, RunState,
};
use protocol::names::agents as names;
use protocol::{ConversationId, Epoch, InteractionId, MessageId, RunId, Seq, Timestamp};

/// Something to show.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Shown {
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
    /// A run ended.
    Ended(RunId),
    /// All history has been shown.
    HistoryEnd,
}

/// What has been said in one conversation, as far as it was shown.
#[derive(Debug)]
pub(super) struct Transcript {
    agent_name: String,
    conversation: Option<ConversationId>,
    epoch: Option<Epoch>,
    seen: Seq,
    /// Message ids of lines typed here, which the terminal shows already.
    typed: Vec<MessageId>,
    /// What the agent has asked and nobody has answered, the oldest first.
    asked: Vec<InteractionRequestBody>,
}

impl Transcript {
    /// Nothing has been said.
    #[must_use]
    pub(super) fn new(agent_name: String) -> Self {
        Self {
            agent_name,
            conversation: None,
            epoch: None,
            seen: Seq::ZERO,
            typed: Vec::new(),
            asked: Vec::new(),
        }
    }

    /// The cursor to resume from.
    #[must_use]
    pub(super) fn cursor(&self) -> Option<(Seq, Epoch)> {
        self.epoch.clone().map(|epoch| (self.seen, epoch))
    }

    /// The terminal shows this message already.
    pub(super) fn typed(&mut self, message: MessageId) {
        self.typed.push(message);
    }

    /// The line as the answer to what the agent asks, if it is one: any line for a text, a choice or its number for a
    /// question.
    pub(super) fn answer(&self, line: &str) -> Option<(InteractionId, String)> {
        let asked = self.asked.first()?;
        let line = line.trim();
        let value = match asked.kind {
            InteractionKind::Text => line.to_owned(),
            InteractionKind::Question => {
                let number = line.parse::<usize>().ok().and_then(|number| number.checked_sub(1));
                let named = asked.choices.iter().find(|choice| choice.eq_ignore_ascii_case(line));
                named.or_else(|| asked.choices.get(number?))?.clone()
            }
            InteractionKind::Form => return None,
        };
        Some((asked.interaction_id.clone(), value))
    }

    /// Takes one event of namespace `/agents`; says what to show of it.
    ///
    /// Unknown events, and those of other conversations, are nothing to show.
    pub(super) fn on_event(&mut self, event: &str, payload: &str) -> Vec<Shown> {
        match event {
            names::LOGIN_SUCCESS => serde_json::from_str(payload).map(|e| self.on_login(e)),
            names::CHAT_MESSAGE => serde_json::from_str(payload).map(|e| self.on_message(e)),
            names::RUN_EVENT => serde_json::from_str(payload).map(|e| self.on_run(e)),
            names::CHAT_EVENT => serde_json::from_str(payload)
                .map(|e| self.on_chat_event(e))
                .or_else(|_| serde_json::from_str(payload).map(|e| self.on_live(e))),
            names::CONVERSATION_UPDATE => serde_json::from_str(payload).map(|e| self.on_update(e)),
            names::INTERACTION_REQUEST => {
                serde_json::from_str(payload).map(|e| self.on_question(e))
            }
            names::INTERACTION_UPDATE => serde_json::from_str(payload).map(|e| self.on_answer(e)),
            names::AGENT_CHANGED => serde_json::from_str(payload).map(|e| self.on_handoff(e)),
            names::HISTORY_END => serde_json::from_str(payload).map(|e| self.on_history_end(e)),
            _ => Ok(Vec::new()),
        }
        .unwrap_or_else(|error| {
            tracing::debug!(event, %error, "event of another shape");
            Vec::new()
        })
    }

    fn on_login(&mut self, login: LoginSuccess) -> Vec<Shown> {
        let mut shown = Vec::new();
        let another = self.epoch.as_ref().is_some_and(|epoch| *epoch != login.epoch);
        if another || login.head_seq < self.seen {
            shown.push(Shown::Note(
                "the history was replaced; here it is from its beginning".into(),
            ));
            self.seen = Seq::ZERO;
            self.asked.clear();
        }
        self.agent_name = login.agent_name;
        self.conversation = Some(login.conversation_id);
        self.epoch = Some(login.epoch);
        shown
    }

    fn on_message(&mut self, ChatMessage { head, body }: ChatMessage) -> Vec<Shown> {
        if !self.is_new(&head) {
            return Vec::new();
        }
        let (who, text) = match body {
            ChatMessageBody::User { message_id: Some(id), .. } if self.typed.contains(&id) => {
                self.typed.retain(|typed| *typed != id);
                return Vec::new();
            }
            ChatMessageBody::User { user, text, .. } => {
                (user.unwrap_or_else(|| "you".into()), text)
            }
            ChatMessageBody::Agent {
                agent_name, response: AgentResponse::Text { result }, ..
            } => (agent_name, result),
        };
        vec![Shown::Message { time: head.timestamp, who, text, run: head.run_id }]
    }

    fn on_run(&mut self, RunEvent { head, body }: RunEvent) -> Vec<Shown> {
        if !self.is_new(&head) {
            return Vec::new();
        }
        let mut shown = Vec::new();
        match body.state {
            RunState::Failed => {
                let why = body.error.or_else(|| body.reason.map(explain)).unwrap_or_default();
                shown.push(Shown::Note(format!("{} failed: {why}", self.agent_name)));
            }
            RunState::Cancelled => shown.push(Shown::Note("cancelled".into())),
            RunState::Queued
            | RunState::Started
            | RunState::Blocked
            | RunState::Resumed
            | RunState::Done => {}
        }
        if let (true, Some(run)) = (body.state.is_terminal(), head.run_id) {
            shown.push(Shown::Ended(run));
        }
        shown
    }

    fn on_chat_event(&mut self, ChatEvent { head, body }: ChatEvent) -> Vec<Shown> {
        if !self.is_new(&head) {
            return Vec::new();
        }
        match body {
            ChatEventBody::Status { message } => vec![Shown::Note(message)],
            ChatEventBody::Raw { text, .. } => vec![Shown::Note(text)],
            ChatEventBody::Thinking { text } => vec![Shown::Note(format!("thinks: {text}"))],
            ChatEventBody::Question { message } => vec![Shown::Note(format!("asks: {message}"))],
            ChatEventBody::ToolCall { name, title, .. } => {
                vec![Shown::Note(format!("uses {}", title.unwrap_or(name)))]
            }
            ChatEventBody::ToolResult { is_error: true, .. } => {
                vec![Shown::Note("the tool failed".to_owned())]
            }
            ChatEventBody::Plan { steps } => {
                let steps: Vec<_> = steps.into_iter().map(|step| step.content).collect();
                vec![Shown::Note(format!("plan: {}", steps.join("; ")))]
            }
            ChatEventBody::ToolResult { .. } | ChatEventBody::Usage(_) => Vec::new(),
        }
    }

    fn on_live(&mut self, live: LiveEvent) -> Vec<Shown> {
        if !self.is_here(&live.conversation_id) {
            return Vec::new();
        }
        let (time, who, run) = (live.timestamp, self.agent_name.clone(), live.run_id);
        vec![match live.body {
            LiveEventBody::AssistantDelta { delta, .. } => {
                Shown::Delta { time, who, run, text: delta }
            }
            LiveEventBody::AssistantSnapshot { text, .. } => Shown::SoFar { time, who, run, text },
        }]
    }

    /// A log that was cleared begins anew.
    fn on_update(&mut self, update: ConversationUpdate) -> Vec<Shown> {
        if !self.is_here(&update.conversation_id) {
            return Vec::new();
        }
        match update.action {
            ConversationAction::Cleared => {
                self.epoch = update.epoch;
                self.seen = Seq::ZERO;
                self.asked.clear();
                vec![Shown::Note("the history was cleared".to_owned())]
            }
            ConversationAction::Deleted => {
                vec![Shown::Note("the conversation was deleted".to_owned())]
            }
            _ => Vec::new(),
        }
    }

    fn on_question(&mut self, InteractionRequest { head, body }: InteractionRequest) -> Vec<Shown> {
        if !self.is_new(&head) {
            return Vec::new();
        }
        let choices = if body.choices.is_empty() {
            String::new()
        } else {
            format!(" ({})", body.choices.join(", "))
        };
        let note = format!("{} asks: {}{choices}", self.agent_name, body.message);
        self.asked.push(body);
        vec![Shown::Note(note)]
    }

    fn on_answer(&mut self, InteractionUpdate { head, body }: InteractionUpdate) -> Vec<Shown> {
        if !self.is_new(&head) {
            return Vec::new();
        }
        self.asked.retain(|asked| asked.interaction_id != body.interaction_id);
        let who = body.user.unwrap_or_else(|| "nobody".to_owned());
        let value =
            body.value.map(|value| value.as_str().map_or_else(|| value.to_string(), str::to_owned));
        vec![Shown::Note(match body.state {
            InteractionState::Resolved => format!("{who} answers: {}", value.unwrap_or_default()),
            InteractionState::Cancelled => "the question was cancelled".to_owned(),
            InteractionState::TimedOut => "nobody answered in time".to_owned(),
        })]
    }

    fn on_handoff(&mut self, AgentChanged { head, body }: AgentChanged) -> Vec<Shown> {
        if !self.is_new(&head) {
            return Vec::new();
        }
        self.agent_name.clone_from(&body.agent_name);
        vec![Shown::Note(format!("{} goes on", body.agent_name))]
    }

    fn on_history_end(&mut self, end: HistoryEnd) -> Vec<Shown> {
        if !self.is_here(&end.conversation_id) {
            return Vec::new();
        }
        self.epoch = Some(end.epoch);
        self.seen = self.seen.max(end.to_seq);
        vec![Shown::HistoryEnd]
    }

    fn is_here(&self, conversation: &ConversationId) -> bool {
        self.conversation.as_ref() == Some(conversation)
    }

    /// Whether this entry is of this conversation and was not shown; it counts as shown from now on.
    fn is_new(&mut self, head: &EntryHead) -> bool {
        let new = self.is_here(&head.conversation_id) && head.seq > self.seen;
        if new {
            self.seen = head.seq;
        }
        new
    }
}

fn explain(reason: RunReason) -> String {
    match reason {
        RunReason::User => "somebody cancelled it",
        RunReason::Timeout => "it took too long",
        RunReason::Interrupted => "another message took its place",
        RunReason::Disconnect => "who began it has left",
        RunReason::NoClients => "nobody was there",
        RunReason::ConversationDeleted => "the conversation was deleted",
        RunReason::ServerStopping => "the manager was stopping",
        RunReason::ServerRestart => "the manager was restarted",
        RunReason::AgentExited => "the program ended",
        RunReason::AgentUnavailable => "the program could not be started",
        RunReason::ImageMissing => "its container's image is missing",
        RunReason::OutOfMemory => "the program needed more memory than it has",
        RunReason::AgentError => "the agent says so",
        RunReason::AgentStopped => "the agent was stopped",
        RunReason::Indeterminate => "the program may not have got the message",
        RunReason::StoreUnavailable => "the answer could not be stored",
    }
    .into()
}

#[cfg(test)]
mod tests {
    use super::*;

    const LOGIN: &str = r#"{"message":"Welcome, echo!","agentId":"a","agentName":"echo","conversationId":"c","epoch":"e1","headSeq":3}"#;

    fn said(seq: u64, text: &str) -> String {
        format!(
            r#"{{"agentId":"a","conversationId":"c","seq":{seq},"runId":"r","timestamp":"1970-01-01T00:00:00.001Z","from":"agent","id":"m{seq}","agentName":"echo","response":{{"type":"text","result":"{text}"}}}}"#
        )
    }

    fn texts(shown: &[Shown]) -> Vec<&str> {
        shown
            .iter()
            .filter_map(|s| match s {
                Shown::Message { text, .. }
                | Shown::Delta { text, .. }
                | Shown::SoFar { text, .. }
                | Shown::Note(text) => Some(text.as_str()),
                Shown::Ended(_) | Shown::HistoryEnd => None,
            })
            .collect()
    }

    #[test]
    fn a_replay_shows_only_what_was_not_shown() {
        let mut transcript = Transcript::new("echo".into());
        transcript.on_event("loginSuccess", LOGIN);

        assert_eq!(texts(&transcript.on_event("chatMessage", &said(2, "two"))), ["two"]);
        assert_eq!(texts(&transcript.on_event("chatMessage", &said(2, "two"))), Vec::<&str>::new());
        assert_eq!(transcript.cursor(), Some((Seq(2), Epoch::new("e1").unwrap())));
        transcript.on_event("loginSuccess", LOGIN);
        assert_eq!(texts(&transcript.on_event("chatMessage", &said(1, "one"))), Vec::<&str>::new());
        assert_eq!(texts(&transcript.on_event("chatMessage", &said(3, "three"))), ["three"]);
    }

    #[test]
    fn another_epoch_starts_over() {
        let mut transcript = Transcript::new("echo".into());
        transcript.on_event("loginSuccess", LOGIN);
        transcript.on_event("chatMessage", &said(3, "old"));

        let shown = transcript.on_event("loginSuccess", &LOGIN.replace("e1", "e2"));

        assert!(texts(&shown)[0].contains("replaced"));
        assert_eq!(texts(&transcript.on_event("chatMessage", &said(1, "new"))), ["new"]);
    }

    #[test]
    fn a_failed_run_says_why_and_ends() {
        let mut transcript = Transcript::new("echo".into());
        transcript.on_event("loginSuccess", LOGIN);
        let event = r#"{"agentId":"a","conversationId":"c","seq":4,"runId":"r","timestamp":"1970-01-01T00:00:00.001Z","state":"failed","reason":"agent_exited"}"#;

        let shown = transcript.on_event("runEvent", event);

        assert_eq!(texts(&shown), ["echo failed: the program ended"]);
        assert_eq!(shown[1], Shown::Ended(RunId::new("r").unwrap()));
    }

    #[test]
    fn what_was_typed_here_is_not_shown_again() {
        let mut transcript = Transcript::new("echo".into());
        transcript.on_event("loginSuccess", LOGIN);
        transcript.typed(MessageId::new("mine").unwrap());
        let event = |seq, id| {
            format!(
                r#"{{"agentId":"a","conversationId":"c","seq":{seq},"timestamp":"1970-01-01T00:00:00.001Z","from":"user","id":"m","text":"hi","messageId":"{id}"}}"#
            )
        };

        assert_eq!(transcript.on_event("chatMessage", &event(4, "mine")), []);
        assert_eq!(texts(&transcript.on_event("chatMessage", &event(5, "theirs"))), ["hi"]);
    }

    #[test]
    fn a_line_is_the_answer_to_what_is_asked() {
        let mut transcript = Transcript::new("echo".into());
        transcript.on_event("loginSuccess", LOGIN);
        let asked = r#"{"agentId":"a","conversationId":"c","seq":4,"timestamp":"1970-01-01T00:00:00.001Z","interactionId":"q","type":"question","message":"Which?","choices":["red","green"],"expiresAt":"1970-01-01T00:10:00.000Z"}"#;
        let ended = r#"{"agentId":"a","conversationId":"c","seq":5,"timestamp":"1970-01-01T00:00:00.002Z","interactionId":"q","state":"resolved","value":"green","user":"ada"}"#;
        assert_eq!(transcript.answer("red"), None);

        let shown = transcript.on_event("interactionRequest", asked);

        assert_eq!(texts(&shown), ["echo asks: Which? (red, green)"]);
        let value = |line: &str| transcript.answer(line).map(|(_, value)| value);
        assert_eq!(value(" Green").as_deref(), Some("green"));
        assert_eq!(value("1").as_deref(), Some("red"));
        assert_eq!(value("3").or(value("blue")).or(value("0")), None);
        let shown = transcript.on_event("interactionUpdate", ended);
        assert_eq!(texts(&shown), ["ada answers: green"]);
        assert_eq!(transcript.answer("red"), None);
    }

    #[test]
    fn other_shapes_and_other_conversations_are_ignored() {
        let mut transcript = Transcript::new("echo".into());
        transcript.on_event("loginSuccess", LOGIN);

        assert_eq!(transcript.on_event("chatMessage", &said(9, "x").replace("\"c\"", "\"d\"")), []);
        assert_eq!(transcript.on_event("chatMessage", "[1]"), []);
        assert_eq!(transcript.on_event("futureEvent", "{}"), []);
    }
}
