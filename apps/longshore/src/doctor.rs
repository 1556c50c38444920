//! `longshore doctor`: looks at everything that a server needs and says what to do. Changes nothing.
//!
//! Each check is a function from what there is to what was found. All of them run at once, each on a thread of its own, and
//! one that does not come back in time is told as that.

mod databases;
mod machine;
mod place;
mod ports;
mod servers;

use std::io::{self, IsTerminal};
use std::path::PathBuf;
use std::sync::{Arc, mpsc};
use std::thread;
use std::time::{Duration, Instant};

use serde::Serialize;

use crate::cli;
use crate::directories::Directories;
use crate::hint::Status;
use crate::out::{self, say};

/// How long a check may take, and the whole command. Agents' programs take the longest.
const PATIENCE: Duration = Duration::from_secs(60);
/// For the names of the checks.
const COLUMN: usize = 16;

/// What is looked at.
#[derive(Debug)]
struct Subject {
    directories: Directories,
    /// The configuration file, if there is one.
    file: Option<PathBuf>,
    /// What is wrong with it.
    problem: Option<anyhow::Error>,
    target: cli::Target,
    quick: bool,
}

/// Whether something is as it should be.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
enum Verdict {
    Ok,
    /// It works, and may not for long, or not as well as it could.
    Warning,
    Problem,
}

/// What a check found.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
struct Finding {
    name: String,
    verdict: Verdict,
    says: String,
    /// What to do.
    #[serde(skip_serializing_if = "Option::is_none")]
    fix: Option<String>,
}

impl Finding {
    fn ok(name: impl Into<String>, says: impl Into<String>) -> Self {
        Self { name: name.into(), verdict: Verdict::Ok, says: says.into(), fix: None }
    }

    fn warning(name: impl Into<String>, says: impl Into<String>, fix: impl Into<String>) -> Self {
        Self {
            name: name.into(),
            verdict: Verdict::Warning,
            says: says.into(),
            fix: Some(fix.into()),
        }
    }

    fn problem(name: impl Into<String>, says: impl Into<String>, fix: impl Into<String>) -> Self {
        Self {
            name: name.into(),
            verdict: Verdict::Problem,
            says: says.into(),
            fix: Some(fix.into()),
        }
    }
}

type Check = fn(&Subject) -> Vec<Finding>;

/// In the order in which they are shown: from what everything stands on to what is on top.
const CHECKS: &[(&str, Check)] = &[
    ("configuration", place::configuration),
    ("data directory", place::data),
    ("secrets", place::secrets),
    ("databases", databases::look),
    ("open files", machine::open_files),
    ("loopback", machine::loopback),
    ("ports", ports::look),
    ("controller", servers::controller),
    ("managers", servers::managers),
    ("agents", servers::agents),
    ("programs", machine::programs),
    ("containers", machine::engine),
];

/// Looks, and tells.
///
/// # Errors
/// Something is wrong, which was told.
pub fn execute(
    args: cli::Doctor,
    file: Option<PathBuf>,
    problem: Option<anyhow::Error>,
    directories: Directories,
) -> anyhow::Result<()> {
    let cli::Doctor { quick, json, target } = args;
    let findings = examine(Subject { directories, file, problem, target, quick }, |found| {
        if !json {
            found.iter().for_each(show);
        }
    });
    let count = |verdict| findings.iter().filter(|finding| finding.verdict == verdict).count();
    let (problems, warnings) = (count(Verdict::Problem), count(Verdict::Warning));
    if json {
        let report =
            Report { ok: problems == 0, version: env!("CARGO_PKG_VERSION"), checks: &findings };
        out::json(&report)?;
    } else {
        say!("\n{}", summary(problems, warnings));
    }
    if problems == 0 { Ok(()) } else { Err(Status(1).into()) }
}

#[derive(Serialize)]
struct Report<'a> {
    ok: bool,
    version: &'static str,
    checks: &'a [Finding],
}

fn examine(subject: Subject, mut told: impl FnMut(&[Finding])) -> Vec<Finding> {
    let subject = Arc::new(subject);
    let started: Vec<_> = CHECKS
        .iter()
        .map(|&(name, check)| {
            let (send, found) = mpsc::channel();
            let subject = Arc::clone(&subject);
            // Nobody waits for one that hangs: the process ends.
            thread::spawn(move || send.send(check(&subject)));
            (name, found)
        })
        .collect();
    let deadline = Instant::now() + PATIENCE;
    let mut findings = Vec::new();
    for (name, found) in started {
        let left = deadline.saturating_duration_since(Instant::now());
        let found = found.recv_timeout(left).unwrap_or_else(|_| {
            let says = format!("not done within {} s", PATIENCE.as_secs());
            vec![Finding::warning(name, says, "--quick leaves out what takes long")]
        });
        told(&found);
        findings.extend(found);
    }
    findings
}

fn show(finding: &Finding) {
    let colours =
        io::stdout().is_terminal() && std::env::var_os("NO_COLOR").is_none_or(|it| it.is_empty());
    out::line(lines(finding, colours).trim_end());
}

fn lines(finding: &Finding, colours: bool) -> String {
    let (sign, colour) = match finding.verdict {
        Verdict::Ok => ('✓', "32"),
        Verdict::Warning => ('!', "33"),
        Verdict::Problem => ('✗', "31"),
    };
    let sign = if colours { format!("\u{1b}[{colour}m{sign}\u{1b}[m") } else { sign.to_string() };
    let (name, says) = (plain(&finding.name), plain(&finding.says));
    let mut text = format!("{sign} {name:<COLUMN$}{says}\n");
    if let Some(fix) = &finding.fix {
        text.push_str(&format!("  {:<COLUMN$}→ {}\n", "", plain(fix)));
    }
    text
}

/// Some of it comes from elsewhere.
fn plain(text: &str) -> String {
    text.chars().map(|c| if c.is_control() { ' ' } else { c }).collect()
}

fn summary(problems: usize, warnings: usize) -> String {
    let several = |count: usize, what: &str| {
        if count == 1 { format!("one {what}") } else { format!("{count} {what}s") }
    };
    match (problems, warnings) {
        (0, 0) => "all is well".to_owned(),
        (0, warnings) => format!("nothing is wrong; {}", several(warnings, "warning")),
        (problems, 0) => several(problems, "problem"),
        (problems, warnings) => {
            format!("{}, {}", several(problems, "problem"), several(warnings, "warning"))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_finding_is_a_line_and_its_fix_another() {
        let finding = Finding::problem("secrets", "a\nb", "chmod 600 x");

        let text = lines(&finding, false);

        assert_eq!(text, "✗ secrets         a b\n                  → chmod 600 x\n");
        assert!(lines(&finding, true).starts_with("\u{1b}[31m✗\u{1b}[m secrets"));
    }

    #[test]
    fn the_summary_counts() {
        assert_eq!(summary(0, 0), "all is well");
        assert_eq!(summary(0, 2), "nothing is wrong; 2 warnings");
        assert_eq!(summary(1, 1), "one problem, one warning");
    }

    #[test]
    fn what_is_not_there_is_no_problem() {
        let dir = tempfile::tempdir().unwrap();
        let directories = Directories::find(Some(&dir.path().join("none"))).unwrap();
        let target = cli::Target { url: None, token: None, token_file: None, ca_file: None };
        let subject = Subject { directories, file: None, problem: None, target, quick: true };

        for check in
            [place::data, place::secrets, databases::look, servers::controller, servers::agents]
        {
            let found = check(&subject);
            assert!(found.iter().all(|finding| finding.verdict == Verdict::Ok), "{found:?}");
        }
        assert!(!dir.path().join("none").exists());
    }
}
