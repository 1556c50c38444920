//! The agents that a link is logged in to and the tails of their logs. Pure but for the feeds' locks.

use std::collections::{HashMap, HashSet};
use std::sync::{Arc, Weak};

use gateway::{Feed, Item, Limits};
use protocol::agents::{HistoryEnd, LoginSuccess, RoutingHead};
use protocol::limits::{TAIL_BYTES, TAIL_ENTRIES};
use protocol::{AgentId, ConversationId, Epoch, Seq};
use serde_json::value::RawValue;

use super::{Followed, Remote};
use crate::pages::Pages;

/// What the link follows: a conversation, by how it was asked for.
pub(super) type Key = (AgentId, Option<ConversationId>);

/// Everything that one link follows.
#[derive(Debug, Default)]
pub(super) struct Follows {
    /// Whose they are: where the feeds' older entries come from.
    remote: Weak<Remote>,
    logins: HashMap<Key, LoginSuccess>,
    feeds: HashMap<ConversationId, Arc<Feed>>,
    /// Conversations whose `loginSuccess` has come on this connection: the manager feeds them.
    announced: HashSet<ConversationId>,
    /// Conversations that ended since a login is under way: its acknowledgement may be older than that.
    ended: HashSet<ConversationId>,
    /// Event names, shared by the items that have them. A manager has a handful.
    names: HashMap<String, Arc<str>>,
}

/// Names that are shared. A manager that invents more pays with an allocation for each event.
const NAMES: usize = 64;

impl Follows {
    pub(super) fn of(remote: Weak<Remote>) -> Self {
        Self { remote, ..Self::default() }
    }

    /// What viewers get, if the link follows it: with the head as it is now.
    pub(super) fn get(&self, key: &Key) -> Option<Followed> {
        let mut success = self.logins.get(key)?.clone();
        let feed = Arc::clone(self.feeds.get(&success.conversation_id)?);
        (success.epoch, success.head_seq) = feed.head();
        Some(Followed { success, feed })
    }

    /// The same, if the manager is known to feed it on this connection.
    pub(super) fn live(&self, key: &Key) -> Option<Followed> {
        self.get(key).filter(|followed| self.announced.contains(&followed.success.conversation_id))
    }

    pub(super) fn keys(&self) -> Vec<Key> {
        self.logins.keys().cloned().collect()
    }

    /// There is a new connection: what was announced on the one before is worth nothing.
    pub(super) fn connected(&mut self) {
        self.announced.clear();
    }

    /// The manager's acknowledgement of a login. It may be taken long after what the manager said next, so it makes a
    /// feed where there is none and never touches one that has gone on since. `None` when the conversation has ended since.
    pub(super) fn logged_in(&mut self, key: Key, success: &LoginSuccess) -> Option<Followed> {
        if self.ended.contains(&success.conversation_id) {
            return None;
        }
        if !self.feeds.contains_key(&success.conversation_id) {
            self.open(success);
        }
        self.logins.insert(key.clone(), success.clone());
        self.get(&key)
    }

    /// No login is under way, so no acknowledgement is going to be late.
    pub(super) fn settled(&mut self) {
        self.ended.clear();
    }

    /// The log began anew; its entries are on their way.
    pub(super) fn begin_anew(&self, conversation: &ConversationId, epoch: Epoch, head: Seq) {
        if let Some(feed) = self.feeds.get(conversation).filter(|feed| feed.head().0 != epoch) {
            feed.reset(epoch, head, head);
        }
    }

    /// `historyEnd`: what has not come up to its head is not in the log any more.
    pub(super) fn replay_ended(&self, end: &HistoryEnd) {
        self.begin_anew(&end.conversation_id, end.epoch.clone(), end.to_seq);
        if let Some(feed) = self.feeds.get(&end.conversation_id) {
            feed.skip(end.to_seq);
        }
    }

    /// The conversation is followed no more: its followers are told, if there are any.
    pub(super) fn forget(&mut self, conversation: &ConversationId) {
        self.announced.remove(conversation);
        self.ended.insert(conversation.clone());
        self.logins.retain(|_, success| success.conversation_id != *conversation);
        if let Some(feed) = self.feeds.remove(conversation) {
            feed.close();
        }
    }

    /// Conversations that nobody follows or is about to: a viewer that has been given a feed may still be on its way.
    pub(super) fn unused(&self) -> impl Iterator<Item = &Arc<Feed>> {
        self.feeds.values().filter(|feed| Arc::strong_count(feed) == 1)
    }

    /// The conversation that a login was to.
    pub(super) fn conversation(&self, key: &Key) -> Option<&ConversationId> {
        self.logins.get(key).map(|success| &success.conversation_id)
    }

    /// The conversations with an agent.
    pub(super) fn conversations_with(&self, agent: &AgentId) -> Vec<ConversationId> {
        let feeds = self.feeds.values().filter(|feed| feed.agent() == agent);
        feeds.map(|feed| feed.conversation().clone()).collect()
    }

    /// `loginSuccess`, in its place among the entries: those up to its head that the link lacks come next.
    ///
    /// A log in another life, or one that has become shorter, begins anew: every viewer starts over. Only a fresh connection
    /// finds that. On one that has the conversation already its entries go on, and may be ahead of this head; of a clear it
    /// hears by itself. Whether it began anew.
    pub(super) fn replay_begins(&mut self, success: &LoginSuccess) -> bool {
        let (epoch, head) = (&success.epoch, success.head_seq);
        self.ended.remove(&success.conversation_id);
        let fresh = self.announced.insert(success.conversation_id.clone());
        let Some(feed) = self.feeds.get(&success.conversation_id) else {
            self.open(success);
            return false;
        };
        let same_life = feed.head().0 == *epoch;
        if fresh && (!same_life || feed.last() > head) {
            feed.reset(epoch.clone(), start(head), head);
            return true;
        }
        if same_life {
            feed.announce(head);
        }
        false
    }

    fn open(&mut self, success: &LoginSuccess) {
        let (agent, conversation) = (success.agent_id.clone(), success.conversation_id.clone());
        let (epoch, head) = (success.epoch.clone(), success.head_seq);
        let limits = Limits { items: TAIL_ENTRIES, bytes: TAIL_BYTES };
        let pages = Arc::new(Pages::of(self.remote.clone(), agent.clone()));
        let id = conversation.clone();
        let feed = Feed::with_history(pages, agent, id, epoch, start(head), head, limits);
        self.feeds.insert(conversation, feed);
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

/// The entry that a replay of the newest [`TAIL_ENTRIES`] begins after.
fn start(head: Seq) -> Seq {
    Seq(head.0.saturating_sub(TAIL_ENTRIES as u64))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn success(epoch: &str, head: u64) -> LoginSuccess {
        LoginSuccess {
            message: "Welcome, a!".into(),
            agent_id: AgentId::new("a").unwrap(),
            agent_name: "a".into(),
            conversation_id: id(),
            epoch: Epoch::new(epoch).unwrap(),
            head_seq: Seq(head),
        }
    }

    fn id() -> ConversationId {
        ConversationId::new("c").unwrap()
    }

    fn event(seq: u64) -> Arc<RawValue> {
        RawValue::from_string(format!(r#"{{"agentId":"a","conversationId":"c","seq":{seq}}}"#))
            .unwrap()
            .into()
    }

    fn key() -> Key {
        (AgentId::new("a").unwrap(), None)
    }

    /// A login, its event and its acknowledgement, on a connection of its own.
    fn log_in(follows: &mut Follows, success: &LoginSuccess) {
        follows.connected();
        follows.replay_begins(success);
        follows.logged_in(key(), success).unwrap();
    }

    #[test]
    fn a_reconnect_goes_on_from_the_last_entry_that_came() {
        let mut follows = Follows::default();
        log_in(&mut follows, &success("e1", 2));
        assert!(follows.append("chatMessage", event(1)));
        assert_eq!(
            follows.cursor(&key()),
            Some((Seq(1), Epoch::new("e1").unwrap())),
            "2 has not come yet"
        );

        log_in(&mut follows, &success("e1", 5));

        let followed = follows.get(&key()).unwrap();
        assert_eq!(followed.success.head_seq, Seq(5));
        assert_eq!(followed.feed.last(), Seq(1));
    }

    #[test]
    fn a_log_in_another_life_or_shorter_begins_anew_with_a_connection() {
        let mut follows = Follows::default();
        log_in(&mut follows, &success("e1", 2));
        follows.append("chatMessage", event(1));
        follows.append("chatMessage", event(2));

        log_in(&mut follows, &success("e1", 1));
        assert_eq!(follows.cursor(&key()), Some((Seq(0), Epoch::new("e1").unwrap())));
        log_in(&mut follows, &success("e2", 9));
        assert_eq!(follows.cursor(&key()), Some((Seq(0), Epoch::new("e2").unwrap())));
    }

    #[test]
    fn an_acknowledgement_taken_late_resets_nothing() {
        let mut follows = Follows::default();
        follows.replay_begins(&success("e1", 1));
        follows.append("chatMessage", event(1));
        follows.append("chatMessage", event(2));

        follows.logged_in(key(), &success("e1", 1)).unwrap();
        assert_eq!(follows.cursor(&key()), Some((Seq(2), Epoch::new("e1").unwrap())));

        follows.begin_anew(&id(), Epoch::new("e2").unwrap(), Seq(0));
        follows.logged_in(key(), &success("e1", 1)).unwrap();
        assert_eq!(follows.cursor(&key()), Some((Seq(0), Epoch::new("e2").unwrap())));
    }

    #[test]
    fn a_second_login_on_a_connection_resets_nothing() {
        let mut follows = Follows::default();
        log_in(&mut follows, &success("e1", 1));
        follows.append("chatMessage", event(1));
        follows.append("chatMessage", event(2));

        follows.replay_begins(&success("e1", 1));

        assert_eq!(follows.cursor(&key()), Some((Seq(2), Epoch::new("e1").unwrap())));
    }

    #[test]
    fn an_acknowledgement_taken_late_does_not_bring_back_what_was_deleted() {
        let mut follows = Follows::default();
        follows.replay_begins(&success("e1", 1));
        follows.forget(&id());

        assert!(follows.logged_in(key(), &success("e1", 1)).is_none());
        assert!(follows.get(&key()).is_none());

        follows.settled();
        assert!(follows.logged_in(key(), &success("e2", 0)).is_some(), "a new one of that name");
    }

    #[test]
    fn a_feed_that_is_on_its_way_to_a_viewer_is_in_use() {
        let mut follows = Follows::default();
        let followed = follows.logged_in(key(), &success("e1", 0)).unwrap();

        assert_eq!(follows.unused().count(), 0);
        drop(followed);
        assert_eq!(follows.unused().count(), 1);
    }

    #[test]
    fn an_event_of_nobody_is_not_taken() {
        let mut follows = Follows::default();

        assert!(!follows.append("chatMessage", event(1)));
        assert!(!follows.append("x", RawValue::from_string("[1]".into()).unwrap().into()));
    }
}
