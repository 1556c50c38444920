//! A socket and a log in memory.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use gateway::outbox;
use gateway::sink::{Refusal, Sink};
use gateway::{
    BoxFuture, Envelope, Feed, History, Item, Limits, Message, Meters, Outbox, Page, Start,
};
use protocol::agents::HistoryEnd;
use protocol::{AgentId, ConversationId, Epoch, Seq, WireError};
use serde_json::value::RawValue;
use tokio::time::timeout;

/// A socket that takes `room` packets and then is full until the test makes room.
#[derive(Clone, Default)]
pub(crate) struct Socket(Arc<Mutex<Buffer>>);

#[derive(Default)]
struct Buffer {
    room: usize,
    packets: VecDeque<(String, String)>,
    closed: bool,
}

impl Socket {
    pub(crate) fn with_room(room: usize) -> Self {
        let socket = Self::default();
        socket.0.lock().unwrap().room = room;
        socket
    }

    pub(crate) fn make_room(&self, room: usize) {
        self.0.lock().unwrap().room += room;
    }

    pub(crate) fn take(&self) -> Option<(String, String)> {
        self.0.lock().unwrap().packets.pop_front()
    }

    /// The next packet, on the paused clock.
    pub(crate) async fn next(&self) -> (String, String) {
        let packet = async {
            loop {
                if let Some(packet) = self.take() {
                    return packet;
                }
                tokio::time::sleep(Duration::from_millis(1)).await;
            }
        };
        timeout(Duration::from_secs(60), packet).await.expect("a packet")
    }

    pub(crate) fn is_closed(&self) -> bool {
        self.0.lock().unwrap().closed
    }

    fn push(&self, name: &str, payload: &str) -> Result<(), Refusal> {
        let mut buffer = self.0.lock().unwrap();
        if buffer.room == 0 {
            return Err(Refusal::Full);
        }
        buffer.room -= 1;
        buffer.packets.push_back((name.to_owned(), payload.to_owned()));
        Ok(())
    }
}

impl Sink for Socket {
    fn event(&mut self, name: &str, payload: &RawValue) -> Result<(), Refusal> {
        self.push(name, payload.get())
    }

    fn ack(&mut self, id: i64, payload: &RawValue) -> Result<(), Refusal> {
        self.push(&format!("ack {id}"), payload.get())
    }

    fn close(&mut self) -> Result<(), Refusal> {
        self.0.lock().unwrap().closed = true;
        Ok(())
    }
}

/// The whole log, behind a feed that keeps little of it.
#[derive(Default)]
struct Log(Mutex<(Option<Epoch>, Vec<Item>)>);

impl History for Log {
    fn page(
        &self,
        _: &ConversationId,
        after: Seq,
        limit: usize,
    ) -> BoxFuture<Result<Page, WireError>> {
        let log = self.0.lock().unwrap();
        let epoch = log.0.clone().expect("an epoch");
        let later = log.1.iter().filter(|item| item.seq.is_some_and(|seq| seq > after));
        let items = later.take(limit.min(7)).cloned().collect();
        Box::pin(std::future::ready(Ok(Page { epoch, items })))
    }
}

pub(crate) struct Test {
    pub(crate) feed: Arc<Feed>,
    log: Arc<Log>,
    pub(crate) next: u64,
}

pub(crate) const LIMITS: Limits = Limits { items: 5, bytes: 1_000 };

/// An item of the log or, without `seq`, a live one.
pub(crate) fn item(seq: Option<u64>, text: &str) -> Item {
    let payload = RawValue::from_string(format!(r#"{{"text":"{text}"}}"#)).unwrap();
    let item = Item::read("chatMessage".into(), payload.into()).unwrap();
    Item { seq: seq.map(Seq), ..item }
}

/// An item of a run as it comes over the wire.
pub(crate) fn event(name: &str, json: &str) -> Item {
    Item::read(name.into(), RawValue::from_string(json.to_owned()).unwrap().into()).unwrap()
}

impl Test {
    pub(crate) fn new() -> Self {
        let (agent, conversation) = (AgentId::new("a").unwrap(), ConversationId::new("c").unwrap());
        let epoch = Epoch::new("e0").unwrap();
        let log = Arc::new(Log(Mutex::new((Some(epoch.clone()), Vec::new()))));
        Self {
            feed: Feed::new(agent, conversation, epoch, Seq::ZERO, Seq::ZERO, LIMITS),
            log,
            next: 1,
        }
    }

    /// With a log that the viewers' other feeds do not have.
    pub(crate) fn elsewhere() -> Self {
        let test = Self::new();
        let history = Arc::clone(&test.log) as Arc<dyn History>;
        let (agent, conversation) = (test.feed.agent().clone(), test.feed.conversation().clone());
        let epoch = test.feed.head().0;
        let zero = Seq::ZERO;
        let feed = Feed::with_history(history, agent, conversation, epoch, zero, zero, LIMITS);
        Self { feed, ..test }
    }

    pub(crate) fn append(&mut self) {
        let text = format!("{}/{}", self.feed.head().0, self.next);
        self.store(item(Some(self.next), &text));
    }

    /// Appends an entry, which is given the next number.
    pub(crate) fn store(&mut self, item: Item) {
        let item = Item { seq: Some(Seq(self.next)), ..item };
        self.next += 1;
        self.log.0.lock().unwrap().1.push(item.clone());
        self.feed.append([item]);
    }

    /// Deletes entries from the log, and lets a feed begin that has none.
    pub(crate) fn prune(&mut self, until: u64) {
        self.log.0.lock().unwrap().1.retain(|item| item.seq > Some(Seq(until)));
        let (epoch, head) = self.feed.head();
        let (agent, conversation) = (self.feed.agent().clone(), self.feed.conversation().clone());
        self.feed = Feed::new(agent, conversation, epoch, head, head, LIMITS);
    }

    pub(crate) fn reset(&mut self, epoch: &str) {
        let epoch = Epoch::new(epoch).unwrap();
        *self.log.0.lock().unwrap() = (Some(epoch.clone()), Vec::new());
        self.next = 1;
        self.feed.reset(epoch, Seq::ZERO, Seq::ZERO);
    }

    pub(crate) fn viewer(&self, socket: &Socket) -> Outbox {
        outbox::spawn(
            socket.clone(),
            Envelope::Direct,
            Arc::clone(&self.log) as Arc<dyn History>,
            Meters::default(),
        )
        .0
    }

    pub(crate) fn follow(&self, outbox: &Outbox, after: Option<(u64, &str)>, limit: Option<u64>) {
        let after = after.map(|(seq, epoch)| (Seq(seq), Some(Epoch::new(epoch).unwrap())));
        self.follow_from(outbox, Start { after, limit, filter: None });
    }

    pub(crate) fn follow_from(&self, outbox: &Outbox, start: Start) {
        outbox.send(Message::Follow(Arc::clone(&self.feed), start));
    }
}

pub(crate) fn end(packet: &(String, String)) -> HistoryEnd {
    assert_eq!(packet.0, "historyEnd");
    serde_json::from_str(&packet.1).unwrap()
}

pub(crate) async fn replay(socket: &Socket) -> (Vec<String>, HistoryEnd) {
    let mut texts = Vec::new();
    loop {
        let packet = socket.next().await;
        if packet.0 == "historyEnd" {
            return (texts, end(&packet));
        }
        texts.push(packet.1);
    }
}
