//! The TypeScript types, made from the same schemas as the AsyncAPI document.

mod types;

use types::{declaration, type_of};

use super::GENERATED;
use super::schemas::Schemas;
use crate::agents::{AgentsAuth, Origin};
use crate::catalogue::{Forwarded, Message, Namespace, Shape};
use crate::clients::ClientAuth;

/// What every command is acknowledged with: the one generic type, which schemas do not have.
const ACKNOWLEDGEMENT: &str = "
/** The acknowledgement of every command. */
export type Ack<T> = { success: true; data: T } | { success: false; error: WireError };
";

/// A TypeScript module of types only, for `tsc --strict`.
///
/// # Panics
/// When a schema uses a keyword that has no translation here: a type was added that the console could not use.
/// The test that compares the checked-in file fails then.
#[must_use]
pub fn typescript() -> String {
    let mut schemas = Schemas::new();
    let maps: String =
        Namespace::ALL.into_iter().map(|namespace| event_maps(namespace, &mut schemas)).collect();
    let forwarded = forward_map(&mut schemas);
    schemas.of_type::<ClientAuth>();
    schemas.of_type::<AgentsAuth>();
    schemas.of_type::<Origin>();

    let mut out = format!("// {GENERATED}\n");
    for (name, schema) in schemas.components() {
        out.push('\n');
        out.push_str(&declaration(&name, &schema));
    }
    out + ACKNOWLEDGEMENT + &maps + &forwarded
}

/// `…ServerToClientEvents` and `…ClientToServerEvents` for `Socket<…>` of socket.io-client, and `…CommandMap`.
fn event_maps(namespace: Namespace, schemas: &mut Schemas) -> String {
    let (commands, events): (Vec<&Message>, Vec<&Message>) =
        namespace.messages().iter().partition(|message| message.is_command());
    let prefix = match namespace {
        Namespace::Clients => "Clients",
        Namespace::Agents => "Agents",
    };
    let path = namespace.path();

    let about = format!("Events of namespace `{path}`.");
    let listeners = block(prefix, "ServerToClientEvents", &about, listeners(&events, schemas));
    let about = format!("Commands of namespace `{path}`, with the data of a success.");
    let rows = commands.iter().map(|command| row(command, None, schemas)).collect();
    let map = block(prefix, "CommandMap", &about, rows);
    listeners + &map + &emitters(prefix)
}

/// One event name may have two meanings: its listener gets either.
fn listeners(events: &[&Message], schemas: &mut Schemas) -> Vec<String> {
    let mut listeners: Vec<(&Message, Vec<String>)> = Vec::new();
    for event in events {
        let payload = named(&event.payload, schemas);
        match listeners.iter_mut().find(|(first, _)| first.name == event.name) {
            Some((_, payloads)) => payloads.push(payload),
            None => listeners.push((event, vec![payload])),
        }
    }
    let line = |(Message { name, summary, .. }, payloads): (&Message, Vec<String>)| {
        format!("  /** {summary}. */\n  {name}: (payload: {}) => void;\n", payloads.join(" | "))
    };
    listeners.into_iter().map(line).collect()
}

fn emitters(prefix: &str) -> String {
    format!(
        "
/** The same as functions, for `Socket`. */
export type {prefix}ClientToServerEvents = {{
  [E in keyof {prefix}CommandMap]: (
    payload: {prefix}CommandMap[E][\"payload\"],
    ack: (answer: Ack<{prefix}CommandMap[E][\"data\"]>) => void,
  ) => void;
}};
"
    )
}

/// The commands that go inside `forward`, as a viewer sends them.
fn forward_map(schemas: &mut Schemas) -> String {
    let forwardable =
        Namespace::Agents.messages().iter().filter(|message| message.is_forwardable());
    let rows: Vec<String> =
        forwardable.map(|command| row(command, command.forwarded, schemas)).collect();
    block("Forward", "CommandMap", "Commands inside `forward`, with the data of a success.", rows)
}

fn row(command: &Message, forwarded: Option<Forwarded>, schemas: &mut Schemas) -> String {
    let Message { name, summary, .. } = command;
    let payload = named(&forwarded.map_or(command.payload, |forwarded| forwarded.payload), schemas);
    let data =
        forwarded.map(|forwarded| forwarded.data).or(command.answer.map(|answer| answer.data));
    let data = data.map(|shape| named(&shape, schemas)).unwrap_or_default();
    format!("  /** {summary}. */\n  {name}: {{ payload: {payload}; data: {data} }};\n")
}

fn named(shape: &Shape, schemas: &mut Schemas) -> String {
    type_of(&schemas.of(shape), 2)
}

fn block(prefix: &str, name: &str, about: &str, members: Vec<String>) -> String {
    format!("\n/** {about} */\nexport interface {prefix}{name} {{\n{}}}\n", members.concat())
}
