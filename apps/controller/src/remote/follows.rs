//! The agents that a link is logged in to and the tails of their logs. Pure but for the feeds' locks.

use std::collections::HashMap;
use std::sync::Arc;

use gateway::{Feed, Item, Limits};
use protocol::agents::{LoginSuccess, RoutingHead};
use protocol::limits::{TAIL_BYTES, TAIL_ENTRIES};
use protocol::{AgentId, ConversationId, Epoch, Seq};
use serde_json::value::RawValue;

use super::Followed;

/// What the link follows: a conversation, by how it was asked for.
pub(super) type Key = (AgentId, Option<ConversationId>);

/// Everything that one link follows.
#[derive(Debug, Default)]
pub(super) struct Follows {
    logins: HashMap<Key, LoginSuccess>,
    feeds: HashMap<ConversationId, Arc<Feed>>,
    /// Event names, shared by the items that have them. A manager has a handful.
    names: HashMap<String, Arc<str>>,
}

/// Names that are shared. A manager that invents more pays with an allocation for each event.
const NAMES: usize = 64;

impl Follows {
    /// What viewers get, if the link follows it: with the head as it is now.
    pub(super) fn get(&self, key: &Key) -> Option<Followed> {
        let mut success = self.logins.get(key)?.clone();
        let feed = Arc::clone(self.feeds.get(&success.conversation_id)?);
        (success.epoch, success.head_seq) = feed.head();
        Some(Followed { success, feed })
    }

    pub(super) fn keys(&self) -> Vec<Key> {
        self.logins.keys().cloned().collect()
    }

    /// The manager has let the link in to an agent, and replays at most [`TAIL_ENTRIES`].
    pub(super) fn logged_in(&mut self, key: Key, success: &LoginSuccess) {
        self.replay_begins(success);
        self.logins.insert(key, success.clone());
    }

    /// The log began anew; its entries are on their way.
    pub(super) fn begin_anew(&self, conversation: &ConversationId, epoch: Epoch, head: Seq) {
        if let Some(feed) = self.feeds.get(conversation).filter(|feed| feed.head().0 != epoch) {
            feed.reset(epoch, head, head);
        }
    }

    /// The conversation is followed no more: its followers are told, if there are any.
    pub(super) fn forget(&mut self, conversation: &ConversationId) {
        self.logins.retain(|_, success| success.conversation_id != *conversation);
        if let Some(feed) = self.feeds.remove(conversation) {
            feed.close();
        }
    }

    /// Conversations that nobody follows.
    pub(super) fn unused(&self) -> impl Iterator<Item = &Arc<Feed>> {
        self.feeds.values().filter(|feed| feed.followers() == 0)
    }

    pub(super) fn logged_out(&mut self, key: &Key) {
        self.logins.remove(key);
    }

    /// The entries up to `success.head_seq` are on their way. Returns the feed when it is a new one.
    ///
    /// A log in another life, or one that has become shorter, begins anew: every viewer starts over.
    pub(super) fn replay_begins(&mut self, success: &LoginSuccess) -> Option<Arc<Feed>> {
        let (epoch, head) = (success.epoch.clone(), success.head_seq);
        let start = Seq(head.0.saturating_sub(TAIL_ENTRIES as u64));
        if let Some(feed) = self.feeds.get(&success.conversation_id) {
            if feed.head().0 != epoch || feed.last() > head {
                feed.reset(epoch, start, head);
            } else {
                feed.announce(head);
            }
            return None;
        }
        let limits = Limits { items: TAIL_ENTRIES, bytes: TAIL_BYTES };
        let (agent, conversation) = (success.agent_id.clone(), success.conversation_id.clone());
        let feed = Feed::new(agent, conversation.clone(), epoch, start, head, limits);
        self.feeds.insert(conversation, Arc::clone(&feed));
        Some(feed)
    }

    /// Where to go on after a reconnect.
    pub(super) fn cursor(&self, key: &Key) -> Option<(Seq, protocol::Epoch)> {
        let feed = self.feeds.get(&self.logins.get(key)?.conversation_id)?;
        Some((feed.last(), feed.head().0))
    }

    /// An event of a conversation goes to its feed; only its head is read. Returns whether there was one for it.
    pub(super) fn append(&mut self, name: &str, payload: Arc<RawValue>) -> bool {
        let Ok(head) = RoutingHead::read(payload.get()) else { return false };
        let feed =
            head.conversation_id.and_then(|conversation| self.feeds.get(conversation.as_ref()));
        let Some(feed) = feed.cloned() else { return false };
        let event = self.name(name);
        let Ok(item) = Item::read(event, payload) else { return false };
        feed.append([item]);
        true
    }

    fn name(&mut self, name: &str) -> Arc<str> {
        if let Some(shared) = self.names.get(name) {
            return Arc::clone(shared);
        }
        let shared: Arc<str> = name.into();
        if self.names.len() < NAMES {
            self.names.insert(name.to_owned(), Arc::clone(&shared));
        }
        shared
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn success(epoch: &str, head: u64) -> LoginSuccess {
        LoginSuccess {
            message: "Welcome, a!".into(),
            agent_id: AgentId::new("a").unwrap(),
            agent_name: "a".into(),
            conversation_id: ConversationId::new("c").unwrap(),
            epoch: Epoch::new(epoch).unwrap(),
            head_seq: Seq(head),
        }
    }

    fn event(seq: u64) -> Arc<RawValue> {
        RawValue::from_string(format!(r#"{{"agentId":"a","conversationId":"c","seq":{seq}}}"#))
            .unwrap()
            .into()
    }

    fn key() -> Key {
        (AgentId::new("a").unwrap(), None)
    }

    #[test]
    fn a_reconnect_goes_on_from_the_last_entry_that_came() {
        let mut follows = Follows::default();
        follows.logged_in(key(), &success("e1", 2));
        assert!(follows.append("chatMessage", event(1)));
        assert_eq!(
            follows.cursor(&key()),
            Some((Seq(1), Epoch::new("e1").unwrap())),
            "2 has not come yet"
        );

        follows.logged_in(key(), &success("e1", 5));

        let followed = follows.get(&key()).unwrap();
        assert_eq!(followed.success.head_seq, Seq(5));
        assert_eq!(followed.feed.last(), Seq(1));
    }

    #[test]
    fn a_log_in_another_life_or_shorter_begins_anew() {
        let mut follows = Follows::default();
        follows.logged_in(key(), &success("e1", 2));
        follows.append("chatMessage", event(1));
        follows.append("chatMessage", event(2));

        follows.logged_in(key(), &success("e1", 1));
        assert_eq!(follows.cursor(&key()), Some((Seq(0), Epoch::new("e1").unwrap())));
        follows.logged_in(key(), &success("e2", 9));
        assert_eq!(follows.cursor(&key()), Some((Seq(0), Epoch::new("e2").unwrap())));
    }

    #[test]
    fn an_event_of_nobody_is_not_taken() {
        let mut follows = Follows::default();

        assert!(!follows.append("chatMessage", event(1)));
        assert!(!follows.append("x", RawValue::from_string("[1]".into()).unwrap().into()));
    }
}
