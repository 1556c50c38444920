//! An agent's container: what it is made of, and what it is allowed.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Component, Path, PathBuf};
use std::sync::LazyLock;

use regex::Regex;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Entries of any list, and variables of the environment.
const MAX_ITEMS: usize = 256;
/// Bytes of one text; the kernel takes no longer argument.
const MAX_TEXT: usize = 128 << 10;
/// Bytes of a path.
const MAX_PATH: usize = 4_096;

/// A container, made from an image or found by its name. What is not allowed here is forbidden: no capabilities, no
/// new privileges, and never the engine's own socket.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Docker {
    /// The image that it is made from, such as `node:22`. It is pulled when the engine does not have it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub image: Option<String>,
    /// Instead of an image: the name of a container that exists. It is started when it does not run, never changed and
    /// never removed, so nothing else may be set.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub container: Option<String>,
    /// What it runs, with arguments; without it, what the image says.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub command: Vec<String>,
    /// Added to the image's environment.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub env: BTreeMap<String, String>,
    /// What it sees of the manager's machine, besides the agent's own directory at `/workspace`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub mounts: Vec<Mount>,
    /// `none`, `host` if the manager allows it, or a network's name; without it, the engine's default.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub network: Option<String>,
    /// `user` or `user:group`, by name or number; without it, what the image says.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub user: Option<String>,
    /// Most memory, in MiB, from 6; swap is not given.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub memory_mib: Option<u32>,
    /// Most time of processors, in thousandths of one, from 10.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cpu_millis: Option<u32>,
    /// Most processes and threads, from 1.
    #[serde(default = "default_pids", skip_serializing_if = "is_default_pids")]
    pub pids: u32,
    /// Whether it can change nothing but what is mounted.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub read_only: bool,
    /// Directories in memory, gone when it ends.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub tmpfs: Vec<PathBuf>,
    /// Capabilities that it keeps, such as `NET_RAW`. All others are dropped.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub capabilities: Vec<String>,
    /// Working directory; without it, `/workspace`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub workdir: Option<PathBuf>,
}

impl std::fmt::Debug for Docker {
    /// Values of the environment may be secrets.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Docker")
            .field("image", &self.image)
            .field("container", &self.container)
            .field("command", &self.command)
            .field("env", &self.env.keys())
            .finish_non_exhaustive()
    }
}

/// A directory or file of the manager's machine within a container.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Mount {
    /// Where it is; the manager has a list of what may be mounted.
    pub source: PathBuf,
    /// Where the container sees it.
    pub target: PathBuf,
    /// Whether it cannot be changed.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub read_only: bool,
}

/// A container that cannot be.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum InvalidContainer {
    /// Neither an image nor a container, or both.
    #[error("either an image or a container has to be named")]
    Origin,
    /// A container that exists is taken as it is.
    #[error("{0} cannot be set for a container that exists")]
    Fixed(&'static str),
    /// A text that does not have the form it has to have.
    #[error("{field} \"{value}\" is not {expected}")]
    Form {
        /// Which.
        field: &'static str,
        /// What it is, without control characters.
        value: String,
        /// What it should be.
        expected: &'static str,
    },
    /// A number out of bounds.
    #[error("{field} is {least} to {most}")]
    Bounds {
        /// Which.
        field: &'static str,
        /// Least.
        least: u32,
        /// Most.
        most: u32,
    },
    /// More than there may be.
    #[error("{0} has more than {MAX_ITEMS} entries")]
    TooMany(&'static str),
    /// Two mounts or tmpfs at one place.
    #[error("\"{}\" is mounted twice", .0.display())]
    Twice(PathBuf),
}

/// What an image, a network and so on look like.
struct Forms {
    image: Regex,
    name: Regex,
    user: Regex,
    variable: Regex,
    capability: Regex,
}

static FORMS: LazyLock<Forms> = LazyLock::new(|| {
    let regex = |pattern: &str| Regex::new(pattern).expect("the pattern is constant");
    let part = r"[a-z0-9]+(?:(?:\.|_{1,2}|-+)[a-z0-9]+)*";
    let registry = r"[A-Za-z0-9](?:[A-Za-z0-9.-]*[A-Za-z0-9])?(?::[0-9]{1,5})?";
    let version = r"(?::[A-Za-z0-9_][A-Za-z0-9_.-]{0,127})?(?:@sha256:[0-9a-f]{64})?";
    Forms {
        image: regex(&format!(r"\A(?:{registry}/)?{part}(?:/{part})*{version}\z")),
        name: regex(r"\A[A-Za-z0-9][A-Za-z0-9_.-]{0,127}\z"),
        user: regex(r"\A[A-Za-z0-9_][A-Za-z0-9_.-]{0,63}(?::[A-Za-z0-9_][A-Za-z0-9_.-]{0,63})?\z"),
        variable: regex(r"\A[A-Za-z_][A-Za-z0-9_.-]{0,255}\z"),
        capability: regex(r"\A(?:CAP_)?[A-Z][A-Z_]{1,40}\z"),
    }
});

impl Docker {
    /// A container of that image, with the defaults.
    #[must_use]
    pub fn image(image: impl Into<String>) -> Self {
        Self { image: Some(image.into()), ..Self::empty() }
    }

    /// The container of that name.
    #[must_use]
    pub fn existing(name: impl Into<String>) -> Self {
        Self { container: Some(name.into()), ..Self::empty() }
    }

    fn empty() -> Self {
        Self {
            image: None,
            container: None,
            command: Vec::new(),
            env: BTreeMap::new(),
            mounts: Vec::new(),
            network: None,
            user: None,
            memory_mib: None,
            cpu_millis: None,
            pids: default_pids(),
            read_only: false,
            tmpfs: Vec::new(),
            capabilities: Vec::new(),
            workdir: None,
        }
    }

    /// Checks what the types cannot say.
    pub(super) fn check(&self) -> Result<(), InvalidContainer> {
        match (&self.image, &self.container) {
            (Some(image), None) => {
                let fits = image.len() <= 512 && FORMS.image.is_match(image);
                form(fits, "image", image, "the name of an image")?;
            }
            (None, Some(name)) => {
                form(FORMS.name.is_match(name), "container", name, "the name of a container")?;
                return self.check_nothing_set();
            }
            _ => return Err(InvalidContainer::Origin),
        }
        self.check_counts()?;
        self.check_texts()?;
        self.check_numbers()?;
        self.check_paths()
    }

    /// What exists is not changed.
    fn check_nothing_set(&self) -> Result<(), InvalidContainer> {
        let plain = Self { container: self.container.clone(), ..Self::empty() };
        let set = [
            ("command", self.command != plain.command),
            ("env", self.env != plain.env),
            ("mounts", self.mounts != plain.mounts),
            ("network", self.network != plain.network),
            ("user", self.user != plain.user),
            ("memoryMib", self.memory_mib != plain.memory_mib),
            ("cpuMillis", self.cpu_millis != plain.cpu_millis),
            ("pids", self.pids != plain.pids),
            ("readOnly", self.read_only != plain.read_only),
            ("tmpfs", self.tmpfs != plain.tmpfs),
            ("capabilities", self.capabilities != plain.capabilities),
            ("workdir", self.workdir != plain.workdir),
        ];
        match set.iter().find(|(_, is_set)| *is_set) {
            Some((field, _)) => Err(InvalidContainer::Fixed(field)),
            None => Ok(()),
        }
    }

    fn check_counts(&self) -> Result<(), InvalidContainer> {
        let counts = [
            ("command", self.command.len()),
            ("env", self.env.len()),
            ("mounts", self.mounts.len()),
            ("tmpfs", self.tmpfs.len()),
            ("capabilities", self.capabilities.len()),
        ];
        match counts.iter().find(|(_, count)| *count > MAX_ITEMS) {
            Some((field, _)) => Err(InvalidContainer::TooMany(field)),
            None => Ok(()),
        }
    }

    fn check_texts(&self) -> Result<(), InvalidContainer> {
        let forms = &*FORMS;
        let is_text = |text: &str| text.len() <= MAX_TEXT && !text.contains('\0');
        for word in &self.command {
            form(is_text(word), "command", word, "a text of up to 128 KiB without NUL")?;
        }
        for (name, value) in &self.env {
            form(forms.variable.is_match(name), "env", name, "the name of a variable")?;
            form(is_text(value), "env", name, "given a text of up to 128 KiB without NUL")?;
        }
        if let Some(network) = &self.network {
            form(forms.name.is_match(network), "network", network, "the name of a network")?;
        }
        if let Some(user) = &self.user {
            form(forms.user.is_match(user), "user", user, "user or user:group")?;
        }
        for name in &self.capabilities {
            let is_one = forms.capability.is_match(name) && name != "ALL" && name != "CAP_ALL";
            form(is_one, "capabilities", name, "the name of one capability")?;
        }
        Ok(())
    }

    fn check_numbers(&self) -> Result<(), InvalidContainer> {
        // 6 MiB and a hundredth of a processor are the least that Docker takes.
        bounds("memoryMib", self.memory_mib, 6, 16 << 20)?;
        bounds("cpuMillis", self.cpu_millis, 10, 1_024_000)?;
        bounds("pids", Some(self.pids), 1, 1 << 22)
    }

    fn check_paths(&self) -> Result<(), InvalidContainer> {
        let inside = "an absolute path within a container, without \"..\"";
        let mut places = BTreeSet::new();
        for mount in &self.mounts {
            let source = &mount.source;
            let given = shown(source);
            form(is_plain(source), "source", &given, "an absolute path, without \"..\"")?;
        }
        let targets = self.mounts.iter().map(|mount| &mount.target);
        for place in targets.chain(&self.tmpfs) {
            form(is_plain(place) && is_free(place), "target", &shown(place), inside)?;
            if !places.insert(place.components().collect::<PathBuf>()) {
                return Err(InvalidContainer::Twice(place.clone()));
            }
        }
        if let Some(workdir) = &self.workdir {
            form(is_plain(workdir), "workdir", &shown(workdir), inside)?;
        }
        Ok(())
    }
}

fn form(
    fits: bool,
    field: &'static str,
    value: &str,
    expected: &'static str,
) -> Result<(), InvalidContainer> {
    if fits {
        return Ok(());
    }
    let value = value.chars().take(64).map(|c| if c.is_control() { '\u{fffd}' } else { c });
    Err(InvalidContainer::Form { field, value: value.collect(), expected })
}

fn bounds(
    field: &'static str,
    value: Option<u32>,
    least: u32,
    most: u32,
) -> Result<(), InvalidContainer> {
    let fits = value.is_none_or(|value| (least..=most).contains(&value));
    fits.then_some(()).ok_or(InvalidContainer::Bounds { field, least, most })
}

fn shown(path: &Path) -> String {
    path.display().to_string()
}

/// Absolute, and what it says: no way up, no control characters.
fn is_plain(path: &Path) -> bool {
    let Some(text) = path.to_str() else { return false };
    let steps = || path.components().skip(1);
    text.starts_with('/')
        && text.len() <= MAX_PATH
        && !text.chars().any(char::is_control)
        && steps().all(|step| matches!(step, Component::Normal(_)))
}

/// Whether something can be mounted there: not over everything, and not over what the kernel shows.
fn is_free(path: &Path) -> bool {
    path != Path::new("/") && !["/proc", "/sys"].iter().any(|taken| path.starts_with(taken))
}

fn default_pids() -> u32 {
    512
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde gives a reference")]
fn is_default_pids(pids: &u32) -> bool {
    *pids == default_pids()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn with(change: impl FnOnce(&mut Docker)) -> Result<(), InvalidContainer> {
        let mut docker = Docker::image("agent");
        change(&mut docker);
        docker.check()
    }

    fn mount(source: &str, target: &str) -> Mount {
        Mount { source: source.into(), target: target.into(), read_only: false }
    }

    #[test]
    fn images_are_names_and_nothing_else() {
        for good in [
            "busybox",
            "node:22-slim",
            "ghcr.io/acme/agent:1.0",
            "localhost:5000/a/b_c@sha256:0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef",
        ] {
            assert_eq!(Docker::image(good).check(), Ok(()), "{good}");
        }
        for bad in ["", "a b", "a;b", "$(id)", "a\nb", "a\0", "-v", "A/B:", "../a", "a`b`", "a|b"] {
            assert!(
                matches!(Docker::image(bad).check(), Err(InvalidContainer::Form { .. })),
                "{bad}"
            );
        }
    }

    #[test]
    fn a_container_that_exists_is_taken_as_it_is() {
        assert_eq!(Docker::existing("my-agent").check(), Ok(()));
        assert!(Docker::existing("a/b").check().is_err());
        let changed = Docker { read_only: true, ..Docker::existing("a") };
        assert_eq!(changed.check(), Err(InvalidContainer::Fixed("readOnly")));
        assert_eq!(with(|d| d.container = Some("a".into())), Err(InvalidContainer::Origin));
        assert_eq!(with(|d| d.image = None), Err(InvalidContainer::Origin));
    }

    #[test]
    fn variables_have_names_and_any_value() {
        let env = |name: &str, value: &str| {
            with(|d| d.env = BTreeMap::from([(name.to_owned(), value.to_owned())]))
        };

        assert_eq!(env("A", "one\ntwo = \"three\""), Ok(()));
        for bad in ["", "A=B", "A\nB", "A\0", "1A", "A B"] {
            assert!(env(bad, "x").is_err(), "{bad:?}");
        }
        assert!(env("A", "x\0y").is_err());
    }

    #[test]
    fn paths_are_absolute_and_lead_nowhere_else() {
        assert_eq!(with(|d| d.mounts = vec![mount("/srv/data", "/data")]), Ok(()));
        for bad in ["", "data", "/a/../etc", "/a\nb", "/..", "/", "/proc/1", "/sys"] {
            assert!(with(|d| d.mounts = vec![mount("/srv", bad)]).is_err(), "{bad:?}");
            assert!(with(|d| d.tmpfs = vec![bad.into()]).is_err(), "{bad:?}");
        }
        for bad in ["srv", "/srv/../etc", "~/x", "/a\0b"] {
            assert!(with(|d| d.mounts = vec![mount(bad, "/data")]).is_err(), "{bad:?}");
        }
        let twice = with(|d| d.mounts = vec![mount("/a", "/data"), mount("/b", "/data/")]);
        assert_eq!(twice, Err(InvalidContainer::Twice("/data/".into())));
    }

    #[test]
    fn numbers_have_bounds() {
        assert_eq!(with(|d| d.memory_mib = Some(64)), Ok(()));
        assert!(with(|d| d.memory_mib = Some(5)).is_err());
        assert!(with(|d| d.cpu_millis = Some(9)).is_err());
        assert!(with(|d| d.pids = 0).is_err());
        assert!(with(|d| d.command = vec![String::new(); MAX_ITEMS + 1]).is_err());
    }

    #[test]
    fn names_of_networks_users_and_capabilities() {
        assert_eq!(with(|d| d.network = Some("none".into())), Ok(()));
        assert!(with(|d| d.network = Some("container:other".into())).is_err());
        assert_eq!(with(|d| d.user = Some("1000:1000".into())), Ok(()));
        assert!(with(|d| d.user = Some("root; id".into())).is_err());
        assert_eq!(with(|d| d.capabilities = vec!["NET_RAW".into()]), Ok(()));
        assert!(with(|d| d.capabilities = vec!["ALL".into()]).is_err());
    }

    #[test]
    fn json_is_flat_and_has_no_other_fields() {
        let read = |json: &str| serde_json::from_str::<crate::spec::Host>(json);

        let host = read(r#"{"type":"docker","image":"node:22","readOnly":true}"#).unwrap();
        assert_eq!(
            serde_json::to_string(&host).unwrap(),
            r#"{"type":"docker","image":"node:22","readOnly":true}"#
        );
        assert!(read(r#"{"type":"docker","image":"node:22","privileged":true}"#).is_err());
    }

    proptest! {
        #[test]
        fn what_passes_holds_no_shell(image in "[a-zA-Z0-9:/@._ ;$`|&<>(){}'\"\\\\\n-]{0,40}") {
            if Docker::image(image.as_str()).check().is_ok() {
                let is_plain = |c: char| c.is_ascii_alphanumeric() || "._-:/@".contains(c);
                prop_assert!(image.chars().all(is_plain), "{}", image);
            }
        }
    }
}
