//! Whatever a peer sends, decoding it ends in a value or an error, and a value that was read can be passed on.

use proptest::collection::{hash_map, vec};
use proptest::prelude::*;
use protocol::agents::RoutingHead;
use protocol::catalogue::{self, Shape};
use serde_json::{Map, Value, json};

/// Every shape that comes over the wire, commands first.
fn shapes() -> Vec<Shape> {
    let answers = catalogue::messages().filter_map(|message| message.answer);
    let answers = answers.flat_map(|answer| [answer.data, answer.acknowledgement]);
    catalogue::messages().map(|message| message.payload).chain(answers).collect()
}

fn any_text() -> impl Strategy<Value = String> {
    let odd = [
        "",
        "\0",
        "\u{feff}",
        "a\"b",
        "\\u0000",
        "login",
        "default",
        "9999-12-31T23:59:60Z",
        "-0",
        "1e999",
    ];
    prop_oneof![any::<String>(), proptest::sample::select(odd.to_vec()).prop_map(str::to_owned)]
}

fn any_value() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<u64>().prop_map(Value::from),
        any::<f64>().prop_map(Value::from),
        any_text().prop_map(Value::from),
    ];
    leaf.prop_recursive(4, 32, 6, |inner| {
        prop_oneof![
            vec(inner.clone(), 0..6).prop_map(Value::from),
            hash_map(any_text(), inner, 0..6)
                .prop_map(|fields| Value::Object(fields.into_iter().collect())),
        ]
    })
}

/// Every place of a value, for swapping what is there.
fn pointers(value: &Value, at: &str, found: &mut Vec<String>) {
    found.push(at.to_owned());
    match value {
        Value::Object(fields) => {
            fields.iter().for_each(|(key, value)| pointers(value, &format!("{at}/{key}"), found));
        }
        Value::Array(items) => {
            items
                .iter()
                .enumerate()
                .for_each(|(i, value)| pointers(value, &format!("{at}/{i}"), found));
        }
        _ => {}
    }
}

/// A sample of some shape with one part of it replaced or taken away.
fn mutilated() -> impl Strategy<Value = (Shape, String)> {
    let samples: Vec<(Shape, Value)> = shapes()
        .into_iter()
        .flat_map(|shape| {
            let parse =
                move |json: &str| (shape, serde_json::from_str(json).expect("samples are JSON"));
            shape.samples().into_iter().map(move |sample| parse(&sample.json))
        })
        .collect();
    let pick = proptest::sample::select(samples);
    (pick, any::<proptest::sample::Index>(), proptest::option::of(any_value())).prop_map(
        |((shape, mut value), place, replacement)| {
            let mut places = Vec::new();
            pointers(&value, "", &mut places);
            let place = place.get(&places);
            match (replacement, place.rsplit_once('/')) {
                (None, Some((parent, key))) => {
                    if let Some(fields) = value.pointer_mut(parent).and_then(Value::as_object_mut) {
                        fields.remove(key);
                    }
                }
                (replacement, _) => {
                    *value.pointer_mut(place).expect("it is there") = replacement.into();
                }
            }
            (shape, value.to_string())
        },
    )
}

fn survives(shape: &Shape, json: &str) {
    let Ok(written) = shape.rewrite(json) else { return };
    let again = shape.rewrite(&written).expect("what was written can be read");
    assert_eq!(again, written);
}

proptest! {
    #[test]
    fn any_text_at_all(text in any_text()) {
        for shape in shapes() {
            survives(&shape, &text);
        }
        let _ = RoutingHead::read(&text);
    }

    #[test]
    fn any_json_at_all(value in any_value()) {
        let json = value.to_string();
        for shape in shapes() {
            survives(&shape, &json);
        }
        let _ = RoutingHead::read(&json);
    }

    #[test]
    fn a_message_with_one_part_changed((shape, json) in mutilated()) {
        survives(&shape, &json);
        let _ = RoutingHead::read(&json);
    }

    #[test]
    fn any_text_where_a_time_or_an_id_belongs(text in any_text()) {
        let quoted = Value::from(text).to_string();
        let _ = serde_json::from_str::<protocol::Timestamp>(&quoted);
        let _ = serde_json::from_str::<protocol::AgentId>(&quoted);
    }
}

#[test]
fn deep_nesting_ends_in_an_error_or_passes_through_unread() {
    let deep = |depth: usize| "[".repeat(depth) + &"]".repeat(depth);
    for json in [
        deep(200_000),
        format!(r#"{{"event":"chat","payload":{}}}"#, deep(200_000)),
        "{\"a\":".repeat(200_000),
    ] {
        for shape in shapes() {
            let _ = shape.rewrite(&json);
        }
        let _ = RoutingHead::read(&json);
    }
}

#[test]
fn fields_that_nobody_knows_are_ignored() {
    for shape in shapes() {
        for sample in shape.samples() {
            let mut fields: Map<String, Value> = serde_json::from_str(&sample.json).unwrap();
            fields.insert("fromTheFuture".into(), json!({ "x": [1] }));

            let read = shape.rewrite(&Value::Object(fields).to_string()).unwrap();

            assert!(read.starts_with(sample.json.trim_end_matches('}')), "{read}");
        }
    }
}

#[test]
fn a_number_is_written_with_all_its_digits() {
    for number in ["3.8066063806606003", "6.934698245112694e+276", "8.383658838626809e-78"] {
        let json = format!(r#"{{"costUsd":{number}}}"#);
        let usage: protocol::agents::Usage = serde_json::from_str(&json).unwrap();

        assert_eq!(serde_json::to_string(&usage).unwrap(), json);
    }
}

#[test]
fn the_last_seq_has_no_successor() {
    let last: protocol::Seq = serde_json::from_str(&u64::MAX.to_string()).unwrap();

    assert_eq!(last.next(), last);
}
