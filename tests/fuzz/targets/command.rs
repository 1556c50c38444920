//! What a viewer sends: a packet is a command, whose arguments are the bytes that came, or is refused; then the envelope
//! of `forward`.

#![no_main]

use gateway::{Item, Message};
use libfuzzer_sys::fuzz_target;
use protocol::clients::Forward;
use protocol::names::is_event_name;
use serde_json::value::RawValue;

fuzz_target!(|text: &str| {
    let packet: Option<Vec<&RawValue>> = serde_json::from_str(text).ok();
    match gateway::inbox::take(text) {
        Ok(command) => {
            let came = &packet.expect("an array")[1..];
            let arguments: Vec<_> =
                command.arguments.iter().map(|argument| argument.get()).collect();
            assert!(is_event_name(&command.name));
            assert_eq!(arguments, came.iter().map(|argument| argument.get()).collect::<Vec<_>>());
            if let Ok(forward) = command.payload::<Forward>() {
                assert!(command.has("event"));
                let payload = forward.payload.as_deref().map_or("", RawValue::get);
                assert!(arguments[0].contains(payload));
            }
            for argument in command.arguments {
                let _ = Item::read("chatEvent".into(), argument.into());
            }
        }
        Err(Message::Ack(1, answer)) => {
            assert!(answer.get().starts_with(r#"{"success":false,"#), "{answer}");
            let name = packet
                .as_ref()
                .and_then(|packet| serde_json::from_str::<String>(packet.first()?.get()).ok());
            assert!(name.is_none_or(|name| !is_event_name(&name)));
        }
        Err(other) => panic!("{other:?}"),
    }
});
