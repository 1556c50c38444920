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
