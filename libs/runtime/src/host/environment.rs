//! What a program sees of the manager's environment: little, as it holds the manager's secrets.

use std::collections::BTreeMap;
use std::ffi::OsString;

/// Variables passed on: where things are, who and where the user is. Nothing that is a secret.
const PASSED_ON: [&str; 8] = ["PATH", "HOME", "USER", "LANG", "TERM", "TZ", "TMPDIR", "SHELL"];

/// Where programs are when the manager's own environment does not say.
const DEFAULT_PATH: &str = "/usr/local/bin:/usr/bin:/bin";

/// The environment of a program: the few variables that are passed on, then those of its
/// configuration, which win.
pub(crate) fn environment(
    ours: impl Iterator<Item = (OsString, OsString)>,
    configured: &BTreeMap<String, String>,
) -> BTreeMap<OsString, OsString> {
    let mut theirs = BTreeMap::from([("PATH".into(), DEFAULT_PATH.into())]);
    theirs.extend(ours.filter(|(name, _)| name.to_str().is_some_and(is_passed_on)));
    theirs.extend(configured.iter().map(|(name, value)| (name.into(), value.into())));
    theirs
}

fn is_passed_on(name: &str) -> bool {
    PASSED_ON.contains(&name) || name.starts_with("LC_")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn variables(list: &[(&str, &str)]) -> BTreeMap<OsString, OsString> {
        list.iter().map(|(name, value)| (name.into(), value.into())).collect()
    }

    #[test]
    fn secrets_stay_and_the_configuration_wins() {
        let ours = variables(&[
            ("PATH", "/bin"),
            ("LC_ALL", "C"),
            ("HOME", "/root"),
            ("LONGSHORE_SECRET", "hush"),
            ("LD_PRELOAD", "/evil.so"),
        ]);
        let configured =
            BTreeMap::from([("HOME".to_owned(), "/agent".to_owned()), ("A".into(), "b".into())]);

        let theirs = environment(ours.into_iter(), &configured);

        let expected =
            variables(&[("A", "b"), ("HOME", "/agent"), ("LC_ALL", "C"), ("PATH", "/bin")]);
        assert_eq!(theirs, expected);
    }

    #[test]
    fn there_is_always_a_path() {
        let theirs = environment(std::iter::empty(), &BTreeMap::new());

        assert_eq!(theirs, variables(&[("PATH", DEFAULT_PATH)]));
    }
}
