//! What keeps a container from starting, and how that is told.

use protocol::agents::RunReason;
use protocol::spec::Docker;
use runtime::{ContainerRules, Containers};
use tokio::net::TcpListener;

use super::support::Heard;
use super::yard::{Yard, cat, docker, spec, with_command};

#[track_caller]
fn assert_unavailable(heard: &Heard, parts: &[&str]) {
    let (reason, error) = heard.failure();
    assert_eq!(reason, RunReason::AgentUnavailable, "{error}");
    assert!(parts.iter().all(|part| error.contains(part)), "{error}");
}

#[tokio::test]
#[ignore = "needs an engine"]
async fn an_image_that_nobody_has_is_named() {
    let yard = Yard::new();
    let mut agent = yard.start(&spec(Docker::image("127.0.0.1:1/none:1")));

    let heard = agent.ask("hello").await;

    let (reason, error) = heard.failure();
    assert_eq!(reason, RunReason::ImageMissing, "{error}");
    assert!(
        error.starts_with("cannot start 127.0.0.1:1/none:1: image 127.0.0.1:1/none:1"),
        "{error}"
    );
    assert_eq!(heard.status, ["pulling 127.0.0.1:1/none:1"]);
    assert!(yard.list(&[]).is_empty());
}

#[tokio::test]
#[ignore = "needs an engine"]
async fn a_pull_is_given_up_when_it_is_not_wanted_any_more() {
    let registry = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let image = format!("{}/slow:1", registry.local_addr().unwrap());
    let yard = Yard::new();
    let mut agent = yard.start(&spec(Docker::image(image)));
    let run = agent.prompt("hello").await;
    let _silent = registry.accept().await.unwrap();

    agent.session.cancel(&run);

    let heard = agent.hear(&run).await;
    assert_unavailable(&heard, &["cancelled"]);
    agent.prompt("hello").await;
    let _silent_again = registry.accept().await.unwrap();
    agent.stop().await;
}

#[tokio::test]
#[ignore = "needs an engine"]
async fn a_program_that_the_image_has_not_is_named() {
    let yard = Yard::new();
    let mut agent = yard.start(&spec(with_command(&["/no/such/program"])));

    let heard = agent.ask("hello").await;

    assert_unavailable(&heard, &["cannot start program", "/no/such/program"]);
}

#[tokio::test]
#[ignore = "needs an engine"]
async fn an_engine_that_is_not_there_is_named() {
    let mut yard = Yard::new();
    let engine = Some("unix:///nonexistent/engine.sock".to_owned());
    yard.containers = Containers::new(ContainerRules { engine, ..yard.rules.clone() });

    let heard = yard.start(&cat()).ask("hello").await;

    assert_unavailable(&heard, &["no container engine answers", "/nonexistent/engine.sock"]);
}

#[tokio::test]
#[ignore = "needs an engine"]
async fn a_name_that_somebody_else_has_is_not_taken_over() {
    let yard = Yard::new();
    let mut agent = yard.start(&cat());
    agent.ask("hello").await;
    agent.stop().await;
    let id = yard.only();
    let name = docker(&["inspect", "-f", "{{.Name}}", &id]);
    docker(&["rm", &id]);
    docker(&["create", "--name", name.trim_start_matches('/'), super::yard::IMAGE]);

    let heard = yard.start(&cat()).ask("hello").await;

    docker(&["rm", name.trim_start_matches('/')]);
    assert_unavailable(&heard, &["is taken by a container that is not longshore's"]);
}

#[tokio::test]
#[ignore = "needs an engine"]
async fn a_network_that_is_not_there_is_named() {
    let yard = Yard::new();
    let mut spec = cat();
    if let Some(protocol::spec::Host::Docker(docker)) = &mut spec.host {
        docker.network = Some("nowhere".to_owned());
    }

    let heard = yard.start(&spec).ask("hello").await;

    assert_unavailable(&heard, &["nowhere"]);
}
