use std::sync::Arc;
use std::time::Duration;

use protocol::agents::{
    CancelKind, EntryKind, FilterDirection, InteractionKind, InteractionRequestBody,
    InteractionState, InteractionUpdateBody, Origin, RunEventBody, RunReason, RunState,
};
use protocol::spec::{Filter, FilterAction};
use protocol::{AgentId, ConnectionId, InteractionId, RunId, Timestamp};
use runtime::{AgentEvent, Ask, Outcome};
use serde_json::{Value, json};
use tokio::sync::Semaphore;
use tokio_util::sync::CancellationToken;

use super::*;
use crate::conversation::{Place, RunClaims};
use crate::filters::Filters;
use crate::isolated::Isolated;

/// Runs, and the ids that are in use.
struct Fixture {
    runs: Runs,
    claims: RunClaims,
    filters: Filters,
    permits: Permits,
    owner: Key,
}

fn id(run: &str) -> RunId {
    RunId::new(run).unwrap()
}

fn agent(name: &str) -> AgentName {
    AgentName { id: AgentId::new(name).unwrap(), name: name.to_owned() }
}

impl Fixture {
    fn new() -> Self {
        Self {
            runs: Runs::new(Mode::Open, agent("home"), 0),
            claims: RunClaims::default(),
            filters: Filters::default(),
            permits: Permits::new(Arc::new(Semaphore::new(2))),
            owner: Key { link: ConnectionId::random(), behind: None },
        }
    }

    /// Lets something be decided, and takes it over.
    fn decide<T>(
        &mut self,
        decide: impl FnOnce(&mut Runs, &Means<'_>, &mut Plan) -> T,
    ) -> (T, Plan) {
        let means = Means {
            now: Now::read(),
            filters: &self.filters,
            permits: &self.permits,
            find_agent: &|wanted| {
                ["home", "other", "third"].contains(&wanted).then(|| agent(wanted))
            },
            claim: &|_| None,
        };
        let mut plan = Plan::default();
        let decided = decide(&mut self.runs, &means, &mut plan);
        (decided, plan)
    }

    fn chat(&self, run: &str, lane: Lane) -> Chat {
        let run_id = id(run);
        let place = Place::Isolated(Isolated {
            agent: AgentId::random(),
            cancel: CancellationToken::new(),
        });
        Chat {
            message: run.into(),
            message_id: None,
            claim: self.claims.claim(&run_id, place).map(Arc::new),
            run_id,
            origin: Origin::default(),
            lane,
            interrupt: false,
            streams: true,
            owner: self.owner.clone(),
            ends_with_owner: false,
        }
    }

    fn admit(&mut self, chat: &Chat) -> (Result<Admission, Error>, Plan) {
        self.decide(|runs, means, plan| runs.admit(chat, means, plan))
    }

    fn say(&mut self, run: &str) -> Result<Admission, Error> {
        let chat = self.chat(run, Lane::Queue);
        self.admit(&chat).0
    }

    fn start(&mut self, run: &str) -> Result<Admission, Error> {
        let chat = self.chat(run, Lane::Own);
        self.admit(&chat).0
    }

    fn hear_at(&mut self, seat: &Seat, event: AgentEvent) -> Plan {
        let from = Heard { seat, name: "home" };
        self.decide(|runs, means, plan| runs.hear(&from, event, means, plan)).1
    }

    fn hear(&mut self, event: AgentEvent) -> Plan {
        let seat =
            self.runs.main.as_ref().map_or_else(|| self.runs.main_seat(), |c| c.seat.clone());
        self.hear_at(&seat, event)
    }

    fn end(&mut self, run: &str, outcome: Outcome) -> Plan {
        let current = self.runs.current().find(|current| current.run.id == id(run));
        let seat = current.map_or_else(|| self.runs.main_seat(), |current| current.seat.clone());
        self.hear_at(&seat, AgentEvent::Ended { run: id(run), outcome })
    }

    fn cancel(&mut self, run: &str) -> (Result<CancelKind, Error>, Plan) {
        self.decide(|runs, means, plan| runs.cancel(&id(run), means, plan))
    }

    fn ask(&mut self, run: &str, asked_as: &str) -> Plan {
        let ask = Ask {
            interaction_id: InteractionId::new(asked_as).unwrap(),
            kind: InteractionKind::Question,
            message: "Which?".to_owned(),
            choices: vec!["a".to_owned(), "b".to_owned()],
            default_index: Some(1),
            fields: Vec::new(),
            timeout: Duration::from_secs(60),
        };
        self.hear(AgentEvent::Asked { run: Some(id(run)), ask })
    }

    fn respond(
        &mut self,
        plan: &Plan,
        value: Option<Value>,
    ) -> (Result<InteractionState, Error>, Plan) {
        let bodies = plan.outputs.iter().filter_map(Output::entry);
        let asked =
            bodies.filter_map(|e| serde_json::from_str::<InteractionRequestBody>(&e.body).ok());
        let interaction = asked.collect::<Vec<_>>().pop().unwrap().interaction_id;
        let response = Response { interaction, value, origin: Origin::default() };
        self.decide(|runs, means, plan| runs.respond(&response, means, plan))
    }

    fn is_open(&self, run: &str) -> bool {
        self.claims.find(&id(run)).is_some()
    }
}

/// The runs' changes of state in a plan.
fn states(plan: &Plan) -> Vec<(String, RunState, Option<RunReason>)> {
    let entries = plan.outputs.iter().filter_map(Output::entry);
    let events = entries.filter(|entry| entry.kind == EntryKind::RunEvent).filter_map(|entry| {
        let body: RunEventBody = serde_json::from_str(&entry.body).ok()?;
        Some((entry.run_id.as_ref()?.to_string(), body.state, body.reason))
    });
    events.collect()
}

fn prompts(plan: &Plan) -> Vec<&str> {
    let prompted = plan.effects.iter().filter_map(|effect| match effect {
        Effect::Prompt(_, run, _) => Some(run.as_str()),
        _ => None,
    });
    prompted.collect()
}

fn answers(plan: &Plan) -> Vec<(&str, InteractionState, Option<Value>)> {
    let answered = plan.effects.iter().filter_map(|effect| match effect {
        Effect::Answer(_, answer) => {
            Some((answer.interaction_id.as_str(), answer.state, answer.value.clone()))
        }
        _ => None,
    });
    answered.collect()
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
fn runs_of_their_own_are_beside_the_queue_as_many_as_may_be() {
    let mut fixture = Fixture::new();

    for run in ["a", "x", "y"] {
        let admitted = if run == "a" { fixture.say(run) } else { fixture.start(run) };
        assert_eq!(admitted.unwrap().state, RunState::Started, "{run}");
    }
    assert_eq!(fixture.start("z").unwrap().position, Some(1));
    assert_eq!(fixture.say("b").unwrap().position, Some(1), "each has a queue of its own");
    assert!(fixture.runs.wants_permit());

    let plan = fixture.end("x", Outcome::Done);

    assert!(prompts(&plan).is_empty(), "others may have waited longer for the session");
    let ended = plan
        .effects
        .iter()
        .any(|effect| matches!(effect, Effect::End(seat) if seat.run == Some(id("x"))));
    assert!(ended, "its session is not needed any more");
    let ((), plan) = fixture.decide(Runs::start_next);
    assert_eq!(prompts(&plan), ["z"]);
    assert!(!fixture.runs.wants_permit());
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

        let (kind, mut plan) = fixture.cancel("a");
        fixture.runs.end_current(RunReason::ServerStopping, &mut plan);

        assert_eq!((kind.unwrap(), plan.effects.len()), (CancelKind::CancelledRunning, 1));
        assert_eq!(states(&fixture.end("a", outcome)), [("a".to_owned(), state, reason)]);
    }
}

#[test]
fn a_waiting_run_is_cancelled_at_once_and_those_behind_it_move_up() {
    let mut fixture = Fixture::new();
    for run in ["a", "b", "c"] {
        fixture.say(run).unwrap();
    }

    let (kind, plan) = fixture.cancel("b");

    assert_eq!(kind.unwrap(), CancelKind::CancelledQueued);
    assert_eq!(states(&plan), [("b".to_owned(), RunState::Cancelled, Some(RunReason::User))]);
    assert_eq!(prompts(&fixture.end("a", Outcome::Done)), ["c"]);
    assert!(matches!(fixture.cancel("b").0, Err(Error::RunNotFound)));
}

#[test]
fn a_promoted_run_is_the_next() {
    let mut fixture = Fixture::new();
    for run in ["a", "b", "c"] {
        fixture.say(run).unwrap();
    }

    assert_eq!(fixture.runs.promote(&id("c")).unwrap(), 1);
    assert_eq!(fixture.runs.promote(&id("a")).unwrap(), 0, "it is there already");
    assert!(matches!(fixture.runs.promote(&id("x")), Err(Error::RunNotFound)));

    assert_eq!(prompts(&fixture.end("a", Outcome::Done)), ["c"]);
}

#[test]
fn an_interrupt_takes_the_place_of_the_current_run() {
    let mut fixture = Fixture::new();
    fixture.say("a").unwrap();
    fixture.say("b").unwrap();

    let chat = Chat { interrupt: true, ..fixture.chat("now", Lane::Queue) };
    let (admission, plan) = fixture.admit(&chat);

    assert_eq!(admission.unwrap().position, Some(1));
    assert!(matches!(&plan.effects[..], [Effect::Cancel(_, run)] if *run == id("a")));
    let plan = fixture.end("a", Outcome::Cancelled);
    assert_eq!(
        states(&plan),
        [
            ("a".to_owned(), RunState::Cancelled, Some(RunReason::Interrupted)),
            ("now".to_owned(), RunState::Started, None)
        ]
    );
}

#[test]
fn who_refuses_ends_what_waits_and_lets_the_current_run_finish() {
    let mut fixture = Fixture::new();
    fixture.say("a").unwrap();
    fixture.say("b").unwrap();

    let ((), plan) = fixture.decide(|runs, means, plan| {
        runs.refuse(Mode::Stopping, RunReason::ServerStopping, means, plan);
    });

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
    let ((), plan) = fixture.decide(Runs::start_next);

    assert_eq!(prompts(&plan), ["b"]);
}

#[test]
fn a_run_whose_output_is_lost_fails_when_the_store_is_back() {
    let mut fixture = Fixture::new();
    fixture.say("a").unwrap();
    fixture.say("b").unwrap();
    let seat = fixture.runs.main_seat();

    let told = fixture.runs.lose_output(&seat, false);
    assert!(matches!(told, Some(Effect::Cancel(..))), "the agent need not go on");
    assert!(fixture.runs.lose_output(&seat, true).is_none(), "now it has let go");
    assert!(fixture.runs.is_stuck());

    let ((), plan) = fixture.decide(Runs::close_lost);
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
    let seat = fixture.runs.main_seat();
    fixture.runs.lose_output(&seat, false);

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
    let delta = |run: &str| AgentEvent::Delta { run: id(run), text: "x".to_owned() };

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

#[test]
fn the_first_answer_counts() {
    let mut fixture = Fixture::new();
    fixture.say("a").unwrap();
    let asked = fixture.ask("a", "q");
    assert_eq!(states(&asked), [("a".to_owned(), RunState::Blocked, None)]);

    let (wrong, _) = fixture.respond(&asked, Some(json!("c")));
    assert!(matches!(wrong, Err(Error::InvalidPayload(_))));
    let (right, plan) = fixture.respond(&asked, Some(json!("a")));
    let (late, _) = fixture.respond(&asked, Some(json!("b")));

    assert_eq!(right.unwrap(), InteractionState::Resolved);
    assert_eq!(answers(&plan), [("q", InteractionState::Resolved, Some(json!("a")))]);
    assert_eq!(states(&plan), [("a".to_owned(), RunState::Resumed, None)]);
    assert!(matches!(late, Err(Error::AlreadyAnswered)));
}

#[test]
fn a_run_with_two_questions_resumes_with_the_second_answer() {
    let mut fixture = Fixture::new();
    fixture.say("a").unwrap();
    let (first, second) = (fixture.ask("a", "q1"), fixture.ask("a", "q2"));
    assert!(states(&second).is_empty(), "it is blocked already");

    let (_, plan) = fixture.respond(&first, None);
    assert!(states(&plan).is_empty());
    let (_, plan) = fixture.respond(&second, Some(json!("b")));

    assert_eq!(states(&plan), [("a".to_owned(), RunState::Resumed, None)]);
}

#[test]
fn the_end_of_a_run_is_the_end_of_its_questions() {
    let mut fixture = Fixture::new();
    fixture.say("a").unwrap();
    let asked = fixture.ask("a", "q");

    let plan = fixture.end("a", Outcome::Done);

    let updates = plan.outputs.iter().filter_map(Output::entry);
    let update =
        updates.filter_map(|e| serde_json::from_str::<InteractionUpdateBody>(&e.body).ok());
    assert_eq!(update.map(|u| u.state).collect::<Vec<_>>(), [InteractionState::Cancelled]);
    assert!(answers(&plan).is_empty(), "nobody waits for it");
    assert!(matches!(fixture.respond(&asked, None).0, Err(Error::AlreadyAnswered)));
    assert!(!fixture.runs.has_open());
}

#[tokio::test(start_paused = true)]
async fn a_question_that_nobody_answers_gets_its_default() {
    let mut fixture = Fixture::new();
    fixture.say("a").unwrap();
    fixture.ask("a", "q");
    let expire = |fixture: &mut Fixture| fixture.decide(Runs::expire).1;
    assert!(expire(&mut fixture).outputs.is_empty());

    tokio::time::advance(Duration::from_secs(61)).await;
    let plan = expire(&mut fixture);

    assert_eq!(answers(&plan), [("q", InteractionState::TimedOut, Some(json!("b")))]);
    assert_eq!(fixture.runs.answer_deadline(), None);
}

#[test]
fn what_waits_ends_when_nobody_is_there() {
    let mut fixture = Fixture::new();
    fixture.say("a").unwrap();
    fixture.say("b").unwrap();
    fixture.start("x").unwrap();
    fixture.ask("a", "q");
    assert!(fixture.runs.has_unseen());

    let ((), plan) = fixture.decide(Runs::end_unseen);

    assert_eq!(states(&plan), [("b".to_owned(), RunState::Cancelled, Some(RunReason::NoClients))]);
    assert!(plan.effects.is_empty(), "x works on, and the answer to a may come from elsewhere");
    assert!(!fixture.runs.has_unseen());
}

#[test]
fn what_belongs_to_a_connection_ends_with_it_if_it_was_to() {
    let mut fixture = Fixture::new();
    let ends = Chat { ends_with_owner: true, ..fixture.chat("x", Lane::Own) };
    fixture.admit(&ends).0.unwrap();
    fixture.start("y").unwrap();

    let gone = fixture.owner.clone();
    assert!(!fixture.runs.has_orphans(&|_| true) && fixture.runs.has_orphans(&|_| false));
    let ((), plan) =
        fixture.decide(|runs, means, plan| runs.end_orphans(&|owner| *owner != gone, means, plan));

    assert!(matches!(&plan.effects[..], [Effect::Cancel(_, run)] if *run == id("x")));
    assert!(!fixture.runs.has_orphans(&|_| false), "it is being ended");
}

#[test]
fn a_turn_is_handed_on_and_never_back() {
    let mut fixture = Fixture::new();
    fixture.say("a").unwrap();
    let handoff = |to: &str, message: Option<&str>| AgentEvent::Handoff {
        run: id("a"),
        agent: to.to_owned(),
        message: message.map(str::to_owned),
        reason: None,
    };

    assert!(format!("{:?}", fixture.hear(handoff("nobody", None))).contains("no such agent"));
    assert!(format!("{:?}", fixture.hear(handoff("home", None))).contains("has had this turn"));
    fixture.hear(handoff("other", Some("go on")));
    let plan = fixture.end("a", Outcome::Done);
    assert!(states(&plan).is_empty(), "the run goes on");
    let [Effect::Prompt(seat, run, text)] = &plan.effects[..] else { panic!("{plan:?}") };
    assert_eq!((seat.agent.as_str(), run, &**text), ("other", &id("a"), "go on"));
    assert!(format!("{:?}", fixture.hear(handoff("home", None))).contains("has had this turn"));

    let plan = fixture.end("a", Outcome::Done);
    assert_eq!(states(&plan), [("a".to_owned(), RunState::Done, None)]);
    fixture.say("b").unwrap();
    assert_eq!(fixture.runs.main.as_ref().unwrap().seat.agent.as_str(), "other");
}

#[test]
fn what_filters_remove_is_neither_given_nor_shown() {
    let mut fixture = Fixture::new();
    let filter = |direction, action| Filter {
        name: "secrets".to_owned(),
        pattern: "secret".to_owned(),
        direction: Some(direction),
        action,
        replacement: None,
    };
    fixture.filters = Filters::new(&[
        filter(FilterDirection::Incoming, FilterAction::Drop),
        filter(FilterDirection::Outgoing, FilterAction::Replace),
    ]);

    let chat = Chat { message: "my secret".into(), ..fixture.chat("a", Lane::Queue) };
    let (refused, plan) = fixture.admit(&chat);
    assert!(matches!(refused, Err(Error::Dropped(_))));
    assert_eq!(plan.entries(), 1);
    fixture.say("b").unwrap();
    let mut said = String::new();
    for piece in ["the sec", "ret is", " out\nof the bag"] {
        said +=
            &format!("{:?}", fixture.hear(AgentEvent::Delta { run: id("b"), text: piece.into() }));
    }
    let text = "the secret is out\nof the bag".to_owned();
    said += &format!("{:?}", fixture.hear(AgentEvent::Message { run: Some(id("b")), text }));

    assert!(!said.contains("secret is") && said.contains("the [removed] is out"), "{said}");
    assert!(said.contains("appliedFilters"));
}

#[test]
fn a_log_that_begins_anew_takes_over_what_is_open() {
    let mut fixture = Fixture::new();
    fixture.say("a").unwrap();
    fixture.say("b").unwrap();
    fixture.ask("a", "q");

    let carried = fixture.runs.carried_over(Timestamp::now());

    let plan = Plan { outputs: carried.into_iter().map(Output::Entry).collect(), effects: vec![] };
    assert_eq!(plan.entries(), 6, "two messages, two states, a question, and that it blocks");
    assert_eq!(
        states(&plan),
        [
            ("a".to_owned(), RunState::Started, None),
            ("a".to_owned(), RunState::Blocked, None),
            ("b".to_owned(), RunState::Queued, None)
        ]
    );
}
