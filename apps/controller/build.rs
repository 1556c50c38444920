//! Has the crate compiled again when the console was built meanwhile, which it has inside.

use std::path::Path;

fn main() {
    let dist = Path::new("../console/dist");
    let is_release = std::env::var("PROFILE").is_ok_and(|profile| profile == "release");
    let watched = match (dist.exists(), is_release) {
        (true, true) => dist,
        // The files are read when they are asked for.
        (true, false) => Path::new("build.rs"),
        // Where it is going to be.
        (false, _) => Path::new("../console"),
    };
    println!("cargo::rerun-if-changed={}", watched.display());
}
