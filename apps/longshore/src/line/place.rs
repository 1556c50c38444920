//! A conversation that is followed, or about to be.

use protocol::agents::{
    ConversationAction, ConversationUpdate, ForConversation, HistoryEnd, JoinConversation, Joined,
    RoutingHead,
};
use protocol::clients::ForwardedEvent;
use protocol::names::agents;
use protocol::{AgentId, ConversationId};

use super::cursor::Cursor;

/// What others see of us.
const CLIENT_TYPE: &str = "cli";
/// Events that are held at most. Many more than come while an answer is on its way; when it does not come, they are given up and the
/// conversation is joined anew, from where it was.
const HELD: usize = 4_096;

/// Where we are, and how far we have read there.
#[derive(Debug)]
pub(super) struct Place {
    pub(super) agent: AgentId,
    pub(super) conversation: ConversationId,
    limit: u64,
    cursor: Cursor,
    /// Events that came before the answer to our joining was read: that decides what is new.
    held: Option<Vec<ForwardedEvent>>,
    /// There were more than are held, so that joining goes on with a gap.
    has_gap: bool,
    /// A join is under way. A second one would only be told that there is one.
    pub(super) joining: bool,
}

/// What an event of the conversation is to us.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Take {
    New,
    /// It was handed on before.
    Again,
}

impl Place {
    pub(super) fn new(agent: AgentId, conversation: ConversationId, limit: u64) -> Self {
        Self {
            agent,
            conversation,
            limit,
            cursor: Cursor::default(),
            held: None,
            has_gap: false,
            joining: false,
        }
    }

    /// The join that goes on where we are.
    pub(super) fn join(&self) -> JoinConversation {
        let cursor = self.cursor.resume();
        JoinConversation {
            agent_id: Some(self.agent.clone()),
            conversation_id: Some(self.conversation.clone()),
            client_type: Some(CLIENT_TYPE.to_owned()),
            filter: false,
            // The newest entry at least, as none at all would be all of them.
            limit: cursor.is_none().then_some(self.limit.max(1)),
            after_seq: cursor.as_ref().map(|(seq, _)| *seq),
            epoch: cursor.map(|(_, epoch)| epoch),
        }
    }

    pub(super) fn leave(&self) -> ForConversation {
        ForConversation {
            agent_id: Some(self.agent.clone()),
            conversation_id: self.conversation.clone(),
        }
    }

    /// Keeps events back until [`Self::release`].
    pub(super) fn hold(&mut self) {
        self.held.get_or_insert_default();
    }

    pub(super) fn is_held(&self) -> bool {
        self.held.is_some()
    }

    pub(super) fn keep(&mut self, event: ForwardedEvent) {
        let held = self.held.get_or_insert_default();
        held.push(event);
        if held.len() > HELD {
            held.clear();
            self.has_gap = true;
        }
    }

    /// Whether events of this joining were given up, so that it has to be done anew.
    pub(super) fn take_gap(&mut self) -> bool {
        std::mem::take(&mut self.has_gap)
    }

    pub(super) fn release(&mut self) -> Vec<ForwardedEvent> {
        self.held.take().unwrap_or_default()
    }

    pub(super) fn is_about(&self, event: &ForwardedEvent) -> bool {
        let head = RoutingHead::read(event.payload.get());
        head.is_ok_and(|head| head.conversation_id.as_deref() == Some(self.conversation.as_str()))
    }

    /// Whether the log is another than the one that was followed.
    pub(super) fn joined(&mut self, joined: &Joined) -> bool {
        self.cursor.joined(&joined.epoch, joined.head_seq)
    }

    /// Notes what the event says about how far we are.
    pub(super) fn take(&mut self, event: &ForwardedEvent) -> Take {
        let payload = event.payload.get();
        match event.event.as_str() {
            agents::HISTORY_END => {
                if let Ok(end) = serde_json::from_str::<HistoryEnd>(payload) {
                    self.cursor.replayed(end.to_seq);
                }
            }
            agents::CONVERSATION_UPDATE => {
                if let Ok(update) = serde_json::from_str::<ConversationUpdate>(payload)
                    && update.action == ConversationAction::Cleared
                {
                    self.cursor.cleared(update.epoch);
                }
            }
            _ => {
                let seq = RoutingHead::read(payload).ok().and_then(|head| head.seq);
                if seq.is_some_and(|seq| !self.cursor.is_new(seq)) {
                    return Take::Again;
                }
            }
        }
        Take::New
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn place() -> Place {
        Place::new(AgentId::new("a").unwrap(), ConversationId::new("c").unwrap(), 0)
    }

    fn event(name: &str, payload: &serde_json::Value) -> ForwardedEvent {
        serde_json::from_value(json!({ "event": name, "payload": payload })).unwrap()
    }

    fn joined(epoch: &str, head: u64) -> Joined {
        serde_json::from_value(json!({
            "conversationId": "c", "agentId": "a", "name": "CLI", "epoch": epoch, "headSeq": head,
            "queue": { "version": 0, "running": [], "queued": [] }, "interactions": [],
        }))
        .unwrap()
    }

    #[test]
    fn the_first_join_asks_for_the_newest_and_the_next_for_what_follows() {
        let mut place = place();
        assert_eq!((place.join().limit, place.join().after_seq), (Some(1), None));

        place.joined(&joined("e", 1));
        place.take(&event("chatMessage", &json!({ "conversationId": "c", "seq": 1 })));

        let join = place.join();
        assert_eq!((join.limit, join.after_seq.map(|seq| seq.0)), (None, Some(1)));
        assert_eq!(join.epoch.unwrap().as_str(), "e");
    }

    #[test]
    fn an_entry_is_taken_once_and_pieces_always() {
        let mut place = place();
        place.joined(&joined("e", 1));
        let entry = event("chatMessage", &json!({ "conversationId": "c", "seq": 1 }));
        let piece = event("chatEvent", &json!({ "conversationId": "c", "sequence": 0 }));

        assert_eq!((place.take(&entry), place.take(&entry)), (Take::New, Take::Again));
        assert_eq!((place.take(&piece), place.take(&piece)), (Take::New, Take::New));
    }

    #[test]
    fn more_than_can_be_held_is_joined_anew() {
        let mut place = place();
        place.hold();
        for seq in 0..=HELD {
            place.keep(event("chatMessage", &json!({ "conversationId": "c", "seq": seq })));
        }

        assert!(place.take_gap() && !place.take_gap());
        assert!(place.release().is_empty());
    }

    #[test]
    fn events_of_other_conversations_are_not_about_it() {
        let place = place();

        assert!(place.is_about(&event("chatMessage", &json!({ "conversationId": "c" }))));
        assert!(!place.is_about(&event("chatMessage", &json!({ "conversationId": "d" }))));
        assert!(!place.is_about(&event("agentUpdate", &json!({ "x": 1 }))));
    }
}
