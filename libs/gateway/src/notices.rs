//! What a server has to say to everybody who is connected.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use protocol::ConnectionId;
use protocol::lifecycle::ServerNotice;
use protocol::names::clients::SERVER_NOTICE;

use crate::outbox::Outbox;

/// The notices that hold, and who is told. Behind a lock that is held to tell outboxes, which never wait.
#[derive(Debug, Clone, Default)]
pub struct Notices(Arc<Mutex<Inner>>);

#[derive(Debug, Default)]
struct Inner {
    /// The oldest first, each id once.
    holding: Vec<ServerNotice>,
    connections: HashMap<ConnectionId, Outbox>,
    visits: u64,
}

/// A connection that is told; dropping it ends that.
#[derive(Debug)]
#[must_use = "dropped, the connection is told nothing"]
pub struct Hearing {
    notices: Notices,
    connection: ConnectionId,
}

impl Notices {
    /// Tells a connection what holds, and from now on what is new.
    pub fn hear(&self, connection: &ConnectionId, outbox: &Outbox) -> Hearing {
        let mut inner = self.lock();
        for notice in &inner.holding {
            outbox.event(SERVER_NOTICE, notice);
        }
        inner.connections.insert(connection.clone(), outbox.clone());
        inner.visits += 1;
        Hearing { notices: self.clone(), connection: connection.clone() }
    }

    /// Says something to everybody, in place of what was said under the same id. A dismissal of what does not hold is not
    /// told.
    pub fn tell(&self, notice: ServerNotice) {
        let mut inner = self.lock();
        let before = inner.holding.len();
        inner.holding.retain(|holding| holding.id != notice.id);
        if notice.dismiss && inner.holding.len() == before {
            return;
        }
        for outbox in inner.connections.values() {
            outbox.event(SERVER_NOTICE, &notice);
        }
        if !notice.dismiss {
            inner.holding.push(notice);
        }
    }

    /// How many are told.
    #[must_use]
    pub fn connections(&self) -> usize {
        self.lock().connections.len()
    }

    /// How many there were so far.
    #[must_use]
    pub fn visits(&self) -> u64 {
        self.lock().visits
    }

    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Hearing {
    fn drop(&mut self) {
        self.notices.lock().connections.remove(&self.connection);
    }
}

#[cfg(test)]
mod tests {
    use protocol::lifecycle::NoticeLevel;

    use super::*;
    use crate::outbox::Message;

    fn store() -> ServerNotice {
        ServerNotice::new("store", NoticeLevel::Error, "a", "b")
    }

    #[test]
    fn what_holds_is_told_to_who_comes_later_until_it_is_dismissed() {
        let notices = Notices::default();
        let (outbox, mut told) = Outbox::channel();
        let mut next = || match told.try_recv().map(|message| *message) {
            Ok(Message::Event(SERVER_NOTICE, payload)) => {
                Some(serde_json::from_str::<ServerNotice>(payload.get()).unwrap())
            }
            _ => None,
        };

        notices.tell(ServerNotice::dismissal("store"));
        notices.tell(store());
        let hearing = notices.hear(&ConnectionId::random(), &outbox);
        assert_eq!(next(), Some(store()));
        notices.tell(ServerNotice::dismissal("store"));
        assert_eq!(next(), Some(ServerNotice::dismissal("store")));
        notices.tell(ServerNotice::dismissal("store"));
        assert_eq!(next(), None, "once");

        assert_eq!(notices.connections(), 1);
        drop(hearing);
        notices.tell(store());
        assert_eq!(next(), None);
        assert_eq!(notices.connections(), 0);
    }
}
