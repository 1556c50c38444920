//! Coming to a conversation, going from one to another, and coming back.

use link::CallError;
use protocol::agents::Joined;
use protocol::names::agents;
use protocol::{AgentId, ConversationId, ErrorCode};

use super::caller::Failed;
use super::place::Place;
use super::{Done, Line, News, State};

impl Line {
    /// Follows a conversation from its newest `limit` entries on. The one that is followed is left when the manager has let
    /// us into the new one, and not before.
    pub(crate) fn follow(&mut self, agent: AgentId, conversation: ConversationId, limit: u64) {
        let mut place = Place::new(agent, conversation, limit);
        if self.state == State::There {
            place.hold();
            let (caller, join, id) =
                (self.caller.clone(), place.join(), place.conversation.clone());
            let agent = place.agent.clone();
            self.tasks.spawn(async move {
                Done::Joined(
                    id,
                    caller.forward(Some(&agent), agents::JOIN_CONVERSATION, &join).await,
                )
            });
        }
        self.coming = Some(place);
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
                // Nothing that is followed has been told yet.
                _ => {}
            }
        }
    }

    pub(super) fn on_joined(&mut self, id: &ConversationId, joined: Result<Joined, Failed>) {
        let is_coming = self.coming.as_ref().is_some_and(|place| place.conversation == *id);
        match joined {
            Ok(joined) if is_coming => {
                let new = self.coming.take();
                if let Some(old) = std::mem::replace(&mut self.place, new) {
                    self.leave(&old);
                }
                self.enter(joined);
            }
            Ok(joined) => {
                if self.place.as_ref().is_some_and(|place| place.conversation == *id) {
                    self.enter(joined);
                }
            }
            Err(Failed::Refused(error)) if error.code == ErrorCode::RemoteUnavailable => {
                self.news.push_back(News::ManagerAway);
            }
            // Asked twice, when the manager came back in that moment.
            Err(Failed::Refused(error)) if error.code == ErrorCode::AlreadyJoined => {}
            Err(Failed::Lost(CallError::Timeout)) => self.join_what_waits(),
            Err(Failed::Refused(error)) if is_coming => {
                self.coming = None;
                self.news.push_back(News::NotJoined(error));
            }
            Err(Failed::Refused(error)) => {
                self.place.take_if(|place| place.conversation == *id);
                self.news.push_back(News::Gone(error));
            }
            Err(Failed::Lost(_)) => {}
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
                .forward::<serde::de::IgnoredAny>(Some(&agent), agents::LEAVE_CONVERSATION, &leave)
                .await
                .ok();
            Done::Left
        });
    }

    /// Joins what could not be joined while the manager was away.
    pub(super) fn join_what_waits(&mut self) {
        for place in self.place.iter().chain(&self.coming).filter(|place| place.is_held()) {
            let (caller, join) = (self.caller.clone(), place.join());
            let (agent, id) = (place.agent.clone(), place.conversation.clone());
            self.tasks.spawn(async move {
                Done::Joined(
                    id,
                    caller.forward(Some(&agent), agents::JOIN_CONVERSATION, &join).await,
                )
            });
        }
    }
}
