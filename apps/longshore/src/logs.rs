//! Log lines: for people on a terminal, one JSON object a line elsewhere. Both have the fields of all spans around a line,
//! as far as it has none of its own of that name.
//!
//! An own layer and not the subscriber's formats: those nest fields by span, so that a line is not found by one name
//! for all, and let control characters of values through into text, so that who chooses a value could forge a line.

mod fields;
mod json;
mod text;

pub(crate) use text::of_json;

use std::io::{self, IsTerminal, Write};

use tracing::span::{Attributes, Id, Record};
use tracing::{Event, Level, Metadata, Subscriber};
use tracing_subscriber::layer::{Context, Layer};
use tracing_subscriber::registry::LookupSpan;

use crate::cli::logging::LogFormat;
use crate::log_file::LogFile;
use fields::{Fields, Value};

/// Libraries that write the messages of others into their lines, with tokens and with what people say. What they have to say
/// about themselves is at `info` or above.
const TALKATIVE: [&str; 5] =
    ["engineioxide", "log", "socketioxide", "tokio_tungstenite", "tungstenite"];

/// How lines are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Style {
    Text { colours: bool },
    Json,
}

impl Style {
    fn of(format: LogFormat, to_stderr: bool) -> Self {
        let is_terminal = to_stderr && io::stderr().is_terminal();
        let wants = std::env::var_os("NO_COLOR").is_none_or(|value| value.is_empty());
        match format {
            LogFormat::Json => Self::Json,
            LogFormat::Auto if !is_terminal => Self::Json,
            LogFormat::Auto | LogFormat::Text => Self::Text { colours: is_terminal && wants },
        }
    }
}

/// The layer.
#[derive(Debug)]
pub(crate) struct Lines {
    style: Style,
    tier: Option<&'static str>,
    /// Where they go; without one, to stderr.
    file: Option<LogFile>,
}

impl Lines {
    /// Writes lines to `file` or to stderr, so that stdout is what was asked for. `tier` is the only one of this process, if it
    /// has one.
    pub(crate) fn new(
        format: LogFormat,
        tier: Option<&'static str>,
        file: Option<LogFile>,
    ) -> Self {
        Self { style: Style::of(format, file.is_none()), tier, file }
    }
}

impl<S: Subscriber + for<'a> LookupSpan<'a>> Layer<S> for Lines {
    fn enabled(&self, metadata: &Metadata<'_>, _: Context<'_, S>) -> bool {
        *metadata.level() <= Level::INFO || !TALKATIVE.contains(&crate_of(metadata))
    }

    fn on_new_span(&self, attributes: &Attributes<'_>, id: &Id, context: Context<'_, S>) {
        if let Some(span) = context.span(id) {
            let mut fields = Fields::default();
            attributes.record(&mut fields);
            span.extensions_mut().insert(fields);
        }
    }

    fn on_record(&self, id: &Id, values: &Record<'_>, context: Context<'_, S>) {
        if let Some(span) = context.span(id)
            && let Some(fields) = span.extensions_mut().get_mut::<Fields>()
        {
            values.record(fields);
        }
    }

    fn on_event(&self, event: &Event<'_>, context: Context<'_, S>) {
        let mut fields = Fields::default();
        event.record(&mut fields);
        // From the inside out: what is nearer is more exact.
        for span in context.event_scope(event).into_iter().flatten() {
            if let Some(outer) = span.extensions().get::<Fields>() {
                fields.inherit(outer);
            }
        }
        let tier = self.tier.or_else(|| tier_of(event.metadata()));
        if let Some(tier) = tier.filter(|_| !fields.has("tier")) {
            fields.set("tier", Value::Text(tier.to_owned()));
        }
        let line = self.style.line(event.metadata(), fields);
        // Whole lines, so that those of two threads do not mix. When nobody reads them there is nobody to tell.
        match self.file.as_ref() {
            Some(mut file) => file.write_all(line.as_bytes()).ok(),
            None => io::stderr().lock().write_all(line.as_bytes()).ok(),
        };
    }
}

impl Style {
    fn line(self, metadata: &Metadata<'_>, fields: Fields) -> String {
        let now = protocol::Timestamp::now();
        match self {
            Self::Json => json::line(now, metadata, fields),
            Self::Text { colours } => text::line(now, *metadata.level(), fields, colours),
        }
    }
}

/// The tier that a crate belongs to, where both are in one process and no span says it.
fn tier_of(metadata: &Metadata<'_>) -> Option<&'static str> {
    match crate_of(metadata) {
        "controller" | "link" | "notify" | "audit" => Some("controller"),
        "manager" | "runtime" => Some("manager"),
        _ => None,
    }
}

fn crate_of<'a>(metadata: &Metadata<'a>) -> &'a str {
    metadata.target().split("::").next().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use std::sync::{Arc, Mutex};

    use tracing_subscriber::Registry;
    use tracing_subscriber::layer::SubscriberExt;

    use super::*;

    /// The lines of what is logged in `work`.
    fn logged(style: Style, work: impl FnOnce()) -> Vec<String> {
        struct Kept(Style, Arc<Mutex<Vec<String>>>);

        impl<S: Subscriber + for<'a> LookupSpan<'a>> Layer<S> for Kept {
            fn on_new_span(&self, attributes: &Attributes<'_>, id: &Id, context: Context<'_, S>) {
                Lines { style: self.0, tier: None, file: None }
                    .on_new_span(attributes, id, context);
            }

            fn on_event(&self, event: &Event<'_>, context: Context<'_, S>) {
                let mut fields = Fields::default();
                event.record(&mut fields);
                for span in context.event_scope(event).into_iter().flatten() {
                    if let Some(outer) = span.extensions().get::<Fields>() {
                        fields.inherit(outer);
                    }
                }
                self.1.lock().unwrap().push(self.0.line(event.metadata(), fields));
            }
        }

        let lines = Arc::default();
        let subscriber = Registry::default().with(Kept(style, Arc::clone(&lines)));
        tracing::subscriber::with_default(subscriber, work);
        let lines = lines.lock().unwrap();
        lines.clone()
    }

    #[test]
    fn a_line_has_the_fields_of_all_around_it_and_the_nearest_counts() {
        let lines = logged(Style::Json, || {
            let _outer = tracing::error_span!("outer", conn = "a", agent = "x").entered();
            let _inner = tracing::error_span!("inner", conn = "b").entered();
            tracing::info!(count = 3, ok = true, absent = None::<&str>, "something happened");
        });

        let line: serde_json::Value = serde_json::from_str(&lines[0]).unwrap();
        assert_eq!((&line["conn"], &line["agent"]), (&"b".into(), &"x".into()));
        assert_eq!((&line["count"], &line["ok"]), (&3.into(), &true.into()));
        assert_eq!(
            (&line["message"], &line["level"]),
            (&"something happened".into(), &"info".into())
        );
        assert!(line.get("absent").is_none() && line["time"].as_str().unwrap().ends_with('Z'));
    }

    #[test]
    fn what_somebody_else_has_chosen_makes_no_line() {
        let evil = "x\n{\"level\":\"error\"}\r\u{1b}[31m\u{2028}\u{202e}\u{85}\u{0}";
        for style in [Style::Json, Style::Text { colours: false }] {
            let lines =
                logged(style, || tracing::warn!(evil, debug = ?evil, display = %evil, "hm"));

            assert_eq!(lines.len(), 1);
            assert!(lines[0].ends_with('\n'));
            let rest = lines[0].trim_end_matches('\n');
            let is_odd = |c: char| c.is_control() || "\u{2028}\u{2029}\u{202e}".contains(c);
            assert!(!rest.contains(is_odd), "{rest:?}");
        }
        let lines = logged(Style::Json, || tracing::warn!(evil, "hm"));
        let line: serde_json::Value = serde_json::from_str(&lines[0]).unwrap();
        assert_eq!(line["evil"], evil);
    }

    #[test]
    fn text_is_for_people_and_values_with_spaces_have_quotes() {
        let lines = logged(Style::Text { colours: false }, || {
            tracing::warn!(reason = "connection refused", attempt = 2, "the manager is away");
        });

        let (_, rest) = lines[0].split_once(' ').unwrap();
        assert_eq!(rest, "WARN  the manager is away reason=\"connection refused\" attempt=2\n");
    }

    #[test]
    fn colours_are_only_where_they_are_wanted() {
        let lines = logged(Style::Text { colours: true }, || tracing::error!(a = 1, "x"));

        assert!(lines[0].contains("\u{1b}[31m"), "{:?}", lines[0]);
    }
}
