//! Coming to a conversation, going from one to another, and coming back.

use std::time::Duration;

use protocol::agents::Joined;
use protocol::names::agents;
use protocol::{AgentId, ConversationId, ErrorCode, WireError};
use serde::de::IgnoredAny;

use super::caller::Failed;
use super::place::Place;
use super::{Done, Line, News, PAUSE, State, pause};
use crate::run::{MANAGER_AWAY, note};

impl Line {
    /// Follows a conversation from its newest `limit` entries on. The one that is followed is left when the manager has let
    /// us into the new one, and not before.
    pub(crate) fn follow(&mut self, agent: AgentId, conversation: ConversationId, limit: u64) {
        let mut place = Place::new(agent, conversation, limit);
        place.hold();
        self.coming = Some(place);
        self.join_what_waits();
    }

    /// The same, until the conversation is followed; for who has nothing else to do meanwhile.
    ///
    /// # Errors
    /// The manager does not let us in.
    pub(crate) async fn arrive(
        &mut self,
        agent: AgentId,
        conversation: ConversationId,
        limit: u64,
    ) -> Result<Joined, Failed> {
        self.follow(agent, conversation, limit);
        loop {
            match self.next().await {
                News::Joined(joined) => return Ok(*joined),
                News::NotJoined(error) | News::Gone(error) => return Err(Failed::Refused(error)),
                News::Refused(message) => {
                    let error = WireError::new(ErrorCode::Unauthorized, message);
                    return Err(Failed::Refused(error));
                }
                News::ManagerAway => note(MANAGER_AWAY),
                // Nothing that is followed has been told yet.
                _ => {}
            }
        }
    }

    pub(super) fn on_joined(&mut self, id: &ConversationId, joined: Result<Joined, Failed>) {
        let is_coming = self.coming.as_ref().is_some_and(|place| place.conversation == *id);
        let waits = self.waits(id);
        let has_gap = waits.is_some_and(|place| {
            place.joining = false;
            place.take_gap()
        });
        match joined {
            Ok(_) if has_gap => self.join_anew(id),
            Ok(joined) => {
                self.manager_away = false;
                self.enter_one_of_both(is_coming, joined);
            }
            Err(Failed::Refused(error)) if error.code == ErrorCode::AlreadyJoined => {
                self.join_anew(id);
            }
            Err(Failed::Refused(error)) if error.code == ErrorCode::RemoteUnavailable => {
                self.manager_is_away();
                self.join_later(pause(&error));
            }
            Err(Failed::Refused(error)) if is_coming => {
                self.coming = None;
                self.news.push_back(News::NotJoined(error));
            }
            Err(failed) => match (failed.passes(), failed) {
                (Some(pause), _) => self.join_later(pause),
                (None, Failed::Refused(error)) => {
                    if self.place.take_if(|place| place.conversation == *id).is_some() {
                        self.news.push_back(News::Gone(error));
                    }
                }
                (None, Failed::Lost(_)) => {}
            },
        }
    }

    /// The manager has let us in to what is coming, to what is followed, or to what is not wanted any more.
    fn enter_one_of_both(&mut self, is_coming: bool, joined: Joined) {
        let id = &joined.conversation_id;
        if is_coming {
            let new = self.coming.take();
            match std::mem::replace(&mut self.place, new) {
                Some(old) if old.conversation != *id => self.leave(&old),
                _ => {}
            }
            self.enter(joined);
        } else if self.place.as_ref().is_some_and(|place| place.conversation == *id) {
            self.enter(joined);
        } else {
            self.leave(&Place::new(joined.agent_id.clone(), id.clone(), 0));
        }
    }

    /// We are in the conversation of `place`: what came of it meanwhile follows.
    fn enter(&mut self, joined: Joined) {
        let Some(place) = &mut self.place else { return };
        if place.joined(&joined) {
            self.news.push_back(News::Replaced);
        }
        let held = place.release();
        self.news.push_back(News::Joined(Box::new(joined)));
        held.into_iter().for_each(|event| self.pass(event));
    }

    fn leave(&mut self, place: &Place) {
        let (caller, leave, agent) = (self.caller.clone(), place.leave(), place.agent.clone());
        // What it answers is of no interest: when the connection ends, it is left anyway.
        self.tasks.spawn(async move {
            caller
                .forward::<IgnoredAny>(Some(&agent), agents::LEAVE_CONVERSATION, &leave)
                .await
                .ok();
            Done::Left
        });
    }

    /// Joins what is not joined and not about to be.
    pub(super) fn join_what_waits(&mut self) {
        if self.state != State::There {
            return;
        }
        for place in self.place.iter_mut().chain(&mut self.coming) {
            if place.is_held() && !place.joining {
                place.joining = true;
                let (caller, nth, join) = (self.caller.clone(), self.nth, place.join());
                let (agent, id) = (place.agent.clone(), place.conversation.clone());
                self.tasks.spawn(async move {
                    let joined = caller.forward(Some(&agent), agents::JOIN_CONVERSATION, &join);
                    Done::Joined(nth, (id, joined.await))
                });
            }
        }
    }

    fn join_later(&mut self, pause: Duration) {
        self.tasks.spawn(async move {
            tokio::time::sleep(pause).await;
            Done::Rejoin
        });
    }

    /// The manager has us in it, and we do not know since when: its answer was lost. Leaves, to join where we are.
    fn join_anew(&mut self, id: &ConversationId) {
        let (caller, nth) = (self.caller.clone(), self.nth);
        let Some(place) = self.waits(id).filter(|place| !place.joining) else { return };
        place.joining = true;
        let (leave, join) = (place.leave(), place.join());
        let (agent, id) = (place.agent.clone(), place.conversation.clone());
        self.tasks.spawn(async move {
            let agent = Some(&agent);
            let left = caller.forward::<IgnoredAny>(agent, agents::LEAVE_CONVERSATION, &leave);
            if left.await.is_err() {
                // Or this would go round as fast as it can.
                tokio::time::sleep(PAUSE).await;
            }
            Done::Joined(nth, (id, caller.forward(agent, agents::JOIN_CONVERSATION, &join).await))
        });
    }

    /// The place of that conversation that is not joined yet.
    fn waits(&mut self, id: &ConversationId) -> Option<&mut Place> {
        let both = self.coming.iter_mut().chain(&mut self.place);
        both.into_iter().find(|place| place.is_held() && place.conversation == *id)
    }

    /// Tells it once.
    pub(super) fn manager_is_away(&mut self) {
        if !std::mem::replace(&mut self.manager_away, true) {
            self.news.push_back(News::ManagerAway);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::line::tests::line;

    fn ids() -> (AgentId, ConversationId) {
        (AgentId::new("a").unwrap(), ConversationId::new("c").unwrap())
    }

    fn refused(code: ErrorCode) -> Result<Joined, Failed> {
        Err(Failed::Refused(WireError::new(code, "no")))
    }

    /// One that followed a conversation on a connection before, and is let in to this one.
    fn back() -> Line {
        let (agent, id) = ids();
        let mut line = line();
        let mut place = Place::new(agent, id, 1);
        place.hold();
        (line.place, line.state) = (Some(place), State::There);
        line
    }

    #[tokio::test]
    async fn a_switch_while_the_line_enters_is_joined_when_it_has() {
        let (agent, id) = ids();
        let mut line = line();
        line.state = State::Entering;

        line.follow(agent, id, 1);
        assert!(!line.coming.as_ref().unwrap().joining);
        line.on_done(Done::Entered(0, Ok(Vec::new())));

        let coming = line.coming.as_ref().unwrap();
        assert!(coming.is_held() && coming.joining);
    }

    #[tokio::test]
    async fn a_refusal_for_now_is_not_the_end_of_a_conversation() {
        let (_, id) = ids();
        let mut line = back();

        for code in [ErrorCode::RateLimited, ErrorCode::ServerStopping, ErrorCode::Internal] {
            line.on_joined(&id, refused(code));
            assert!(line.place.is_some() && line.news.is_empty(), "{code:?}");
        }
        line.on_joined(&id, refused(ErrorCode::ConversationNotFound));

        assert!(line.place.is_none());
        assert!(matches!(line.news.pop_front(), Some(News::Gone(_))));
    }

    #[tokio::test]
    async fn a_join_whose_answer_was_lost_is_done_anew() {
        let (_, id) = ids();
        let mut line = back();

        line.on_joined(&id, refused(ErrorCode::AlreadyJoined));

        assert!(line.place.as_ref().unwrap().joining);
    }

    #[tokio::test]
    async fn that_the_manager_is_away_is_told_once() {
        let (_, id) = ids();
        let mut line = back();

        line.on_joined(&id, refused(ErrorCode::RemoteUnavailable));
        line.on_joined(&id, refused(ErrorCode::RemoteUnavailable));

        assert_eq!(line.news.len(), 1);
    }
}
