//! The smallest Socket.IO client that can be a load: one task, no reconnect, text packets only. It shares no code with
//! the clients under test.

use anyhow::{Context as _, bail};
use futures_util::{SinkExt, StreamExt};
use serde_json::Value;
use tokio::net::TcpStream;
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::tungstenite::protocol::WebSocketConfig;
use tokio_tungstenite::{MaybeTlsStream, WebSocketStream};

/// A connection to one namespace.
#[derive(Debug)]
pub struct Socket {
    stream: WebSocketStream<MaybeTlsStream<TcpStream>>,
    namespace: &'static str,
    next_ack: u64,
}

/// A packet from the server.
#[derive(Debug)]
pub enum Packet {
    /// `["name", payload…]`, as text.
    Event(String),
    /// The acknowledgement's arguments, as text.
    Ack(u64, String),
}

impl Packet {
    /// Whether it is this event of `/agents`, wrapped or not.
    pub fn is(&self, event: &str) -> bool {
        let Self::Event(text) = self else { return false };
        let wrapped = text.strip_prefix(r#"["forwardedEvent",{"event":""#);
        let name = wrapped.or_else(|| text.strip_prefix("[\"")).unwrap_or("");
        name.strip_prefix(event).is_some_and(|rest| rest.starts_with('"'))
    }

    /// The text of a piece of an answer; empty for everything else.
    pub fn delta(&self) -> &str {
        let Self::Event(text) = self else { return "" };
        let start = [r#""delta":""#, r#""text":""#]
            .iter()
            .find_map(|key| Some(text.find(key)? + key.len()));
        start.and_then(|start| text[start..].split('"').next()).unwrap_or("")
    }

    /// Whether it is an answer of the agent.
    pub fn is_answer(&self) -> bool {
        matches!(self, Self::Event(text) if self.is("chatMessage") && text.contains(r#""from":"agent""#))
    }
}

impl Socket {
    /// Connects, and waits until the namespace is open.
    ///
    /// # Errors
    ///
    /// Nobody is there, or the namespace is refused.
    pub async fn connect(
        base: &str,
        namespace: &'static str,
        auth: &Value,
    ) -> anyhow::Result<Self> {
        let url = format!("{}/socket.io/?EIO=4&transport=websocket", base.replace("http", "ws"));
        let config = WebSocketConfig::default().read_buffer_size(4096);
        let (stream, _) = tokio_tungstenite::connect_async_with_config(&url, Some(config), true)
            .await
            .with_context(|| format!("connect to {url}"))?;
        let mut socket = Self { stream, namespace, next_ack: 0 };
        socket.send(format!("40{namespace},{auth}")).await?;
        loop {
            let text = socket.text().await?;
            if text.starts_with("40") {
                return Ok(socket);
            }
            if text.starts_with("44") {
                bail!("refused: {text}");
            }
        }
    }

    /// Sends an event with an acknowledgement and returns its id.
    ///
    /// # Errors
    ///
    /// The connection is gone.
    pub async fn emit(&mut self, event: &str, payload: &Value) -> anyhow::Result<u64> {
        let id = self.next_ack;
        self.next_ack += 1;
        self.send(format!("42{},{id}[\"{event}\",{payload}]", self.namespace)).await?;
        Ok(id)
    }

    /// Sends an event and waits for its acknowledgement, passing over what comes before it.
    ///
    /// # Errors
    ///
    /// The connection is gone, or the answer is an error.
    pub async fn call(&mut self, event: &str, payload: &Value) -> anyhow::Result<Value> {
        let id = self.emit(event, payload).await?;
        loop {
            if let Packet::Ack(of, arguments) = self.next().await?
                && of == id
            {
                let answer: Value = serde_json::from_str::<[Value; 1]>(&arguments)?[0].take();
                if answer["success"] != true {
                    bail!("{event}: {answer}");
                }
                return Ok(answer);
            }
        }
    }

    /// The next packet; pings are answered on the way. Cancel safe.
    ///
    /// # Errors
    ///
    /// The connection is gone, or what came is no packet.
    pub async fn next(&mut self) -> anyhow::Result<Packet> {
        loop {
            let text = self.text().await?;
            let Some(rest) = text.strip_prefix('4') else { continue };
            let (kind, rest) = rest.split_at_checked(1).context("an empty packet")?;
            let rest =
                rest.strip_prefix(self.namespace).and_then(|r| r.strip_prefix(',')).unwrap_or(rest);
            let digits = rest.bytes().take_while(u8::is_ascii_digit).count();
            match kind {
                "2" => return Ok(Packet::Event(rest[digits..].to_owned())),
                "3" => return Ok(Packet::Ack(rest[..digits].parse()?, rest[digits..].to_owned())),
                _ => {}
            }
        }
    }

    async fn text(&mut self) -> anyhow::Result<String> {
        loop {
            match self.stream.next().await.context("the server closed the connection")?? {
                Message::Text(text) if text.as_str() == "2" => self.send("3".to_owned()).await?,
                Message::Text(text) => return Ok(text.as_str().to_owned()),
                Message::Close(_) => bail!("the server closed the connection"),
                _ => {}
            }
        }
    }

    async fn send(&mut self, text: String) -> anyhow::Result<()> {
        Ok(self.stream.send(Message::text(text)).await?)
    }
}
