//! The terminals that a connection watches.

use std::collections::HashMap;
use std::sync::Arc;

use protocol::SessionId;

use crate::bell::Bell;
use crate::scroll::{Piece, Scroll, Watching};

/// A cursor for each.
#[derive(Debug, Default)]
pub(super) struct Watches {
    bell: Arc<Bell<SessionId>>,
    watched: HashMap<SessionId, Watched>,
}

#[derive(Debug)]
struct Watched {
    watching: Watching,
    /// Where to go on; with none, at the oldest that is kept.
    cursor: Option<u64>,
}

impl Watches {
    pub(super) fn begin(&mut self, scroll: &Arc<Scroll>, from: Option<u64>) {
        let watched = Watched { watching: scroll.watch(&self.bell), cursor: from };
        self.watched.insert(scroll.session().clone(), watched);
    }

    pub(super) fn end(&mut self, session: &SessionId) {
        self.watched.remove(session);
    }

    /// The next terminal with news. Cancel safe.
    pub(super) async fn next(&self) -> SessionId {
        self.bell.next().await
    }

    /// What is next of a terminal, if there is something.
    pub(super) fn read(&mut self, session: &SessionId) -> Option<Piece> {
        let watched = self.watched.get_mut(session)?;
        watched.watching.heard();
        watched.watching.scroll().read(&mut watched.cursor)
    }

    /// Comes back to a terminal that may have more.
    pub(super) fn again(&self, session: &SessionId) {
        if let Some(watched) = self.watched.get(session) {
            watched.watching.ring();
        }
    }
}
