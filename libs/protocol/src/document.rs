//! The contract as files: `asyncapi.yaml`, the console's TypeScript types, and a golden file per message.
//!
//! All of it is made from the [`catalogue`] and nothing else. The files are checked in;
//! a test compares them with [`files`], and `make contract` writes them anew.

mod asyncapi;
mod golden;
mod schemas;
mod typescript;
mod yaml;

pub use asyncapi::asyncapi;
pub use golden::{Golden, GoldenSample};
pub use typescript::typescript;

use crate::catalogue;

/// First line of the files that allow comments.
const GENERATED: &str = "Written by `make contract` from libs/protocol. Do not edit.";

/// A generated file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct File {
    /// Where it belongs, from the top of the repository.
    pub path: String,
    /// What is in it.
    pub text: String,
}

/// The directory that has the golden files and nothing else, from the top of the repository.
pub const GOLDEN: &str = "libs/protocol/golden";

/// Every generated file.
#[must_use]
pub fn files() -> Vec<File> {
    let asyncapi = format!("# {GENERATED}\n{}", yaml::write(&asyncapi()));
    let mut files = vec![
        File { path: "asyncapi.yaml".into(), text: asyncapi },
        File { path: "apps/console/src/protocol.ts".into(), text: typescript() },
    ];
    files.extend(catalogue::messages().map(|message| Golden::of(message).file(message)));
    files
}
