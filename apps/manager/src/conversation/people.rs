//! What follows from people coming and going.

use std::time::Duration;

use protocol::Timestamp;
use protocol::agents::{Attendee, ConversationAction, ConversationUpdate};
use protocol::limits::MAX_ANNOUNCED;
use tokio::time::Instant;

use super::Conversation;
use super::attendance::Key;
use super::card::Creator;
use super::publisher::tell_attendance;
use super::runs::Runs;
use super::worker::Worker;

/// A conversation that was to be deleted and is still there is asked to be deleted again after this.
const ASKED_AGAIN: Duration = Duration::from_secs(5);

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
    /// Notes who has gone for good, and since when nobody is there.
    pub(super) fn on_attendance(&mut self) {
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
    }

    /// Ends what was to end with a connection that is not there any more. Looked at again and again and not when
    /// one goes: it may have gone before its run was accepted, or while the store did not work.
    pub(super) async fn end_orphans(&mut self) {
        let attendance = self.attendance.clone();
        let is_here = |owner: &Key| attendance.has_anywhere(owner);
        if self.retry.is_none() && self.runs.has_orphans(&is_here) {
            let (next, plan) =
                self.decide(|next, means, plan| next.end_orphans(&is_here, means, plan));
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
        // Somebody may have come in this moment.
        self.on_attendance();
        if self.creator_gone.is_some_and(|gone| gone + self.viewer_grace <= now) {
            self.creator_gone = Some(now + ASKED_AGAIN);
            self.expired.send((self.card.agent_id.clone(), self.card.id.clone())).ok();
        }
        if self.unseen_at().is_some_and(|at| at <= now) {
            let (next, plan) = self.decide(Runs::end_unseen);
            self.store(next, plan).await;
        }
    }

    /// When what waits is ended because nobody is there to see it: nobody has been for that long, and it has waited
    /// for that long.
    pub(super) fn unseen_at(&self) -> Option<Instant> {
        Some(self.nobody_since?.max(self.waiting_since?) + self.viewer_grace)
    }

    /// Notes since when something waits that nobody may be there to see.
    pub(super) fn watch_waiting(&mut self) {
        let since = self.waiting_since.unwrap_or_else(Instant::now);
        self.waiting_since = self.runs.has_unseen().then_some(since);
    }
}
