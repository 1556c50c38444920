//! The task behind an outbox.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use futures_util::StreamExt;
use futures_util::stream::FuturesUnordered;
use protocol::agents::HistoryEnd;
use protocol::limits::PAGE;
use protocol::names::agents::{HISTORY_END, TERMINAL_CLOSED, TERMINAL_OUTPUT};
use protocol::{Ack, ConversationId, ErrorCode, SessionId, WireError};
use serde_json::value::RawValue;
use tokio::sync::mpsc;

use super::follow::Follow;
use super::watch::Watches;
use super::{Message, Outbox, Shared, raw};
use crate::bell::Bell;
use crate::history::{BoxFuture, History, Page};
use crate::item::Item;
use crate::meters::Meters;
use crate::scroll::Piece;
use crate::sink::{Envelope, Refusal, Sink, wrap};
use crate::tail::{Read, Tail};

/// Items of one conversation before another has its turn.
const TURN: usize = 64;
/// A full socket is offered the packet again so often at once: the task that empties it may be about to.
const EAGER: usize = 4;
/// Then it is offered again after this, doubling up to [`LONGEST_WAIT`]. The library does not say when
/// a socket has drained; a millisecond is what its buffer lasts a fast reader.
const FIRST_WAIT: Duration = Duration::from_millis(1);
/// A reader that is this slow is not kept waiting noticeably longer by it.
const LONGEST_WAIT: Duration = Duration::from_millis(32);
/// A client that sent too many commands is told to wait this long.
const BREATH: Duration = Duration::from_millis(100);
/// A page that could not be had is asked for again after this.
const PAGE_RETRY: Duration = Duration::from_millis(500);

/// Starts the task that writes to `sink`. It ends when the socket is gone or every [`Outbox`] handle is dropped.
pub fn spawn(
    sink: impl Sink,
    envelope: Envelope,
    history: Arc<dyn History>,
    meters: Meters,
) -> (Outbox, tokio::task::JoinHandle<()>) {
    let (outbox, messages) = Outbox::channel();
    let task = start(&outbox, messages, sink, envelope, history, meters);
    (outbox, task)
}

/// Starts the task of an outbox that there is already. What was told before is written first.
pub(crate) fn start(
    outbox: &Outbox,
    messages: mpsc::Receiver<Box<Message>>,
    sink: impl Sink,
    envelope: Envelope,
    history: Arc<dyn History>,
    meters: Meters,
) -> tokio::task::JoinHandle<()> {
    let shared = Arc::clone(&outbox.shared);
    let writer = Writer { sink, envelope, shared, meters, told: 0 };
    let task = Task {
        writer,
        history,
        messages,
        bell: Arc::default(),
        follows: HashMap::new(),
        watches: Watches::default(),
        fetches: FuturesUnordered::new(),
        number: 0,
    };
    tokio::spawn(task.run())
}

type Fetched = (ConversationId, u64, Result<Page, WireError>);

struct Task<S> {
    writer: Writer<S>,
    history: Arc<dyn History>,
    messages: mpsc::Receiver<Box<Message>>,
    bell: Arc<Bell<ConversationId>>,
    follows: HashMap<ConversationId, Follow>,
    watches: Watches,
    /// At most one for each followed conversation.
    fetches: FuturesUnordered<BoxFuture<Fetched>>,
    number: u64,
}

/// The socket is gone.
struct Gone;

impl<S: Sink> Task<S> {
    async fn run(mut self) {
        while let Ok(true) = self.turn().await {
            self.writer.count();
        }
        if self.writer.shared.overrun() {
            self.writer.meters.closed("overrun");
        }
        self.writer.count();
        // One whose buffer is full ends when its peer reads, or does not for too long.
        self.writer.sink.close().ok();
    }

    async fn turn(&mut self) -> Result<bool, Gone> {
        let shared = Arc::clone(&self.writer.shared);
        tokio::select! {
            biased;
            () = shared.gone() => return Ok(false),
            message = self.messages.recv() => match message {
                Some(message) => self.on_message(*message).await?,
                None => return Ok(false),
            },
            Some((conversation, number, page)) = self.fetches.next(), if !self.fetches.is_empty() =>
                self.on_page(&conversation, number, page).await?,
            ack = shared.refused() => self.writer.refuse(ack).await?,
            conversation = self.bell.next() => self.on_news(&conversation).await?,
            // Last of all: a terminal that floods keeps no conversation waiting.
            session = self.watches.next() => self.on_shown(&session).await?,
            // Behind all that, as there is nothing else to do.
            () = shared.flush() => shared.flushed(),
        }
        Ok(true)
    }

    async fn on_message(&mut self, message: Message) -> Result<(), Gone> {
        match message {
            Message::Event(name, payload) => self.writer.event(name, &payload).await,
            Message::Relayed(name, payload) => self.writer.relayed(&name, &payload).await,
            Message::Ack(id, payload) => self.writer.ack(id, &payload).await,
            Message::Follow(feed, start) => {
                self.number += 1;
                let follow = Follow::new(feed.follow(&self.bell), self.number, start);
                self.follows.insert(feed.conversation().clone(), follow);
                Ok(())
            }
            Message::Unfollow(conversation) => {
                self.follows.remove(&conversation);
                Ok(())
            }
            Message::Watch(scroll, from) => {
                self.watches.begin(&scroll, from);
                Ok(())
            }
            Message::Unwatch(session) => {
                self.watches.end(&session);
                Ok(())
            }
            Message::End => {
                self.writer.offer(Sink::close).await?;
                Err(Gone)
            }
        }
    }

    /// One piece, then others have their turn.
    async fn on_shown(&mut self, session: &SessionId) -> Result<(), Gone> {
        match self.watches.read(session) {
            Some(Piece::Output(output)) => {
                self.writer.relayed(TERMINAL_OUTPUT, &raw(&output)).await?;
                self.watches.again(session);
            }
            Some(Piece::Closed(closed)) => {
                self.watches.end(session);
                self.writer.relayed(TERMINAL_CLOSED, &closed).await?;
            }
            None => {}
        }
        Ok(())
    }

    async fn on_news(&mut self, conversation: &ConversationId) -> Result<(), Gone> {
        let Some(follow) = self.follows.get_mut(conversation) else { return Ok(()) };
        if follow.following.feed().is_closed() {
            self.follows.remove(conversation);
            return Ok(());
        }
        if follow.fetching.is_some() {
            // Heard, or the ring after the page would count as one that is still to be heard, and be lost.
            follow.following.heard();
            return Ok(());
        }
        if let Some((end, time)) = follow.idle() {
            self.writer.replayed(&end, time).await?;
        }
        match follow.read(TURN) {
            Read::Items(items) => {
                tell(&mut self.writer, follow, items).await?;
                follow.following.ring();
            }
            Read::Idle => {}
            Read::Closed => {
                self.follows.remove(conversation);
            }
            Read::Reset => {
                follow.start_over();
                follow.following.ring();
            }
            Read::Behind(after) => {
                self.writer.meters.behind();
                follow.fetching = Some(follow.following.feed().with_tail(Tail::start));
                let history = follow.following.feed().history().unwrap_or(&self.history);
                let page = history.page(conversation, after, PAGE);
                let (conversation, number) = (conversation.clone(), follow.number);
                self.fetches.push(Box::pin(async move { (conversation, number, page.await) }));
            }
        }
        Ok(())
    }

    async fn on_page(
        &mut self,
        conversation: &ConversationId,
        number: u64,
        page: Result<Page, WireError>,
    ) -> Result<(), Gone> {
        let Some(follow) = self.follows.get_mut(conversation) else { return Ok(()) };
        if follow.number != number {
            return Ok(());
        }
        let start = follow.fetching.take();
        let epoch = follow.following.feed().head().0;
        match page {
            Ok(page) if page.epoch == epoch => {
                self.writer.meters.page();
                if page.items.is_empty() {
                    follow.skip(start.unwrap_or_default());
                }
                let items = follow.take(page.items);
                tell(&mut self.writer, follow, items).await?;
                follow.following.ring();
            }
            // Of another life than the feed, or not to be had now: the feed is about to be told, or the log is back soon.
            _ => {
                let ringer = follow.following.ringer();
                tokio::spawn(async move {
                    tokio::time::sleep(PAGE_RETRY).await;
                    ringer.ring();
                });
            }
        }
        Ok(())
    }
}

async fn tell<S: Sink>(
    writer: &mut Writer<S>,
    follow: &mut Follow,
    items: Vec<Arc<Item>>,
) -> Result<(), Gone> {
    for item in items {
        let shown = follow.shows(&item);
        if shown {
            writer.relayed(&item.event, &item.payload).await?;
        }
        if let Some((end, time)) = follow.passed(&item, shown) {
            writer.replayed(&end, time).await?;
        }
    }
    Ok(())
}

struct Writer<S> {
    sink: S,
    envelope: Envelope,
    shared: Arc<Shared>,
    meters: Meters,
    /// Packets that the socket has taken and that are not counted yet.
    told: u64,
}

impl<S: Sink> Writer<S> {
    /// Once for many packets: all connections share the counter.
    fn count(&mut self) {
        self.meters.told(std::mem::take(&mut self.told));
    }

    async fn replayed(&mut self, end: &HistoryEnd, time: Duration) -> Result<(), Gone> {
        self.meters.replayed(end.count, time);
        self.relayed(HISTORY_END, &raw(end)).await
    }

    async fn event(&mut self, name: &str, payload: &RawValue) -> Result<(), Gone> {
        self.offer(|sink| sink.event(name, payload)).await
    }

    async fn relayed(&mut self, name: &str, payload: &RawValue) -> Result<(), Gone> {
        match self.envelope {
            Envelope::Direct => self.event(name, payload).await,
            Envelope::Forwarded => self.event("forwardedEvent", &wrap(name, payload)).await,
        }
    }

    async fn ack(&mut self, id: i64, payload: &RawValue) -> Result<(), Gone> {
        self.offer(|sink| sink.ack(id, payload)).await
    }

    async fn refuse(&mut self, ack: Option<i64>) -> Result<(), Gone> {
        let error =
            WireError::new(ErrorCode::RateLimited, "Too many commands at once").retry_after(BREATH);
        match ack {
            Some(id) => self.ack(id, &raw(&Ack::<()>::from(Err(error)))).await,
            None => self.event("error", &raw(&error)).await,
        }
    }

    async fn offer(
        &mut self,
        mut packet: impl FnMut(&mut S) -> Result<(), Refusal>,
    ) -> Result<(), Gone> {
        let (mut wait, mut eager) = (FIRST_WAIT, EAGER);
        loop {
            if self.shared.overrun() {
                return Err(Gone);
            }
            match packet(&mut self.sink) {
                Ok(()) => {
                    self.told += 1;
                    return Ok(());
                }
                Err(Refusal::Closed) => return Err(Gone),
                Err(Refusal::Full) if eager > 0 => {
                    eager -= 1;
                    tokio::task::yield_now().await;
                }
                Err(Refusal::Full) => {
                    tokio::time::sleep(wait).await;
                    wait = (wait * 2).min(LONGEST_WAIT);
                }
            }
        }
    }
}
