//! Whatever a program says, it is told lines of JSON, one each, and gets one answer to each question.

#![no_main]

use libfuzzer_sys::fuzz_target;
use runtime::fuzzing::conversation;
use serde_json::Value;

fuzz_target!(|input: &[u8]| {
    let Some((flags, said)) = input.split_first() else { return };
    let said = String::from_utf8_lossy(said);
    let lines: Vec<_> = said.lines().collect();
    let (number, resumes, allow) = (flags & 7, flags & 8 != 0, flags & 16 != 0);

    let told = conversation(number, resumes, allow, &lines);

    for line in told {
        assert!(!line.contains('\n'), "more than a line: {line:?}");
        let is_message = serde_json::from_str::<Value>(&line).is_ok_and(|line| line.is_object());
        assert!(is_message || line == "hello", "no message: {line:?}");
    }
});
