//! Containers outlive sessions and managers, and go when they belong to nothing.

use std::time::Duration;

use protocol::spec::{AgentSpec, Host};
use runtime::{Fate, Session, Stay};

use super::support::Agent;
use super::yard::{HURRIED, Yard, cat, docker, shell};

#[tokio::test]
#[ignore = "needs an engine"]
async fn the_next_session_finds_the_same_container() {
    let yard = Yard::new();
    let mut agent = yard.start(&shell());
    agent.ask("echo mine > /etc/mark").await;
    agent.stop().await;
    let id = yard.only();

    let mut agent = yard.start(&shell());

    assert_eq!(agent.ask("cat /etc/mark").await.answer(), "mine");
    assert_eq!(yard.only(), id);
}

#[tokio::test]
#[ignore = "needs an engine"]
async fn another_configuration_gets_another_container() {
    let yard = Yard::new();
    let mut agent = yard.start(&shell());
    agent.ask("echo mine > /etc/mark").await;
    agent.stop().await;
    let incarnation = || {
        docker(&[
            "inspect",
            "-f",
            "{{index .Config.Labels \"longshore.incarnation\"}}",
            &yard.only(),
        ])
    };
    assert_eq!(incarnation(), "1");

    let mut changed = shell();
    if let Some(Host::Docker(docker)) = &mut changed.host {
        docker.env.insert("A".to_owned(), "b".to_owned());
    }
    let mut agent = yard.start(&changed);

    assert_eq!(agent.ask("cat /etc/mark 2>/dev/null; echo $A").await.answer(), "b");
    assert_eq!(incarnation(), "2");
}

/// A session of a manager that is killed: it has no time to end anything.
pub(crate) fn killed_after(
    yard: &Yard,
    spec: &AgentSpec,
    turn: impl AsyncFnOnce(&mut Agent) + Send,
) {
    std::thread::scope(|scope| {
        scope.spawn(|| {
            let manager =
                tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
            let place = yard.place(&yard.again(), "one", Stay::Keep);
            let agent = manager.block_on(async {
                let (session, events) = Session::start_at(spec, place, None, HURRIED);
                let mut agent = Agent { session, events, workdir: tempfile::tempdir().unwrap() };
                turn(&mut agent).await;
                agent
            });
            manager.shutdown_background();
            drop(agent);
        });
    });
}

#[tokio::test]
#[ignore = "needs an engine"]
async fn a_container_that_outlives_its_manager_is_taken_over() {
    let yard = Yard::new();
    killed_after(&yard, &shell(), async |agent: &mut Agent| {
        agent.ask("counter=41").await;
    });
    let started =
        |id: &str| docker(&["inspect", "-f", "{{.State.StartedAt}} {{.State.Running}}", id]);
    let id = yard.only();
    let before = started(&id);
    assert!(before.ends_with("true"), "{before}");

    let place = yard.place(&yard.again(), "one", Stay::Keep);
    let mut agent = yard.start_at(&shell(), place);
    let heard = agent.ask("echo $((counter + 1))").await;

    assert_eq!(heard.answer(), "42", "the same process");
    assert_eq!(heard.status, ["sh was still running; what it said meanwhile is not shown"]);
    assert_eq!(started(&id), before);
    agent.stop().await;
}

#[tokio::test]
#[ignore = "needs an engine"]
async fn what_it_still_says_to_an_old_turn_is_no_answer_to_a_new_one() {
    let yard = Yard::new();
    killed_after(&yard, &shell(), async |agent: &mut Agent| {
        agent.prompt("for i in 1 2 3 4 5 6 7 8 9; do echo old $i; sleep 0.1; done").await;
        yard.busy().await;
    });

    let mut agent = yard.start(&shell());
    let heard = agent.ask("echo new").await;

    assert_eq!(heard.answer(), "new");
    assert!(heard.unasked.concat().contains("old 9"), "{heard:?}");
}

#[tokio::test]
#[ignore = "needs an engine"]
async fn what_is_at_a_turn_that_has_ended_is_stopped_first() {
    let yard = Yard::new();
    killed_after(&yard, &shell(), async |agent: &mut Agent| {
        agent.prompt("echo mine > /etc/mark; sleep 1000; echo old").await;
        yard.busy().await;
    });
    let containers = yard.again();
    let stopping = containers.tidy(|_, _| Fate::Stops).await;

    let mut agent = yard.start_at(&shell(), yard.place(&containers, "one", Stay::Keep));
    let run = agent.prompt("cat /etc/mark").await;
    stopping.done().await;

    let heard = agent.hear(&run).await;
    assert_eq!((heard.answer(), &heard.status[..]), ("mine", &[][..]));
}

#[tokio::test]
#[ignore = "needs an engine"]
async fn what_is_for_one_run_goes_with_it() {
    let yard = Yard::new();
    let place = yard.place(&yard.containers, "run", Stay::Remove);
    let mut agent = yard.start_at(&cat(), place);
    assert_eq!(agent.ask("hello").await.answer(), "hello");

    agent.stop().await;

    assert!(yard.list(&[]).is_empty());
}

#[tokio::test]
#[ignore = "needs an engine"]
async fn what_belongs_to_nothing_is_removed() {
    let yard = Yard::new();
    for session in ["one", "two", "three"] {
        let place = yard.place(&yard.containers, session, Stay::Keep);
        let mut agent = yard.start_at(&cat(), place);
        agent.ask("hello").await;
        agent.stop().await;
    }
    let other = Yard::new();
    let mut agent = other.start(&cat());
    agent.ask("hello").await;

    yard.containers.remove(None, Some("one")).await;
    assert_eq!(yard.list(&[]).len(), 2);
    let fate = |agent: &str, session: &str| {
        let belongs = agent == yard.agent.as_str() && session == "two";
        if belongs { Fate::Stays } else { Fate::Goes }
    };
    yard.again().tidy(fate).await.done().await;
    assert_eq!(yard.list(&["label=longshore.session=two"]), yard.list(&[]));
    assert_eq!(other.list(&["status=running"]).len(), 1);
    yard.containers.remove(Some(&yard.agent), None).await;
    assert!(yard.list(&[]).is_empty());
}

#[tokio::test]
#[ignore = "needs an engine"]
async fn what_nobody_has_taken_over_is_stopped_in_the_end() {
    let yard = Yard::new();
    killed_after(&yard, &shell(), async |agent: &mut Agent| {
        agent.ask("true").await;
    });
    let containers = yard.again();
    containers.tidy(|_, _| Fate::Stays).await.done().await;
    assert_eq!(yard.list(&["status=running"]).len(), 1);

    containers.stop(Duration::from_secs(0)).await;

    assert!(yard.list(&["status=running"]).is_empty());
}
