use protocol::agents::{LiveEvent, LiveEventBody};

use super::*;

fn live() -> Live {
    Live::new(AgentId::new("a").unwrap(), ConversationId::new("c").unwrap())
}

fn item(event: &str, json: &str) -> Item {
    let payload = RawValue::from_string(json.to_owned()).unwrap();
    Item::read(event.into(), payload.into()).unwrap()
}

fn delta(sequence: u64, text: &str) -> Item {
    let text = serde_json::to_string(text).unwrap();
    let json = format!(
        r#"{{"runId":"r","sequence":{sequence},"kind":"assistantDelta","payload":{{"delta":{text}}}}}"#
    );
    item("chatEvent", &json)
}

fn snapshot(sequence: u64, text: &str) -> Item {
    let json = format!(
        r#"{{"runId":"r","sequence":{sequence},"kind":"assistantSnapshot","payload":{{"text":"{text}"}}}}"#
    );
    item("chatEvent", &json)
}

fn state(state: &str) -> Item {
    item("runEvent", &format!(r#"{{"runId":"r","seq":1,"state":"{state}","viewerId":"v"}}"#))
}

fn missing(live: &Live, lacks: Range<u64>) -> Option<LiveEvent> {
    let item = live.missing(&live.runs()[0], lacks)?;
    Some(serde_json::from_str(item.payload.get()).unwrap())
}

fn text(live: &Live, lacks: Range<u64>) -> Option<LiveEventBody> {
    missing(live, lacks).map(|event| event.body)
}

fn whole(text: &str) -> Option<LiveEventBody> {
    Some(LiveEventBody::AssistantSnapshot { text: text.to_owned(), truncated: false })
}

fn part(text: &str) -> Option<LiveEventBody> {
    Some(LiveEventBody::AssistantDelta { delta: text.to_owned(), truncated: false })
}

#[test]
fn a_reader_gets_all_of_it_or_the_part_that_it_lacks() {
    let mut live = live();
    let said = ["a\"\n", "ü\\", "\u{1}😀"];
    let needs: Vec<_> = (0..).zip(said).map(|(n, text)| live.take(&delta(n, text))).collect();

    assert_eq!(needs, [Taken::Piece(0), Taken::Piece(1), Taken::Piece(2)]);
    assert_eq!(text(&live, 0..3), whole(&said.concat()));
    assert_eq!(text(&live, 1..3), part("ü\\\u{1}😀"));
    assert_eq!(text(&live, 1..2), part("ü\\"));
    assert_eq!(text(&live, 3..3), None);
    let event = missing(&live, 0..2).unwrap();
    assert_eq!((event.sequence, event.run_id.as_str()), (1, "r"));
    assert_eq!((event.agent_id.as_str(), event.conversation_id.as_str()), ("a", "c"));
}

#[test]
fn numbers_may_jump_and_what_is_here_already_is_known() {
    let mut live = live();
    live.take(&delta(3, "abc"));

    assert_eq!(live.take(&delta(3, "abc")), Taken::Again);
    assert_eq!(live.take(&delta(1, "b")), Taken::Again);
    assert_eq!(live.take(&delta(7, "")), Taken::Piece(4));
    assert_eq!(live.take(&delta(9, "d")), Taken::Piece(8));
    assert_eq!(text(&live, 0..10), whole("abcd"));
    assert_eq!(text(&live, 4..10), part("d"));
    assert_eq!(text(&live, 4..8), None, "without text");
}

#[test]
fn a_message_supersedes_what_came_before_it() {
    let mut live = live();
    live.take(&delta(0, "a"));
    live.take(&item("chatMessage", r#"{"runId":"r","seq":2}"#));

    assert_eq!(text(&live, 0..1), None);
    assert_eq!(live.take(&delta(1, "b")), Taken::Piece(0), "the first of a new text");
    assert!(!live.runs()[0].reaches(0) && live.runs()[0].reaches(1));
    assert_eq!(text(&live, 1..2), whole("b"));
}

#[test]
fn a_snapshot_takes_the_place_of_the_text() {
    let mut live = live();
    live.take(&delta(0, "a"));

    assert_eq!(live.take(&snapshot(4, "abcde")), Taken::Piece(0));
    assert_eq!(live.take(&delta(5, "f")), Taken::Piece(5));
    assert_eq!(text(&live, 1..6), whole("abcdef"));
    assert_eq!(text(&live, 5..6), part("f"));
    assert_eq!(live.take(&snapshot(5, "abcdef")), Taken::Again);
}

#[test]
fn a_run_is_known_from_its_first_state_to_its_last() {
    let mut live = live();
    let viewer = ViewerId::new("v").unwrap();
    live.take(&state("queued"));
    live.take(&item("runEvent", r#"{"runId":"r","seq":1,"state":"started"}"#));
    live.take(&state("blocked"));
    assert_eq!(live.runs_of(&viewer).map(RunId::as_str).collect::<Vec<_>>(), ["r"]);

    for terminal in ["done", "cancelled", "failed"] {
        live.take(&state("started"));
        live.take(&delta(0, "a"));
        live.take(&state(terminal));
        assert!(live.runs().is_empty(), "{terminal}");
    }
}

#[test]
fn a_text_that_is_too_long_is_cut_and_says_so() {
    let mut live = live();
    let half = "x".repeat(MAX_ENTRY / 2);
    live.take(&delta(0, &half));
    live.take(&delta(1, &half));
    live.take(&delta(2, "more"));
    live.take(&delta(3, "and more"));

    assert_eq!(text(&live, 1..2), part(&half));
    let all = LiveEventBody::AssistantSnapshot { text: half.repeat(2), truncated: true };
    assert_eq!(text(&live, 0..4), Some(all));
    let rest = LiveEventBody::AssistantDelta { delta: String::new(), truncated: true };
    assert_eq!(text(&live, 3..4), Some(rest));
}

#[test]
fn what_is_no_piece_of_text_is_left_alone() {
    let mut live = live();

    assert_eq!(
        live.take(&item(
            "chatEvent",
            r#"{"runId":"r","sequence":0,"kind":"other","payload":{"x":1}}"#
        )),
        Taken::Other
    );
    assert_eq!(live.take(&item("chatEvent", r#"{"runId":"r","seq":1}"#)), Taken::Other);
    assert!(live.runs().is_empty());
}

#[test]
fn runs_that_never_end_do_not_pile_up() {
    let mut live = live();
    for run in 0..1_000 {
        live.take(&item("runEvent", &format!(r#"{{"runId":"r{run}","seq":1,"state":"started"}}"#)));
    }

    assert_eq!(live.runs().len(), MAX_RUNS);
    assert_eq!(live.runs()[MAX_RUNS - 1].id.as_str(), "r999");
}
