//! Turns that are cancelled, and sessions that are stopped.

use std::time::Duration;

use runtime::{Graces, Outcome};

use super::support::{Agent, NEVER_MS, Watched, program, script, with_sentinel, with_times};

const SHORT: Graces =
    Graces { interrupt: Duration::from_millis(50), terminate: Duration::from_millis(50) };

#[tokio::test]
async fn a_program_that_takes_the_interrupt_lives_on() {
    let patient = Graces { interrupt: Duration::from_secs(60), ..Graces::default() };
    let spec = with_times(program("python3", &["-i", "-q"]), 1_000, NEVER_MS);
    let mut agent = Agent::start_with(&spec, patient);
    agent.ask("import time; x = 5; print('ready')").await.answer();

    let run = agent.prompt("print('go', flush=True); time.sleep(1000)").await;
    agent.wait_for_delta("go").await;
    agent.session.cancel(&run);

    let heard = agent.hear(&run).await;
    assert_eq!(heard.outcome, Some(Outcome::Cancelled));
    assert_eq!(heard.messages, ["go"]);
    let next = agent.ask("x").await;
    assert_eq!((next.answer(), next.status.len()), ("5", 0));
}

#[tokio::test]
async fn an_interrupt_that_is_fatal_is_followed_by_a_new_start() {
    let mut agent = Agent::start(&with_times(program("sh", &[]), NEVER_MS, NEVER_MS));

    let run = agent.prompt("echo go; sleep 1000").await;
    agent.wait_for_delta("go").await;
    agent.session.cancel(&run);

    let heard = agent.hear(&run).await;
    assert_eq!(heard.outcome, Some(Outcome::Cancelled));
    let next = agent.ask("echo new; exit").await;
    assert_eq!(next.answer(), "new");
    assert_eq!(next.status, ["sh was started again: it was ended to cancel a turn"]);
}

#[tokio::test]
async fn a_program_that_ignores_signals_is_killed_with_its_children() {
    let spec = script(
        "read line; trap '' INT TERM; sleep 1000 & echo $!; echo $$; echo go; while :; do sleep 1; done",
    );
    let mut agent = Agent::start_with(&with_times(spec, NEVER_MS, NEVER_MS), SHORT);
    let run = agent.prompt("go").await;
    let said = agent.wait_for_delta("go").await;
    let watched: Vec<_> = said.lines().take(2).map(Watched::process).collect();

    agent.session.cancel(&run);

    let heard = agent.hear(&run).await;
    assert_eq!(heard.outcome, Some(Outcome::Cancelled));
    for process in watched {
        process.gone().await;
    }
}

#[tokio::test]
async fn cancelling_while_the_program_has_not_greeted_leaves_it_alone() {
    let spec = with_sentinel(script("echo started >&2; sleep 0.3; printf '> '; cat"), "^> $");
    let mut agent = Agent::start(&spec);
    let run = agent.prompt("one").await;
    agent.session.cancel(&run);
    assert_eq!(agent.hear(&run).await.outcome, Some(Outcome::Cancelled));

    let run = agent.prompt("two\n> ").await;
    let heard = agent.hear(&run).await;
    assert_eq!(heard.status, [""; 0]);
}

#[tokio::test]
async fn stop_leaves_no_process() {
    let mut agent = Agent::start(&program("sh", &[]));
    let ids = agent.ask("sleep 1000 & echo $!; (trap '' TERM; sleep 1000; :) & echo $! $$").await;
    let watched: Vec<_> = ids.answer().split_whitespace().map(Watched::process).collect();
    assert_eq!(watched.len(), 3);

    agent.stop().await;

    for process in watched {
        process.gone().await;
    }
}

#[tokio::test]
async fn stop_does_not_wait_for_a_program_that_ignores_it() {
    let spec = script("trap '' TERM; read line; echo $$; while :; do sleep 1; done");
    let mut agent = Agent::start_with(&spec, SHORT);
    let process = Watched::process(agent.ask("go").await.answer());

    agent.stop().await;

    process.gone().await;
}

#[tokio::test]
async fn stop_in_a_turn_that_nobody_listens_to() {
    let spec = script("read line; echo $$; exec yes");
    let mut agent = Agent::start(&spec);
    agent.prompt("go").await;
    let event = agent.event().await;
    let runtime::AgentEvent::Delta { text, .. } = event else { panic!("{event:?}") };
    let process = Watched::process(text.lines().next().unwrap());

    agent.stop().await;

    process.gone().await;
}

#[tokio::test]
async fn dropping_a_session_ends_its_program() {
    let mut agent = Agent::start(&program("sh", &[]));
    let process = Watched::process(agent.ask("echo $$").await.answer());

    drop(agent.session);

    process.gone().await;
}

#[tokio::test]
async fn a_babbling_program_is_cancelled() {
    let mut agent = Agent::start(&script("read line; exec yes"));
    let run = agent.prompt("go").await;
    agent.wait_for_delta("y\ny").await;

    agent.session.cancel(&run);

    assert_eq!(agent.hear(&run).await.outcome, Some(Outcome::Cancelled));
}
