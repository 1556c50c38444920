//! What everybody saw and was promised, as it happened.

use std::collections::{BTreeMap, HashSet};
use std::hash::{DefaultHasher, Hash, Hasher};
use std::sync::{Mutex, MutexGuard, PoisonError};

use serde_json::Value;

/// How far a viewer is in a log.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Cursor {
    pub(crate) epoch: String,
    pub(crate) seq: u64,
}

/// One thing that a viewer saw of a conversation.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Seen {
    /// The answer to a join: `after` was asked for, the log is in `epoch` and ends at `head`.
    Joined { after: Option<Cursor>, epoch: String, head: u64 },
    /// An entry.
    Entry { seq: u64, digest: u64 },
    /// The log begins anew.
    Cleared { epoch: String },
    /// The conversation is gone, or the viewer left it.
    Ended,
}

/// A message that was acknowledged.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Accepted {
    pub(crate) conversation: String,
    pub(crate) token: u64,
    pub(crate) run: String,
    pub(crate) seq: u64,
}

/// A log as it is at the end.
#[derive(Debug, Clone, Default)]
pub(crate) struct Log {
    pub(crate) epoch: String,
    /// `(event, payload)`, as exported.
    pub(crate) entries: Vec<(String, Value)>,
}

/// Everything that the checker is to judge.
#[derive(Debug, Default)]
pub(crate) struct History {
    /// By viewer and conversation.
    pub(crate) seen: BTreeMap<(String, String), Vec<Seen>>,
    /// Viewers that were there at the end, and in which conversations.
    pub(crate) present: HashSet<(String, String)>,
    pub(crate) accepted: Vec<Accepted>,
    /// Conversations that somebody asked to be cleared.
    pub(crate) cleared: HashSet<String>,
    /// Conversations that somebody asked to be deleted.
    pub(crate) deleted: HashSet<String>,
    /// Messages that agents read from their standard input, in order.
    pub(crate) heard: Vec<u64>,
    /// The logs at the end.
    pub(crate) logs: BTreeMap<String, Log>,
    /// What went wrong outside of the logs: a process that died by itself, one that did not stop.
    pub(crate) incidents: Vec<String>,
}

/// The history while it is made.
#[derive(Debug, Default)]
pub(crate) struct Record(Mutex<History>);

impl Record {
    pub(crate) fn lock(&self) -> MutexGuard<'_, History> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn see(&self, viewer: &str, conversation: &str, seen: Seen) {
        let key = (viewer.to_owned(), conversation.to_owned());
        self.lock().seen.entry(key).or_default().push(seen);
    }

    pub(crate) fn incident(&self, text: String) {
        eprintln!("incident: {text}");
        self.lock().incidents.push(text);
    }

    pub(crate) fn take(&self) -> History {
        std::mem::take(&mut *self.lock())
    }
}

/// What two who saw the same entry must agree on. The order of keys is not part of it: the JavaScript client parses and
/// writes again.
pub(crate) fn digest(event: &str, payload: &Value) -> u64 {
    let mut hasher = DefaultHasher::new();
    event.hash(&mut hasher);
    hash(payload, &mut hasher);
    hasher.finish()
}

fn hash(value: &Value, hasher: &mut DefaultHasher) {
    match value {
        Value::Object(fields) => {
            let sorted: BTreeMap<_, _> = fields.iter().collect();
            sorted.len().hash(hasher);
            for (key, value) in sorted {
                key.hash(hasher);
                hash(value, hasher);
            }
        }
        Value::Array(items) => {
            items.len().hash(hasher);
            items.iter().for_each(|item| hash(item, hasher));
        }
        Value::Number(number) => number.as_f64().unwrap_or(f64::NAN).to_bits().hash(hasher),
        other => other.to_string().hash(hasher),
    }
}
