//! The built-in agent does what it is told.

use protocol::RunId;
use protocol::agents::RunReason;
use protocol::spec::AgentSpec;
use runtime::{AgentEvent, Outcome, Stopped};

use super::support::Agent;

fn echo() -> Agent {
    Agent::start(&AgentSpec::echo("echo"))
}

#[tokio::test]
async fn a_text_is_its_own_answer() {
    let mut agent = echo();

    assert_eq!(agent.ask("hello").await.answer(), "hello");
    assert_eq!(agent.ask("").await.answer(), "");
}

#[tokio::test]
async fn deltas_make_the_answer() {
    let heard = echo().ask("/stream 3 ab").await;

    assert_eq!(heard.deltas, "ab ab ab");
    assert_eq!(heard.answer(), "ab ab ab");
}

#[tokio::test(start_paused = true)]
async fn it_sleeps() {
    let before = tokio::time::Instant::now();

    assert_eq!(echo().ask("/sleep 5000 awake").await.answer(), "awake");
    assert!(before.elapsed().as_secs() >= 5);
}

#[tokio::test]
async fn it_crashes_and_goes_on() {
    let mut agent = echo();

    let heard = agent.ask("/crash").await;

    assert_eq!(heard.failure().0, RunReason::AgentExited);
    assert!(heard.messages.is_empty());
    assert_eq!(agent.ask("again").await.answer(), "again");
}

#[tokio::test]
async fn a_flood_is_as_fast_as_its_listener() {
    let heard = echo().ask("/flood 10000 10").await;

    assert_eq!(heard.deltas.len(), 100_000);
    assert_eq!(heard.answer(), "10000 deltas of 10 bytes");
}

#[tokio::test]
async fn many_answers_in_one_turn() {
    let heard = echo().ask("/lines 2").await;

    assert_eq!(heard.messages, ["line 1", "line 2", "2 lines"]);
}

#[tokio::test]
async fn it_says_something_unasked() {
    let mut agent = echo();

    assert_eq!(agent.ask("/say hi").await.answer(), "hi");
    assert_eq!(agent.event().await, AgentEvent::Message { run: None, text: "hi".into() });
}

#[tokio::test]
async fn noise_is_beside_the_answer() {
    let heard = echo().ask("/noise").await;

    assert_eq!(heard.stderr, ["noise"]);
    assert_eq!(heard.answer(), "noise");
}

#[tokio::test]
async fn a_stalled_turn_is_cancelled_and_only_that_one() {
    let mut agent = echo();
    let run = agent.prompt("/stall").await;

    agent.session.cancel(&RunId::random());
    agent.session.cancel(&run);

    let heard = agent.hear(&run).await;
    assert_eq!(heard.outcome, Some(Outcome::Cancelled));
    assert!(heard.messages.is_empty());
    assert_eq!(agent.ask("next").await.answer(), "next");
}

#[tokio::test]
async fn a_turn_cancelled_before_it_began_is_cancelled() {
    let mut agent = echo();
    let run = RunId::random();

    agent.session.cancel(&run);
    agent.session.prompt(run.clone(), "hello".into()).await.unwrap();

    assert_eq!(agent.hear(&run).await.outcome, Some(Outcome::Cancelled));
}

#[tokio::test]
async fn stopping_does_not_wait_for_a_listener_that_does_not_listen() {
    let agent = echo();
    agent.prompt("/flood 1000000 100").await;

    agent.stop().await;
}

#[tokio::test]
async fn nobody_listening_ends_the_session() {
    let Agent { session, events, .. } = echo();
    drop(events);

    let mut prompted = Ok(());
    while prompted.is_ok() {
        prompted = session.prompt(RunId::random(), "hello".into()).await;
    }

    assert_eq!(prompted, Err(Stopped));
}
