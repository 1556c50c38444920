//! The checked-in files are those that the types make, and the types read what the files say.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::{fs, io};

use protocol::catalogue::{self, Shape};
use protocol::document::{self, Golden, GoldenSample};

fn top() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

/// The text without white space between values.
fn compact(json: &str) -> String {
    serde_json::from_str::<serde_json::Value>(json).expect("JSON").to_string()
}

fn files_under(directory: &Path) -> io::Result<BTreeSet<PathBuf>> {
    let mut files = BTreeSet::new();
    for entry in fs::read_dir(directory)? {
        let path = entry?.path();
        if path.is_dir() {
            files.append(&mut files_under(&path)?);
        } else {
            assert!(files.insert(path));
        }
    }
    Ok(files)
}

#[test]
fn generated_files_are_current() {
    for file in document::files() {
        let path = top().join(&file.path);
        let there = fs::read_to_string(&path).unwrap_or_default();

        let line =
            there.lines().zip(file.text.lines()).take_while(|(old, new)| old == new).count() + 1;
        assert!(there == file.text, "{} is stale from line {line}: run `make contract`", file.path);
    }
}

#[test]
fn no_golden_file_is_left_over() {
    let golden = top().join(document::GOLDEN);
    let files = document::files().into_iter().map(|file| top().join(file.path));
    let expected: BTreeSet<_> = files.filter(|path| path.starts_with(&golden)).collect();

    assert_eq!(files_under(&golden).unwrap(), expected);
}

#[test]
fn golden_files_are_what_the_types_write_and_read() {
    for message in catalogue::messages() {
        let path = top().join(document::GOLDEN).join(format!(
            ".{}/{}.json",
            message.namespace.path(),
            message.key
        ));
        let golden: Golden = serde_json::from_str(&fs::read_to_string(&path).unwrap()).unwrap();

        both_ways(message.key, &message.payload, &golden.payloads);
        if let Some(answer) = message.answer {
            both_ways(message.key, &answer.acknowledgement, &golden.acknowledgements);
        }
    }
}

fn both_ways(key: &str, shape: &Shape, golden: &[GoldenSample]) {
    let samples = shape.samples();
    assert_eq!(samples.len(), golden.len(), "{key}");
    for (sample, golden) in samples.iter().zip(golden) {
        let expected = compact(golden.json.get());
        assert_eq!(sample.json, expected, "{key}, {}: written", sample.name);
        assert_eq!(
            shape.rewrite(&expected).expect("of the type"),
            expected,
            "{key}, {}: read",
            sample.name
        );
    }
}

#[test]
fn every_rust_error_code_is_in_the_documents() {
    let asyncapi = document::asyncapi();
    let codes = asyncapi["components"]["schemas"]["ErrorCode"]["oneOf"].as_array().unwrap();

    assert!(codes.len() > 20);
    for code in codes {
        serde_json::from_value::<protocol::ErrorCode>(code["const"].clone()).unwrap();
    }
}
