//! Outboxes that follow feeds, with a socket in memory: whatever happens, each follower sees the log once and in order.

// Helpers of tests are tests; clippy sees only the functions that are marked.
#![allow(clippy::unwrap_used)]

use std::collections::VecDeque;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use gateway::outbox;
use gateway::sink::{Refusal, Sink};
use gateway::{BoxFuture, Envelope, Feed, History, Item, Limits, Message, Outbox, Page, Start};
use proptest::prelude::*;
use protocol::agents::HistoryEnd;
use protocol::{AgentId, ConversationId, Epoch, Seq, WireError};
use serde_json::value::RawValue;
use tokio::time::timeout;

/// A socket that takes `room` packets and then is full until the test makes room.
#[derive(Clone, Default)]
struct Socket(Arc<Mutex<Buffer>>);

#[derive(Default)]
struct Buffer {
    room: usize,
    packets: VecDeque<(String, String)>,
    closed: bool,
}

impl Socket {
    fn with_room(room: usize) -> Self {
        let socket = Self::default();
        socket.0.lock().unwrap().room = room;
        socket
    }

    fn make_room(&self, room: usize) {
        self.0.lock().unwrap().room += room;
    }

    fn take(&self) -> Option<(String, String)> {
        self.0.lock().unwrap().packets.pop_front()
    }

    /// The next packet, on the paused clock.
    async fn next(&self) -> (String, String) {
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

    fn is_closed(&self) -> bool {
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

    fn close(&mut self) {
        self.0.lock().unwrap().closed = true;
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
        let after = usize::try_from(after.0).unwrap();
        let items = log.1.iter().skip(after).take(limit.min(7)).cloned().collect();
        Box::pin(std::future::ready(Ok(Page { epoch, items })))
    }
}

struct Test {
    feed: Arc<Feed>,
    log: Arc<Log>,
    next: u64,
}

const LIMITS: Limits = Limits { items: 5, bytes: 1_000 };

fn item(seq: Option<u64>, text: &str) -> Item {
    let payload = RawValue::from_string(format!(r#"{{"text":"{text}"}}"#)).unwrap();
    Item { seq: seq.map(Seq), event: "chatMessage".into(), payload: payload.into() }
}

impl Test {
    fn new() -> Self {
        let (agent, conversation) = (AgentId::new("a").unwrap(), ConversationId::new("c").unwrap());
        let epoch = Epoch::new("e0").unwrap();
        let log = Arc::new(Log(Mutex::new((Some(epoch.clone()), Vec::new()))));
        Self {
            feed: Feed::new(agent, conversation, epoch, Seq::ZERO, Seq::ZERO, LIMITS),
            log,
            next: 1,
        }
    }

    fn append(&mut self) {
        let item = item(Some(self.next), &format!("{}/{}", self.feed.head().0, self.next));
        self.next += 1;
        self.log.0.lock().unwrap().1.push(item.clone());
        self.feed.append([item]);
    }

    fn reset(&mut self, epoch: &str) {
        let epoch = Epoch::new(epoch).unwrap();
        *self.log.0.lock().unwrap() = (Some(epoch.clone()), Vec::new());
        self.next = 1;
        self.feed.reset(epoch, Seq::ZERO, Seq::ZERO);
    }

    fn viewer(&self, socket: &Socket) -> Outbox {
        outbox::spawn(socket.clone(), Envelope::Direct, Arc::clone(&self.log) as Arc<dyn History>).0
    }

    fn follow(&self, outbox: &Outbox, after: Option<(u64, &str)>, limit: Option<u64>) {
        let after = after.map(|(seq, epoch)| (Seq(seq), Some(Epoch::new(epoch).unwrap())));
        outbox.send(Message::Follow(Arc::clone(&self.feed), Start { after, limit }));
    }
}

fn end(packet: &(String, String)) -> HistoryEnd {
    assert_eq!(packet.0, "historyEnd");
    serde_json::from_str(&packet.1).unwrap()
}

async fn replay(socket: &Socket) -> (Vec<String>, HistoryEnd) {
    let mut texts = Vec::new();
    loop {
        let packet = socket.next().await;
        if packet.0 == "historyEnd" {
            return (texts, end(&packet));
        }
        texts.push(packet.1);
    }
}

#[tokio::test(start_paused = true)]
async fn a_late_follower_gets_all_of_it_then_the_end_then_what_is_new() {
    let mut test = Test::new();
    (0..20).for_each(|_| test.append());
    let socket = Socket::with_room(1_000);
    let outbox = test.viewer(&socket);

    test.follow(&outbox, None, None);
    let (texts, end) = replay(&socket).await;
    test.append();

    assert_eq!(texts.len(), 20);
    assert_eq!((end.from_seq, end.to_seq, end.count), (Seq(1), Seq(20), 20));
    assert!(end.recovered && !end.has_more);
    assert_eq!(socket.next().await.1, r#"{"text":"e0/21"}"#);
}

#[tokio::test(start_paused = true)]
async fn a_cursor_a_limit_and_a_foreign_epoch_decide_where_it_begins() {
    let mut test = Test::new();
    (0..20).for_each(|_| test.append());
    let socket = Socket::with_room(1_000);
    let outbox = test.viewer(&socket);

    let begin = async |after, limit| {
        test.follow(&outbox, after, limit);
        let (texts, end) = replay(&socket).await;
        (texts.len(), end.recovered, end.has_more, end.to_seq.0)
    };
    assert_eq!(begin(Some((18, "e0")), None).await, (2, true, false, 20));
    assert_eq!(begin(Some((20, "e0")), None).await, (0, true, false, 20));
    assert_eq!(begin(Some((21, "e0")), None).await, (20, false, false, 20), "beyond the head");
    assert_eq!(begin(Some((18, "other")), None).await, (20, false, false, 20));
    assert_eq!(begin(None, Some(3)).await, (3, true, true, 20));
    assert_eq!(begin(Some((19, "e0")), Some(3)).await, (1, true, false, 20));
    assert_eq!(begin(None, Some(0)).await, (0, true, true, 20));
}

#[tokio::test(start_paused = true)]
async fn live_deltas_reach_those_who_are_there_and_are_never_replayed() {
    let mut test = Test::new();
    let (early, late) = (Socket::with_room(100), Socket::with_room(100));
    let (one, two) = (test.viewer(&early), test.viewer(&late));
    test.follow(&one, None, None);
    replay(&early).await;

    test.append();
    test.feed.append([item(None, "delta")]);
    assert_eq!(early.next().await.1, r#"{"text":"e0/1"}"#);
    assert_eq!(early.next().await.1, r#"{"text":"delta"}"#);

    test.follow(&two, None, None);
    let (texts, _) = replay(&late).await;
    assert_eq!(texts, [r#"{"text":"e0/1"}"#]);
    test.append();
    assert_eq!(late.next().await.1, r#"{"text":"e0/2"}"#);
}

#[tokio::test(start_paused = true)]
async fn a_full_socket_loses_nothing_acknowledgements_included() {
    let mut test = Test::new();
    let socket = Socket::with_room(0);
    let outbox = test.viewer(&socket);
    outbox.send(Message::Ack(7, RawValue::from_string("1".into()).unwrap()));
    test.follow(&outbox, None, None);
    (0..50).for_each(|_| test.append());

    for _ in 0..60 {
        tokio::time::sleep(Duration::from_millis(100)).await;
        socket.make_room(1);
    }

    assert_eq!(socket.next().await, ("ack 7".to_owned(), "1".to_owned()));
    let mut seen = Vec::new();
    while seen.len() < 50 {
        let packet = socket.next().await;
        if packet.0 != "historyEnd" {
            seen.push(packet.1);
        }
    }
    let expected: Vec<String> = (1..=50).map(|n| format!(r#"{{"text":"e0/{n}"}}"#)).collect();
    assert_eq!(seen, expected);
}

#[tokio::test(start_paused = true)]
async fn a_connection_that_does_not_read_its_answers_is_closed() {
    let test = Test::new();
    let socket = Socket::with_room(0);
    let outbox = test.viewer(&socket);

    for id in 0..10_000 {
        outbox.send(Message::Ack(id, RawValue::from_string("1".into()).unwrap()));
        tokio::task::yield_now().await;
    }

    timeout(Duration::from_secs(60), outbox.closed()).await.expect("the outbox ends");
    assert!(socket.is_closed());
}

#[tokio::test(start_paused = true)]
async fn who_stops_following_hears_no_more() {
    let mut test = Test::new();
    let socket = Socket::with_room(100);
    let outbox = test.viewer(&socket);
    test.follow(&outbox, None, None);
    replay(&socket).await;
    assert_eq!(test.feed.followers(), 1);

    outbox.send(Message::Unfollow(ConversationId::new("c").unwrap()));
    outbox.event("marker", &());
    assert_eq!(socket.next().await.0, "marker");
    test.append();
    outbox.event("marker", &());

    assert_eq!(socket.next().await.0, "marker");
    assert_eq!(test.feed.followers(), 0);
}

/// One step of a random history.
#[derive(Debug, Clone)]
enum Step {
    Append(u8),
    Delta,
    Reset,
    Room(u8),
    Join,
    Rejoin(u8),
    Breathe,
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let step = prop_oneof![
        4 => (1_u8..12).prop_map(Step::Append),
        1 => Just(Step::Delta),
        1 => Just(Step::Reset),
        3 => (0_u8..20).prop_map(Step::Room),
        1 => Just(Step::Join),
        1 => any::<u8>().prop_map(Step::Rejoin),
        2 => Just(Step::Breathe),
    ];
    prop::collection::vec(step, 1..60)
}

/// What a viewer has on its screen: it starts over where a replay did not begin at its cursor.
#[derive(Default)]
struct Screen {
    entries: Vec<String>,
}

impl Screen {
    /// Entries are `epoch/seq`; one that follows is appended, a first one of another life starts over.
    fn show(&mut self, packet: &(String, String)) {
        let Some(text) =
            packet.1.strip_prefix(r#"{"text":""#).and_then(|text| text.strip_suffix(r#""}"#))
        else {
            return;
        };
        let Some((epoch, seq)) = text.split_once('/') else { return };
        let seq: usize = seq.parse().unwrap();
        if seq == 1
            && self.entries.first().is_some_and(|first| !first.starts_with(&format!("{epoch}/")))
        {
            self.entries.clear();
        }
        assert_eq!(seq, self.entries.len() + 1, "{text} after {:?}", self.entries.last());
        self.entries.push(text.to_owned());
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]

    #[test]
    fn every_follower_ends_with_exactly_the_log(steps in steps()) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_time().start_paused(true).build().unwrap();
        runtime.block_on(async {
            let mut test = Test::new();
            let mut viewers: Vec<(Socket, Outbox, Screen)> = Vec::new();
            let mut life = 0;
            for step in steps {
                match step {
                    Step::Append(count) => (0..count).for_each(|_| test.append()),
                    Step::Delta => test.feed.append([item(None, "delta")]),
                    Step::Reset => {
                        life += 1;
                        test.reset(&format!("e{life}"));
                    }
                    Step::Room(room) => viewers.iter().for_each(|(socket, ..)| socket.make_room(room.into())),
                    Step::Join => {
                        let socket = Socket::default();
                        let outbox = test.viewer(&socket);
                        test.follow(&outbox, None, None);
                        viewers.push((socket, outbox, Screen::default()));
                    }
                    Step::Rejoin(which) if !viewers.is_empty() => {
                        // As a browser that reconnects: a new socket, and the cursor of what is on the screen.
                        let which = usize::from(which) % viewers.len();
                        let (socket, _, mut screen) = viewers.swap_remove(which);
                        while let Some(packet) = socket.take() {
                            screen.show(&packet);
                        }
                        let socket = Socket::default();
                        let outbox = test.viewer(&socket);
                        let epoch = screen.entries.first().map(|first| first.split('/').next().unwrap().to_owned());
                        let after = epoch.as_deref().map(|epoch| (screen.entries.len() as u64, epoch));
                        test.follow(&outbox, after, None);
                        viewers.push((socket, outbox, screen));
                    }
                    Step::Rejoin(_) => {}
                    Step::Breathe => tokio::time::sleep(Duration::from_millis(700)).await,
                }
            }
            test.append();
            for (socket, ..) in &viewers {
                socket.make_room(100_000);
            }
            tokio::time::sleep(Duration::from_secs(30)).await;
            let expected: Vec<String> = (1..test.next).map(|seq| format!("e{life}/{seq}")).collect();
            for (socket, _outbox, mut screen) in viewers {
                while let Some(packet) = socket.take() {
                    screen.show(&packet);
                }
                assert_eq!(screen.entries, expected);
            }
        });
    }
}
