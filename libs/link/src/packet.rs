//! Engine.IO 4 and Socket.IO 5 as text: what a link reads and writes.

use std::borrow::Cow;
use std::fmt;
use std::time::Duration;

use serde::Deserialize;
use serde::de::{Deserializer, IgnoredAny, SeqAccess, Visitor};
use serde_json::value::RawValue;

/// A packet from the server.
#[derive(Debug)]
pub(crate) enum Packet<'a> {
    /// The transport is open.
    Open(Open),
    /// The server ends the transport.
    Close,
    /// To be answered with `3`.
    Ping,
    /// The namespace is open.
    Connected,
    /// The server closes the namespace.
    Disconnected,
    /// The server does not let the link in.
    Refused(String),
    /// An event and its first argument; `null` without one.
    Event(Cow<'a, str>, &'a RawValue),
    /// An acknowledgement and its first argument; `null` without one.
    Ack(u64, &'a RawValue),
    /// Something that a link has no use for: another namespace, binary, noise.
    Other,
}

/// Payload of the Engine.IO OPEN packet.
#[derive(Debug, Clone, Copy, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Open {
    ping_interval: u64,
    ping_timeout: u64,
}

impl Open {
    /// With nothing read for so long the server is gone.
    pub(crate) fn silence(self) -> Duration {
        Duration::from_millis(self.ping_interval.saturating_add(self.ping_timeout))
    }
}

impl<'a> Packet<'a> {
    /// Reads a packet. What makes no sense is [`Packet::Other`]: a link survives a strange server.
    pub(crate) fn read(text: &'a str, namespace: &str) -> Self {
        let Some((kind, rest)) = text.split_at_checked(1) else { return Self::Other };
        match kind {
            "0" => serde_json::from_str(rest).map_or(Self::Other, Self::Open),
            "1" => Self::Close,
            "2" => Self::Ping,
            "4" => Self::message(rest, namespace).unwrap_or(Self::Other),
            _ => Self::Other,
        }
    }

    fn message(text: &'a str, namespace: &str) -> Option<Self> {
        let (kind, rest) = text.split_at_checked(1)?;
        let rest = rest.strip_prefix(namespace)?;
        // Without it another namespace begins with the same letters.
        let rest = if rest.is_empty() { rest } else { rest.strip_prefix(',')? };
        match kind {
            "0" => Some(Self::Connected),
            "1" => Some(Self::Disconnected),
            "2" => {
                let arguments = rest.trim_start_matches(|c: char| c.is_ascii_digit());
                let Arguments { name, first } = serde_json::from_str(arguments).ok()?;
                Some(Self::Event(name, first.unwrap_or(RawValue::NULL)))
            }
            "3" => {
                let (id, arguments) =
                    rest.split_at(rest.bytes().take_while(u8::is_ascii_digit).count());
                let First(first) = serde_json::from_str(arguments).ok()?;
                Some(Self::Ack(id.parse().ok()?, first.unwrap_or(RawValue::NULL)))
            }
            "4" => {
                let refusal: Refusal<'_> = serde_json::from_str(rest).ok()?;
                Some(Self::Refused(refusal.message.into_owned()))
            }
            _ => None,
        }
    }
}

/// The CONNECT packet.
pub(crate) fn connect(namespace: &str, auth: &serde_json::Value) -> String {
    format!("40{namespace},{auth}")
}

/// An EVENT packet with an acknowledgement id. `arguments` is a JSON array that begins with the event's name.
pub(crate) fn event(namespace: &str, id: u64, arguments: &str) -> String {
    format!("42{namespace},{id}{arguments}")
}

/// A packet that says no more than what a link reads in the text; none if that is nothing. For `tests/fuzz`.
#[cfg(fuzzing)]
#[must_use]
pub fn rewrite(text: &str, namespace: &str) -> Option<String> {
    let quoted = |text: &str| serde_json::Value::from(text).to_string();
    Some(match Packet::read(text, namespace) {
        Packet::Open(Open { ping_interval, ping_timeout }) => {
            format!(r#"0{{"pingInterval":{ping_interval},"pingTimeout":{ping_timeout}}}"#)
        }
        Packet::Close => "1".to_owned(),
        Packet::Ping => "2".to_owned(),
        Packet::Connected => format!("40{namespace},"),
        Packet::Disconnected => format!("41{namespace},"),
        Packet::Refused(message) => {
            format!(r#"44{namespace},{{"message":{}}}"#, quoted(&message))
        }
        Packet::Event(name, first) => format!("42{namespace},[{},{first}]", quoted(&name)),
        Packet::Ack(id, first) => format!("43{namespace},{id}[{first}]"),
        Packet::Other => return None,
    })
}

#[derive(Deserialize)]
struct Refusal<'a> {
    #[serde(borrow)]
    message: Cow<'a, str>,
}

/// `["name", first?, …]`
struct Arguments<'a> {
    name: Cow<'a, str>,
    first: Option<&'a RawValue>,
}

impl<'de: 'a, 'a> Deserialize<'de> for Arguments<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Read;
        impl<'de> Visitor<'de> for Read {
            type Value = Arguments<'de>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an event's name and arguments")
            }

            fn visit_seq<A: SeqAccess<'de>>(self, mut array: A) -> Result<Self::Value, A::Error> {
                let Name(name) = array
                    .next_element()?
                    .ok_or_else(|| serde::de::Error::invalid_length(0, &self))?;
                let first = array.next_element()?;
                while array.next_element::<IgnoredAny>()?.is_some() {}
                Ok(Arguments { name, first })
            }
        }
        deserializer.deserialize_seq(Read)
    }
}

/// Borrows where there is no escape.
#[derive(Deserialize)]
struct Name<'a>(#[serde(borrow)] Cow<'a, str>);

/// `[first?, …]`
struct First<'a>(Option<&'a RawValue>);

impl<'de: 'a, 'a> Deserialize<'de> for First<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Read;
        impl<'de> Visitor<'de> for Read {
            type Value = First<'de>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an acknowledgement's arguments")
            }

            fn visit_seq<A: SeqAccess<'de>>(self, mut array: A) -> Result<Self::Value, A::Error> {
                let first = array.next_element()?;
                while array.next_element::<IgnoredAny>()?.is_some() {}
                Ok(First(first))
            }
        }
        deserializer.deserialize_seq(Read)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn packets_of_the_protocol_are_read() {
        let open =
            r#"0{"sid":"x","upgrades":[],"pingInterval":25000,"pingTimeout":20000,"maxPayload":1}"#;
        assert!(
            matches!(Packet::read(open, "/a"), Packet::Open(open) if open.silence().as_secs() == 45)
        );
        assert!(matches!(Packet::read("1", "/a"), Packet::Close));
        assert!(matches!(Packet::read("2", "/a"), Packet::Ping));
        assert!(matches!(Packet::read(r#"40/a,{"sid":"y"}"#, "/a"), Packet::Connected));
        assert!(matches!(Packet::read("41/a,", "/a"), Packet::Disconnected));
        assert!(
            matches!(Packet::read(r#"44/a,{"message":"no"}"#, "/a"), Packet::Refused(why) if why == "no")
        );
        assert!(matches!(Packet::read(r#"42/b,["x"]"#, "/a"), Packet::Other));
    }

    #[test]
    fn a_namespace_whose_name_is_longer_is_another() {
        for text in ["40/ab,{}", "41/ab,", r#"42/a1["x"]"#, "43/a1[]", r#"44/a{"message":"no"}"#] {
            assert!(matches!(Packet::read(text, "/a"), Packet::Other), "{text}");
        }
        assert!(matches!(Packet::read("41/a", "/a"), Packet::Disconnected));
    }

    #[test]
    fn arguments_pass_through_as_they_came() {
        let Packet::Event(name, first) =
            Packet::read(r#"42/a,7["say \"hi\"",{"n":1.10 },2]"#, "/a")
        else {
            panic!()
        };
        assert_eq!((&*name, first.get()), ("say \"hi\"", r#"{"n":1.10 }"#));
        let Packet::Event(name, first) = Packet::read(r#"42/a,["zero"]"#, "/a") else { panic!() };
        assert_eq!((&*name, first.get()), ("zero", "null"));
        let Packet::Ack(id, first) = Packet::read(r#"43/a,12[{"ok":true},1]"#, "/a") else {
            panic!()
        };
        assert_eq!((id, first.get()), (12, r#"{"ok":true}"#));
        assert!(matches!(Packet::read("43/a,99999999999999999999[]", "/a"), Packet::Other));
    }

    proptest! {
        #[test]
        fn no_text_breaks_it(text in any::<String>(), head in "[0-6]{0,2}(/a,)?[0-9]{0,25}") {
            Packet::read(&text, "/a");
            Packet::read(&format!("{head}{text}"), "/a");
        }

        #[test]
        fn an_event_is_read_back(id in any::<u64>(), name in any::<String>(), value in any::<String>()) {
            let json = serde_json::json!([name, value]).to_string();
            let text = event("/a", id, &json);
            let Packet::Event(read, first) = Packet::read(&text, "/a") else { panic!("{text}") };
            prop_assert_eq!(&*read, name);
            prop_assert_eq!(first.get(), serde_json::to_string(&value).unwrap());
        }
    }
}
