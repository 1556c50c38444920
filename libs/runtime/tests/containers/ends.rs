//! How containers end, and what follows.

use std::time::Duration;

use protocol::agents::RunReason;
use tokio::net::{UnixListener, UnixStream};
use tokio::sync::watch;
use tokio::time::Instant;

use super::yard::{Yard, busy, cat, docker, engine, shell, shell_with, spec, with_command};

#[tokio::test]
#[ignore = "needs an engine"]
async fn a_container_that_is_killed_is_started_again_as_it_was() {
    let yard = Yard::new();
    let mut agent = yard.start(&shell());
    assert_eq!(agent.ask("echo mine > /tmp/mark; echo ok").await.answer(), "ok");
    let id = yard.only();
    let run = agent.prompt("echo begun; sleep 1000").await;

    busy(&id).await;
    docker(&["kill", &id]);
    let heard = agent.hear(&run).await;

    assert_eq!(heard.failure(), (RunReason::AgentExited, "sh exited with code 137"));
    let heard = agent.ask("cat /tmp/mark").await;
    assert_eq!(heard.answer(), "mine");
    assert_eq!(heard.status, ["sh was started again: sh exited with code 137"]);
    assert_eq!(yard.only(), id);
}

#[tokio::test]
#[ignore = "needs an engine"]
async fn one_that_is_killed_between_turns_is_there_for_the_next() {
    let yard = Yard::new();
    let mut agent = yard.start(&cat());
    agent.ask("one").await;

    docker(&["kill", &yard.only()]);

    assert_eq!(agent.ask("two").await.answer(), "two");
}

#[tokio::test]
#[ignore = "needs an engine"]
async fn one_that_is_removed_is_made_anew() {
    let yard = Yard::new();
    let mut agent = yard.start(&cat());
    agent.ask("one").await;
    let first = yard.only();

    docker(&["rm", "-f", &first]);

    assert_eq!(agent.ask("two").await.answer(), "two");
    assert_ne!(yard.only(), first);
}

#[tokio::test]
#[ignore = "needs an engine"]
async fn running_out_of_memory_is_told_from_other_ends() {
    let yard = Yard::new();
    let script = "read -r line; exec tail /dev/zero";
    let mut docker = with_command(&["sh", "-c", script]);
    docker.memory_mib = Some(16);
    let mut agent = yard.start(&spec(docker));

    let heard = agent.ask("eat").await;

    let expected = "sh was ended: it needed more memory than its limit of 16 MiB";
    assert_eq!(heard.failure(), (RunReason::OutOfMemory, expected));
}

#[tokio::test]
#[ignore = "needs an engine"]
async fn an_exit_ends_the_turn_with_all_that_was_said() {
    let yard = Yard::new();
    let script = "read -r line; seq 1 100000; exit 3";
    let mut agent = yard.start(&spec(with_command(&["sh", "-c", script])));

    let heard = agent.ask("count").await;

    assert_eq!(heard.failure(), (RunReason::AgentExited, "sh exited with code 3"));
    assert_eq!(heard.messages.concat().lines().count(), 100_000);
}

#[tokio::test]
#[ignore = "needs an engine"]
async fn too_many_processes_are_not_had() {
    let yard = Yard::new();
    let mut agent = yard.start(&shell_with(|docker| docker.pids = 8));

    let command = "i=0; while [ $i -lt 20 ]; do sleep 1000 & i=$((i+1)); done";
    let heard = agent.ask(command).await;

    let said = format!("{heard:?}");
    assert!(said.contains("fork"), "{said}");
}

/// Passes on to the engine what comes, until it is told to pass on nothing any more.
async fn proxy(hung: watch::Receiver<bool>, listener: UnixListener) {
    loop {
        let (near, _) = listener.accept().await.unwrap();
        let mut hung = hung.clone();
        tokio::spawn(async move {
            let far = engine();
            let mut near = near;
            let mut far = UnixStream::connect(far.trim_start_matches("unix://")).await.unwrap();
            tokio::select! {
                biased;
                () = async { drop(hung.wait_for(|hung| *hung).await) } => std::future::pending().await,
                _ = tokio::io::copy_bidirectional(&mut near, &mut far) => {}
            }
        });
    }
}

#[tokio::test]
#[ignore = "needs an engine"]
async fn death_is_seen_although_the_engine_says_nothing() {
    let directory = tempfile::tempdir().unwrap();
    let socket = directory.path().join("engine.sock");
    let (hang, hung) = watch::channel(false);
    let proxying = tokio::spawn(proxy(hung, UnixListener::bind(&socket).unwrap()));
    let mut yard = Yard::with(|rules| rules.engine = Some(format!("unix://{}", socket.display())));
    let mut agent = yard.start(&shell());
    agent.ask("true").await;
    let id = yard.only();
    let run = agent.prompt("echo begun; sleep 1000").await;
    busy(&id).await;

    hang.send_replace(true);
    docker(&["kill", &id]);
    let killed = Instant::now();
    let heard = agent.hear(&run).await;

    assert!(killed.elapsed() < Duration::from_secs(2), "{:?}", killed.elapsed());
    assert_eq!(heard.failure().0, RunReason::AgentExited);
    yard.rules.engine = Some(engine());
    proxying.abort();
}

#[tokio::test]
#[ignore = "needs an engine"]
async fn death_is_seen_at_once_when_the_engine_says_so() {
    let yard = Yard::new();
    let mut agent = yard.start(&shell());
    agent.ask("true").await;
    let run = agent.prompt("sleep 1000").await;
    let id = yard.only();
    busy(&id).await;

    docker(&["kill", &id]);
    let killed = Instant::now();
    agent.hear(&run).await;

    assert!(killed.elapsed() < Duration::from_secs(2), "{:?}", killed.elapsed());
}
