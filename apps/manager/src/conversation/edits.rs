//! What people do to the log, and commands of the agent's own.

use protocol::agents::{Cleared, ConversationAction, Inserted, Origin};
use protocol::{Epoch, Seq};
use store::{Appended, NewEntry};

use super::request::{Answer, Edit};
use super::runs::{Now, Output};
use super::worker::Worker;
use crate::audience::update;
use crate::error::Error;

impl Worker {
    pub(super) async fn on_edit(&mut self, edit: Edit) {
        match edit {
            Edit::Clear(origin, answer) => self.clear(&origin, answer).await,
            Edit::Insert(entries, answer) => self.insert(entries, answer).await,
            Edit::Command(name, payload, answer) => {
                let seat = self.runs.main_seat();
                self.introduce(&seat).await;
                let told = self.sessions.command(&seat, &name, payload);
                answer.give(told.map_err(|_| Error::AgentBusy));
            }
        }
    }

    /// Begins the log anew; what is open goes over into it.
    async fn clear(&mut self, origin: &Origin, answer: Answer<Cleared>) {
        let carried = self.runs.carried_over(Now::read().timestamp);
        let epoch = Epoch::random();
        match self.db.clear_conversation(self.id(), &epoch, carried.clone()).await {
            Err(cause) => answer.give(Err(cause.into())),
            Ok(head_seq) => {
                answer.give(Ok(Cleared { epoch: epoch.clone(), head_seq }));
                let messages = carried.iter().filter(|entry| entry.text.is_some()).count() as u64;
                {
                    let mut state = self.card.state();
                    (state.epoch, state.head) = (epoch.clone(), head_seq);
                    (state.messages, state.active) = (messages, None);
                    state.interactions.clear();
                }
                let outputs: Vec<Output> = carried.iter().cloned().map(Output::Entry).collect();
                self.note_interactions(&outputs, Seq(1));
                self.runs.set_active(self.home.name.clone());
                let (cleared, count) = (ConversationAction::Cleared, self.client_count());
                let update = update(&self.card, count, cleared, origin, Some(epoch.clone()));
                self.publisher.begin_anew(&epoch, carried, || self.audience.tell(&update));
                self.telling.cleared(&self.card);
            }
        }
    }

    async fn insert(&mut self, entries: Vec<NewEntry>, answer: Answer<Inserted>) {
        let count = entries.len() as u64;
        match self.db.append(self.id(), entries.clone()).await {
            Err(cause) => answer.give(Err(cause.into())),
            Ok(Appended::Duplicate { seq }) => {
                answer.give(Ok(Inserted { from_seq: seq, count: 0 }));
            }
            Ok(Appended::Stored { first }) => {
                answer.give(Ok(Inserted { from_seq: first, count }));
                let outputs: Vec<Output> = entries.into_iter().map(Output::Entry).collect();
                self.note(&outputs, first);
                self.publisher.show(outputs, first);
            }
        }
    }
}
