//! Readers of a tail: each is told every entry once and in order, and the text of open runs, whatever else happens to the
//! log meanwhile.
//!
//! An input is a list of steps, two bytes each: a letter says what, and what follows it, which or how many.

#![no_main]

use std::collections::BTreeMap;

use gateway::tail::{Cursor, Read, Tail};
use gateway::{Item, Limits};
use libfuzzer_sys::fuzz_target;
use protocol::{AgentId, ConversationId, Epoch, Seq};
use serde_json::value::RawValue;
use serde_json::{Value, json};

const RUNS: u8 = 3;
const READERS: usize = 6;

fuzz_target!(|steps: &[u8]| {
    let mut world = World::new();
    for step in steps.chunks_exact(2) {
        world.step(step[0], step[1]);
    }
    world.settle();
});

/// A log with its tail and those who read it.
struct World {
    log: Log,
    tail: Tail,
    readers: Vec<Reader>,
}

/// What is written.
#[derive(Default)]
struct Log {
    life: u64,
    /// All entries of this life; the tail lacks the newest ones when they were only announced.
    entries: Vec<Item>,
    runs: BTreeMap<String, Run>,
    /// What each run had said with each of its pieces.
    said: BTreeMap<(String, u64), String>,
    /// So many runs there have been, each with a name of its own.
    begun: usize,
    /// So many live events there have been.
    live: u64,
    /// The newest state of the queue.
    queue: u64,
}

/// An open run: the next piece, and what it has said since its last message.
#[derive(Default)]
struct Run {
    next: u64,
    text: String,
}

/// A viewer's connection and screen.
struct Reader {
    cursor: Cursor,
    seq: u64,
    texts: BTreeMap<String, String>,
    live: u64,
    queue: u64,
}

impl World {
    fn new() -> Self {
        let (agent, conversation) = (AgentId::new("a"), ConversationId::new("c"));
        let limits = Limits { items: 6, bytes: 600 };
        let (agent, conversation) = (agent.expect("an id"), conversation.expect("an id"));
        let tail = Tail::new(agent, conversation, epoch(0), Seq::ZERO, Seq::ZERO, limits);
        Self { log: Log::default(), tail, readers: Vec::new() }
    }

    fn step(&mut self, what: u8, which: u8) {
        match what {
            b'e' => self.entry("agentEvent", json!({})),
            b'm' => self.message(which),
            b'd' => self.end(which),
            b'p' => self.piece(which),
            b's' => self.snapshot(which),
            b'a' => self.announce(which % 8),
            b'g' => self.leave_gap(which % 8),
            b'o' => self.append_again(which),
            b'l' => self.live(),
            b'q' => self.queue(),
            b'r' => self.reset(which % 8),
            b'j' => self.join(which),
            b'c' => self.read(which),
            _ => {}
        }
    }

    fn head(&self) -> u64 {
        self.log.entries.len() as u64
    }

    /// Stores an entry and appends it. Those that were announced before it come first.
    fn entry(&mut self, event: &str, fields: Value) {
        self.log.store(event, fields);
        self.catch_up();
    }

    fn catch_up(&mut self) {
        let last = self.tail.last().0 as usize;
        for entry in &self.log.entries[last..] {
            assert!(self.tail.append(entry.clone()));
        }
        assert_eq!((self.tail.last().0, self.tail.head().0), (self.head(), self.head()));
    }

    fn message(&mut self, which: u8) {
        let (name, run) = self.log.run(which);
        run.text.clear();
        self.entry("chatMessage", json!({ "runId": name }));
    }

    fn end(&mut self, which: u8) {
        let (name, _) = self.log.run(which);
        self.entry("runEvent", json!({ "runId": name, "state": "done" }));
        self.log.runs.remove(&name);
    }

    /// The next piece of a run, which may stand for several, or one that was here before.
    fn piece(&mut self, which: u8) {
        let (name, run) = self.log.run(which);
        let sequence = match which / RUNS % 8 {
            6 if run.next > 0 => run.next - 1,
            7 => run.next + 2,
            _ => run.next,
        };
        let is_new = sequence >= run.next;
        let delta = format!("{sequence} ");
        let event = piece(&name, sequence, "assistantDelta", json!({ "delta": delta }));
        if is_new {
            run.text.push_str(&delta);
            self.log.say(&name, sequence);
        }
        assert_eq!(self.tail.append(event), is_new);
    }

    /// The whole text of a run, from a writer who was behind itself.
    fn snapshot(&mut self, which: u8) {
        let (name, run) = self.log.run(which);
        let sequence = run.next;
        run.text = format!("..{sequence} ");
        let event = piece(&name, sequence, "assistantSnapshot", json!({ "text": run.text }));
        self.log.say(&name, sequence);
        assert!(self.tail.append(event));
    }

    /// Entries that are stored, and on their way to the tail.
    fn announce(&mut self, count: u8) {
        (0..count).for_each(|_| self.log.store("agentEvent", json!({})));
        self.tail.announce(Seq(self.head()));
    }

    /// Entries that never come to the tail.
    fn leave_gap(&mut self, count: u8) {
        self.announce(count);
        self.log.store("agentEvent", json!({}));
        let newest = self.log.entries.last().expect("there is one").clone();
        assert!(self.tail.append(newest));
    }

    fn append_again(&mut self, which: u8) {
        let last = self.tail.last().0 as usize;
        if let Some(entry) = self.log.entries[..last].get(usize::from(which)) {
            assert!(!self.tail.append(entry.clone()));
        }
    }

    fn live(&mut self) {
        self.log.live += 1;
        assert!(self.tail.append(item("presence", &json!({ "number": self.log.live }))));
    }

    fn queue(&mut self) {
        self.log.queue += 1;
        assert!(self.tail.append(item("queueUpdate", &json!({ "number": self.log.queue }))));
    }

    /// The log begins anew, maybe with entries of which the tail has none.
    fn reset(&mut self, count: u8) {
        self.log = Log { life: self.log.life + 1, begun: self.log.begun, ..Log::default() };
        (0..count).for_each(|_| self.log.store("agentEvent", json!({})));
        self.tail.reset(epoch(self.log.life), Seq(u64::from(count / 2)), Seq(self.head()));
    }

    /// A viewer who has the beginning of the log, or none of it.
    fn join(&mut self, which: u8) {
        if self.readers.len() == READERS {
            self.readers.remove(0);
        }
        let seq = u64::from(which).saturating_sub(u64::from(b'0')).min(self.head());
        self.readers.push(Reader::new(&self.tail, seq));
    }

    fn read(&mut self, which: u8) {
        let index = usize::from(which % 8);
        let max = 1 + usize::from(which / 8 % 4);
        if let Some(reader) = self.readers.get_mut(index) {
            reader.read(&self.tail, &self.log, max);
        }
    }

    /// All that was announced comes, and everybody reads to the end.
    fn settle(&mut self) {
        self.catch_up();
        for reader in &mut self.readers {
            while reader.read(&self.tail, &self.log, 3) {}
            reader.check(&self.tail, &self.log);
        }
    }
}

impl Log {
    fn store(&mut self, event: &str, mut fields: Value) {
        fields["seq"] = (self.entries.len() + 1).into();
        fields["life"] = self.life.into();
        self.entries.push(item(event, &fields));
    }

    /// An open run, or one that begins.
    fn run(&mut self, which: u8) -> (String, &mut Run) {
        let known = self.runs.keys().nth(usize::from(which % RUNS)).cloned();
        let name = known.unwrap_or_else(|| {
            self.begun += 1;
            format!("r{}", self.begun)
        });
        (name.clone(), self.runs.entry(name).or_default())
    }

    fn say(&mut self, name: &str, sequence: u64) {
        let run = self.runs.get_mut(name).expect("it is open");
        run.next = sequence + 1;
        self.said.insert((name.to_owned(), sequence), run.text.clone());
    }
}

impl Reader {
    fn new(tail: &Tail, seq: u64) -> Self {
        let cursor = tail.cursor(Seq(seq));
        Self { cursor, seq, texts: BTreeMap::new(), live: 0, queue: 0 }
    }

    /// Returns whether there may be more to read.
    fn read(&mut self, tail: &Tail, log: &Log, max: usize) -> bool {
        match tail.read(&mut self.cursor, max) {
            Read::Items(items) => items.iter().for_each(|item| self.see(item, log)),
            Read::Behind(after) => self.turn_page(after, log, max),
            Read::Reset => *self = Self::new(tail, 0),
            Read::Idle => {
                self.check(tail, log);
                return false;
            }
            Read::Closed => panic!("a tail is not closed"),
        }
        true
    }

    /// Reads on in the log itself.
    fn turn_page(&mut self, after: Seq, log: &Log, max: usize) {
        assert_eq!(after.0, self.seq);
        let page: Vec<_> = log.entries[after.0 as usize..].iter().take(max).collect();
        assert!(!page.is_empty(), "sent for entries that there are not");
        for entry in page {
            self.see(entry, log);
        }
        self.cursor.seq = Seq(self.seq);
    }

    fn see(&mut self, item: &Item, log: &Log) {
        let fields: Value = serde_json::from_str(item.payload.get()).expect("JSON");
        if let Some(Seq(seq)) = item.seq {
            assert_eq!((seq, &fields["life"]), (self.seq + 1, &log.life.into()));
            self.seq = seq;
        }
        let number = fields["number"].as_u64();
        match (&*item.event, &item.run, number) {
            ("presence", _, Some(number)) => {
                assert!(number > self.live, "live event {number} after {}", self.live);
                self.live = number;
            }
            ("queueUpdate", _, Some(number)) => {
                assert!(number > self.queue, "queue {number} after {}", self.queue);
                self.queue = number;
            }
            ("chatMessage" | "runEvent", Some(run), _) => {
                self.texts.remove(run.as_str());
            }
            ("chatEvent", Some(run), _) => {
                let sequence = item.sequence.expect("of a piece");
                self.hear(run.as_str(), sequence, &fields["payload"], log);
            }
            _ => {}
        }
    }

    /// Pieces add up to what the run had said by then.
    fn hear(&mut self, run: &str, sequence: u64, payload: &Value, log: &Log) {
        let text = self.texts.entry(run.to_owned()).or_default();
        if let Some(whole) = payload["text"].as_str() {
            text.clear();
            text.push_str(whole);
        }
        text.push_str(payload["delta"].as_str().unwrap_or_default());
        assert_eq!(*text, log.said[&(run.to_owned(), sequence)], "of run {run}");
    }

    /// With nothing more to read, a reader who is where the tail is has all that there is.
    fn check(&self, tail: &Tail, log: &Log) {
        assert_eq!(self.cursor.seq.0, self.seq);
        if self.seq < self.cursor.until.0 || self.seq != tail.last().0 {
            return;
        }
        for (name, run) in &log.runs {
            let text = self.texts.get(name).map_or("", String::as_str);
            assert_eq!(text, run.text, "of run {name}");
        }
        assert_eq!(self.queue, log.queue);
    }
}

fn epoch(life: u64) -> Epoch {
    Epoch::new(format!("e{life}")).expect("an id")
}

fn item(event: &str, fields: &Value) -> Item {
    let payload = RawValue::from_string(fields.to_string()).expect("JSON");
    Item::read(event.into(), payload.into()).expect("a head")
}

fn piece(run: &str, sequence: u64, kind: &str, payload: Value) -> Item {
    item(
        "chatEvent",
        &json!({ "runId": run, "sequence": sequence, "kind": kind, "payload": payload }),
    )
}
