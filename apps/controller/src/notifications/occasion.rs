//! What there is to tell.

use protocol::agents::{ActivityState, RunReason};
use protocol::{
    AgentId, ClientId, ConversationId, InteractionId, NotificationKind, RunId, Timestamp,
};
use serde::Serialize;

use crate::activity::Activity;

/// Characters of what was said that are told.
const MESSAGE: usize = 200;
/// Characters of a name that are told. With all others at their longest, the whole fits into what a push service carries.
const NAME: usize = 80;

/// An agent asks, or a run has ended.
#[derive(Debug, Clone)]
pub(crate) struct Occasion {
    pub(crate) client_id: ClientId,
    pub(crate) client_name: String,
    pub(crate) agent_id: AgentId,
    pub(crate) agent_name: String,
    pub(crate) conversation_id: ConversationId,
    pub(crate) conversation_name: String,
    pub(crate) run_id: RunId,
    /// What is asked, if something is.
    pub(crate) interaction_id: Option<InteractionId>,
    pub(crate) kind: NotificationKind,
    /// The question, the beginning of the answer, or what went wrong.
    pub(crate) message: String,
    pub(crate) time: Timestamp,
}

/// By what an occasion is known again.
pub(super) type Key = (ClientId, RunId, NotificationKind, Option<InteractionId>);

/// How much of an occasion is told.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Detail {
    /// What was said, too.
    All,
    /// Only where, and of which kind.
    Private,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Payload<'a> {
    kind: NotificationKind,
    client_id: &'a ClientId,
    client_name: String,
    agent_id: &'a AgentId,
    agent_name: String,
    conversation_id: &'a ConversationId,
    conversation_name: String,
    run_id: &'a RunId,
    #[serde(skip_serializing_if = "Option::is_none")]
    interaction_id: Option<&'a InteractionId>,
    #[serde(skip_serializing_if = "Option::is_none")]
    message: Option<String>,
    time: Timestamp,
}

impl Occasion {
    /// What there is to tell of an activity. A run that somebody cancelled is no news.
    pub(super) fn of(activity: Activity) -> Option<Self> {
        let Activity { client_id, client_name, agent_name, run } = activity;
        let kind = match run.state {
            ActivityState::Blocked => NotificationKind::NeedsYou,
            ActivityState::Done => NotificationKind::Done,
            ActivityState::Failed => NotificationKind::Failed,
            ActivityState::Resumed | ActivityState::Cancelled => return None,
        };
        Some(Self {
            client_id,
            client_name,
            agent_id: run.agent_id,
            agent_name,
            conversation_id: run.conversation_id,
            conversation_name: run.conversation_name,
            run_id: run.run_id,
            interaction_id: run.interaction_id,
            kind,
            message: run.message.or(run.error).or(run.reason.map(words)).unwrap_or_default(),
            time: run.timestamp,
        })
    }

    pub(super) fn key(&self) -> Key {
        (self.client_id.clone(), self.run_id.clone(), self.kind, self.interaction_id.clone())
    }

    /// The conversation: of its states only the newest is of interest.
    pub(super) fn subject(&self) -> String {
        subject(&self.client_id, &self.agent_id, &self.conversation_id)
    }

    /// The conversation in which nobody is needed any more: somebody has answered, or cancelled the run.
    pub(super) fn settled(activity: &Activity) -> Option<String> {
        let run = &activity.run;
        matches!(run.state, ActivityState::Resumed | ActivityState::Cancelled)
            .then(|| subject(&activity.client_id, &run.agent_id, &run.conversation_id))
    }

    /// As JSON, of [`notify::MAX_PAYLOAD`] bytes at most.
    pub(super) fn payload(&self, detail: Detail) -> Vec<u8> {
        let payload = Payload {
            kind: self.kind,
            client_id: &self.client_id,
            client_name: shown(&self.client_name, NAME),
            agent_id: &self.agent_id,
            agent_name: shown(&self.agent_name, NAME),
            conversation_id: &self.conversation_id,
            conversation_name: shown(&self.conversation_name, NAME),
            run_id: &self.run_id,
            interaction_id: self.interaction_id.as_ref(),
            message: (detail == Detail::All).then(|| shown(&self.message, MESSAGE)),
            time: self.time,
        };
        serde_json::to_vec(&payload).expect("texts are JSON")
    }
}

fn subject(client: &ClientId, agent: &AgentId, conversation: &ConversationId) -> String {
    format!("{client}/{agent}/{conversation}")
}

/// `agent_exited` as people say it.
fn words(reason: RunReason) -> String {
    let name = serde_json::to_value(reason).expect("a name is JSON");
    name.as_str().unwrap_or_default().replace('_', " ")
}

/// At most so many characters of one line.
fn shown(text: &str, most: usize) -> String {
    let mut line = text.trim().chars().map(|c| if c.is_control() { ' ' } else { c });
    let mut shown: String = line.by_ref().take(most).collect();
    if line.next().is_some() {
        shown.pop();
        shown.push('…');
    }
    shown
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::super::tests::{activity, occasion};
    use super::*;

    #[test]
    fn a_payload_says_where_and_what_unless_it_is_private() {
        let occasion = occasion("run_1", NotificationKind::NeedsYou);

        let all: Value = serde_json::from_slice(&occasion.payload(Detail::All)).unwrap();
        let private: Value = serde_json::from_slice(&occasion.payload(Detail::Private)).unwrap();

        let expected = json!({
            "kind": "needs_you",
            "clientId": "cl_1",
            "clientName": "local",
            "agentId": "ag_1",
            "agentName": "calc",
            "conversationId": "default",
            "conversationName": "default",
            "runId": "run_1",
            "interactionId": "in_1",
            "message": "May I?",
            "time": "1970-01-01T00:00:00.005Z",
        });
        assert_eq!(all, expected);
        let mut expected = expected;
        expected.as_object_mut().unwrap().remove("message");
        assert_eq!(private, expected);
    }

    #[test]
    fn what_went_wrong_is_told_and_what_somebody_cancelled_is_not() {
        let mut failed = activity("run_1", ActivityState::Failed);
        (failed.run.message, failed.run.reason) = (None, Some(RunReason::AgentExited));
        let mut with_error = failed.clone();
        with_error.run.error = Some("exit code 1".into());

        let told =
            |activity| Occasion::of(activity).map(|occasion| (occasion.kind, occasion.message));

        assert_eq!(told(failed), Some((NotificationKind::Failed, "agent exited".into())));
        assert_eq!(told(with_error), Some((NotificationKind::Failed, "exit code 1".into())));
        assert_eq!(told(activity("run_1", ActivityState::Cancelled)), None);
    }

    #[test]
    fn the_longest_payload_fits() {
        let id = "x".repeat(128);
        for long in ["\u{1}", "\"", "\u{1f600}", "\u{2028}"] {
            let long = long.repeat(2_000);
            let occasion = Occasion {
                client_id: ClientId::new(&id).unwrap(),
                client_name: long.clone(),
                agent_id: AgentId::new(&id).unwrap(),
                agent_name: long.clone(),
                conversation_id: ConversationId::new(&id).unwrap(),
                conversation_name: long.clone(),
                run_id: RunId::new(&id).unwrap(),
                interaction_id: InteractionId::new(&id).ok(),
                kind: NotificationKind::NeedsYou,
                message: long,
                time: Timestamp::from_millis(0),
            };
            assert!(occasion.payload(Detail::All).len() <= notify::MAX_PAYLOAD);
        }
    }

    #[test]
    fn what_is_shown_is_one_line_and_shows_that_it_was_cut() {
        assert_eq!(shown(" a\nb\t ", 10), "a b");
        assert_eq!(shown("abc", 3), "abc");
        assert_eq!(shown("abcd", 3), "ab…");
    }
}
