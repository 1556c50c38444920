//! Which crate may import which, read from `cargo metadata`: an edge that is not in these tables fails.

use std::collections::{BTreeMap, BTreeSet};
use std::process::Command;

use serde::Deserialize;

/// What each crate may import of the workspace. Benches and end-to-end tests stand outside and see everything.
const MAY_IMPORT: &[(&str, &[&str])] = &[
    ("protocol", &[]),
    ("gateway", &["protocol"]),
    ("link", &["protocol"]),
    ("notify", &[]),
    ("runtime", &["protocol"]),
    ("store", &["protocol"]),
    ("trace", &["protocol"]),
    ("controller", &["protocol", "gateway", "link", "notify", "store", "trace"]),
    ("manager", &["protocol", "gateway", "runtime", "store", "trace"]),
    (
        "longshore",
        &[
            "protocol",
            "gateway",
            "link",
            "notify",
            "runtime",
            "store",
            "controller",
            "manager",
            "trace",
        ],
    ),
];

/// Apps: even a development dependency must not tie one to another.
const APPS: &[&str] = &["controller", "manager", "longshore"];

/// Outside the layers.
const OUTSIDE: &[&str] = &["tests", "chaos", "benches"];

/// Who alone may use what from the registry.
const ALONE: &[(&str, &[&str])] = &[
    ("schemars", &["protocol"]),
    ("sqlx", &["store"]),
    ("bollard", &["runtime"]),
    ("cap-std", &["runtime"]),
    ("pty-process", &["runtime"]),
    ("argon2", &["manager"]),
    ("socketioxide", &["gateway"]),
    ("socketioxide-core", &["gateway"]),
    ("engineioxide", &["gateway"]),
    ("tokio-tungstenite", &["link"]),
    ("ring", &["notify"]),
    ("tokio-rustls", &["gateway", "notify"]),
    ("hyper", &["gateway", "notify", "runtime"]),
    ("clap", &["longshore"]),
    ("rustyline", &["longshore"]),
    ("rust-embed", &["controller"]),
];

#[derive(Deserialize)]
struct Metadata {
    packages: Vec<Package>,
}

#[derive(Deserialize)]
struct Package {
    name: String,
    dependencies: Vec<Dependency>,
}

#[derive(Deserialize)]
struct Dependency {
    name: String,
    /// Absent for an ordinary dependency, else `dev` or `build`.
    kind: Option<String>,
}

impl Dependency {
    fn is_dev(&self) -> bool {
        self.kind.as_deref() == Some("dev")
    }
}

fn workspace() -> Vec<Package> {
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let manifest = concat!(env!("CARGO_MANIFEST_DIR"), "/../Cargo.toml");
    let output = Command::new(cargo)
        .args(["metadata", "--format-version", "1", "--no-deps", "--manifest-path", manifest])
        .output()
        .expect("cargo runs");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    serde_json::from_slice::<Metadata>(&output.stdout).expect("cargo writes JSON").packages
}

/// Edges between crates of the workspace that the table does not have.
fn forbidden_imports(packages: &[Package]) -> Vec<String> {
    let members: BTreeSet<&str> = packages.iter().map(|p| p.name.as_str()).collect();
    let table: BTreeMap<_, _> = MAY_IMPORT.iter().copied().collect();
    let mut edges = Vec::new();
    for package in packages.iter().filter(|p| !OUTSIDE.contains(&p.name.as_str())) {
        let Some(allowed) = table.get(package.name.as_str()) else {
            edges.push(format!("{} has no row in the table", package.name));
            continue;
        };
        for import in package.dependencies.iter().filter(|d| members.contains(d.name.as_str())) {
            let exempt = import.is_dev() && !APPS.contains(&import.name.as_str());
            if !exempt && !allowed.contains(&import.name.as_str()) {
                edges.push(format!("{} -> {}", package.name, import.name));
            }
        }
    }
    edges
}

/// Registry crates used by somebody else than the one that alone may.
fn trespasses(packages: &[Package]) -> Vec<String> {
    let owners: BTreeMap<_, _> = ALONE.iter().copied().collect();
    let mut found = Vec::new();
    for package in packages.iter().filter(|p| !OUTSIDE.contains(&p.name.as_str())) {
        for import in package.dependencies.iter().filter(|d| !d.is_dev()) {
            let Some(owners) = owners.get(import.name.as_str()) else { continue };
            if !owners.contains(&package.name.as_str()) {
                found.push(format!("{} -> {}", package.name, import.name));
            }
        }
    }
    found
}

fn package(name: &str, imports: &[(&str, Option<&str>)]) -> Package {
    let dependencies = imports
        .iter()
        .map(|(name, kind)| Dependency { name: (*name).into(), kind: kind.map(Into::into) })
        .collect();
    Package { name: name.into(), dependencies }
}

#[test]
fn every_import_is_in_the_table() {
    assert_eq!(forbidden_imports(&workspace()), Vec::<String>::new());
}

#[test]
fn what_one_crate_alone_may_use_nobody_else_uses() {
    assert_eq!(trespasses(&workspace()), Vec::<String>::new());
}

#[test]
fn the_check_finds_a_forbidden_edge() {
    let packages = [
        package("protocol", &[("tokio", None), ("store", None)]),
        package("store", &[("protocol", None), ("clap", None), ("link", Some("dev"))]),
        package("link", &[("protocol", None)]),
        package("controller", &[("manager", Some("dev")), ("store", None)]),
        package("manager", &[("store", None)]),
        package("stranger", &[]),
        package("benches", &[("manager", None), ("clap", None)]),
    ];

    let edges = forbidden_imports(&packages);
    let used = trespasses(&packages);

    assert_eq!(
        edges,
        ["protocol -> store", "controller -> manager", "stranger has no row in the table"]
    );
    assert_eq!(used, ["store -> clap"]);
}
