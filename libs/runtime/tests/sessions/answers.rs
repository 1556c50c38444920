//! What a program prints becomes an answer.

use protocol::agents::{ChatEventBody, OutputStream};
use protocol::limits::MAX_LINE;
use runtime::AgentEvent;

use super::support::{Agent, NEVER_MS, program, script, with_one_line, with_sentinel, with_times};

#[tokio::test]
async fn quiet_ends_an_answer() {
    let mut agent = Agent::start(&program("cat", &[]));

    let heard = agent.ask("hello\nwörld").await;
    assert_eq!(heard.answer(), "hello\nwörld");
    assert_eq!(heard.deltas, "hello\nwörld");

    assert_eq!(agent.ask("again").await.answer(), "again");
    agent.stop().await;
}

#[tokio::test]
async fn a_pause_does_not_end_an_answer() {
    let spec = script("read line; echo one; sleep 0.1; printf two; sleep 0.1; echo 2; cat");
    let mut agent = Agent::start(&with_times(spec, 2_000, NEVER_MS));

    let heard = agent.ask("go").await;

    assert_eq!(heard.answer(), "one\ntwo2");
    assert_eq!(heard.deltas, "one\ntwo2");
}

#[tokio::test]
async fn a_sentinel_ends_an_answer_and_is_none_of_it() {
    let spec = script("while read line; do echo \"got $line\"; sleep 0.1; echo on; echo END; done");
    let mut agent = Agent::start(&with_sentinel(with_times(spec, 1, 1), "^END$"));

    for line in ["a", "b"] {
        let heard = agent.ask(line).await;
        assert_eq!(heard.answer(), format!("got {line}\non"));
        assert_eq!(heard.deltas, format!("got {line}\non"));
        assert_eq!(heard.unasked, [""; 0]);
    }
}

#[tokio::test]
async fn a_prompt_without_newline_ends_an_answer() {
    let spec = script("printf 'welcome\n> '; while read line; do printf \"$line\n> \"; done");
    let mut agent = Agent::start(&with_sentinel(spec, "^> $"));

    let first = agent.ask("one").await;
    assert_eq!(first.unasked, ["welcome"]);
    assert_eq!(first.answer(), "one");

    let second = agent.ask("two").await;
    assert_eq!(second.answer(), "two");
    assert_eq!(second.deltas, "two");
}

#[tokio::test]
async fn one_line_is_an_answer_and_the_rest_is_unasked() {
    let spec = script("while read first rest; do echo $first; echo more; done");
    let mut agent = Agent::start(&with_one_line(spec));

    assert_eq!(agent.ask("first second").await.answer(), "first");
    let more = agent.event().await;
    assert_eq!(more, AgentEvent::Message { run: None, text: "more".into() });
}

#[tokio::test]
async fn no_output_is_an_empty_answer() {
    let spec = script("while read line; do :; done");
    let mut agent = Agent::start(&with_times(spec, 300, 50));

    assert_eq!(agent.ask("anything").await.answer(), "");
    assert_eq!(agent.ask("anything").await.answer(), "");
}

#[tokio::test]
async fn an_interpreter_keeps_what_it_was_told() {
    let mut agent = Agent::start(&program("python3", &["-i", "-q"]));

    assert_eq!(agent.ask("x = 6; print('set')").await.answer(), "set");
    assert_eq!(agent.ask("x * 7").await.answer(), "42");
    agent.stop().await;
}

#[tokio::test]
async fn stderr_is_kept_apart() {
    let mut agent = Agent::start(&script("cat; true"));
    let mut both =
        Agent::start(&script("while read line; do echo warn >&2; printf rest >&2; echo out; done"));

    assert_eq!(agent.ask("out").await.stderr, [""; 0]);
    let heard = both.ask("go").await;
    assert_eq!(heard.answer(), "out");
    assert_eq!(heard.stderr, ["warn", "rest"]);
}

#[tokio::test]
async fn what_is_said_between_turns_is_unasked() {
    let spec = script("read line; echo answer; read line; echo late; cat");
    let mut agent = Agent::start(&with_one_line(spec));
    assert_eq!(agent.ask("1").await.answer(), "answer");
    assert_eq!(agent.ask("2").await.answer(), "late");

    let mut talker =
        Agent::start(&with_one_line(script("read line; echo a; sleep 0.2; echo b; echo c; cat")));
    assert_eq!(talker.ask("go").await.answer(), "a");
    assert_eq!(talker.event().await, AgentEvent::Message { run: None, text: "b\nc".into() });
}

#[tokio::test]
async fn bytes_that_are_no_text_are_replaced_and_nul_is_kept() {
    let mut agent = Agent::start(&script(
        r"read line; printf 'a\377b\000c\r\n\303'; sleep 0.1; printf '\244\n'; cat",
    ));

    let heard = agent.ask("go").await;

    assert_eq!(heard.answer(), "a\u{fffd}b\0c\nä");
    assert_eq!(heard.deltas, heard.answer());
}

#[tokio::test]
async fn a_message_larger_than_a_pipe_arrives() {
    let mut agent = Agent::start(&with_one_line(program("cat", &[])));
    let message = "m".repeat(1 << 20);

    let heard = agent.ask(&message).await;

    assert!(heard.answer() == message && heard.deltas == message);
}

#[tokio::test]
async fn of_an_endless_line_the_head_is_kept_in_bounded_memory() {
    let spec = script(
        "read line; head -c 104857600 /dev/zero | tr '\\0' x; echo; echo rest; echo END; cat",
    );
    let mut agent = Agent::start(&with_sentinel(spec, "^END$"));
    let before = peak_memory();

    let heard = agent.ask("go").await;

    assert_eq!(heard.answer(), "rest");
    let [ChatEventBody::Raw { stream: OutputStream::Stdout, text, truncated: true, bytes }] =
        &heard.raw[..]
    else {
        panic!("one cut line");
    };
    assert_eq!(*bytes, Some(100 << 20));
    assert!(
        text.len() > MAX_LINE / 2
            && text.len() <= MAX_LINE
            && text.bytes().all(|byte| byte == b'x')
    );
    assert!(peak_memory() - before < 64 << 20, "grew by {}", peak_memory() - before);
}

/// The most memory that this process has ever had, in bytes.
fn peak_memory() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).unwrap();
    line.trim().trim_end_matches(" kB").parse::<u64>().unwrap() << 10
}

#[tokio::test]
async fn an_answer_longer_than_an_entry_comes_in_parts() {
    let spec = script(
        "read line; for i in 1 2 3; do head -c 3000000 /dev/zero | tr '\\0' x; echo; done; echo END; cat",
    );
    let mut agent = Agent::start(&with_sentinel(spec, "^END$"));
    let run = agent.prompt("go").await;

    let (mut parts, mut deltas) = (Vec::new(), 0);
    loop {
        match agent.event().await {
            AgentEvent::Delta { text, .. } => deltas += text.len(),
            AgentEvent::Message { run: Some(of), text } => {
                assert_eq!(of, run);
                parts.push(text.len());
            }
            AgentEvent::Ended { .. } => break,
            other => panic!("{other:?}"),
        }
    }

    assert_eq!(parts.len(), 3);
    assert_eq!(parts.iter().sum::<usize>(), 9_000_002);
    assert_eq!(deltas, 9_000_002);
}

#[tokio::test]
async fn silence_is_told_and_ends_nothing() {
    let mut spec = with_sentinel(script("read line; sleep 2.5; echo done; echo END; cat"), "^END$");
    spec.silence_secs = 1;
    let mut agent = Agent::start(&spec);

    let heard = agent.ask("go").await;

    assert_eq!(heard.answer(), "done");
    assert_eq!(heard.status, ["sh has said nothing for 1 s"]);
    agent.stop().await;
}
