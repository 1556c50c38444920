//! Programs that end, fail to start, or do not listen.

use std::time::Duration;

use protocol::agents::RunReason;
use protocol::spec::Host;
use runtime::Outcome;
use rustix::process::{Pid, Signal, kill_process};
use tokio::time::Instant;

use super::support::{Agent, NEVER_MS, Watched, program, script, with_sentinel, with_times};

#[tokio::test]
async fn half_a_line_then_exit_is_kept() {
    let mut agent = Agent::start(&script("read line; echo whole; printf half; exit 3"));

    let heard = agent.ask("go").await;

    assert_eq!(heard.messages, ["whole\nhalf"]);
    assert_eq!(heard.failure(), (RunReason::AgentExited, "sh exited with code 3"));
}

#[tokio::test]
async fn half_a_line_counts_with_a_sentinel_too() {
    let spec = script("read line; printf half; exit 3");
    let mut agent = Agent::start(&with_sentinel(spec, "^END$"));

    let heard = agent.ask("go").await;

    assert_eq!((heard.messages, heard.deltas), (vec!["half".to_owned()], "half".to_owned()));
}

#[tokio::test]
async fn a_program_may_answer_and_exit_each_time() {
    let mut agent = Agent::start(&script("read line; echo \"got $line\""));

    for line in ["a", "b", "c"] {
        let heard = agent.ask(line).await;
        assert_eq!(heard.answer(), format!("got {line}"));
        assert_eq!(heard.status, [""; 0]);
    }
}

#[tokio::test]
async fn exiting_right_after_a_marked_answer_is_nothing_to_tell() {
    let spec = script("read line; echo \"got $line\"; echo END");
    let mut agent = Agent::start(&with_sentinel(with_times(spec, NEVER_MS, NEVER_MS), "^END$"));

    for line in ["a", "b"] {
        let heard = agent.ask(line).await;
        assert_eq!(heard.answer(), format!("got {line}"));
        assert_eq!(heard.status, [""; 0]);
    }
}

#[tokio::test]
async fn a_message_that_a_leaving_program_did_not_read_goes_to_the_next_one() {
    let spec = script("read line; echo \"$$ got $line\"; echo END; sleep 0.3");
    let mut agent = Agent::start(&with_sentinel(spec, "^END$"));

    let (first, second) = (agent.ask("a").await, agent.ask("b").await);

    let (first, second) = (first.answer(), second.answer());
    assert!(first.ends_with(" got a") && second.ends_with(" got b"));
    assert_ne!(first.split(' ').next(), second.split(' ').next(), "another process");
}

#[tokio::test]
async fn a_turn_that_waits_for_a_restart_is_cancelled_at_once() {
    let mut agent = Agent::start(&script("read line; exit 1"));
    for text in ["1", "2", "3"] {
        agent.ask(text).await;
    }

    let run = agent.prompt("4").await;
    agent.session.cancel(&run);

    assert_eq!(agent.hear(&run).await.outcome, Some(Outcome::Cancelled));
}

#[tokio::test]
async fn an_exit_without_a_word_is_a_failure() {
    let mut agent = Agent::start(&script("read line; exit 0"));

    let heard = agent.ask("go").await;

    assert_eq!(heard.messages, [""; 0]);
    assert_eq!(heard.failure().0, RunReason::AgentExited);
}

#[tokio::test]
async fn last_words_on_stderr_are_heard() {
    let mut agent = Agent::start(&script("read line; printf 'no such thing' >&2; exit 1"));

    let heard = agent.ask("go").await;

    assert_eq!(heard.stderr, ["no such thing"]);
    assert_eq!(heard.messages, [""; 0]);
    heard.failure();
}

#[tokio::test]
async fn crashes_in_a_row_are_waited_for_and_told() {
    let mut agent = Agent::start(&script("read line; exit 1"));

    assert_eq!(agent.ask("1").await.status, [""; 0]);
    let second = agent.ask("2").await;
    assert_eq!(second.status, ["sh was started again: sh exited with code 1"]);
    let crashed = Instant::now();
    let third = agent.ask("3").await;

    assert_eq!(third.status.len(), 1);
    // From the crash, which was a little before it was heard of.
    assert!(crashed.elapsed() > Duration::from_millis(400), "{:?}", crashed.elapsed());
}

#[tokio::test]
async fn a_program_that_died_between_turns_is_started_again() {
    let mut agent = Agent::start(&program("sh", &[]));
    let id = agent.ask("echo $$").await.answer().to_owned();
    let process = Watched::process(&id);

    kill_process(Pid::from_raw(id.parse().unwrap()).unwrap(), Signal::KILL).unwrap();
    process.gone().await;

    let heard = agent.ask("echo back").await;
    assert_eq!(heard.answer(), "back");
    assert_eq!(heard.status, ["sh was started again: sh was ended by signal 9"]);
}

#[tokio::test]
async fn a_missing_program_is_named() {
    let mut agent = Agent::start(&program("no-such-program", &[]));

    for _ in 0..2 {
        let heard = agent.ask("go").await;
        let (reason, error) = heard.failure();
        assert_eq!(reason, RunReason::AgentUnavailable);
        assert!(error.contains("no-such-program") && error.contains("No such file"), "{error}");
        assert_eq!(heard.messages, [""; 0]);
    }
}

#[tokio::test]
async fn a_missing_directory_is_named() {
    let mut spec = program("cat", &[]);
    if let Some(Host::Process { cwd, .. }) = &mut spec.host {
        *cwd = Some("/no/such/directory".into());
    }

    let heard = Agent::start(&spec).ask("go").await;

    let (reason, error) = heard.failure();
    assert_eq!(reason, RunReason::AgentUnavailable);
    assert!(error.contains("/no/such/directory"), "{error}");
}

#[tokio::test]
async fn a_sentinel_that_is_no_pattern_is_reported() {
    let heard = Agent::start(&with_sentinel(program("cat", &[]), "(")).ask("go").await;

    let (reason, error) = heard.failure();
    assert_eq!(reason, RunReason::AgentUnavailable);
    assert!(error.contains("sentinel"), "{error}");
}

#[tokio::test]
async fn a_message_taken_in_part_is_not_known_to_have_arrived() {
    let mut agent = Agent::start(&script("head -c 100 > /dev/null; exit 1"));

    let heard = agent.ask(&"m".repeat(1 << 20)).await;

    assert_eq!(heard.failure().0, RunReason::Indeterminate);
}

#[tokio::test]
async fn a_program_that_exits_at_once_did_not_get_the_message() {
    let mut agent = Agent::start(&program("sh", &["-c", "exit 7"]));

    let heard = agent.ask("go").await;

    assert_eq!(heard.failure(), (RunReason::AgentExited, "sh exited with code 7"));
}
