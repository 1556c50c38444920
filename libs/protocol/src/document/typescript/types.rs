//! What a JSON schema is in TypeScript.

use std::fmt::Write;

use serde_json::{Map, Value};

/// The declaration of a schema that has a name.
pub(super) fn declaration(name: &str, schema: &Value) -> String {
    let documentation = comment(schema, 0);
    match schema {
        Value::Object(fields) if is_interface(fields) => {
            format!("{documentation}export interface {name} {}\n", members(fields, 0))
        }
        _ => {
            // A choice begins on a line of its own.
            let kind = type_of(schema, 0);
            let gap = if kind.starts_with('\n') { "" } else { " " };
            format!("{documentation}export type {name} ={gap}{kind};\n")
        }
    }
}

fn is_interface(fields: &Map<String, Value>) -> bool {
    fields.contains_key("properties")
        && !fields.contains_key("oneOf")
        && !fields.contains_key("anyOf")
}

/// The type that a schema says, for a place `indent` levels deep.
pub(super) fn type_of(schema: &Value, indent: usize) -> String {
    let fields = match schema {
        Value::Object(fields) => fields,
        Value::Bool(true) => return "unknown".into(),
        other => panic!("no type for the schema {other}"),
    };
    if let Some(reference) = fields.get("$ref").and_then(Value::as_str) {
        return reference.rsplit('/').next().unwrap_or(reference).into();
    }
    if let Some(value) = fields.get("const") {
        return value.to_string();
    }
    if let Some(values) = fields.get("enum").and_then(Value::as_array) {
        return values.iter().map(Value::to_string).collect::<Vec<_>>().join(" | ");
    }
    // What stands beside a choice belongs to each of its alternatives.
    let mut parts: Vec<String> =
        fields.get("properties").map(|_| members(fields, indent)).into_iter().collect();
    if let Some(all) = fields.get("allOf").and_then(Value::as_array) {
        parts.extend(all.iter().map(|part| type_of(part, indent)));
    }
    if let Some(choices) =
        fields.get("oneOf").or_else(|| fields.get("anyOf")).and_then(Value::as_array)
    {
        let union = union(choices, indent);
        parts.push(if parts.is_empty() {
            union
        } else {
            format!("({union}\n{})", "  ".repeat(indent))
        });
    }
    if parts.is_empty() { simple(fields, indent) } else { parts.join(" & ") }
}

fn union(choices: &[Value], indent: usize) -> String {
    let alternative = |choice| {
        let documentation = comment(choice, indent + 1);
        let at = "  ".repeat(indent + 1);
        // `/** … */` reads best before the bar that it is about.
        format!("\n{documentation}{at}| {}", type_of(choice, indent + 1))
    };
    choices.iter().map(alternative).collect()
}

fn simple(fields: &Map<String, Value>, indent: usize) -> String {
    match fields.get("type").and_then(Value::as_str) {
        None if fields.keys().all(|key| key == "description") => "unknown".into(),
        Some("string") => "string".into(),
        Some("integer" | "number") => "number".into(),
        Some("boolean") => "boolean".into(),
        Some("null") => "null".into(),
        Some("array") => match fields.get("items") {
            Some(items) => format!("Array<{}>", type_of(items, indent)),
            None => "unknown[]".into(),
        },
        Some("object") => match fields.get("additionalProperties") {
            None => "Record<string, never>".into(),
            Some(values) => format!("Record<string, {}>", type_of(values, indent)),
        },
        _ => panic!("no type for the schema {}", Value::Object(fields.clone())),
    }
}

fn members(fields: &Map<String, Value>, indent: usize) -> String {
    let required: Vec<&str> = fields
        .get("required")
        .and_then(Value::as_array)
        .into_iter()
        .flatten()
        .filter_map(Value::as_str)
        .collect();
    let mut out = String::from("{\n");
    for (name, schema) in fields.get("properties").and_then(Value::as_object).into_iter().flatten()
    {
        let mark = if required.contains(&name.as_str()) { "" } else { "?" };
        out.push_str(&comment(schema, indent + 1));
        let kind = type_of(schema, indent + 1);
        writeln!(out, "{}{name}{mark}: {kind};", "  ".repeat(indent + 1))
            .expect("a string takes it");
    }
    out + &"  ".repeat(indent) + "}"
}

fn comment(schema: &Value, indent: usize) -> String {
    let Some(text) = schema.get("description").and_then(Value::as_str) else {
        return String::new();
    };
    let at = "  ".repeat(indent);
    let text = text.replace("*/", "* /");
    let mut lines = text.lines();
    match (lines.next(), lines.clone().next()) {
        (None, _) => String::new(),
        (Some(only), None) => format!("{at}/** {only} */\n"),
        _ => {
            let body: String = text
                .lines()
                .map(|line| format!("{at} * {line}").trim_end().to_owned() + "\n")
                .collect();
            format!("{at}/**\n{body}{at} */\n")
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn schemas_become_types() {
        for (schema, expected) in [
            (json!({ "type": "string", "pattern": "^a$" }), "string"),
            (json!({ "type": "integer", "minimum": 0 }), "number"),
            (json!({ "type": "boolean", "const": true }), "true"),
            (json!({ "type": "string", "enum": ["a", "b"] }), r#""a" | "b""#),
            (json!({ "type": "array", "items": { "type": "string" } }), "Array<string>"),
            (
                json!({ "type": "object", "additionalProperties": { "type": "number" } }),
                "Record<string, number>",
            ),
            (json!({ "type": "object" }), "Record<string, never>"),
            (json!({ "$ref": "#/components/schemas/Seq" }), "Seq"),
            (json!({ "description": "x", "allOf": [{ "$ref": "#/a/Seq" }] }), "Seq"),
            (json!({ "anyOf": [{ "$ref": "#/a/A" }, { "$ref": "#/a/B" }] }), "\n  | A\n  | B"),
            (json!(true), "unknown"),
            (json!({ "description": "anything" }), "unknown"),
        ] {
            assert_eq!(type_of(&schema, 0), expected, "{schema}");
        }
    }

    #[test]
    fn an_object_becomes_an_interface_with_optional_members() {
        let schema = json!({
            "type": "object",
            "description": "Two\nlines with */ in them.",
            "properties": { "a": { "type": "string", "description": "First." }, "b": { "type": "integer" } },
            "required": ["a"],
        });

        assert_eq!(
            declaration("X", &schema),
            "/**\n * Two\n * lines with * / in them.\n */\nexport interface X {\n  /** First. */\n  a: string;\n  b?: number;\n}\n"
        );
    }

    #[test]
    fn fields_beside_a_choice_belong_to_each_alternative() {
        let schema = json!({
            "properties": { "a": { "type": "string" } },
            "required": ["a"],
            "oneOf": [{ "properties": { "b": { "const": 1 } } }, { "$ref": "#/x/C" }],
        });

        let expected =
            "export type X = {\n  a: string;\n} & (\n  | {\n    b?: 1;\n  }\n  | C\n);\n";
        assert_eq!(declaration("X", &schema), expected);
    }

    #[test]
    #[should_panic(expected = "no type for the schema")]
    fn what_cannot_be_said_is_not_guessed() {
        type_of(
            &json!({ "type": "object", "patternProperties": {} , "not": {}, "if": {} })["not"],
            0,
        );
        type_of(&json!({ "not": {} }), 0);
    }
}
