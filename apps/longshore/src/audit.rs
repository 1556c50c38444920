//! `longshore audit`: who came, who was refused, and who changed what.

use std::io::{self, Write};
use std::time::Duration;

use serde::Deserialize;
use serde_json::Value;

use crate::api::{Api, Controller};
use crate::cli::Audit;
use crate::directories::Directories;

/// How often the controller is asked for what is new.
const ASK: Duration = Duration::from_secs(1);
/// Entries of a page at most.
const PAGE: usize = 1_000;

#[derive(Deserialize)]
struct Page {
    items: Vec<Value>,
    #[serde(default)]
    next: Option<String>,
}

/// Shows the newest entries, the oldest of them first, and goes on with what is new.
///
/// # Errors
/// What the controller answers, or that it cannot be reached.
pub fn execute(wanted: &Audit, directories: &Directories) -> anyhow::Result<()> {
    let api = Api::new(Controller::find(&wanted.target, directories)?);
    match tell(&api, wanted) {
        // Nobody reads any more, as with `| head`: there is nobody to go on for.
        Err(error) if is_unread(&error) => Ok(()),
        told => told,
    }
}

fn tell(api: &Api, wanted: &Audit) -> anyhow::Result<()> {
    let mut seen = show(&newest(api, wanted.limit)?, wanted.json)?.unwrap_or(0);
    if !wanted.follow {
        return Ok(());
    }
    loop {
        let page: Page = api.get(&format!("/api/audit?limit={PAGE}&after={seen}"))?;
        match show(&page.items, wanted.json)? {
            Some(last) => seen = last,
            None => std::thread::sleep(ASK),
        }
    }
}

/// Shows entries; gives the id of the last one.
fn show(entries: &[Value], json: bool) -> io::Result<Option<u64>> {
    let mut out = io::stdout().lock();
    for entry in entries {
        writeln!(out, "{}", if json { entry.to_string() } else { line(entry) })?;
    }
    out.flush()?;
    Ok(entries.last().and_then(|last| last["id"].as_u64()))
}

fn is_unread(error: &anyhow::Error) -> bool {
    let cause = error.downcast_ref::<io::Error>();
    cause.is_some_and(|cause| cause.kind() == io::ErrorKind::BrokenPipe)
}

/// So many, page by page.
fn newest(api: &Api, limit: usize) -> anyhow::Result<Vec<Value>> {
    let (mut entries, mut cursor) = (Vec::new(), None);
    while entries.len() < limit {
        let count = (limit - entries.len()).min(PAGE);
        let from = cursor.map(|cursor: String| format!("&cursor={cursor}")).unwrap_or_default();
        let page: Page = api.get(&format!("/api/audit?limit={count}{from}"))?;
        entries.extend(page.items);
        cursor = page.next;
        if cursor.is_none() {
            break;
        }
    }
    entries.reverse();
    Ok(entries)
}

fn line(entry: &Value) -> String {
    let text = |name: &str| entry[name].as_str().unwrap_or("-");
    let line = format!(
        "{}  {:<12} {:<15} {:<18} {:<12} {}",
        text("time"),
        text("user"),
        text("address"),
        text("action"),
        text("outcome"),
        entry["target"].as_str().unwrap_or_default(),
    );
    line.trim_end().to_owned()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn an_entry_is_a_line() {
        let entry =
            json!({ "id": 7, "time": "t", "user": "ann", "action": "connect", "outcome": "ok" });
        let line = line(&entry);
        let words: Vec<_> = line.split_whitespace().collect();
        assert_eq!(words, ["t", "ann", "-", "connect", "ok"]);
    }
}
