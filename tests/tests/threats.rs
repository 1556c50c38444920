//! Whether every test that `docs/security.md` names is there.

use std::path::{Path, PathBuf};

/// Directories with tests.
const PLACES: [&str; 4] = ["tests/js", "tests/console", "libs", "apps"];

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}

/// All files of that name that are ours.
fn find(directory: &Path, name: &str, found: &mut Vec<PathBuf>) {
    let skipped = ["node_modules", "target", "dist"];
    for entry in std::fs::read_dir(directory).into_iter().flatten().flatten() {
        let path = entry.path();
        let is_skipped = skipped.iter().any(|skipped| path.ends_with(skipped));
        if path.is_dir() && !is_skipped {
            find(&path, name, found);
        } else if path.file_name().is_some_and(|own| own == name) {
            found.push(path);
        }
    }
}

/// The file and the title in the last column of a row.
fn named(row: &str) -> Option<(&str, &str)> {
    let test = row.trim().trim_end_matches('|').rsplit(" | ").next()?.trim();
    let (file, title) = test.strip_prefix('`')?.split_once('`')?;
    Some((file, title.trim_start_matches(':').trim()))
}

#[test]
fn every_threat_has_a_test_that_exists() {
    let text = std::fs::read_to_string(root().join("docs/security.md")).unwrap();
    let threats = text.split("## Threats").nth(1).unwrap().split("\n## ").next().unwrap();
    let rows: Vec<&str> = threats.lines().filter(|line| line.starts_with('|')).skip(2).collect();

    let missing: Vec<&str> = rows.iter().copied().filter(|row| !exists(row)).collect();

    assert!(rows.len() > 20, "{}", rows.len());
    assert_eq!(missing, Vec::<&str>::new());
}

fn exists(row: &str) -> bool {
    let Some((file, title)) = named(row) else { return false };
    if file.contains('/') {
        return root().join(file).is_file();
    }
    let mut found = Vec::new();
    PLACES.iter().for_each(|place| find(&root().join(place), file, &mut found));
    let has = |path: &PathBuf| std::fs::read_to_string(path).is_ok_and(|text| text.contains(title));
    !title.is_empty() && found.iter().any(has)
}

#[test]
fn a_row_without_a_test_is_found() {
    assert!(!exists("| a | b | `attacks.test.mjs`: no such test anywhere |"));
    assert!(!exists("| a | b | none |"));
}
