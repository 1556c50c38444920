//! What a terminal has shown of late, shared by the one who writes it and the connections that watch it.
//!
//! The cursor is a byte offset into all that it has shown. A connection that is slower than the terminal loses its place
//! and goes on with the oldest that is kept, which it sees by the offset: it holds up neither the terminal nor others.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use protocol::agents::TerminalOutput;
use protocol::limits::SCROLLBACK;
use protocol::{AgentId, SessionId};
use serde_json::value::RawValue;

use crate::bell::{Bell, Follower};

/// Bytes in one block: what is told at once. Small enough that others have their turn soon.
const BLOCK: usize = 8 << 10;

/// The newest output of a terminal and those who want to know when there is more. Behind one short, synchronous lock:
/// nothing is awaited under it.
#[derive(Debug)]
pub struct Scroll {
    agent: AgentId,
    session: SessionId,
    inner: Mutex<Inner>,
}

#[derive(Debug, Default)]
struct Inner {
    kept: Kept,
    followers: Vec<Arc<Follower<SessionId>>>,
    closed: Option<Arc<RawValue>>,
}

/// Text in blocks, the oldest first.
#[derive(Debug, Default)]
struct Kept {
    start: u64,
    length: usize,
    blocks: VecDeque<String>,
}

/// Something of a terminal to be told.
#[derive(Debug)]
pub(crate) enum Piece {
    /// It has shown something.
    Output(TerminalOutput),
    /// It has ended, and this says how.
    Closed(Arc<RawValue>),
}

impl Scroll {
    /// A terminal that has shown nothing.
    #[must_use]
    pub fn new(agent: AgentId, session: SessionId) -> Arc<Self> {
        Arc::new(Self { agent, session, inner: Mutex::default() })
    }

    /// The agent in whose environment it is.
    #[must_use]
    pub fn agent(&self) -> &AgentId {
        &self.agent
    }

    /// The terminal.
    #[must_use]
    pub fn session(&self) -> &SessionId {
        &self.session
    }

    /// How far its output has got.
    #[must_use]
    pub fn end(&self) -> u64 {
        self.lock().kept.end()
    }

    /// It has shown something more.
    pub fn append(&self, text: &str) {
        let mut inner = self.lock();
        inner.kept.push(text);
        inner.ring();
    }

    /// It has shown something, which is at that offset. What is here already is not taken again; what is missing before it
    /// is lost, and so is what is here.
    pub fn append_at(&self, offset: u64, text: &str) {
        let mut inner = self.lock();
        let end = inner.kept.end();
        if offset > end {
            inner.kept = Kept { start: offset, ..Kept::default() };
        }
        let known = usize::try_from(end.saturating_sub(offset)).unwrap_or(usize::MAX);
        if let Some(news) = text.get(known.min(text.len())..).filter(|news| !news.is_empty()) {
            inner.kept.push(news);
            inner.ring();
        }
    }

    /// It has ended; whoever watches it is told so behind its output. Only the first end counts.
    pub fn close(&self, closed: Arc<RawValue>) {
        let mut inner = self.lock();
        inner.closed.get_or_insert(closed);
        inner.ring();
    }

    /// Registers a connection's bell. It rings once at once.
    pub(crate) fn watch(self: &Arc<Self>, bell: &Arc<Bell<SessionId>>) -> Watching {
        let follower = Follower::new(self.session.clone(), bell);
        follower.ring();
        self.lock().followers.push(Arc::clone(&follower));
        Watching { scroll: Arc::clone(self), follower }
    }

    /// What comes at the cursor, which then is behind it.
    pub(crate) fn read(&self, cursor: &mut Option<u64>) -> Option<Piece> {
        let inner = self.lock();
        let Some((offset, data)) = inner.kept.read(*cursor) else {
            return inner.closed.clone().map(Piece::Closed);
        };
        *cursor = Some(offset + data.len() as u64);
        let (agent_id, session_id) = (self.agent.clone(), self.session.clone());
        Some(Piece::Output(TerminalOutput { agent_id, session_id, offset, data: data.to_owned() }))
    }

    /// A panic under the lock leaves blocks that are whole.
    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Inner {
    fn ring(&self) {
        for follower in &self.followers {
            follower.ring();
        }
    }
}

impl Kept {
    fn end(&self) -> u64 {
        self.start + self.length as u64
    }

    fn push(&mut self, mut text: &str) {
        while !text.is_empty() {
            let (piece, rest) = text.split_at(text.floor_char_boundary(BLOCK));
            match self.blocks.back_mut() {
                Some(last) if last.len() + piece.len() <= BLOCK => last.push_str(piece),
                _ => self.blocks.push_back(piece.to_owned()),
            }
            self.length += piece.len();
            text = rest;
        }
        while self.length > SCROLLBACK
            && let Some(oldest) = self.blocks.pop_front()
        {
            self.start += oldest.len() as u64;
            self.length -= oldest.len();
        }
    }

    /// The rest of the block that the cursor is in, and where that begins.
    fn read(&self, cursor: Option<u64>) -> Option<(u64, &str)> {
        let mut begin = self.start;
        let cursor = cursor.unwrap_or(begin).max(begin);
        for block in &self.blocks {
            let end = begin + block.len() as u64;
            if cursor < end {
                let within = usize::try_from(cursor - begin).unwrap_or(usize::MAX);
                // A peer may name any number.
                let within = block.ceil_char_boundary(within);
                if within < block.len() {
                    return Some((begin + within as u64, &block[within..]));
                }
            }
            begin = end;
        }
        None
    }
}

/// A registered connection; dropping it deregisters.
#[derive(Debug)]
pub(crate) struct Watching {
    scroll: Arc<Scroll>,
    follower: Arc<Follower<SessionId>>,
}

impl Watching {
    pub(crate) fn scroll(&self) -> &Scroll {
        &self.scroll
    }

    /// Says that the ring was heard. To be called before reading.
    pub(crate) fn heard(&self) {
        self.follower.heard();
    }

    /// Rings the own bell, to come back later.
    pub(crate) fn ring(&self) {
        self.follower.ring();
    }
}

impl Drop for Watching {
    fn drop(&mut self) {
        self.scroll.lock().followers.retain(|other| !Arc::ptr_eq(other, &self.follower));
    }
}

#[cfg(test)]
mod tests;
