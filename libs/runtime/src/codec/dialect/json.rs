//! Places in a JSON value.

use serde_json::Value;

use super::Message;

/// Reading by JSON Pointer (RFC 6901), or by name in a message.
pub(super) trait Places {
    /// What is there.
    fn at(&self, place: &str) -> Option<&Value>;

    /// The text there.
    fn text(&self, place: &str) -> Option<&str> {
        self.at(place)?.as_str()
    }

    /// The whole number there.
    fn number(&self, place: &str) -> Option<u64> {
        self.at(place)?.as_u64()
    }

    /// Whether `true` is there.
    fn is(&self, place: &str) -> bool {
        self.at(place).and_then(Value::as_bool).unwrap_or(false)
    }

    /// The items there; none if there is no list.
    fn items(&self, place: &str) -> &[Value] {
        self.at(place).and_then(Value::as_array).map_or(&[], Vec::as_slice)
    }
}

impl Places for Value {
    fn at(&self, place: &str) -> Option<&Value> {
        self.pointer(place).filter(|value| !value.is_null())
    }
}

impl Places for Message {
    fn at(&self, place: &str) -> Option<&Value> {
        let place = place.strip_prefix('/')?;
        let (name, rest) = place.find('/').map_or((place, ""), |slash| place.split_at(slash));
        self.get(name)?.at(rest)
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn places_of_a_message_are_those_of_its_value() {
        let value = json!({"a": {"b": [1, {"c": "x"}]}, "n": null});
        let message = value.as_object().unwrap();

        for place in ["/a", "/a/b", "/a/b/1/c", "/a/x", "/n", "/n/x", "a", "/"] {
            assert_eq!(message.at(place), value.at(place), "{place}");
        }
        assert_eq!(message.text("/a/b/1/c"), Some("x"));
        assert_eq!(message.items("/a/b").len(), 2);
        assert!(message.items("/a").is_empty());
    }
}
