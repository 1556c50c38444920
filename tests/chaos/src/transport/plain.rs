//! Our own client, over `tests::socket`.

use std::time::Duration;

use serde_json::Value;
use tests::socket::{Packet, Socket};
use tokio::sync::mpsc;
use tokio::time::timeout;

use super::{Emit, Heard};

/// The server pings every 25 s and waits 20 s; nothing for longer than both is a dead connection.
const SILENCE: Duration = Duration::from_secs(45);

/// Pause before the next attempt to connect.
const PAUSE: Duration = Duration::from_millis(100);

pub(super) async fn run(
    url: String,
    auth: Value,
    mut emits: mpsc::UnboundedReceiver<Emit>,
    hear: mpsc::UnboundedSender<Heard>,
) {
    loop {
        let connecting = timeout(Duration::from_secs(5), Socket::connect(&url, "/clients", &auth));
        if let Ok(Ok(socket)) = connecting.await {
            if hear.send(Heard::Connected).is_err() || !session(socket, &mut emits, &hear).await {
                return;
            }
            if hear.send(Heard::Lost).is_err() {
                return;
            }
        }
        if hear.is_closed() {
            return;
        }
        // What was to be sent on the connection that is gone is lost with it.
        while emits.try_recv().is_ok() {}
        tokio::time::sleep(PAUSE).await;
    }
}

/// Whether to connect again.
async fn session(
    mut socket: Socket,
    emits: &mut mpsc::UnboundedReceiver<Emit>,
    hear: &mpsc::UnboundedSender<Heard>,
) -> bool {
    // The socket counts its acknowledgements from 0.
    let mut ids = Vec::new();
    loop {
        tokio::select! {
            emit = emits.recv() => {
                let Some(Emit { id, event, payload }) = emit else { return false };
                ids.push(id);
                if !matches!(timeout(SILENCE, socket.emit(event, &payload)).await, Ok(Ok(_))) {
                    return true;
                }
            }
            packet = timeout(SILENCE, socket.next()) => {
                let heard = match packet {
                    Ok(Ok(Packet::Event(text))) => event(&text),
                    Ok(Ok(Packet::Ack(nth, text))) => {
                        let answer = serde_json::from_str::<[Value; 1]>(&text).ok();
                        let id = usize::try_from(nth).ok().and_then(|nth| ids.get(nth).copied());
                        id.zip(answer).map(|(id, [answer])| Heard::Ack(id, answer))
                    }
                    _ => return true,
                };
                if heard.is_some_and(|heard| hear.send(heard).is_err()) {
                    return false;
                }
            }
        }
    }
}

fn event(text: &str) -> Option<Heard> {
    let (name, payload) = serde_json::from_str::<(String, Value)>(text).ok()?;
    Some(Heard::Event(name, payload))
}
