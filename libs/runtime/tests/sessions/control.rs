//! Programs that ask, and say other things beside their answers.

use protocol::agents::ChatEventBody;
use protocol::spec::{AgentSpec, Codec};
use runtime::{AgentEvent, Outcome};
use serde_json::json;
use serde_json::value::RawValue;

use super::support::{Agent, NEVER_MS, script, with_sentinel, with_times};

/// Asks in every turn, and says what it was told.
const ASKS: &str = r#"while read message; do
    echo "about $message"
    echo '{"type":"ask","interactionId":"q","kind":"text","message":"How?"}'
    read answer
    echo "told $answer"
done"#;

const TOLD: &str =
    r#"told {"type":"answer","interactionId":"q","state":"resolved","value":"gently"}"#;

#[tokio::test]
async fn a_program_asks_in_its_turn_and_quiet_does_not_end_it() {
    // 20 ms of quiet end a turn, and nothing at all for 200 ms.
    let mut agent = Agent::start(&with_times(script(ASKS), 20, 200));

    let run = agent.prompt("it").await;
    let ask = agent.question().await;
    tokio::time::sleep(std::time::Duration::from_millis(400)).await;
    agent.answer(&ask, "gently");
    let heard = agent.hear(&run).await;

    assert_eq!(ask.message, "How?");
    assert_eq!(heard.answer(), format!("about it\n{TOLD}"));
    assert_eq!(heard.outcome, Some(Outcome::Done));
    agent.stop().await;
}

#[tokio::test]
async fn a_sentinel_ends_a_turn_with_questions_too() {
    let spec = script(&ASKS.replace("told $answer\"", "told $answer\"; echo END"));
    let mut agent = Agent::start(&with_sentinel(with_times(spec, 1, 1), "^END$"));

    let run = agent.prompt("it").await;
    let ask = agent.question().await;
    agent.answer(&ask, "gently");

    assert_eq!(agent.hear(&run).await.answer(), format!("about it\n{TOLD}"));
}

#[tokio::test]
async fn an_answer_reaches_a_program_that_was_started_since() {
    let mut agent = Agent::start(&script("while read line; do echo \"got $line\"; done"));
    let mut asker = Agent::start(&script(ASKS));
    asker.prompt("it").await;
    let ask = asker.question().await;

    agent.answer(&ask, "gently");

    let AgentEvent::Message { run: None, text } = agent.event().await else { panic!("unasked") };
    assert_eq!(text, TOLD.replace("told", "got"));
    assert_eq!(agent.ask("hello").await.answer(), "got hello", "the same program goes on");
}

#[tokio::test]
async fn a_command_is_one_line_of_input() {
    let mut agent = Agent::start(&script("while read line; do echo \"got $line\"; done"));

    let payload = RawValue::from_string("{\n\"a\": [1]\n}".to_owned()).unwrap();
    agent.session.command("go", payload).unwrap();

    let AgentEvent::Message { run: None, text } = agent.event().await else { panic!("unasked") };
    assert_eq!(text, r#"got {"type":"command","command":"go","payload":{ "a": [1] }}"#);
}

#[tokio::test]
async fn control_messages_are_no_part_of_the_answer() {
    let lines = [
        r#"{"type":"event","topic":"progress","payload":{"percent":50}}"#,
        r#"{"type":"event","topic":"chatMessage","payload":{}}"#,
        r#"{"type":"chatEvent","kind":"thinking","payload":{"text":"hm"}}"#,
        r#"{"type":"handoff","agentId":"other"}"#,
        r#"{"type":"something","else":true}"#,
        r#"{"unfinished":"#,
    ];
    let mut agent = Agent::start(&script(&format!(
        "read line; cat <<'E'\none\n{}\ntwo\nE\ncat",
        lines.join("\n")
    )));

    let heard = agent.ask("go").await;

    assert_eq!(heard.answer(), format!("one\n{}\n{}\ntwo", lines[4], lines[5]));
    assert_eq!(heard.deltas, heard.answer());
    assert_eq!(heard.own, [("progress".to_owned(), json!({ "percent": 50 }))]);
    assert_eq!(heard.status, ["event \"chatMessage\" is reserved"]);
    assert_eq!(heard.notes, [ChatEventBody::Thinking { text: "hm".into() }]);
    assert_eq!(heard.handed, ["other"]);
}

#[tokio::test]
async fn a_line_that_may_be_a_control_message_is_not_shown_by_halves() {
    let spec = script(
        "read line; printf '{\"type\":\"event\",'; sleep 0.1; echo '\"topic\":\"x\"}'; echo end; cat",
    );
    let mut agent = Agent::start(&with_times(spec, 300, NEVER_MS));

    let heard = agent.ask("go").await;

    assert_eq!((heard.answer(), heard.deltas.as_str()), ("end", "end"));
    assert_eq!(heard.own.len(), 1);
}

#[tokio::test]
async fn without_control_every_line_is_text() {
    let line = r#"{"type":"event","topic":"x"}"#;
    let mut spec = script(&format!("read line; echo '{line}'; cat"));
    let Codec::Lines { control, .. } = &mut spec.codec else { unreachable!() };
    *control = false;
    let mut agent = Agent::start(&spec);

    assert_eq!(agent.ask("go").await.answer(), line);
}

#[tokio::test]
async fn the_echo_asks_and_says_what_it_was_told() {
    let mut agent = Agent::start(&AgentSpec::echo("echo"));

    let run = agent.prompt("/ask red green").await;
    let ask = agent.question().await;
    assert_eq!((ask.choices.len(), ask.default_index), (2, Some(0)));
    agent.answer(&ask, "green");
    assert_eq!(agent.hear(&run).await.answer(), "answer: resolved green");

    agent.answer(&ask, "red");
    let AgentEvent::Message { run: None, text } = agent.event().await else { panic!("unasked") };
    assert_eq!(text, "late answer: resolved red");
    agent.session.command("go", RawValue::from_string("[1]".to_owned()).unwrap()).unwrap();
    let AgentEvent::Message { run: None, text } = agent.event().await else { panic!("unasked") };
    assert_eq!(text, "command go [1]");
    assert_eq!(agent.ask("/tool").await.notes.len(), 5);
}

#[tokio::test]
async fn a_question_ends_with_its_turn() {
    let mut agent = Agent::start(&AgentSpec::echo("echo"));
    let run = agent.prompt("/asktext 60000").await;
    agent.question().await;

    agent.session.cancel(&run);

    assert_eq!(agent.hear(&run).await.outcome, Some(Outcome::Cancelled));
}
