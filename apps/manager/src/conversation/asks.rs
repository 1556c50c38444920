//! Viewers' requests: those that came together are decided together and stored in one transaction.

use protocol::agents::{CancelKind, ChatAccepted, InteractionState};
use protocol::{ConversationId, Seq};
use store::{Appended, StoreError};

use super::recall;
use super::request::{Ask, Chat};
use super::runs::{Admission, Means, Plan, Runs};
use super::worker::Worker;
use crate::error::{Error, report};

/// What was decided about one request.
#[derive(Debug)]
enum Verdict {
    Admitted(Admission),
    Cancelled(CancelKind),
    Promoted(u32),
    Answered(InteractionState),
    Refused(Error),
}

impl Worker {
    /// Decides, stores, answers and shows.
    pub(super) async fn answer(&mut self, asks: Vec<Ask>) {
        if asks.is_empty() {
            return;
        }
        let mut verdicts = Vec::new();
        let (next, plan) =
            self.decide(|next, means, plan| verdicts = judge(next, &asks, means, plan));
        match self.append(&plan).await {
            Ok(Appended::Stored { first }) => {
                self.runs = next;
                self.watch(&asks, &verdicts);
                let refused = self.acknowledge(asks, verdicts, first);
                self.carry_out(plan, first);
                for (ask, error) in refused {
                    self.refuse(ask, error).await;
                }
            }
            Ok(Appended::Duplicate { seq }) => self.answer_repetition(asks, seq).await,
            Err(cause) => refuse_all(asks, verdicts, &cause),
        }
    }

    /// Watches the runs that were accepted, before anything is known of how they fare.
    fn watch(&mut self, asks: &[Ask], verdicts: &[Verdict]) {
        for (ask, verdict) in asks.iter().zip(verdicts) {
            if let (Ask::Chat(chat, _), Verdict::Admitted(_)) = (ask, verdict) {
                self.open.accepted(&self.card, &self.home.name, chat);
            }
        }
    }

    /// Gives the good answers, before the events that follow from them; what is left over was refused.
    fn acknowledge(&self, asks: Vec<Ask>, verdicts: Vec<Verdict>, first: Seq) -> Vec<(Ask, Error)> {
        let mut refused = Vec::new();
        for (ask, verdict) in asks.into_iter().zip(verdicts) {
            match (ask, verdict) {
                (Ask::Chat(chat, answer), Verdict::Admitted(admission)) => {
                    answer.give(Ok(accepted(self.id(), &chat, admission, first)));
                }
                (Ask::Cancel(_, answer), Verdict::Cancelled(kind)) => answer.give(Ok(kind)),
                (Ask::Promote(_, answer), Verdict::Promoted(position)) => {
                    answer.give(Ok(position));
                }
                (Ask::Respond(_, answer), Verdict::Answered(state)) => answer.give(Ok(state)),
                (ask, Verdict::Refused(error)) => refused.push((ask, error)),
                (ask, _) => ask.refuse(Error::Internal),
            }
        }
        refused
    }

    /// Refuses, unless it is a message that was accepted before: that gets the answer that it got then.
    async fn refuse(&self, ask: Ask, error: Error) {
        let (answer, message) = match ask {
            Ask::Chat(chat, answer) => match chat.message_id {
                Some(message) => (answer, message),
                None => return answer.give(Err(error)),
            },
            ask => return ask.refuse(error),
        };
        let before = recall::by_message(&self.db, self.id(), &message).await;
        answer.give(match before {
            Ok(Some(accepted)) => Ok(accepted),
            Ok(None) => Err(error),
            Err(cause) => Err(cause.into()),
        });
    }

    /// Nothing of the group was stored, because a message of it is in the log already, at `seq`.
    async fn answer_repetition(&mut self, mut asks: Vec<Ask>, seq: Seq) {
        if asks.len() > 1 {
            for ask in asks {
                Box::pin(self.answer(vec![ask])).await;
            }
        } else if let Some(Ask::Chat(_, answer)) = asks.pop() {
            let before = recall::at(&self.db, self.id(), seq).await;
            answer.give(before.map_err(Error::from).and_then(|found| found.ok_or(Error::Internal)));
        }
    }
}

/// Decides in order.
fn judge(next: &mut Runs, asks: &[Ask], means: &Means<'_>, plan: &mut Plan) -> Vec<Verdict> {
    let verdicts = asks.iter().map(|ask| {
        let verdict = match ask {
            Ask::Chat(chat, _) => next.admit(chat, means, plan).map(Verdict::Admitted),
            Ask::Cancel(run, _) => next.cancel(run, means, plan).map(Verdict::Cancelled),
            Ask::Promote(run, _) => next.promote(run).map(Verdict::Promoted),
            Ask::Respond(response, _) => next.respond(response, means, plan).map(Verdict::Answered),
        };
        verdict.unwrap_or_else(Verdict::Refused)
    });
    verdicts.collect()
}

fn accepted(
    conversation: &ConversationId,
    chat: &Chat,
    admission: Admission,
    first: Seq,
) -> ChatAccepted {
    ChatAccepted {
        conversation_id: conversation.clone(),
        run_id: chat.run_id.clone(),
        seq: Seq(first.0 + admission.entry as u64),
        state: admission.state,
        position: admission.position,
    }
}

/// Nothing was stored, so nothing has happened; who was refused for another reason hears that one.
fn refuse_all(asks: Vec<Ask>, verdicts: Vec<Verdict>, cause: &StoreError) {
    report(cause);
    for (ask, verdict) in asks.into_iter().zip(verdicts) {
        match verdict {
            Verdict::Refused(error) => ask.refuse(error),
            _ => ask.refuse(Error::StoreUnavailable),
        }
    }
}
