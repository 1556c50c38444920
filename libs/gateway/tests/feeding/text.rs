//! Random runs: every follower ends with exactly the text that open runs have said.

use std::collections::{BTreeMap, HashMap};
use std::time::Duration;

use gateway::Outbox;
use proptest::prelude::*;
use protocol::agents::{LiveEvent, LiveEventBody};

use crate::support::{Socket, Test, event};

#[derive(Debug, Clone)]
enum Step {
    /// So many pieces of a run, each of which stands for up to so many.
    Say(usize, u8, u64),
    /// The writer itself was behind.
    Snapshot(usize),
    Message(usize),
    Entry(u8),
    End(usize),
    Live,
    Reset,
    Room(u8),
    Join,
    Rejoin(u8),
    Breathe(u8),
}

const RUNS: usize = 3;

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let step = prop_oneof![
        8 => (0..RUNS, 1_u8..12, 1_u64..4).prop_map(|(run, count, jump)| Step::Say(run, count, jump)),
        1 => (0..RUNS).prop_map(Step::Snapshot),
        2 => (0..RUNS).prop_map(Step::Message),
        1 => (1_u8..8).prop_map(Step::Entry),
        1 => (0..RUNS).prop_map(Step::End),
        1 => Just(Step::Live),
        1 => Just(Step::Reset),
        4 => (0_u8..12).prop_map(Step::Room),
        2 => Just(Step::Join),
        1 => any::<u8>().prop_map(Step::Rejoin),
        6 => (0_u8..100).prop_map(Step::Breathe),
    ];
    prop::collection::vec(step, 1..80)
}

/// A run as it is written.
#[derive(Default)]
struct Run {
    id: String,
    next: u64,
    text: String,
}

/// What is written, and what a viewer is to have on its screen after each piece.
struct Writer {
    test: Test,
    life: u64,
    runs: [Run; RUNS],
    ids: u64,
    texts: HashMap<(String, u64), String>,
}

impl Writer {
    fn new() -> Self {
        let runs = Default::default();
        let mut writer = Self { test: Test::new(), life: 0, runs, ids: 0, texts: HashMap::new() };
        (0..RUNS).for_each(|run| writer.begin(run));
        writer
    }

    fn begin(&mut self, run: usize) {
        self.ids += 1;
        self.runs[run] = Run { id: format!("r{}", self.ids), ..Run::default() };
    }

    fn store(&mut self, name: &str, run: usize) {
        let (place, id) = (format!("e{}/{}", self.life, self.test.next), &self.runs[run].id);
        let json = format!(r#"{{"runId":"{id}","state":"done","text":"{place}"}}"#);
        self.test.store(event(name, &json));
    }

    fn piece(&mut self, run: usize, jump: u64, whole: bool) {
        let run = &mut self.runs[run];
        let sequence = run.next + jump - 1;
        run.next = sequence + 1;
        let said = if sequence % 7 == 3 { String::new() } else { format!("{sequence}\"\\ü\n") };
        run.text.push_str(&said);
        self.texts.insert((run.id.clone(), sequence), run.text.clone());
        let (kind, field, text) = match whole {
            true => ("assistantSnapshot", "text", &run.text),
            false => ("assistantDelta", "delta", &said),
        };
        let (id, text) = (&run.id, serde_json::to_string(text).unwrap());
        let json = format!(
            r#"{{"agentId":"a","conversationId":"c","runId":"{id}","timestamp":"2026-01-01T00:00:00.000Z","sequence":{sequence},"kind":"{kind}","payload":{{"{field}":{text}}}}}"#
        );
        self.test.feed.append([event("chatEvent", &json)]);
    }

    fn step(&mut self, step: &Step) {
        match *step {
            Step::Say(run, count, jump) => (0..count).for_each(|_| self.piece(run, jump, false)),
            Step::Snapshot(run) => self.piece(run, 3, true),
            Step::Message(run) => {
                self.store("chatMessage", run);
                self.runs[run].text.clear();
            }
            Step::Entry(count) => (0..count).for_each(|_| self.store("agentEvent", 0)),
            Step::End(run) => {
                self.store("runEvent", run);
                self.begin(run);
            }
            Step::Live => self.test.feed.append([event("conversationUpdate", "{}")]),
            Step::Reset => {
                self.life += 1;
                self.test.reset(&format!("e{}", self.life));
                (0..RUNS).for_each(|run| self.begin(run));
            }
            _ => {}
        }
    }
}

/// A browser.
struct Viewer {
    socket: Socket,
    outbox: Outbox,
    entries: Vec<String>,
    runs: BTreeMap<String, String>,
    /// Of this connection: whether the replay is over, and the newest piece of each run.
    ended: bool,
    newest: HashMap<String, u64>,
}

impl Viewer {
    fn new(writer: &Writer) -> Self {
        let socket = Socket::default();
        let outbox = writer.test.viewer(&socket);
        writer.test.follow(&outbox, None, None);
        let (runs, newest) = Default::default();
        Self { socket, outbox, entries: Vec::new(), runs, ended: false, newest }
    }

    fn reconnect(&mut self, writer: &Writer) {
        self.look(writer);
        self.socket = Socket::default();
        self.outbox = writer.test.viewer(&self.socket);
        self.ended = false;
        self.newest.clear();
        let epoch = self.entries.first().map(|first| first.split('/').next().unwrap());
        let after = epoch.map(|epoch| (self.entries.len() as u64, epoch));
        writer.test.follow(&self.outbox, after, None);
    }

    fn look(&mut self, writer: &Writer) {
        while let Some((name, payload)) = self.socket.take() {
            let json: serde_json::Value = serde_json::from_str(&payload).unwrap();
            match name.as_str() {
                "historyEnd" => self.ended = true,
                "conversationUpdate" => {}
                "chatEvent" => self.piece(writer, serde_json::from_str(&payload).unwrap()),
                _ => self.entry(
                    &name,
                    json["runId"].as_str().unwrap(),
                    json["text"].as_str().unwrap(),
                ),
            }
        }
    }

    fn entry(&mut self, name: &str, run: &str, place: &str) {
        let (epoch, seq) = place.split_once('/').unwrap();
        let first = self.entries.first();
        if seq == "1" && first.is_some_and(|first| !first.starts_with(&format!("{epoch}/"))) {
            self.entries.clear();
        }
        self.entries.push(place.to_owned());
        assert_eq!(seq, self.entries.len().to_string(), "{place}");
        if name != "agentEvent" {
            self.runs.remove(run);
        }
    }

    fn piece(&mut self, writer: &Writer, event: LiveEvent) {
        assert!(self.ended, "within the replay");
        let run = event.run_id.to_string();
        let text = self.runs.entry(run.clone()).or_default();
        match event.body {
            LiveEventBody::AssistantDelta { delta, .. } => text.push_str(&delta),
            LiveEventBody::AssistantSnapshot { text: whole, .. } => *text = whole,
        }
        assert_eq!(*text, writer.texts[&(run.clone(), event.sequence)], "{run} {}", event.sequence);
        let before = self.newest.insert(run, event.sequence);
        assert!(before.is_none_or(|before| before < event.sequence), "again");
    }
}

async fn play(steps: Vec<Step>) {
    let mut writer = Writer::new();
    let mut viewers: Vec<Viewer> = Vec::new();
    for step in steps {
        match step {
            Step::Room(room) => viewers.iter().for_each(|v| v.socket.make_room(room.into())),
            Step::Join => viewers.push(Viewer::new(&writer)),
            Step::Rejoin(which) if !viewers.is_empty() => {
                let which = usize::from(which) % viewers.len();
                viewers[which].reconnect(&writer);
            }
            Step::Breathe(millis) => {
                tokio::time::sleep(Duration::from_millis(millis.into())).await;
            }
            step => writer.step(&step),
        }
    }
    writer.store("agentEvent", 0);
    viewers.iter().for_each(|viewer| viewer.socket.make_room(100_000));
    tokio::time::sleep(Duration::from_secs(30)).await;
    let entries: Vec<String> =
        (1..writer.test.next).map(|seq| format!("e{}/{seq}", writer.life)).collect();
    for mut viewer in viewers {
        viewer.look(&writer);
        assert_eq!(viewer.entries, entries);
        for run in &writer.runs {
            assert_eq!(viewer.runs.get(&run.id).map_or("", String::as_str), run.text, "{}", run.id);
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(300))]

    #[test]
    fn every_follower_ends_with_exactly_what_open_runs_have_said(steps in steps()) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_time().start_paused(true).build().unwrap();
        runtime.block_on(play(steps));
    }
}
