//! What has been said so far: turns events into what is to be shown.

mod shown;

use protocol::agents::{
    AgentChanged, AgentResponse, ChatEvent, ChatMessage, ChatMessageBody, ConversationAction,
    ConversationUpdate, EntryHead, InteractionRequest, InteractionState, InteractionUpdate, Joined,
    LiveEvent, LiveEventBody, RunEvent, RunState,
};
use protocol::names::agents as names;
use protocol::{ConversationId, MessageId, Seq, ViewerId};

use super::asked::Asked;
use super::open_runs::OpenRuns;
use crate::run::{Outcome, explain};
pub(super) use shown::Shown;

/// What has been said in one conversation.
#[derive(Debug, Default)]
pub(super) struct Transcript {
    agent_name: String,
    conversation: Option<ConversationId>,
    /// Entries up to here are history.
    head: Seq,
    has_history: bool,
    me: Option<ViewerId>,
    /// Message ids of lines typed here, which the terminal shows already.
    typed: Vec<MessageId>,
    /// What the agent has asked and nobody has answered.
    pub(super) asked: Asked,
    /// What is open.
    pub(super) runs: OpenRuns,
}

impl Transcript {
    /// Nothing has been said.
    pub(super) fn new(agent_name: String, me: Option<ViewerId>) -> Self {
        Self { agent_name, me, ..Self::default() }
    }

    /// The terminal shows this message already.
    pub(super) fn typed(&mut self, message: MessageId) {
        self.typed.push(message);
    }

    /// The conversation is followed from here on; what follows up to its head is history, unless we were there before.
    pub(super) fn joined(&mut self, joined: &Joined) {
        if self.conversation.is_none() {
            self.head = joined.head_seq;
        }
        self.conversation = Some(joined.conversation_id.clone());
    }

    /// Shows what was said before in a conversation.
    pub(super) fn recalls(&mut self, conversation: &ConversationId) {
        self.conversation = Some(conversation.clone());
        self.head = Seq(u64::MAX);
    }

    /// The log is another.
    pub(super) fn replaced(&mut self) {
        self.asked.clear();
    }

    /// Takes one event of namespace `/agents`; says what to show of it.
    ///
    /// Unknown events, and those of other conversations, are nothing to show.
    pub(super) fn on_event(&mut self, event: &str, payload: &str) -> Vec<Shown> {
        match event {
            names::CHAT_MESSAGE => serde_json::from_str(payload).map(|e| self.on_message(e)),
            names::RUN_EVENT => serde_json::from_str(payload).map(|e| self.on_run(e)),
            names::CHAT_EVENT => serde_json::from_str(payload)
                .map(|e| self.on_chat_event(e))
                .or_else(|_| serde_json::from_str(payload).map(|e| self.on_live(e))),
            names::CONVERSATION_UPDATE => serde_json::from_str(payload).map(|e| self.on_update(&e)),
            names::INTERACTION_REQUEST => {
                serde_json::from_str(payload).map(|e| self.on_question(e))
            }
            names::INTERACTION_UPDATE => serde_json::from_str(payload).map(|e| self.on_answer(e)),
            names::AGENT_CHANGED => serde_json::from_str(payload).map(|e| self.on_handoff(e)),
            names::HISTORY_END => serde_json::from_str(payload).map(|e| self.on_history_end(&e)),
            _ => Ok(Vec::new()),
        }
        .unwrap_or_else(|error| {
            tracing::debug!(event, %error, "event of another shape");
            Vec::new()
        })
    }

    fn on_message(&mut self, ChatMessage { head, body }: ChatMessage) -> Vec<Shown> {
        if !self.is_here(&head) {
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
        if !self.is_here(&head) {
            return Vec::new();
        }
        let is_history = head.seq <= self.head;
        let Some(run) = head.run_id else { return Vec::new() };
        // Of what is open of the past the queue has told.
        if !is_history {
            self.runs.change(&run, body.state);
        }
        let Some(outcome) = Outcome::of(body.state) else { return Vec::new() };
        let reason = || body.reason.map(|reason| explain(reason).to_owned());
        let why = match body.state {
            RunState::Done => None,
            _ => body.error.clone().or_else(reason),
        };
        let (millis, usage) = (body.duration_ms, body.usage);
        vec![Shown::Ended { run, outcome, why, millis, usage, is_history }]
    }

    fn on_chat_event(&mut self, ChatEvent { head, body }: ChatEvent) -> Vec<Shown> {
        if !self.is_here(&head) {
            return Vec::new();
        }
        Shown::of_chat(body).into_iter().collect()
    }

    fn on_live(&mut self, live: LiveEvent) -> Vec<Shown> {
        if !self.is(&live.conversation_id) {
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

    fn on_update(&mut self, update: &ConversationUpdate) -> Vec<Shown> {
        // That we have come ourselves may be told to us, too.
        let is_me = update.viewer_id.is_some() && update.viewer_id == self.me;
        let is_presence =
            matches!(update.action, ConversationAction::Joined | ConversationAction::Left);
        if !self.is(&update.conversation_id) || (is_presence && is_me) {
            return Vec::new();
        }
        let who = || update.user.clone().unwrap_or_else(|| "somebody".to_owned());
        let with = || {
            let kind = update.client_type.as_ref();
            kind.map(|kind| format!(" ({kind})")).unwrap_or_default()
        };
        vec![match update.action {
            ConversationAction::Cleared => {
                self.asked.clear();
                Shown::Note("the history was cleared".to_owned())
            }
            ConversationAction::Deleted => Shown::Deleted,
            ConversationAction::Joined => Shown::Aside(format!("{} has joined{}", who(), with())),
            ConversationAction::Left => Shown::Aside(format!("{} has left{}", who(), with())),
            ConversationAction::Renamed => {
                let name = update.conversation.as_ref().map(|info| info.name.as_str());
                Shown::Note(format!("this conversation is called \"{}\" now", name.unwrap_or("?")))
            }
            ConversationAction::Created => return Vec::new(),
        }]
    }

    fn on_question(&mut self, InteractionRequest { head, body }: InteractionRequest) -> Vec<Shown> {
        if !self.is_here(&head) || !self.asked.ask(body.clone()) {
            return Vec::new();
        }
        vec![Shown::Asked(self.agent_name.clone(), body)]
    }

    fn on_answer(&mut self, InteractionUpdate { head, body }: InteractionUpdate) -> Vec<Shown> {
        if !self.is_here(&head) {
            return Vec::new();
        }
        self.asked.end(&body.interaction_id);
        let value =
            body.value.map(|value| value.as_str().map_or_else(|| value.to_string(), str::to_owned));
        let value = value.unwrap_or_default();
        let mine = body.viewer_id.is_some() && body.viewer_id == self.me;
        let who = body.user.unwrap_or_else(|| "another client".to_owned());
        vec![Shown::Note(match body.state {
            InteractionState::Resolved if mine => format!("answered: {value}"),
            InteractionState::Resolved => format!("[answered by {who}: {value}]"),
            InteractionState::Cancelled => "the question was cancelled".to_owned(),
            InteractionState::TimedOut => "nobody answered in time".to_owned(),
        })]
    }

    fn on_handoff(&mut self, AgentChanged { head, body }: AgentChanged) -> Vec<Shown> {
        if !self.is_here(&head) {
            return Vec::new();
        }
        self.agent_name.clone_from(&body.agent_name);
        vec![Shown::Note(format!("{} goes on", body.agent_name))]
    }

    fn on_history_end(&mut self, end: &protocol::agents::HistoryEnd) -> Vec<Shown> {
        if !self.is(&end.conversation_id) {
            return Vec::new();
        }
        vec![Shown::HistoryEnd(std::mem::take(&mut self.has_history))]
    }

    fn is(&self, conversation: &ConversationId) -> bool {
        self.conversation.as_ref() == Some(conversation)
    }

    /// Whether an entry is of this conversation.
    fn is_here(&mut self, head: &EntryHead) -> bool {
        let here = self.is(&head.conversation_id);
        self.has_history |= here && head.seq <= self.head;
        here
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn transcript() -> Transcript {
        let mut transcript = Transcript::new("echo".into(), ViewerId::new("me").ok());
        let joined = json!({
            "conversationId": "c", "agentId": "a", "name": "CLI", "epoch": "e", "headSeq": 3,
            "queue": { "version": 0, "running": [], "queued": [] }, "interactions": [],
        });
        transcript.joined(&serde_json::from_value(joined).unwrap());
        transcript
    }

    fn entry(seq: u64, body: &Value) -> String {
        let mut entry = json!({
            "agentId": "a", "conversationId": "c", "seq": seq, "runId": "r", "timestamp": "1970-01-01T00:00:00.001Z",
        });
        entry.as_object_mut().unwrap().extend(body.as_object().unwrap().clone());
        entry.to_string()
    }

    fn texts(shown: &[Shown]) -> Vec<String> {
        let text = |shown: &Shown| match shown {
            Shown::Message { text, .. }
            | Shown::Delta { text, .. }
            | Shown::SoFar { text, .. }
            | Shown::Note(text)
            | Shown::Aside(text) => Some(text.clone()),
            Shown::Asked(_, body) => Some(body.message.clone()),
            Shown::Ended { .. } | Shown::HistoryEnd(_) | Shown::Deleted => None,
        };
        shown.iter().filter_map(text).collect()
    }

    #[test]
    fn a_failed_run_says_why() {
        let mut transcript = transcript();
        let failed = |seq| entry(seq, &json!({ "state": "failed", "reason": "agent_exited" }));

        for (seq, was) in [(3, true), (4, false)] {
            let shown = transcript.on_event("runEvent", &failed(seq));
            let [Shown::Ended { outcome, why, is_history, .. }] = &shown[..] else { panic!() };
            assert_eq!((*outcome, why.as_deref()), (Outcome::Failed, Some("the program ended")));
            assert_eq!(*is_history, was);
        }
    }

    #[test]
    fn what_was_typed_here_is_not_shown_again() {
        let mut transcript = transcript();
        transcript.typed(MessageId::new("mine").unwrap());
        let said = |seq, id: &str| {
            entry(
                seq,
                &json!({ "from": "user", "id": "m", "text": "hi", "messageId": id, "user": "ada" }),
            )
        };

        assert_eq!(transcript.on_event("chatMessage", &said(4, "mine")), []);
        let shown = transcript.on_event("chatMessage", &said(5, "theirs"));
        assert!(
            matches!(&shown[..], [Shown::Message { who, text, .. }] if who == "ada" && text == "hi")
        );
    }

    #[test]
    fn an_answer_says_whose_it_is() {
        let mut transcript = transcript();
        let asked = json!({
            "interactionId": "q", "type": "question", "message": "Which?", "choices": ["red", "green"],
            "expiresAt": "1970-01-01T00:10:00.000Z",
        });
        let answer = |more: Value| {
            let mut answer = json!({ "interactionId": "q", "state": "resolved", "value": "green" });
            answer.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
            entry(5, &answer)
        };

        assert_eq!(
            texts(&transcript.on_event("interactionRequest", &entry(4, &asked))),
            ["Which?"]
        );
        assert!(transcript.asked.first().is_some());
        for (who, says) in [
            (json!({ "user": "ada", "viewerId": "x" }), "[answered by ada: green]"),
            (json!({}), "[answered by another client: green]"),
            (json!({ "user": "ada", "viewerId": "me" }), "answered: green"),
        ] {
            assert_eq!(texts(&transcript.on_event("interactionUpdate", &answer(who))), [says]);
        }
        assert!(transcript.asked.first().is_none());
    }

    #[test]
    fn who_comes_and_goes_is_told_but_for_ourselves() {
        let mut transcript = transcript();
        let came = |viewer: &str| {
            json!({
                "agentId": "a", "conversationId": "c", "action": "joined", "viewerId": viewer, "user": "ada",
                "timestamp": "1970-01-01T00:00:00.001Z", "clientType": "console",
            })
            .to_string()
        };

        let shown = transcript.on_event("conversationUpdate", &came("x"));
        assert_eq!(texts(&shown), ["ada has joined (console)"]);
        assert_eq!(transcript.on_event("conversationUpdate", &came("me")), []);
    }

    #[test]
    fn the_end_of_history_says_whether_there_was_any() {
        let end = json!({
            "agentId": "a", "conversationId": "c", "epoch": "e", "fromSeq": 1, "toSeq": 3, "count": 1, "hasMore": false,
            "recovered": true,
        });
        let mut transcript = transcript();

        assert_eq!(transcript.on_event("historyEnd", &end.to_string()), [Shown::HistoryEnd(false)]);
        transcript.on_event("runEvent", &entry(3, &json!({ "state": "done" })));
        assert_eq!(transcript.on_event("historyEnd", &end.to_string()), [Shown::HistoryEnd(true)]);
    }

    #[test]
    fn other_shapes_and_other_conversations_are_ignored() {
        let mut transcript = transcript();
        let said = entry(9, &json!({ "from": "user", "id": "m", "text": "x" }));

        assert_eq!(transcript.on_event("chatMessage", &said.replace("\"c\"", "\"d\"")), []);
        assert_eq!(transcript.on_event("chatMessage", "[1]"), []);
        assert_eq!(transcript.on_event("futureEvent", "{}"), []);
    }
}
