//! Several people at once: random commands of several connections, and what has to be true whatever they are.
//!
//! Checked at the end of each sequence: the log of every conversation has no holes; every run in it has exactly one
//! end, as its last word; who was in a conversation saw its log, in order, each entry once and byte for byte; nobody
//! else saw anything of it.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use proptest::prelude::*;
use proptest::test_runner::TestRunner;
use serde_json::{Value, json};

use crate::client::{Client, Event};
use crate::fixture::Running;

const CLIENTS: usize = 3;

/// What one of the clients does.
#[derive(Debug, Clone)]
enum Act {
    Create,
    Join(usize),
    Leave(usize),
    Chat(usize, &'static str),
    Start(usize, &'static str),
    Interrupt(usize),
    Cancel(usize),
    Promote(usize),
    Rename(usize),
    Clear(usize),
    Delete(usize),
    /// Lose the connection, and come back to the same conversations from where it was.
    Reconnect,
}

fn act() -> impl Strategy<Value = Act> {
    let text = prop::sample::select(vec![
        "hello",
        "/lines 3",
        "/stream 5 x",
        "/stall",
        "/sleep 3 late",
        "/crash",
    ]);
    let nth = 0..6_usize;
    prop_oneof![
        2 => Just(Act::Create),
        6 => nth.clone().prop_map(Act::Join),
        2 => nth.clone().prop_map(Act::Leave),
        8 => (nth.clone(), text.clone()).prop_map(|(at, text)| Act::Chat(at, text)),
        4 => (nth.clone(), text).prop_map(|(at, text)| Act::Start(at, text)),
        1 => nth.clone().prop_map(Act::Interrupt),
        5 => (0..40_usize).prop_map(Act::Cancel),
        1 => (0..40_usize).prop_map(Act::Promote),
        1 => nth.clone().prop_map(Act::Rename),
        1 => nth.clone().prop_map(Act::Clear),
        1 => nth.prop_map(Act::Delete),
        2 => Just(Act::Reconnect),
    ]
}

/// What one client has seen of a conversation since it came into it, or since its log began anew.
#[derive(Debug, Default, Clone)]
struct Seen {
    epoch: Value,
    entries: BTreeMap<u64, String>,
}

impl Seen {
    fn has(&self, epoch: &Value, head: u64) -> bool {
        self.epoch == *epoch && self.entries.last_key_value().map_or(0, |(seq, _)| *seq) >= head
    }
}

struct Person {
    client: Client,
    /// The conversations that it is in.
    joined: BTreeSet<String>,
    seen: HashMap<String, Seen>,
}

struct World {
    manager: Running,
    people: Vec<Person>,
    conversations: Vec<String>,
    runs: Vec<Value>,
    names: usize,
}

impl Person {
    async fn new(manager: &Running) -> Self {
        let client = manager.logged_in("echo").await;
        Self { client, joined: BTreeSet::new(), seen: HashMap::new() }
    }

    /// Notes what has come. `home` is the conversation that a login follows.
    fn note(&mut self, events: Vec<Event>, home: &str) {
        for event in events {
            let Some(id) = event.payload["conversationId"].as_str().map(str::to_owned) else {
                continue;
            };
            if event.name == "conversationUpdate" {
                match event.payload["action"].as_str().unwrap() {
                    "cleared" => {
                        let epoch = event.payload["epoch"].clone();
                        self.seen.insert(id, Seen { epoch, entries: BTreeMap::new() });
                    }
                    "deleted" => {
                        self.joined.remove(&id);
                        self.seen.remove(&id);
                    }
                    _ => {}
                }
                continue;
            }
            let is_in = self.joined.contains(&id) || id == home;
            assert!(is_in, "{} of a conversation that it is not in: {}", event.name, event.text);
            let Some(seq) = event.payload["seq"].as_u64() else { continue };
            let seen = self.seen.entry(id).or_default();
            let last = seen.entries.last_key_value().map(|(seq, _)| *seq);
            assert!(
                last.is_none_or(|last| seq == last + 1),
                "{seq} after {last:?}: {}",
                event.text
            );
            seen.entries.insert(seq, event.text);
        }
    }
}

impl World {
    async fn new() -> Self {
        let manager = Running::echo().await;
        let mut people = Vec::new();
        for _ in 0..CLIENTS {
            people.push(Person::new(&manager).await);
        }
        let listed = people[0].client.ok("listConversations", json!({})).await;
        let home = listed["conversations"][0]["conversationId"].as_str().unwrap().to_owned();
        Self { manager, people, conversations: vec![home], runs: Vec::new(), names: 0 }
    }

    fn home(&self) -> String {
        self.conversations[0].clone()
    }

    fn conversation(&self, nth: usize) -> String {
        self.conversations[nth % self.conversations.len()].clone()
    }

    fn run(&self, nth: usize) -> Value {
        if self.runs.is_empty() {
            json!("run_none")
        } else {
            self.runs[nth % self.runs.len()].clone()
        }
    }

    async fn call(&mut self, who: usize, name: &str, payload: Value) -> Value {
        self.people[who].client.call(name, payload).await
    }

    async fn act(&mut self, who: usize, act: &Act) {
        match act {
            Act::Create => {
                self.names += 1;
                let name = format!("conversation {}", self.names);
                let made = self.call(who, "createConversation", json!({ "name": name })).await;
                let id = made["data"]["conversationId"].as_str().unwrap().to_owned();
                self.conversations.push(id);
            }
            Act::Join(at) => {
                let id = self.conversation(*at);
                if id == self.home() || self.people[who].joined.contains(&id) {
                    return;
                }
                // Noted as joined first: the replay may be there before this goes on.
                self.people[who].joined.insert(id.clone());
                let joined =
                    self.call(who, "joinConversation", json!({ "conversationId": id })).await;
                if joined["success"] == true {
                    let epoch = joined["data"]["epoch"].clone();
                    self.people[who].seen.insert(id, Seen { epoch, entries: BTreeMap::new() });
                } else {
                    self.people[who].joined.remove(&id);
                }
            }
            Act::Leave(at) => {
                let id = self.conversation(*at);
                if id == self.home() || !self.people[who].joined.contains(&id) {
                    return;
                }
                self.call(who, "leaveConversation", json!({ "conversationId": id })).await;
                self.note(who);
                self.people[who].joined.remove(&id);
                self.people[who].seen.remove(&id);
            }
            Act::Chat(at, text) => {
                let payload = json!({ "conversationId": self.conversation(*at), "message": text });
                let accepted = self.call(who, "chat", payload).await;
                self.runs.extend(
                    (accepted["success"] == true).then(|| accepted["data"]["runId"].clone()),
                );
            }
            Act::Interrupt(at) => {
                let id = self.conversation(*at);
                let payload = json!({ "conversationId": id, "message": "now", "interrupt": true });
                let accepted = self.call(who, "chat", payload).await;
                self.runs.extend(
                    (accepted["success"] == true).then(|| accepted["data"]["runId"].clone()),
                );
            }
            Act::Start(at, text) => {
                let run = json!(format!("run-{}", self.runs.len()));
                let id = self.conversation(*at);
                let payload = json!({ "conversationId": id, "runId": run, "message": text });
                let accepted = self.call(who, "startRun", payload).await;
                self.runs.extend((accepted["success"] == true).then_some(run));
            }
            Act::Cancel(nth) => {
                let run = self.run(*nth);
                self.call(who, "cancelRun", json!({ "runId": run })).await;
            }
            Act::Promote(nth) => {
                let run = self.run(*nth);
                self.call(who, "promoteRun", json!({ "runId": run })).await;
            }
            Act::Rename(at) => {
                self.names += 1;
                let payload = json!({
                    "conversationId": self.conversation(*at), "newName": format!("name {}", self.names),
                });
                self.call(who, "renameConversation", payload).await;
            }
            Act::Clear(at) => {
                let id = self.conversation(*at);
                self.call(who, "clearHistory", json!({ "conversationId": id })).await;
            }
            Act::Delete(at) => {
                let id = self.conversation(*at);
                self.call(who, "deleteConversation", json!({ "conversationId": id })).await;
            }
            Act::Reconnect => self.reconnect(who).await,
        }
        self.note(who);
    }

    fn note(&mut self, who: usize) {
        let home = self.home();
        let events = self.people[who].client.seen();
        self.people[who].note(events, &home);
    }

    async fn reconnect(&mut self, who: usize) {
        self.note(who);
        let home = self.home();
        let old = &self.people[who];
        let (joined, mut seen) = (old.joined.clone(), old.seen.clone());
        seen.remove(&home);
        let mut person = Person::new(&self.manager).await;
        // What the login replayed of its conversation has been passed over: it is read from the log again at the end.
        person.client.seen();
        for id in joined {
            let known = seen.get(&id).cloned().unwrap_or_default();
            let after = known.entries.last_key_value().map_or(0, |(seq, _)| *seq);
            let payload = json!({ "conversationId": id, "afterSeq": after, "epoch": known.epoch });
            let answer = person.client.call("joinConversation", payload).await;
            if answer["success"] != true {
                continue;
            }
            let same = answer["data"]["epoch"] == known.epoch;
            let epoch = answer["data"]["epoch"].clone();
            let fresh = Seen { epoch, entries: BTreeMap::new() };
            person.joined.insert(id.clone());
            person.seen.insert(id, if same { known } else { fresh });
        }
        self.people[who] = person;
    }

    /// The whole log of a conversation, if it is still there.
    async fn log(&mut self, id: &str) -> Option<(Value, Vec<(String, Value, String)>)> {
        let client = &mut self.people[0].client;
        let (mut log, mut after) = (Vec::new(), 0);
        loop {
            let payload = json!({ "conversationId": id, "afterSeq": after, "limit": 500 });
            let page = client.call("getHistory", payload).await;
            if page["success"] != true {
                return None;
            }
            for event in page["data"]["events"].as_array().unwrap() {
                let payload = event["payload"].clone();
                after = payload["seq"].as_u64().unwrap();
                log.push((
                    event["event"].as_str().unwrap().to_owned(),
                    payload.clone(),
                    payload.to_string(),
                ));
            }
            if page["data"]["hasMore"] != true {
                return Some((page["data"]["epoch"].clone(), log));
            }
        }
    }

    /// Ends all runs, and waits until every conversation is idle.
    async fn settle(&mut self) {
        loop {
            let listed = self.call(0, "listConversations", json!({})).await;
            let all = listed["data"]["conversations"].as_array().unwrap();
            if all.iter().all(|conversation| conversation["running"] == false) {
                return;
            }
            for run in self.runs.clone() {
                self.call(0, "cancelRun", json!({ "runId": run })).await;
            }
        }
    }

    async fn check(mut self) {
        self.settle().await;
        let home = self.home();
        for id in self.conversations.clone() {
            let Some((epoch, log)) = self.log(&id).await else { continue };
            check_log(&log);
            let head = log.len() as u64;
            for person in self.people.iter_mut().filter(|person| person.joined.contains(&id)) {
                // What is on its way is there once the head of this life is.
                while !person.seen[&id].has(&epoch, head) {
                    let event = person.client.event().await;
                    person.note(vec![event], &home);
                }
                let seen = &person.seen[&id];
                for (seq, text) in &seen.entries {
                    let logged = &log[usize::try_from(*seq).unwrap() - 1].2;
                    let seen: Value = serde_json::from_str(text).unwrap();
                    assert_eq!(seen.to_string(), *logged);
                }
            }
        }
        for who in 0..CLIENTS {
            self.note(who);
        }
        self.manager.stop().await;
    }
}

/// Entries are numbered without holes, and every run has one end, which is its last word.
fn check_log(log: &[(String, Value, String)]) {
    let mut ended: HashMap<String, usize> = HashMap::new();
    let mut begun = BTreeSet::new();
    for (at, (name, payload, text)) in log.iter().enumerate() {
        assert_eq!(payload["seq"], json!(at + 1), "{text}");
        let Some(run) = payload["runId"].as_str() else { continue };
        assert!(!ended.contains_key(run), "after the end of its run: {text}");
        let state = payload["state"].as_str().unwrap_or_default();
        if name == "runEvent" && ["done", "cancelled", "failed"].contains(&state) {
            assert!(ended.insert(run.to_owned(), at).is_none(), "a second end: {text}");
        } else {
            begun.insert(run.to_owned());
        }
    }
    assert_eq!(begun, ended.into_keys().collect(), "every run has an end");
}

#[test]
fn whatever_people_do_everybody_sees_the_same_log_and_nobody_anything_else() {
    let config = ProptestConfig { cases: 12, max_shrink_iters: 0, ..ProptestConfig::default() };
    let sequences = prop::collection::vec((0..CLIENTS, act()), 10..60);
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().unwrap();
    let outcome = TestRunner::new(config).run(&sequences, |acts| {
        runtime.block_on(async {
            let mut world = World::new().await;
            for (who, act) in &acts {
                world.act(*who, act).await;
            }
            world.check().await;
        });
        Ok(())
    });
    outcome.unwrap();
}
