//! One file per message with samples of it: what the wire looked like when somebody last said that it is right.

use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

use super::{File, GOLDEN};
use crate::catalogue::{Message, Sample, Shape};

/// What a golden file holds.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Golden {
    /// Payloads.
    pub payloads: Vec<GoldenSample>,
    /// On commands: whole acknowledgements.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub acknowledgements: Vec<GoldenSample>,
}

/// One value in a golden file.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct GoldenSample {
    /// What it shows.
    pub name: String,
    /// The value; field order and numbers as on the wire, white space as it reads well.
    pub json: Box<RawValue>,
}

impl Golden {
    /// The message's samples.
    #[must_use]
    pub fn of(message: &Message) -> Self {
        let acknowledgements = message.answer.map(|answer| samples(&answer.acknowledgement));
        Self {
            payloads: samples(&message.payload),
            acknowledgements: acknowledgements.unwrap_or_default(),
        }
    }

    pub(super) fn file(&self, message: &Message) -> File {
        let path = format!("{GOLDEN}{}/{}.json", message.namespace.path(), message.key);
        let value = serde_json::to_value(self).expect("samples are JSON");
        let text = serde_json::to_string_pretty(&value).expect("values are JSON");
        File { path, text: text + "\n" }
    }
}

fn samples(shape: &Shape) -> Vec<GoldenSample> {
    let golden = |sample: Sample| GoldenSample {
        name: sample.name.to_owned(),
        json: RawValue::from_string(sample.json).expect("samples are JSON"),
    };
    shape.samples().into_iter().map(golden).collect()
}
