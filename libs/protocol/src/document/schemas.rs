//! JSON schemas of the wire types, in the one dialect that both documents are made from.

use schemars::SchemaGenerator;
use schemars::generate::SchemaSettings;
use serde_json::{Map, Value, json};

use crate::catalogue::Shape;

/// Where a schema of that name is, within the document.
pub(super) const COMPONENTS: &str = "/components/schemas";

/// Collects the schemas that are referred to.
#[derive(Debug)]
pub(super) struct Schemas(SchemaGenerator);

impl Schemas {
    pub(super) fn new() -> Self {
        // AsyncAPI's own dialect is a superset of draft 7.
        let settings = SchemaSettings::draft07().with(|settings| {
            settings.definitions_path = COMPONENTS.into();
            settings.meta_schema = None;
        });
        Self(settings.into_generator())
    }

    /// The schema of a shape: a reference, where the type has a name.
    pub(super) fn of(&mut self, shape: &Shape) -> Value {
        tidied(shape.schema(&mut self.0).to_value())
    }

    /// The schema of a type that no message has as its payload.
    pub(super) fn of_type<T: schemars::JsonSchema>(&mut self) -> Value {
        tidied(self.0.subschema_for::<T>().to_value())
    }

    /// Everything referred to so far, by name.
    pub(super) fn components(mut self) -> Map<String, Value> {
        let mut components = self.0.take_definitions(true);
        components.sort_keys();
        components.values_mut().for_each(tidy);
        components
    }
}

fn tidied(mut schema: Value) -> Value {
    tidy(&mut schema);
    schema
}

/// Makes an optional field one that is absent, which is how longshore writes it, instead of one that is null;
/// and gives whole numbers a format that the AsyncAPI specification knows.
fn tidy(schema: &mut Value) {
    match schema {
        Value::Object(fields) => {
            if fields
                .get("format")
                .and_then(Value::as_str)
                .is_some_and(|format| format.starts_with("uint"))
            {
                fields.insert("format".into(), "int64".into());
            }
            if let Some(Value::Array(types)) = fields.get_mut("type") {
                types.retain(|kind| kind != "null");
                if types.len() == 1 {
                    let only = types.remove(0);
                    fields.insert("type".into(), only);
                }
            }
            drop_null_choice(fields);
            set_reference_apart(fields);
            fields.values_mut().for_each(tidy);
        }
        Value::Array(items) => items.iter_mut().for_each(tidy),
        _ => {}
    }
}

/// `anyOf: [X, null]` becomes X; a reference with a description beside it keeps its place in an `allOf`.
fn drop_null_choice(fields: &mut Map<String, Value>) {
    let Some(Value::Array(choices)) = fields.get_mut("anyOf") else { return };
    choices.retain(|choice| choice.get("type").is_none_or(|kind| kind != "null"));
    if choices.len() == 1 {
        let only = choices.remove(0);
        fields.remove("anyOf");
        fields.insert("allOf".into(), Value::Array(vec![only]));
    }
}

/// What stands beside a reference would be ignored.
fn set_reference_apart(fields: &mut Map<String, Value>) {
    if fields.len() > 1
        && let Some(reference) = fields.shift_remove("$ref")
    {
        fields.insert("allOf".into(), json!([{ "$ref": reference }]));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_optional_field_is_absent_and_never_null() {
        let schema = json!({ "properties": {
            "plain": { "type": ["string", "null"], "maxLength": 3 },
            "reference": { "description": "x", "anyOf": [{ "$ref": "#/a" }, { "type": "null" }] },
            "described": { "description": "x", "$ref": "#/a" },
            "choice": { "anyOf": [{ "$ref": "#/a" }, { "type": "integer", "format": "uint32" }] },
        } });

        assert_eq!(
            tidied(schema),
            json!({ "properties": {
                "plain": { "type": "string", "maxLength": 3 },
                "reference": { "description": "x", "allOf": [{ "$ref": "#/a" }] },
                "described": { "description": "x", "allOf": [{ "$ref": "#/a" }] },
                "choice": { "anyOf": [{ "$ref": "#/a" }, { "type": "integer", "format": "int64" }] },
            } })
        );
    }
}
