use std::sync::Arc;
use std::time::Duration;

use protocol::agents::{CancelKind, Origin, RunEventBody, RunReason, RunState};
use protocol::{AgentId, ConversationId, Epoch, RunId, Seq};
use runtime::{AgentEvent, Outcome};

use super::*;
use crate::conversation::Conversation;
use crate::open_runs::OpenRuns;

/// Runs, and the ids that are in use.
struct Fixture {
    runs: Runs,
    open: OpenRuns,
    conversation: Conversation,
}

impl Fixture {
    fn new() -> Self {
        let (agent, id) = (AgentId::random(), ConversationId::random());
        let limits = gateway::Limits { items: 1, bytes: 1 };
        let feed = gateway::Feed::new(agent, id, Epoch::random(), Seq::ZERO, Seq::ZERO, limits);
        let conversation = Conversation::detached(feed);
        Self { runs: Runs::new(Mode::Open), open: OpenRuns::default(), conversation }
    }

    fn chat(&self, run: &str) -> Chat {
        let run_id = RunId::new(run).unwrap();
        let claim = self.open.claim(&run_id, &self.conversation).map(Arc::new);
        Chat { message: run.into(), message_id: None, run_id, claim, origin: Origin::default() }
    }

    fn say(&mut self, run: &str) -> Result<Admission, Error> {
        let chat = self.chat(run);
        self.runs.admit(&chat, Now::read(), &mut Plan::default())
    }

    fn hear(&mut self, event: AgentEvent) -> Plan {
        let mut plan = Plan::default();
        self.runs.hear(event, "agent", Now::read(), &mut plan);
        plan
    }

    fn end(&mut self, run: &str, outcome: Outcome) -> Plan {
        self.hear(AgentEvent::Ended { run: RunId::new(run).unwrap(), outcome })
    }

    fn is_open(&self, run: &str) -> bool {
        self.open.find(&RunId::new(run).unwrap()).is_some()
    }
}

/// The runs' changes of state in a plan.
fn states(plan: &Plan) -> Vec<(String, RunState, Option<RunReason>)> {
    let entries = plan.outputs.iter().filter_map(Output::entry);
    let events = entries.filter_map(|entry| {
        let body: RunEventBody = serde_json::from_str(&entry.body).ok()?;
        Some((entry.run_id.as_ref()?.to_string(), body.state, body.reason))
    });
    events.collect()
}

fn prompts(plan: &Plan) -> Vec<&str> {
    let prompted = plan.effects.iter().filter_map(|effect| match effect {
        Effect::Prompt(run) => Some(run.id.as_str()),
        Effect::Cancel(_) => None,
    });
    prompted.collect()
}

#[test]
fn runs_are_done_one_after_the_other() {
    let mut fixture = Fixture::new();

    assert_eq!(fixture.say("a").unwrap().state, RunState::Started);
    assert_eq!(fixture.say("b").unwrap().position, Some(1));
    assert_eq!(fixture.say("c").unwrap().position, Some(2));

    let plan = fixture.end("a", Outcome::Done);
    assert_eq!(
        states(&plan),
        [("a".to_owned(), RunState::Done, None), ("b".to_owned(), RunState::Started, None)]
    );
    assert_eq!(prompts(&plan), ["b"]);
    assert!(!fixture.is_open("a") && fixture.is_open("b"));
}

#[test]
fn a_run_ends_once() {
    let mut fixture = Fixture::new();
    fixture.say("a").unwrap();
    fixture.end("a", Outcome::Done);

    let again = fixture.end("a", Outcome::Cancelled);

    assert!(again.outputs.is_empty() && again.effects.is_empty());
}

#[test]
fn the_queue_has_an_end_and_frees_the_ids_that_it_refuses() {
    let mut fixture = Fixture::new();
    for run in 0..=MAX_QUEUED_RUNS {
        fixture.say(&format!("r{run}")).unwrap();
    }

    assert!(matches!(fixture.say("more"), Err(Error::QueueFull)));
    assert!(!fixture.is_open("more"));
    assert!(matches!(fixture.say("r5"), Err(Error::QueueFull | Error::RunExists)));
}

#[test]
fn the_first_reason_counts_and_an_answer_that_came_first_stands() {
    for (outcome, state, reason) in [
        (Outcome::Cancelled, RunState::Cancelled, Some(RunReason::User)),
        (
            Outcome::Failed { reason: RunReason::AgentExited, error: String::new() },
            RunState::Cancelled,
            Some(RunReason::User),
        ),
        (Outcome::Done, RunState::Done, None),
    ] {
        let mut fixture = Fixture::new();
        fixture.say("a").unwrap();
        let (run, mut plan) = (RunId::new("a").unwrap(), Plan::default());

        let kind = fixture.runs.cancel(&run, Now::read(), &mut plan).unwrap();
        fixture.runs.end_current(RunReason::ServerStopping, &mut plan);

        assert_eq!((kind, plan.effects.len()), (CancelKind::CancelledRunning, 1));
        assert_eq!(states(&fixture.end("a", outcome)), [("a".to_owned(), state, reason)]);
    }
}

#[test]
fn a_waiting_run_is_cancelled_at_once_and_those_behind_it_move_up() {
    let mut fixture = Fixture::new();
    for run in ["a", "b", "c"] {
        fixture.say(run).unwrap();
    }
    let mut plan = Plan::default();

    let run = RunId::new("b").unwrap();
    let kind = fixture.runs.cancel(&run, Now::read(), &mut plan).unwrap();

    assert_eq!(kind, CancelKind::CancelledQueued);
    assert_eq!(states(&plan), [("b".to_owned(), RunState::Cancelled, Some(RunReason::User))]);
    assert_eq!(prompts(&fixture.end("a", Outcome::Done)), ["c"]);
    let gone = fixture.runs.cancel(&run, Now::read(), &mut Plan::default());
    assert!(matches!(gone, Err(Error::RunNotFound)));
}

#[test]
fn who_refuses_ends_what_waits_and_lets_the_current_run_finish() {
    let mut fixture = Fixture::new();
    fixture.say("a").unwrap();
    fixture.say("b").unwrap();
    let mut plan = Plan::default();

    fixture.runs.refuse(Mode::Stopping, RunReason::ServerStopping, Now::read(), &mut plan);

    assert_eq!(
        states(&plan),
        [("b".to_owned(), RunState::Cancelled, Some(RunReason::ServerStopping))]
    );
    assert!(matches!(fixture.say("c"), Err(Error::Stopping)));
    let end = fixture.end("a", Outcome::Done);
    assert_eq!(states(&end), [("a".to_owned(), RunState::Done, None)]);
    assert!(!fixture.runs.is_busy());
}

#[test]
fn a_pause_keeps_what_waits_for_the_next_session() {
    let mut fixture = Fixture::new();
    fixture.say("a").unwrap();
    fixture.runs.pause();
    fixture.say("b").unwrap();
    assert!(prompts(&fixture.end("a", Outcome::Cancelled)).is_empty());
    assert_eq!(fixture.say("c").unwrap().position, Some(2), "behind the one that waits");

    fixture.runs.reopen();
    let mut plan = Plan::default();
    fixture.runs.start_next(Now::read(), &mut plan);

    assert_eq!(prompts(&plan), ["b"]);
}

#[test]
fn a_run_whose_output_is_lost_fails_when_the_store_is_back() {
    let mut fixture = Fixture::new();
    fixture.say("a").unwrap();
    fixture.say("b").unwrap();

    let told = fixture.runs.lose_output(false);
    assert!(matches!(told, Some(Effect::Cancel(_))), "the agent need not go on");
    assert!(fixture.runs.lose_output(true).is_none(), "now it has let go");
    assert!(fixture.runs.is_stuck());

    let mut plan = Plan::default();
    fixture.runs.close_lost(Now::read(), &mut plan);
    assert_eq!(
        states(&plan),
        [
            ("a".to_owned(), RunState::Failed, Some(RunReason::StoreUnavailable)),
            ("b".to_owned(), RunState::Started, None)
        ]
    );
}

#[test]
fn a_run_that_lost_output_does_not_end_well() {
    let mut fixture = Fixture::new();
    fixture.say("a").unwrap();
    fixture.runs.lose_output(false);

    let plan = fixture.end("a", Outcome::Done);

    assert_eq!(
        states(&plan),
        [("a".to_owned(), RunState::Failed, Some(RunReason::StoreUnavailable))]
    );
}

#[test]
fn deltas_are_counted_within_the_run_that_is_current() {
    let mut fixture = Fixture::new();
    fixture.say("a").unwrap();
    let delta =
        |run: &str| AgentEvent::Delta { run: RunId::new(run).unwrap(), text: "x".to_owned() };

    for expected in 0..3 {
        let plan = fixture.hear(delta("a"));
        assert!(
            matches!(plan.outputs[..], [Output::Delta { sequence, .. }] if sequence == expected)
        );
    }
    assert!(fixture.hear(delta("other")).outputs.is_empty());
}

#[test]
fn a_run_is_due_until_it_is_being_ended() {
    let mut fixture = Fixture::new();
    let timeout = Duration::from_secs(60);
    assert_eq!(fixture.runs.deadline(timeout), None);
    fixture.say("a").unwrap();
    assert!(fixture.runs.deadline(timeout).is_some());

    fixture.runs.end_current(RunReason::Timeout, &mut Plan::default());

    assert_eq!(fixture.runs.deadline(timeout), None);
}
