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
    let mut out = io::stdout().lock();
    let mut last = 0;
    for entry in newest(&api, wanted.limit)? {
        last = id(&entry);
        show(&mut out, &entry, wanted.json)?;
    }
    while wanted.follow {
        let page: Page = api.get(&format!("/api/audit?limit={PAGE}&after={last}"))?;
        if page.items.is_empty() {
            out.flush()?;
            std::thread::sleep(ASK);
        }
        for entry in page.items {
            last = id(&entry);
            show(&mut out, &entry, wanted.json)?;
        }
    }
    Ok(())
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

fn id(entry: &Value) -> u64 {
    entry["id"].as_u64().unwrap_or_default()
}

fn show(out: &mut impl Write, entry: &Value, json: bool) -> io::Result<()> {
    if json {
        return writeln!(out, "{entry}");
    }
    let text = |name: &str| entry[name].as_str().unwrap_or("-");
    writeln!(
        out,
        "{}  {:<12} {:<15} {:<18} {:<12} {}",
        text("time"),
        text("user"),
        text("address"),
        text("action"),
        text("outcome"),
        entry["target"].as_str().unwrap_or_default(),
    )
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn an_entry_is_a_line() {
        let entry =
            json!({ "id": 7, "time": "t", "user": "ann", "action": "connect", "outcome": "ok" });
        let line = |json| {
            let mut out = Vec::new();
            show(&mut out, &entry, json).unwrap();
            String::from_utf8(out).unwrap()
        };

        let words: Vec<_> = line(false).split_whitespace().map(ToOwned::to_owned).collect();
        assert_eq!(words, ["t", "ann", "-", "connect", "ok"]);
        assert_eq!(serde_json::from_str::<Value>(&line(true)).unwrap(), entry);
        assert_eq!(id(&entry), 7);
    }
}
