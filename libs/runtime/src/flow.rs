//! The way from a session to its conversation, bounded by count and by size.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::{Context, Poll};

use tokio::sync::{Notify, mpsc};

use crate::event::AgentEvent;
use crate::session::Stopped;

/// Events that may wait for the conversation. When it is full the worker stops reading, the pipe
/// fills up and the agent blocks: an agent cannot produce faster than its conversation stores.
const EVENTS: usize = 256;

/// Bytes of events that may wait or be worked on. The event that goes beyond it is still taken.
const BYTES: usize = 8 << 20;

pub(crate) fn channel() -> (Speaker, Events) {
    let (sender, receiver) = mpsc::channel(EVENTS);
    let flow = Arc::new(Flow::default());
    (Speaker { sender, flow: flow.clone() }, Events { receiver, flow, lent: 0 })
}

#[derive(Debug, Default)]
struct Flow {
    /// Bytes that are under way.
    bytes: AtomicUsize,
    less: Notify,
}

/// The session's end.
#[derive(Debug, Clone)]
pub(crate) struct Speaker {
    sender: mpsc::Sender<AgentEvent>,
    flow: Arc<Flow>,
}

/// Room for one event.
pub(crate) struct Room<'a> {
    permit: mpsc::Permit<'a, AgentEvent>,
    flow: &'a Flow,
}

impl Speaker {
    /// Waits for room. Cancel safe.
    ///
    /// # Errors
    /// Nobody listens any more.
    pub(crate) async fn room(&self) -> Result<Room<'_>, Stopped> {
        let permit = self.sender.reserve().await.map_err(|_| Stopped)?;
        while self.flow.bytes.load(Ordering::Acquire) >= BYTES {
            tokio::select! {
                () = self.flow.less.notified() => {}
                () = self.sender.closed() => return Err(Stopped),
            }
        }
        Ok(Room { permit, flow: &self.flow })
    }
}

impl Room<'_> {
    pub(crate) fn send(self, event: AgentEvent) {
        self.flow.bytes.fetch_add(event.weight(), Ordering::AcqRel);
        self.permit.send(event);
    }
}

/// What a session says. What was taken counts as worked on until more is asked for.
#[derive(Debug)]
pub struct Events {
    receiver: mpsc::Receiver<AgentEvent>,
    flow: Arc<Flow>,
    /// Bytes of what was taken last.
    lent: usize,
}

impl Events {
    /// The next event; nothing once the session has ended. Cancel safe.
    pub async fn recv(&mut self) -> Option<AgentEvent> {
        self.give_back();
        let event = self.receiver.recv().await?;
        self.lent = event.weight();
        Some(event)
    }

    /// Takes up to `limit` events at once, none once the session has ended.
    pub fn poll_recv_many(
        &mut self,
        context: &mut Context<'_>,
        events: &mut Vec<AgentEvent>,
        limit: usize,
    ) -> Poll<usize> {
        self.give_back();
        let before = events.len();
        let polled = self.receiver.poll_recv_many(context, events, limit);
        self.lent = events[before..].iter().map(AgentEvent::weight).sum();
        polled
    }

    fn give_back(&mut self) {
        let lent = std::mem::take(&mut self.lent);
        if lent > 0 {
            self.flow.bytes.fetch_sub(lent, Ordering::AcqRel);
            self.flow.less.notify_one();
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use protocol::RunId;
    use tokio::time::timeout;

    use super::*;

    /// On the paused clock: what does not come at once.
    const AT_ONCE: Duration = Duration::from_millis(1);

    #[tokio::test(start_paused = true)]
    async fn large_events_wait_until_those_before_are_done() {
        let (speaker, mut events) = channel();
        let text = "x".repeat(BYTES / 4);
        let event = AgentEvent::Delta { run: RunId::new("r").unwrap(), text };

        let mut sent = 0;
        while let Ok(Ok(room)) = timeout(AT_ONCE, speaker.room()).await {
            room.send(event.clone());
            sent += 1;
        }
        assert_eq!(sent, 4);
        let mut batch = Vec::new();
        std::future::poll_fn(|context| events.poll_recv_many(context, &mut batch, 256)).await;
        assert_eq!(batch.len(), 4);
        assert!(timeout(AT_ONCE, speaker.room()).await.is_err(), "they are worked on");

        assert!(timeout(AT_ONCE, events.recv()).await.is_err());
        speaker.room().await.unwrap().send(event);
        assert!(events.recv().await.is_some());
        drop(events);
        assert!(speaker.room().await.is_err());
    }
}
