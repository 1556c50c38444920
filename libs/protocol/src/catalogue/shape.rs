//! A payload's type without the type: its schema, samples of it, and reading and writing it.

use schemars::{JsonSchema, Schema, SchemaGenerator};
use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::error::{Ack, ErrorCode, WireError};

/// A type that can show what it looks like. The samples become the documents' examples and the golden files;
/// being values of the type, they cannot say what the type does not.
pub(super) trait Sampled: JsonSchema + Serialize + DeserializeOwned {
    /// At least one; each with the name of what it shows.
    fn samples() -> Vec<(&'static str, Self)>;
}

/// An acknowledgement succeeds as often as its data has samples, and fails once.
impl<T: Sampled> Sampled for Ack<T> {
    fn samples() -> Vec<(&'static str, Self)> {
        let refused = WireError::new(ErrorCode::InvalidPayload, "what is wrong, for people");
        let done = T::samples().into_iter().map(|(name, data)| (name, Ok(data).into()));
        done.chain([("refused", Err(refused).into())]).collect()
    }
}

/// A value as it goes over the wire.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Sample {
    /// What it shows.
    pub name: &'static str,
    /// The value.
    pub json: String,
}

/// The type of a payload or an answer.
#[derive(Debug, Clone, Copy)]
pub struct Shape {
    schema: fn(&mut SchemaGenerator) -> Schema,
    samples: fn() -> Vec<Sample>,
    rewrite: fn(&str) -> Result<String, serde_json::Error>,
}

impl Shape {
    pub(super) const fn of<T: Sampled>() -> Self {
        Self { schema: schema::<T>, samples: samples::<T>, rewrite: rewrite::<T> }
    }

    /// Its JSON schema; what it refers to is added to the generator.
    pub fn schema(&self, generator: &mut SchemaGenerator) -> Schema {
        (self.schema)(generator)
    }

    /// Values of the type, at least one.
    #[must_use]
    pub fn samples(&self) -> Vec<Sample> {
        (self.samples)()
    }

    /// Reads a value of the type and writes it again, without what the type does not know.
    ///
    /// # Errors
    /// The text is no JSON, or JSON of another type.
    pub fn rewrite(&self, json: &str) -> Result<String, serde_json::Error> {
        (self.rewrite)(json)
    }
}

fn schema<T: Sampled>(generator: &mut SchemaGenerator) -> Schema {
    generator.subschema_for::<T>()
}

fn samples<T: Sampled>() -> Vec<Sample> {
    let write = |(name, value)| {
        let json =
            serde_json::to_string(&value).expect("wire types have string keys and no failing part");
        Sample { name, json }
    };
    T::samples().into_iter().map(write).collect()
}

fn rewrite<T: Sampled>(json: &str) -> Result<String, serde_json::Error> {
    serde_json::to_string(&serde_json::from_str::<T>(json)?)
}
