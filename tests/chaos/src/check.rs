//! Judges a history. Pure: what it is given is all it knows.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::fmt;

use serde_json::Value;

use crate::record::{History, Log, Seen, digest};

/// A promise that was broken.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) struct Violation {
    pub(crate) kind: Kind,
    pub(crate) what: String,
}

/// Which promise.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) enum Kind {
    /// A viewer missed an entry, or never caught up.
    Lost,
    /// A viewer was shown an entry twice, or a message is in the log twice.
    Duplicated,
    /// A viewer was shown something that is not in the log, or two saw it differently.
    Differs,
    /// What was acknowledged is not in the log.
    Unkept,
    /// An agent got a message twice, or one that is done never.
    Delivery,
    /// A run without exactly one end, or with something after it.
    Runs,
    /// Something of one conversation in another.
    Crossed,
    /// The log itself has a hole.
    Log,
    /// A process that ended otherwise than it was told to.
    Process,
}

impl fmt::Display for Violation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?}: {}", self.kind, self.what)
    }
}

/// A viewer's screen, as a client that keeps the rules would have it.
#[derive(Debug, Default)]
struct Screen {
    epoch: Option<String>,
    digests: Vec<u64>,
}

/// All violations, each once.
pub(crate) fn check(history: &History) -> Vec<Violation> {
    let mut checker = Checker { history, found: Vec::new() };
    checker.logs();
    checker.viewers();
    checker.promises();
    checker.agents();
    for incident in &history.incidents {
        checker.report(Kind::Process, incident.clone());
    }
    let mut once = HashSet::new();
    checker.found.retain(|violation| once.insert(violation.clone()));
    checker.found
}

struct Checker<'a> {
    history: &'a History,
    found: Vec<Violation>,
}

impl Checker<'_> {
    fn report(&mut self, kind: Kind, what: String) {
        self.found.push(Violation { kind, what });
    }

    /// Each log has no hole, nothing of another conversation, no message twice, and one end for each run.
    fn logs(&mut self) {
        for (id, log) in &self.history.logs {
            for (at, (event, payload)) in log.entries.iter().enumerate() {
                if payload["seq"].as_u64() != Some(at as u64 + 1) {
                    self.report(Kind::Log, format!("{id}: entry {} is {event} {payload}", at + 1));
                    break;
                }
            }
            self.crossed(id, log);
            self.runs(id, log);
            self.repeated(id, log);
        }
    }

    fn crossed(&mut self, id: &str, log: &Log) {
        for (event, payload) in &log.entries {
            let foreign = payload["conversationId"] != id
                || text(event, payload)
                    .and_then(Said::read)
                    .is_some_and(|said| said.conversation != id);
            if foreign {
                self.report(Kind::Crossed, format!("{id} has {event} {payload}"));
            }
        }
    }

    fn runs(&mut self, id: &str, log: &Log) {
        let mut ended: HashMap<&str, bool> = HashMap::new();
        for (event, payload) in &log.entries {
            let Some(run) = payload["runId"].as_str() else { continue };
            let over = ended.entry(run).or_default();
            let terminal = event == "runEvent" && is_terminal(payload);
            // The id of a run that has ended may be used again, which a message shows.
            if *over && event == "chatMessage" && payload["from"] == "user" {
                *over = false;
            }
            // What an agent asked outlives the run that its manager's end has ended.
            if *over && event != "interactionUpdate" {
                let what = format!("{id}: after the end of run {run}: {event} {payload}");
                self.report(Kind::Runs, what);
            }
            *over |= terminal;
        }
        let open: Vec<_> = ended.iter().filter(|(_, over)| !**over).map(|(run, _)| *run).collect();
        for run in open {
            self.report(Kind::Runs, format!("{id}: run {run} has no end"));
        }
    }

    fn repeated(&mut self, id: &str, log: &Log) {
        let mut tokens = HashSet::new();
        for (event, payload) in &log.entries {
            if event != "chatMessage" || payload["from"] != "user" {
                continue;
            }
            let Some(said) = text(event, payload).and_then(Said::read) else { continue };
            if !tokens.insert(said.token) {
                self.report(Kind::Duplicated, format!("{id}: message {} twice", said.token));
            }
        }
    }

    /// Each viewer saw each log in order, once, and those who stayed have all of it.
    fn viewers(&mut self) {
        let mut agreed: HashMap<(&str, String, u64), (u64, &str)> = HashMap::new();
        for ((viewer, conversation), seen) in &self.history.seen {
            let mut screen = Screen::default();
            for seen in seen {
                if let Err((kind, what)) = screen.show(seen) {
                    self.report(kind, format!("{viewer} in {conversation}: {what}"));
                }
                let (Seen::Entry { seq, digest }, Some(epoch)) = (seen, &screen.epoch) else {
                    continue;
                };
                let key = (conversation.as_str(), epoch.clone(), *seq);
                let (first, who) = agreed.entry(key).or_insert((*digest, viewer));
                if first != digest {
                    let what =
                        format!("{conversation}: {viewer} and {who} saw different entries {seq}");
                    self.found.push(Violation { kind: Kind::Differs, what });
                }
            }
            self.screen(viewer, conversation, &screen);
        }
    }

    /// A screen at the end, beside the log.
    fn screen(&mut self, viewer: &str, conversation: &str, screen: &Screen) {
        let Some(log) = self.history.logs.get(conversation) else { return };
        let present = self.history.present.contains(&(viewer.to_owned(), conversation.to_owned()));
        if screen.epoch.as_ref() != Some(&log.epoch) {
            if present {
                let what = format!(
                    "{viewer} in {conversation}: epoch {:?}, not {}",
                    screen.epoch, log.epoch
                );
                self.report(Kind::Lost, what);
            }
            return;
        }
        for (at, (shown, (event, payload))) in screen.digests.iter().zip(&log.entries).enumerate() {
            if *shown != digest(event, payload) {
                let what = format!(
                    "{viewer} in {conversation}: entry {} is not {event} {payload}",
                    at + 1
                );
                self.report(Kind::Differs, what);
                return;
            }
        }
        let (has, all) = (screen.digests.len(), log.entries.len());
        if has > all {
            self.report(
                Kind::Differs,
                format!("{viewer} in {conversation}: {has} entries of {all}"),
            );
        }
        if has < all && present {
            self.report(Kind::Lost, format!("{viewer} in {conversation}: {has} entries of {all}"));
        }
    }

    /// What was acknowledged is there, where it was said to be.
    fn promises(&mut self) {
        let mut kept: HashMap<(&str, u64), &Value> = HashMap::new();
        for (id, log) in &self.history.logs {
            for (event, payload) in &log.entries {
                if event == "chatMessage"
                    && payload["from"] == "user"
                    && let Some(said) = text(event, payload).and_then(Said::read)
                {
                    kept.insert((id, said.token), payload);
                }
            }
        }
        for accepted in &self.history.accepted {
            let id = accepted.conversation.as_str();
            let changed = self.history.cleared.contains(id) || self.history.deleted.contains(id);
            match kept.get(&(id, accepted.token)) {
                Some(payload) => {
                    let moved = payload["seq"].as_u64() != Some(accepted.seq);
                    if payload["runId"] != accepted.run.as_str() || (moved && !changed) {
                        self.report(Kind::Unkept, format!("{accepted:?} is {payload}"));
                    }
                }
                None if changed => {}
                None => self.report(Kind::Unkept, format!("{accepted:?} is not in the log")),
            }
        }
    }

    /// No message reached an agent twice, and those of runs that are done reached it.
    fn agents(&mut self) {
        let mut heard: BTreeMap<u64, u32> = BTreeMap::new();
        for token in &self.history.heard {
            *heard.entry(*token).or_default() += 1;
        }
        for (token, times) in heard.iter().filter(|(_, times)| **times > 1) {
            self.report(Kind::Delivery, format!("message {token} reached an agent {times} times"));
        }
        for (id, log) in &self.history.logs {
            let mut tokens: HashMap<&str, u64> = HashMap::new();
            for (event, payload) in &log.entries {
                let Some(run) = payload["runId"].as_str() else { continue };
                if let Some(said) = text(event, payload).and_then(Said::read)
                    && payload["from"] == "user"
                {
                    tokens.insert(run, said.token);
                }
                if event == "runEvent"
                    && payload["state"] == "done"
                    && let Some(token) = tokens.get(run)
                    && !heard.contains_key(token)
                {
                    let what =
                        format!("{id}: run {run} is done, but no agent read message {token}");
                    self.found.push(Violation { kind: Kind::Delivery, what });
                }
            }
        }
    }
}

impl Screen {
    fn show(&mut self, seen: &Seen) -> Result<(), (Kind, String)> {
        match seen {
            Seen::Joined { after, epoch, head } => {
                let goes_on = after.as_ref().is_some_and(|after| {
                    after.epoch == *epoch
                        && after.seq <= *head
                        && self.epoch.as_ref() == Some(epoch)
                });
                if !goes_on {
                    self.digests.clear();
                }
                self.epoch = Some(epoch.clone());
            }
            Seen::Cleared { epoch } => {
                if self.epoch.as_ref() != Some(epoch) {
                    self.digests.clear();
                    self.epoch = Some(epoch.clone());
                }
            }
            Seen::Entry { seq, digest } => {
                if self.epoch.is_none() {
                    return Err((Kind::Crossed, format!("entry {seq} before it was joined")));
                }
                let next = self.digests.len() as u64 + 1;
                if *seq < next {
                    return Err((Kind::Duplicated, format!("entry {seq} after {}", next - 1)));
                }
                if *seq > next {
                    // Told once: what follows is counted from there.
                    self.digests.resize(usize::try_from(*seq - 1).unwrap_or(0), 0);
                    self.digests.push(*digest);
                    return Err((Kind::Lost, format!("entry {seq} after {}", next - 1)));
                }
                self.digests.push(*digest);
            }
            Seen::Ended => *self = Self::default(),
        }
        Ok(())
    }
}

/// What a message of the workload says of itself, and its answer.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Said<'a> {
    pub(crate) token: u64,
    pub(crate) conversation: &'a str,
    pub(crate) order: &'a str,
}

impl<'a> Said<'a> {
    /// Reads `message <token> of <conversation>: <order>`, wherever in the text it is.
    pub(crate) fn read(text: &'a str) -> Option<Self> {
        let (_, rest) = text.split_once("message ")?;
        let (token, rest) = rest.split_once(" of ")?;
        let (conversation, rest) = rest.split_once(": ")?;
        let order = rest.lines().next().unwrap_or("");
        Some(Self { token: token.parse().ok()?, conversation, order })
    }

    pub(crate) fn write(token: u64, conversation: &str, order: &str) -> String {
        format!("message {token} of {conversation}: {order}")
    }
}

/// What a chat message says.
fn text<'a>(event: &str, payload: &'a Value) -> Option<&'a str> {
    if event != "chatMessage" {
        return None;
    }
    payload["text"].as_str().or_else(|| payload["response"]["result"].as_str())
}

pub(crate) fn is_terminal(payload: &Value) -> bool {
    ["done", "cancelled", "failed"].iter().any(|state| payload["state"] == *state)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::record::{Accepted, Cursor};

    /// Two viewers saw one run; one of them was away in between.
    fn good() -> History {
        let text = Said::write(1, "c", "echo");
        let entry = |seq: u64, event: &str, mut payload: Value| {
            payload["seq"] = json!(seq);
            payload["conversationId"] = json!("c");
            payload["runId"] = json!("r");
            (event.to_owned(), payload)
        };
        let entries = vec![
            entry(1, "chatMessage", json!({"from": "user", "text": text})),
            entry(2, "runEvent", json!({"state": "started"})),
            entry(3, "chatMessage", json!({"from": "agent", "response": {"result": text}})),
            entry(4, "runEvent", json!({"state": "done"})),
        ];
        let joined = |after: Option<u64>, head| Seen::Joined {
            after: after.map(|seq| Cursor { epoch: "e".to_owned(), seq }),
            epoch: "e".to_owned(),
            head,
        };
        let seen = |range: std::ops::Range<usize>| {
            let told = entries[range].iter();
            told.map(|(event, payload)| Seen::Entry {
                seq: payload["seq"].as_u64().unwrap(),
                digest: digest(event, payload),
            })
            .collect::<Vec<_>>()
        };
        let stayed = [vec![joined(None, 0)], seen(0..4)].concat();
        let came_back =
            [vec![joined(None, 0)], seen(0..2), vec![joined(Some(2), 3)], seen(2..4)].concat();
        let key = |viewer: &str| (viewer.to_owned(), "c".to_owned());
        History {
            seen: [(key("a"), stayed), (key("b"), came_back)].into(),
            present: [key("a"), key("b")].into(),
            accepted: vec![Accepted {
                conversation: "c".to_owned(),
                token: 1,
                run: "r".to_owned(),
                seq: 1,
            }],
            heard: vec![1],
            logs: [("c".to_owned(), Log { epoch: "e".to_owned(), entries })].into(),
            ..History::default()
        }
    }

    /// What the checker says when this has happened to a good history.
    fn after(damage: impl FnOnce(&mut History)) -> Vec<Kind> {
        let mut history = good();
        damage(&mut history);
        let mut kinds: Vec<Kind> = check(&history).iter().map(|violation| violation.kind).collect();
        kinds.dedup();
        kinds
    }

    fn seen<'a>(history: &'a mut History, viewer: &str) -> &'a mut Vec<Seen> {
        history.seen.get_mut(&(viewer.to_owned(), "c".to_owned())).unwrap()
    }

    fn log(history: &mut History) -> &mut Vec<(String, Value)> {
        &mut history.logs.get_mut("c").unwrap().entries
    }

    #[test]
    fn what_is_right_is_found_right() {
        assert_eq!(check(&good()), []);
    }

    #[test]
    fn what_a_viewer_saw_otherwise_is_found() {
        assert_eq!(after(|h| drop(seen(h, "a").remove(2))), [Kind::Lost, Kind::Differs]);
        assert_eq!(after(|h| drop(seen(h, "a").pop())), [Kind::Lost]);
        let again = |h: &mut History| {
            let entry = seen(h, "a")[2].clone();
            seen(h, "a").insert(3, entry);
        };
        assert_eq!(after(again), [Kind::Duplicated]);
        assert_eq!(after(|h| seen(h, "a").swap(1, 2))[..2], [Kind::Lost, Kind::Duplicated]);
        assert_eq!(after(|h| drop(seen(h, "a").remove(0)))[0], Kind::Crossed);
        let foreign = |h: &mut History| seen(h, "b")[1] = Seen::Entry { seq: 1, digest: 7 };
        assert_eq!(after(foreign), [Kind::Differs]);
        let more = |h: &mut History| seen(h, "a").push(Seen::Entry { seq: 5, digest: 7 });
        assert_eq!(after(more), [Kind::Differs]);
        let forgotten = |h: &mut History| {
            let Seen::Joined { after, .. } = &mut seen(h, "b")[3] else { unreachable!() };
            *after = None;
        };
        assert_eq!(after(forgotten)[0], Kind::Lost, "it started over in the middle");
    }

    #[test]
    fn what_is_wrong_with_a_log_is_found() {
        assert!(after(|h| drop(log(h).remove(1))).contains(&Kind::Log));
        assert!(after(|h| drop(log(h).pop())).contains(&Kind::Runs));
        let twice = |h: &mut History| {
            let end = log(h)[3].clone();
            log(h).push(end);
        };
        assert!(after(twice).contains(&Kind::Runs));
        let elsewhere =
            |h: &mut History| log(h)[2].1["response"]["result"] = json!("message 1 of d: x");
        assert!(after(elsewhere).contains(&Kind::Crossed));
    }

    #[test]
    fn broken_promises_are_found() {
        assert_eq!(after(|h| h.accepted[0].token = 2), [Kind::Unkept]);
        assert_eq!(after(|h| h.accepted[0].seq = 2), [Kind::Unkept]);
        assert_eq!(after(|h| h.heard.push(1)), [Kind::Delivery]);
        assert_eq!(after(|h| h.heard.clear()), [Kind::Delivery]);
        assert_eq!(after(|h| h.incidents.push("died".to_owned())), [Kind::Process]);
        let cleared = |h: &mut History| {
            h.accepted[0].token = 2;
            h.cleared.insert("c".to_owned());
        };
        assert_eq!(after(cleared), []);
    }
}
