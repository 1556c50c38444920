//! Programs that speak messages, in containers.

use protocol::spec::{AgentSpec, Codec, Host, OneshotFormat};
use runtime::Stay;

use super::yard::{Yard, docker, with_command};

/// As much of ACP as a shell can: it answers with what it has been told so far.
const ACP: &str = r#"
say() { printf '{"jsonrpc":"2.0",%s}\n' "$1"; }
while read -r line; do
  id=$(printf '%s' "$line" | sed -n 's/.*"id":\([0-9]*\).*/\1/p')
  case $line in
    *'"initialize"'*) say "\"id\":$id,\"result\":{\"protocolVersion\":1,\"agentCapabilities\":{}}" ;;
    *'"session/new"'*) say "\"id\":$id,\"result\":{\"sessionId\":\"s\"}" ;;
    *'"session/prompt"'*)
      turns=$((turns + 1))
      update="{\"sessionUpdate\":\"agent_message_chunk\",\"content\":{\"type\":\"text\",\"text\":\"turn $turns\"}}"
      say "\"method\":\"session/update\",\"params\":{\"sessionId\":\"s\",\"update\":$update}"
      say "\"id\":$id,\"result\":{\"stopReason\":\"end_turn\"}" ;;
  esac
done
"#;

/// A program that answers once it has read all of its input.
const ONESHOT: &str = r#"
text=$(cat)
echo '{"type":"thread.started","thread_id":"t1"}'
echo '{"type":"turn.started"}'
printf '{"type":"item.completed","item":{"id":"i","type":"agent_message","text":"%s, %s"}}\n' "$text" "$*"
echo '{"type":"turn.completed","usage":{"input_tokens":1,"cached_input_tokens":0,"output_tokens":1}}'
"#;

fn speaking(codec: Codec, script: &str) -> AgentSpec {
    let host = Host::Docker(with_command(&["sh", "-c", script]));
    AgentSpec::new("test", codec, Some(host))
}

#[tokio::test]
#[ignore = "needs an engine"]
async fn a_program_that_lives_on_is_greeted_once() {
    let yard = Yard::new();
    let mut agent = yard.start(&speaking(Codec::Acp {}, ACP));

    assert_eq!(agent.ask("one").await.answer(), "turn 1");
    assert_eq!(agent.ask("two").await.answer(), "turn 2");
    agent.stop().await;

    let mut agent = yard.start(&speaking(Codec::Acp {}, ACP));
    assert_eq!(agent.ask("three").await.answer(), "turn 1", "a new one in the same container");
    yard.only();
}

#[tokio::test]
#[ignore = "needs an engine"]
async fn what_has_to_be_greeted_is_not_taken_over() {
    let yard = Yard::new();
    super::keeping::killed_after(&yard, &speaking(Codec::Acp {}, ACP), async |agent| {
        assert_eq!(agent.ask("one").await.answer(), "turn 1");
    });
    let started = || docker(&["inspect", "-f", "{{.State.StartedAt}}", &yard.only()]);
    let before = started();

    let place = yard.place(&yard.again(), "one", Stay::Keep);
    let mut agent = yard.start_at(&speaking(Codec::Acp {}, ACP), place);

    assert_eq!(agent.ask("two").await.answer(), "turn 1");
    assert_ne!(started(), before);
}

#[tokio::test]
#[ignore = "needs an engine"]
async fn a_program_for_each_turn_sees_the_end_of_its_input() {
    let yard = Yard::new();
    let resume = vec!["resume".to_owned(), "{session}".to_owned()];
    let codec = Codec::Oneshot { format: Some(OneshotFormat::Codex), rules: Vec::new(), resume };
    let mut agent = yard.start(&speaking(codec, ONESHOT));

    assert_eq!(agent.ask("one").await.answer(), "one, ");
    assert_eq!(agent.ask("two").await.answer(), "two, t1");
    assert_eq!(yard.list(&[]).len(), 1);
}
