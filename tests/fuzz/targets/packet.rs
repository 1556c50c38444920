//! The link's packets: what one says is there when it is written and read again, and nothing is read for another
//! namespace.

#![no_main]

use libfuzzer_sys::fuzz_target;
use serde_json::value::RawValue;

const NAMESPACE: &str = "/agents";

fuzz_target!(|text: &str| {
    let Some(written) = link::rewrite(text, NAMESPACE) else { return };
    assert_eq!(link::rewrite(&written, NAMESPACE).as_deref(), Some(&*written));

    let Some(after) = text.strip_prefix('4').and_then(|message| message.get(1..)) else { return };
    let after = after.strip_prefix(NAMESPACE).expect("the namespace");
    assert!(after.is_empty() || after.starts_with(','), "{text:?} is for another namespace");
    if let Some(written) = written.strip_prefix("42/agents,") {
        let arguments = after.trim_start_matches(|c: char| c == ',' || c.is_ascii_digit());
        let came: Vec<&RawValue> = serde_json::from_str(arguments).expect("an array");
        let read: Vec<&RawValue> = serde_json::from_str(written).expect("an array");
        let name = |arguments: &[&RawValue]| {
            serde_json::from_str::<String>(arguments[0].get()).expect("a name")
        };
        assert_eq!(name(&came), name(&read));
        assert_eq!(came.get(1).map_or("null", |first| first.get()), read[1].get());
    }
});
