//! What a program sees of the machine.

use super::support::{Agent, program, with_env};

#[tokio::test]
async fn the_environment_is_cleared() {
    assert!(std::env::var("CARGO_MANIFEST_DIR").is_ok(), "cargo gives the test a variable to hide");
    let mut agent = Agent::start(&with_env(program("sh", &[]), "GREETING", "hello world"));

    let heard = agent.ask("env").await;

    let lines: Vec<_> = heard.answer().lines().collect();
    assert!(lines.contains(&"GREETING=hello world"));
    assert!(lines.iter().any(|line| line.starts_with("PATH=")));
    assert!(!lines.iter().any(|line| line.starts_with("CARGO")), "{lines:?}");
}

#[tokio::test]
async fn the_working_directory_is_made_for_it() {
    let mut agent = Agent::start(&program("sh", &[]));

    let heard = agent.ask("pwd -P").await;

    let expected = agent.workdir.path().canonicalize().unwrap().join("agents/one");
    assert_eq!(heard.answer(), expected.to_str().unwrap());
}
