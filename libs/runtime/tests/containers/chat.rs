use std::time::Duration;

use protocol::spec::Docker;
use runtime::{Outcome, Stay};

use super::yard::{HURRIED, IMAGE, Yard, cat, docker, one_line, shell, spec, with_command};

#[tokio::test]
#[ignore = "needs an engine"]
async fn a_container_answers_over_its_stdin_and_stdout() {
    let yard = Yard::new();
    let mut agent = yard.start(&cat());

    assert_eq!(agent.ask("hello").await.answer(), "hello");
    let first = yard.only();
    assert_eq!(agent.ask("größer ✓").await.answer(), "größer ✓");

    assert_eq!(yard.only(), first);
    let log = docker(&["inspect", "-f", "{{.HostConfig.LogConfig.Type}}", &first]);
    assert_eq!(log, "none", "the conversation is the log");
    agent.stop().await;
    assert_eq!(yard.list(&["status=running"]), [""; 0]);
}

#[tokio::test]
#[ignore = "needs an engine"]
async fn without_a_command_the_image_decides() {
    let yard = Yard::new();
    let mut agent = yard.start(&one_line(spec(Docker::image(IMAGE))));

    assert_eq!(agent.ask("hello").await.answer(), "hello");
}

#[tokio::test]
#[ignore = "needs an engine"]
async fn a_shell_works_in_the_agents_own_directory() {
    let yard = Yard::new();
    let mut agent = yard.start(&shell());

    assert_eq!(agent.ask("pwd; echo noted > note; cat note").await.answer(), "/workspace\nnoted");
    assert_eq!(std::fs::read_to_string(yard.workdir().join("note")).unwrap(), "noted\n");
    let heard = agent.ask("echo oops >/proc/self/fd/2; sh -c 'echo really >&2' 2>&1").await;
    assert_eq!(heard.outcome, Some(Outcome::Done));
}

#[tokio::test]
#[ignore = "needs an engine"]
async fn stderr_is_kept_apart() {
    let yard = Yard::new();
    let script = "while read -r line; do echo \"no $line\" >&2; echo \"yes $line\"; done";
    let mut agent = yard.start(&spec(with_command(&["sh", "-c", script])));

    let heard = agent.ask("sir").await;

    assert_eq!(heard.answer(), "yes sir");
    assert_eq!(heard.stderr, ["no sir"]);
}

#[tokio::test]
#[ignore = "needs an engine"]
async fn a_large_message_arrives_whole() {
    let yard = Yard::new();
    let mut agent = yard.start(&cat());
    let message = "m".repeat(1 << 20);

    let heard = agent.ask(&message).await;

    assert!(heard.answer() == message && heard.deltas == message);
}

#[tokio::test]
#[ignore = "needs an engine"]
async fn a_turn_is_cancelled_by_signals_to_the_first_process() {
    let yard = Yard::new();
    let script = "trap 'echo stopped; exit 0' INT; while read -r line; do echo at it; while :; do sleep 0.05; done; done";
    let mut agent = yard.start(&spec(with_command(&["sh", "-c", script])));
    let run = agent.prompt("work").await;
    agent.wait_for_delta("at it").await;

    agent.session.cancel(&run);

    assert_eq!(agent.hear(&run).await.outcome, Some(Outcome::Cancelled));
}

#[tokio::test]
#[ignore = "needs an engine"]
async fn what_does_not_listen_to_signals_is_killed() {
    let yard = Yard::new();
    let script = "trap '' INT TERM; while read -r line; do echo at it; sleep 1000; done";
    let mut agent = yard.start(&spec(with_command(&["sh", "-c", script])));
    let run = agent.prompt("work").await;
    agent.wait_for_delta("at it").await;

    agent.session.cancel(&run);

    assert_eq!(agent.hear(&run).await.outcome, Some(Outcome::Cancelled));
    let heard = agent.ask("again").await;
    assert!(heard.outcome.is_some(), "a new one was started");
    let before = tokio::time::Instant::now();
    agent.stop().await;
    assert!(before.elapsed() < HURRIED.terminate + Duration::from_secs(3));
}

#[tokio::test]
#[ignore = "needs an engine"]
async fn a_container_that_exists_is_used_and_left() {
    let yard = Yard::new();
    let label = format!("longshore.manager={}", yard.rules.manager);
    let name = format!("existing-{}", yard.rules.manager);
    let make = |name: &str, more: &[&str]| {
        let mut args = vec!["run", "--name", name, "--label", &label];
        args.extend(more);
        args.extend([IMAGE, "cat"]);
        docker(&args)
    };
    let id = make(&name, &["-d", "-i"]);
    docker(&["kill", &id]);
    let existing = |name: &str| one_line(spec(Docker::existing(name)));

    let mut agent = yard.start(&existing(&name));
    assert_eq!(agent.ask("hello").await.answer(), "hello");
    agent.stop().await;
    let running = |id: &str| docker(&["inspect", "-f", "{{.State.Running}}", id]);
    assert_eq!(running(&id), "false", "whoever starts it stops it");

    docker(&["start", &id]);
    let place = yard.place(&yard.containers, "two", Stay::Keep);
    let mut agent = yard.start_at(&existing(&name), place);
    assert_eq!(agent.ask("hello").await.answer(), "hello");
    agent.stop().await;
    assert_eq!(running(&id), "true", "it ran before");

    for (wrong, why) in
        [(&["-dit"][..], "has a terminal"), (&["-d", "-q"], "without an open stdin")]
    {
        let name = format!("wrong{}-{}", wrong.len(), yard.rules.manager);
        make(&name, wrong);
        let mut agent = yard.start(&existing(&name));
        let heard = agent.ask("hello").await;
        assert!(heard.failure().1.contains(why), "{heard:?}");
    }
    let heard = yard.start(&existing("nobody")).ask("hello").await;
    assert!(heard.failure().1.contains("nobody"), "{heard:?}");
}
