//! Spans as OTLP: one JSON object, as `POST /v1/traces` takes it.
//!
//! <https://opentelemetry.io/docs/specs/otlp/#otlphttp>: ids are hexadecimal, 64-bit numbers are strings.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use serde_json::{Value as Json, json};

use crate::span::{Finished, Kind, Value};

/// The object for these spans of a service with these attributes.
#[must_use]
pub fn otlp(resource: &[(String, String)], spans: &[Finished]) -> Json {
    let attributes: Vec<Json> = resource.iter().map(|(key, value)| text(key, value)).collect();
    let spans: Vec<Json> = spans.iter().map(span).collect();
    json!({ "resourceSpans": [{
        "resource": { "attributes": attributes },
        "scopeSpans": [{ "scope": { "name": "longshore" }, "spans": spans }],
    }]})
}

fn span(span: &Finished) -> Json {
    let ended = span.began + span.took;
    let mut json = json!({
        "traceId": format!("{:032x}", span.trace),
        "spanId": format!("{:016x}", span.span),
        "name": &*span.name,
        "kind": match span.kind { Kind::Internal => 1, Kind::Server => 2, Kind::Client => 3 },
        "startTimeUnixNano": nanos(span.began),
        "endTimeUnixNano": nanos(ended),
        "attributes": span.attributes.iter().map(|(key, value)| attribute(key, value)).collect::<Vec<_>>(),
        "events": span.events.iter().map(|(name, after)| {
            json!({ "name": name, "timeUnixNano": nanos(span.began + *after) })
        }).collect::<Vec<_>>(),
        "status": span.error.as_ref().map_or_else(|| json!({}), |why| json!({ "code": 2, "message": why })),
    });
    if let Some(parent) = span.parent {
        json["parentSpanId"] = json!(format!("{parent:016x}"));
    }
    json
}

fn attribute(key: &str, value: &Value) -> Json {
    match value {
        Value::Text(value) => text(key, value),
        Value::Number(number) => json!({ "key": key, "value": { "intValue": number.to_string() } }),
    }
}

fn text(key: &str, value: &str) -> Json {
    json!({ "key": key, "value": { "stringValue": value } })
}

fn nanos(time: SystemTime) -> String {
    time.duration_since(UNIX_EPOCH).unwrap_or(Duration::ZERO).as_nanos().to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_span_is_told_as_collectors_want_it() {
        let finished = Finished {
            trace: 0xab,
            span: 0xcd,
            parent: Some(0xef),
            name: "run".into(),
            kind: Kind::Server,
            began: UNIX_EPOCH + Duration::from_millis(1_500),
            took: Duration::from_nanos(7),
            attributes: vec![("run", "run_1".into()), ("queued_ms", 3_u64.into())],
            events: vec![("first delta", Duration::from_nanos(5))],
            error: Some("x".into()),
        };

        let json = otlp(&[("service.name".to_owned(), "longshore".to_owned())], &[finished]);

        let span = json!({
            "traceId": "000000000000000000000000000000ab", "spanId": "00000000000000cd",
            "parentSpanId": "00000000000000ef", "name": "run", "kind": 2,
            "startTimeUnixNano": "1500000000", "endTimeUnixNano": "1500000007",
            "attributes": [
                { "key": "run", "value": { "stringValue": "run_1" } },
                { "key": "queued_ms", "value": { "intValue": "3" } },
            ],
            "events": [{ "name": "first delta", "timeUnixNano": "1500000005" }],
            "status": { "code": 2, "message": "x" },
        });
        assert_eq!(json["resourceSpans"][0]["scopeSpans"][0]["spans"][0], span);
        let service = &json["resourceSpans"][0]["resource"]["attributes"][0]["value"];
        assert_eq!(service, &json!({ "stringValue": "longshore" }));
    }
}
