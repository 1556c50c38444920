use serde_json::value::RawValue;

use super::*;

const LIMITS: Limits = Limits { items: 4, bytes: 10_000 };

fn item(event: &str, json: &str) -> Item {
    let payload = RawValue::from_string(json.to_owned()).unwrap();
    Item::read(event.into(), payload.into()).unwrap()
}

fn entry(seq: u64) -> Item {
    item("agentEvent", &format!(r#"{{"seq":{seq}}}"#))
}

fn message(seq: u64) -> Item {
    item("chatMessage", &format!(r#"{{"seq":{seq},"runId":"r"}}"#))
}

fn delta(sequence: u64) -> Item {
    let json = format!(
        r#"{{"runId":"r","sequence":{sequence},"kind":"assistantDelta","payload":{{"delta":"{sequence} "}}}}"#
    );
    item("chatEvent", &json)
}

fn tail(head: u64, limits: Limits) -> Tail {
    let (agent, conversation) = (AgentId::new("a").unwrap(), ConversationId::new("c").unwrap());
    Tail::new(agent, conversation, Epoch::random(), Seq::ZERO, Seq(head), limits)
}

/// What a reader gets: `#seq` of entries, `+text` of deltas, `=text` of snapshots, names of others.
fn told(tail: &Tail, cursor: &mut Cursor) -> Vec<String> {
    let items = match tail.read(cursor, 100) {
        Read::Items(items) => items,
        Read::Idle => return Vec::new(),
        other => panic!("{other:?}"),
    };
    let tell = |item: Arc<Item>| match item.seq {
        Some(seq) => format!("#{seq}"),
        None if item.sequence.is_none() => item.event.to_string(),
        None => {
            let json: serde_json::Value = serde_json::from_str(item.payload.get()).unwrap();
            let payload = &json["payload"];
            match payload["delta"].as_str() {
                Some(delta) => format!("+{delta}"),
                None => format!("={}", payload["text"].as_str().unwrap()),
            }
        }
    };
    items.into_iter().map(tell).collect()
}

#[test]
fn a_reader_ahead_of_a_tail_that_is_being_filled_gets_only_what_it_lacks() {
    let mut tail = tail(5, Limits { items: 100, bytes: 10_000 });
    let mut cursor = tail.cursor(Seq(4));

    tail.append(entry(1));
    assert!(told(&tail, &mut cursor).is_empty());
    (2..=5).for_each(|seq| assert!(tail.append(entry(seq))));

    assert_eq!(told(&tail, &mut cursor), ["#5"]);
    assert_eq!(cursor.seq, Seq(5));
}

#[test]
fn a_reader_that_keeps_up_gets_each_piece_as_it_is() {
    let mut tail = tail(0, LIMITS);
    let mut cursor = tail.cursor(Seq::ZERO);
    for sequence in 0..20 {
        tail.append(delta(sequence));
        assert_eq!(told(&tail, &mut cursor), [format!("+{sequence} ")]);
    }
    assert!(!tail.append(delta(19)), "is here already");
}

#[test]
fn one_who_fell_behind_gets_the_rest_at_once() {
    let mut tail = tail(0, LIMITS);
    let mut cursor = tail.cursor(Seq::ZERO);
    (0..2).for_each(|sequence| assert!(tail.append(delta(sequence))));
    assert_eq!(told(&tail, &mut cursor), ["+0 ", "+1 "]);
    (2..10).for_each(|sequence| assert!(tail.append(delta(sequence))));

    assert_eq!(told(&tail, &mut cursor), ["+2 3 4 5 6 7 8 9 "]);
    tail.append(delta(10));
    assert_eq!(told(&tail, &mut cursor), ["+10 "]);
}

#[test]
fn one_who_joins_gets_the_text_and_then_the_pieces() {
    let mut tail = tail(0, LIMITS);
    (0..3).for_each(|sequence| assert!(tail.append(delta(sequence))));
    let mut cursor = tail.cursor(Seq::ZERO);
    tail.append(delta(3));

    assert_eq!(told(&tail, &mut cursor), ["=0 1 2 ", "+3 "]);
    tail.append(delta(4));
    assert_eq!(told(&tail, &mut cursor), ["+4 "]);
}

#[test]
fn what_a_message_superseded_is_not_told_with_a_hole() {
    let mut tail = tail(0, LIMITS);
    (0..2).for_each(|sequence| assert!(tail.append(delta(sequence))));
    let mut cursor = tail.cursor(Seq::ZERO);
    tail.append(delta(2));
    tail.append(message(1));
    tail.append(delta(3));

    assert_eq!(told(&tail, &mut cursor), ["#1", "+3 "]);
}

#[test]
fn a_reader_that_has_the_message_from_history_is_not_told_what_came_before_it() {
    let mut tail = tail(0, LIMITS);
    let mut cursor = tail.cursor(Seq::ZERO);
    tail.append(delta(0));
    cursor.seq = Seq(1);

    assert!(told(&tail, &mut cursor).is_empty());
    tail.append(message(1));
    assert!(told(&tail, &mut cursor).is_empty());
    tail.append(delta(1));
    assert_eq!(told(&tail, &mut cursor), ["+1 "]);
}

#[test]
fn text_waits_for_the_end_of_the_replay() {
    let mut tail = tail(2, LIMITS);
    tail.append(delta(0));
    let mut cursor = tail.cursor(Seq::ZERO);
    tail.append(entry(1));
    tail.append(item("queueUpdate", "{}"));
    tail.append(delta(1));
    assert_eq!(told(&tail, &mut cursor), ["#1"]);
    tail.append(entry(2));

    assert_eq!(told(&tail, &mut cursor), ["#2", "=0 1 ", "queueUpdate"]);
    assert!(told(&tail, &mut cursor).is_empty());
}

#[test]
fn a_hole_in_the_log_sends_readers_to_history_and_forgets_no_text() {
    let mut tail = tail(0, LIMITS);
    let mut cursor = tail.cursor(Seq::ZERO);
    tail.append(entry(1));
    tail.append(delta(0));
    assert_eq!(told(&tail, &mut cursor), ["#1", "+0 "]);
    tail.append(entry(5));

    assert!(matches!(tail.read(&mut cursor, 10), Read::Behind(Seq(1))));
    let mut late = tail.cursor(Seq(5));
    assert_eq!(told(&tail, &mut late), ["=0 "]);
}

#[test]
fn a_reset_forgets_text_and_queue() {
    let mut tail = tail(0, LIMITS);
    tail.append(delta(0));
    tail.append(item("queueUpdate", "{}"));
    tail.reset(Epoch::random(), Seq::ZERO, Seq::ZERO);

    let mut cursor = tail.cursor(Seq::ZERO);
    assert!(told(&tail, &mut cursor).is_empty());
    tail.append(item("queueUpdate", "{}"));
    assert_eq!(told(&tail, &mut cursor), ["queueUpdate"]);
}

#[test]
fn places_in_runs_that_have_ended_are_forgotten() {
    let mut tail = tail(0, LIMITS);
    let mut cursor = tail.cursor(Seq::ZERO);
    tail.append(delta(0));
    told(&tail, &mut cursor);
    assert_eq!(cursor.runs.len(), 1);
    tail.append(item("runEvent", r#"{"seq":1,"runId":"r","state":"done"}"#));
    told(&tail, &mut cursor);

    assert!(cursor.runs.is_empty());
}

#[test]
fn tails_share_what_there_is() {
    let budget: &'static Budget = Box::leak(Box::new(Budget::new(100_000)));
    let mut tails: Vec<_> = (0..10)
        .map(|_| {
            let mut tail = tail(0, Limits { items: 1_000, bytes: 1 << 20 });
            tail.budget = budget;
            tail
        })
        .collect();
    let large = |seq: u64| {
        item("agentEvent", &format!(r#"{{"seq":{seq},"text":"{}"}}"#, "x".repeat(1_000)))
    };

    for tail in &mut tails {
        (1..=50).for_each(|seq| assert!(tail.append(large(seq))));
    }

    assert!(tails[0].bytes > 50_000, "there was room");
    assert!(tails[9].bytes <= SHARE && !tails[9].slots.is_empty());
    assert!(budget.used.load(Ordering::Relaxed) <= 100_000 + 10 * (SHARE + 2_000));
    tails.clear();
    assert_eq!(budget.used.load(Ordering::Relaxed), 0);
}
