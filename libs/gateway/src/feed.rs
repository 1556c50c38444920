//! A conversation's tail, shared by the one who writes it and the connections that read it.

use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use crate::bell::{Bell, Follower};
use crate::history::History;
use crate::item::Item;
use crate::tail::{Cursor, Limits, Read, Tail};
use protocol::{AgentId, ConversationId, Epoch, Seq};

/// A tail and those who want to know when it grows. Behind one short, synchronous lock: the writer appends, readers
/// copy shared items out; nothing is awaited under it.
pub struct Feed {
    agent: AgentId,
    conversation: ConversationId,
    history: Option<Arc<dyn History>>,
    inner: Mutex<Inner>,
}

#[derive(Debug)]
struct Inner {
    tail: Tail,
    followers: Vec<Arc<Follower<ConversationId>>>,
    closed: bool,
}

impl Feed {
    /// A feed whose log has got as far as `head`, of which the entries after `start` are going to be appended.
    #[must_use]
    pub fn new(
        agent: AgentId,
        conversation: ConversationId,
        epoch: Epoch,
        start: Seq,
        head: Seq,
        limits: Limits,
    ) -> Arc<Self> {
        Arc::new(Self::build(agent, conversation, epoch, start, head, limits))
    }

    /// The same for a log that is not where a connection's others are: `history` has the entries that are no longer here.
    #[must_use]
    pub fn with_history(
        history: Arc<dyn History>,
        agent: AgentId,
        conversation: ConversationId,
        epoch: Epoch,
        start: Seq,
        head: Seq,
        limits: Limits,
    ) -> Arc<Self> {
        let feed = Self::build(agent, conversation, epoch, start, head, limits);
        Arc::new(Self { history: Some(history), ..feed })
    }

    fn build(
        agent: AgentId,
        conversation: ConversationId,
        epoch: Epoch,
        start: Seq,
        head: Seq,
        limits: Limits,
    ) -> Self {
        let tail = Tail::new(agent.clone(), conversation.clone(), epoch, start, head, limits);
        let inner = Mutex::new(Inner { tail, followers: Vec::new(), closed: false });
        Self { agent, conversation, history: None, inner }
    }

    /// The agent that the conversation is with.
    #[must_use]
    pub fn agent(&self) -> &AgentId {
        &self.agent
    }

    /// The conversation.
    #[must_use]
    pub fn conversation(&self) -> &ConversationId {
        &self.conversation
    }

    /// The life of the log, and its newest entry.
    #[must_use]
    pub fn head(&self) -> (Epoch, Seq) {
        let inner = self.lock();
        (inner.tail.epoch().clone(), inner.tail.head())
    }

    /// The newest entry that is here: where to resume.
    #[must_use]
    pub fn last(&self) -> Seq {
        self.lock().tail.last()
    }

    /// How many connections follow it.
    #[must_use]
    pub fn followers(&self) -> usize {
        self.lock().followers.len()
    }

    /// Appends items and wakes the followers.
    pub fn append(&self, items: impl IntoIterator<Item = Item>) {
        let mut inner = self.lock();
        let mut grown = false;
        for item in items {
            grown |= inner.tail.append(item);
        }
        if grown {
            inner.ring();
        }
    }

    /// The log has got as far as `head`, although the entries are still on their way.
    pub fn announce(&self, head: Seq) {
        self.lock().tail.announce(head);
    }

    /// The log has got as far as `head`, and what is not here by now is not in it any more.
    pub fn skip(&self, head: Seq) {
        let mut inner = self.lock();
        inner.tail.skip(head);
        inner.ring();
    }

    /// The log began anew: every follower starts over.
    pub fn reset(&self, epoch: Epoch, start: Seq, head: Seq) {
        self.reset_and(epoch, start, head, || {});
    }

    /// The same; `tell` is called in the same moment: nobody reads what was before after that.
    pub fn reset_and(&self, epoch: Epoch, start: Seq, head: Seq, tell: impl FnOnce()) {
        let mut inner = self.lock();
        tell();
        inner.tail.reset(epoch, start, head);
        inner.ring();
    }

    /// The log is gone: whoever follows it stops, and hears nothing of it.
    pub fn close(&self) {
        let mut inner = self.lock();
        inner.closed = true;
        inner.ring();
    }

    /// Whether the log is gone.
    #[must_use]
    pub fn is_closed(&self) -> bool {
        self.lock().closed
    }

    /// Where its older entries are, if not where those of the connection's other feeds are.
    pub(crate) fn history(&self) -> Option<&Arc<dyn History>> {
        self.history.as_ref()
    }

    /// Registers a connection's bell. It rings once at once.
    pub(crate) fn follow(self: &Arc<Self>, bell: &Arc<Bell<ConversationId>>) -> Following {
        let follower = Follower::new(self.conversation.clone(), bell);
        follower.ring();
        self.lock().followers.push(Arc::clone(&follower));
        Following { feed: Arc::clone(self), follower }
    }

    /// Looks at the tail.
    pub(crate) fn with_tail<T>(&self, look: impl FnOnce(&Tail) -> T) -> T {
        look(&self.lock().tail)
    }

    pub(crate) fn read(&self, cursor: &mut Cursor, max: usize) -> Read {
        let inner = self.lock();
        if inner.closed { Read::Closed } else { inner.tail.read(cursor, max) }
    }

    /// A panic under the lock leaves a tail that is whole: items are appended one by one.
    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl fmt::Debug for Feed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Feed").field("conversation", &self.conversation).finish_non_exhaustive()
    }
}

impl Inner {
    fn ring(&self) {
        for follower in &self.followers {
            follower.ring();
        }
    }
}

/// A registered follower; dropping it deregisters.
#[derive(Debug)]
pub(crate) struct Following {
    feed: Arc<Feed>,
    follower: Arc<Follower<ConversationId>>,
}

impl Following {
    pub(crate) fn feed(&self) -> &Feed {
        &self.feed
    }

    /// Says that the ring was heard: the next news rings again. To be called before reading.
    pub(crate) fn heard(&self) {
        self.follower.heard();
    }

    /// Rings the own bell, to come back later.
    pub(crate) fn ring(&self) {
        self.follower.ring();
    }

    pub(crate) fn ringer(&self) -> Ringer {
        Ringer(Arc::clone(&self.follower))
    }
}

impl Drop for Following {
    fn drop(&mut self) {
        self.feed.lock().followers.retain(|other| !Arc::ptr_eq(other, &self.follower));
    }
}

/// Rings a follower's bell from elsewhere.
#[derive(Debug, Clone)]
pub(crate) struct Ringer(Arc<Follower<ConversationId>>);

impl Ringer {
    pub(crate) fn ring(&self) {
        self.0.ring();
    }
}
