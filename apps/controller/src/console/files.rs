//! Which file a path means.

use rust_embed::{Embed, EmbeddedFile};

/// The console as Vite builds it. Part of the binary; a debug build reads the directory when it is asked.
#[derive(Embed)]
#[folder = "../console/dist"]
#[allow_missing = true]
struct Dist;

/// The page. It finds out by itself what to show at a path.
const INDEX: &str = "index.html";

/// Files whose names change with what is in them.
const HASHED: &str = "assets/";

/// Looked at again each time, which costs a `304`.
const LOOK_AGAIN: &str = "no-cache";
/// Never asked for again.
const FOR_EVER: &str = "public, max-age=31536000, immutable";

/// First parts of paths that are not the console's.
const OTHERS: [&str; 5] = ["api", "socket.io", "health", "ready", "asyncapi.yaml"];

/// What there is at a path.
pub(super) enum Found {
    /// A file, and how long a browser may keep it.
    File(EmbeddedFile, &'static str),
    /// The console is not there.
    NotBuilt,
    /// No file, and no page of the console either.
    Nothing,
}

/// What there is at the path of an address, as it was written: a name that would need an escape is none.
pub(super) fn find(path: &str) -> Found {
    let path = path.trim_start_matches('/');
    let first = path.split('/').next().unwrap_or_default();
    if OTHERS.contains(&first) {
        return Found::Nothing;
    }
    let hashed = path.starts_with(HASHED);
    if let Some(file) = Some(path).filter(|path| is_name(path)).and_then(Dist::get) {
        return Found::File(file, if hashed { FOR_EVER } else { LOOK_AGAIN });
    }
    // An asset that an older page asks for is no page.
    if hashed {
        return Found::Nothing;
    }
    Dist::get(INDEX).map_or(Found::NotBuilt, |page| Found::File(page, LOOK_AGAIN))
}

/// Whether it names a file below the directory: the names between slashes lead nowhere else.
fn is_name(path: &str) -> bool {
    let plain = |name: &str| {
        !name.is_empty()
            && !name.starts_with('.')
            && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_.".contains(&byte))
    };
    path.split('/').all(plain)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_lead_nowhere_else() {
        for name in ["index.html", "assets/index-B_1a.js", "a/b/c.d"] {
            assert!(is_name(name), "{name}");
        }
        for name in
            ["", "..", "../x", "a/../b", "a//b", "/a", "a/", ".env", "..%2fx", "a\\b", "a/./b", "é"]
        {
            assert!(!is_name(name), "{name}");
        }
    }

    #[test]
    fn what_is_not_the_consoles_is_not_a_page() {
        for path in
            ["/api", "/api/nothing", "/socket.io/x", "/health/", "/assets/no.js", "/assets/"]
        {
            assert!(matches!(find(path), Found::Nothing), "{path}");
        }
        for path in
            ["/", "/c/cl_1/a/x.y", "/..%2f..%2fCargo.toml", "//etc/passwd", "/../Cargo.toml"]
        {
            let is_page = match find(path) {
                Found::File(file, keep) => {
                    keep == LOOK_AGAIN
                        && Dist::get(INDEX).is_some_and(|page| page.data == file.data)
                }
                Found::NotBuilt => Dist::get(INDEX).is_none(),
                Found::Nothing => false,
            };
            assert!(is_page, "{path}");
        }
    }
}
