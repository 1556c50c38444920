//! Payloads of every command and event: what is read is written so that it is read as the same, and an event can be routed.

#![no_main]

use std::sync::LazyLock;

use libfuzzer_sys::fuzz_target;
use protocol::agents::RoutingHead;
use protocol::catalogue::{self, Namespace, Shape};

/// Every shape that comes over the wire, and whether it is an event of a manager.
static SHAPES: LazyLock<Vec<(Shape, bool)>> = LazyLock::new(|| {
    let shapes = catalogue::messages().flat_map(|message| {
        let is_event = message.namespace == Namespace::Agents && !message.is_command();
        let answer = message.answer.map(|answer| (answer.acknowledgement, false));
        let forwarded = message.forwarded.map(|forwarded| (forwarded.payload, false));
        [Some((message.payload, is_event)), answer, forwarded]
    });
    shapes.flatten().collect()
});

fuzz_target!(|json: &str| {
    for (shape, is_event) in &*SHAPES {
        let Ok(written) = shape.rewrite(json) else { continue };
        let again = shape.rewrite(&written).expect("what was written can be read");
        assert_eq!(again, written);
        if *is_event {
            RoutingHead::read(&written).expect("an event has a head");
        }
    }
    let _ = RoutingHead::read(json);
});
