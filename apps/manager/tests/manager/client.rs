//! A Socket.IO client of a few lines, so that the tests see every frame as it is.

use std::collections::VecDeque;
use std::net::SocketAddr;
use std::time::Duration;

use futures_util::stream::SplitStream;
use futures_util::{SinkExt, StreamExt};
use serde_json::{Value, json};
use tokio::net::TcpStream;
use tokio::sync::mpsc;
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::{MaybeTlsStream, WebSocketStream};

type Socket = WebSocketStream<MaybeTlsStream<TcpStream>>;

/// Longer than anything here takes; reaching it is the failure.
const PATIENCE: Duration = Duration::from_secs(20);

/// One event as it came.
#[derive(Debug, Clone)]
pub(crate) struct Event {
    pub(crate) name: String,
    pub(crate) payload: Value,
    /// The payload's bytes.
    pub(crate) text: String,
}

/// A connection to namespace `/agents`.
pub(crate) struct Client {
    outgoing: mpsc::UnboundedSender<Message>,
    incoming: mpsc::UnboundedReceiver<String>,
    events: VecDeque<Event>,
    acks: Vec<(u64, Value)>,
    calls: u64,
}

impl Client {
    /// Connects with that `auth`; a refusal is its message.
    pub(crate) async fn connect(address: SocketAddr, auth: Value) -> Result<Self, String> {
        let url = format!("ws://{address}/socket.io/?EIO=4&transport=websocket");
        let (socket, _) = tokio_tungstenite::connect_async(url).await.unwrap();
        let (mut sink, stream) = socket.split();
        let (outgoing, mut messages) = mpsc::unbounded_channel();
        let (frames, incoming) = mpsc::unbounded_channel();
        tokio::spawn(async move {
            while let Some(message) = messages.recv().await {
                if sink.send(message).await.is_err() {
                    break;
                }
            }
        });
        tokio::spawn(read(stream, outgoing.clone(), frames));
        let (events, acks) = (VecDeque::new(), Vec::new());
        let mut client = Self { outgoing, incoming, events, acks, calls: 0 };
        client.send(format!("40/agents,{auth}"));
        loop {
            let frame = client.frame().await;
            if frame.starts_with("40/agents,") {
                return Ok(client);
            }
            if let Some(refusal) = frame.strip_prefix("44/agents,") {
                let refusal: Value = serde_json::from_str(refusal).unwrap();
                return Err(refusal["message"].as_str().unwrap().to_owned());
            }
        }
    }

    /// Goes, and says so.
    pub(crate) fn disconnect(self) {
        self.send("41/agents,".to_owned());
    }

    /// Sends a command without asking for an acknowledgement.
    pub(crate) fn emit(&mut self, name: &str, payload: Value) {
        self.send(format!("42/agents,{}", json!([name, payload])));
    }

    /// Sends a command and returns the number of its acknowledgement.
    pub(crate) fn begin(&mut self, name: &str, payload: Value) -> u64 {
        self.begin_for(json!([name, payload]))
    }

    /// The same with the whole packet.
    pub(crate) fn begin_for(&mut self, packet: Value) -> u64 {
        self.calls += 1;
        self.send(format!("42/agents,{}{packet}", self.calls));
        self.calls
    }

    /// Waits for the acknowledgement of that number.
    pub(crate) async fn ack(&mut self, number: u64) -> Value {
        loop {
            if let Some(at) = self.acks.iter().position(|(id, _)| *id == number) {
                return self.acks.swap_remove(at).1;
            }
            self.read().await;
        }
    }

    /// Sends a command and waits for its acknowledgement.
    pub(crate) async fn call(&mut self, name: &str, payload: Value) -> Value {
        let number = self.begin(name, payload);
        self.ack(number).await
    }

    /// The data of a command that is expected to succeed.
    pub(crate) async fn ok(&mut self, name: &str, payload: Value) -> Value {
        let ack = self.call(name, payload).await;
        assert_eq!(ack["success"], true, "{name}: {ack}");
        ack["data"].clone()
    }

    /// The error of a command that is expected to be refused.
    pub(crate) async fn refused(&mut self, name: &str, payload: Value) -> Value {
        let ack = self.call(name, payload).await;
        assert_eq!(ack["success"], false, "{name}: {ack}");
        ack["error"].clone()
    }

    /// The next event.
    pub(crate) async fn event(&mut self) -> Event {
        loop {
            if let Some(event) = self.events.pop_front() {
                return event;
            }
            self.read().await;
        }
    }

    /// What has come by now.
    pub(crate) fn seen(&mut self) -> Vec<Event> {
        while let Ok(frame) = self.incoming.try_recv() {
            self.take(&frame);
        }
        self.events.drain(..).collect()
    }

    /// The next event of that name; those before it are passed over.
    pub(crate) async fn named(&mut self, name: &str) -> Event {
        self.until(|event| event.name == name).await.pop().unwrap()
    }

    /// Events up to and with the first one that fits.
    pub(crate) async fn until(&mut self, mut fits: impl FnMut(&Event) -> bool) -> Vec<Event> {
        let mut events = Vec::new();
        loop {
            let event = self.event().await;
            let last = fits(&event);
            events.push(event);
            if last {
                return events;
            }
        }
    }

    /// Events up to the terminal one of that run.
    pub(crate) async fn run_end(&mut self, run: &Value) -> Vec<Event> {
        self.until(|event| event.payload["runId"] == *run && is_terminal(event)).await
    }

    async fn read(&mut self) {
        let frame = self.frame().await;
        self.take(&frame);
    }

    fn take(&mut self, frame: &str) {
        if let Some(rest) = frame.strip_prefix("42/agents,") {
            let packet: Vec<&serde_json::value::RawValue> = serde_json::from_str(rest).unwrap();
            let text = packet[1].get().to_owned();
            self.events.push_back(Event {
                name: serde_json::from_str(packet[0].get()).unwrap(),
                payload: serde_json::from_str(&text).unwrap(),
                text,
            });
        } else if let Some(rest) = frame.strip_prefix("43/agents,") {
            let (number, packet) = rest.split_at(rest.find('[').unwrap());
            let mut packet: Vec<Value> = serde_json::from_str(packet).unwrap();
            self.acks.push((number.parse().unwrap(), packet.remove(0)));
        }
    }

    fn send(&self, frame: String) {
        self.outgoing.send(Message::text(frame)).expect("the connection is open");
    }

    async fn frame(&mut self) -> String {
        let next = tokio::time::timeout(PATIENCE, self.incoming.recv());
        next.await.expect("a frame in time").expect("the server stays")
    }
}

/// Reads at all times, as a client does, so that the server can say goodbye to it. Answers pings.
async fn read(
    mut stream: SplitStream<Socket>,
    outgoing: mpsc::UnboundedSender<Message>,
    frames: mpsc::UnboundedSender<String>,
) {
    while let Some(Ok(message)) = stream.next().await {
        let Message::Text(text) = message else { continue };
        let passed = match text.as_str() {
            "2" => outgoing.send(Message::text("3")).is_ok(),
            text => frames.send(text.to_owned()).is_ok(),
        };
        if !passed {
            break;
        }
    }
}

pub(crate) fn is_terminal(event: &Event) -> bool {
    let state = event.payload["state"].as_str().unwrap_or_default();
    event.name == "runEvent" && ["done", "cancelled", "failed"].contains(&state)
}

/// What the agent answered among these events.
pub(crate) fn answers(events: &[Event]) -> Vec<String> {
    let said = events.iter().filter(|event| event.payload["from"] == "agent");
    said.map(|event| event.payload["response"]["result"].as_str().unwrap().to_owned()).collect()
}
