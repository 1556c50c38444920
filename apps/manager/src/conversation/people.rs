//! What follows from people coming and going.

use protocol::Timestamp;
use protocol::agents::{Attendee, ConversationAction, ConversationUpdate};
use protocol::limits::MAX_ANNOUNCED;
use tokio::time::Instant;

use super::Conversation;
use super::card::Creator;
use super::publisher::tell_attendance;
use super::runs::Runs;
use super::worker::Worker;

/// Tells those who are present that somebody came or went, unless there are too many of them: each telling the others
/// would be the square of that.
pub(super) fn announce(conversation: &Conversation, who: &Attendee, came: bool) {
    let count = conversation.client_count();
    if count as usize > MAX_ANNOUNCED {
        return;
    }
    let action = if came { ConversationAction::Joined } else { ConversationAction::Left };
    let update = ConversationUpdate {
        agent_id: conversation.agent_id().clone(),
        conversation_id: conversation.id().clone(),
        action,
        timestamp: Timestamp::now(),
        conversation: Some(conversation.card().info(count)),
        epoch: None,
        viewer_id: who.viewer_id.clone(),
        user: who.user.clone(),
        client_type: who.client_type.clone(),
    };
    tell_attendance(conversation.feed(), &update);
}

impl Worker {
    /// Ends what was to end with those who have gone, and notes since when nobody is there.
    pub(super) async fn on_attendance(&mut self) {
        let now = Instant::now();
        let news = self.attendance.news(now);
        self.expiry = news.next;
        self.nobody_since = news.nobody_since;
        if let Some(me) = self.me() {
            for attendee in &news.expired {
                announce(&me, attendee, false);
            }
        }
        self.watch_creator(now);
        if !news.gone.is_empty() {
            let (next, plan) =
                self.decide(|next, means, plan| next.end_of_owners(&news.gone, means, plan));
            self.store(next, plan).await;
        }
    }

    /// A conversation that ends with who made it is deleted some time after that one has gone.
    fn watch_creator(&mut self, now: Instant) {
        let here = match &self.card.creator {
            None => return,
            Some(Creator::Viewer(viewer)) => self.attendance.has_viewer(viewer),
            Some(Creator::Connection(key)) => self.attendance.has(key),
        };
        if here {
            self.creator_gone = None;
        } else {
            self.creator_gone.get_or_insert(now);
        }
    }

    /// Does what is due because people have been away for long enough.
    pub(super) async fn on_absence(&mut self, now: Instant) {
        if self.expiry.is_some_and(|at| at <= now) {
            self.on_attendance().await;
        }
        if self.creator_gone.is_some_and(|gone| gone + self.viewer_grace <= now) {
            self.creator_gone = None;
            self.expired.send((self.card.agent_id.clone(), self.card.id.clone())).ok();
        }
        if self.unseen_at().is_some_and(|at| at <= now) {
            let (next, plan) = self.decide(Runs::end_unseen);
            self.store(next, plan).await;
        }
    }

    /// When what waits is ended because nobody is there to see it.
    pub(super) fn unseen_at(&self) -> Option<Instant> {
        let since = self.nobody_since.filter(|_| self.runs.has_unseen())?;
        Some(since + self.viewer_grace)
    }
}
