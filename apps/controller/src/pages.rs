//! Pages of a conversation's history from its manager, asked for once however many viewers need them.

use std::collections::HashMap;
use std::fmt;
use std::sync::{Mutex, PoisonError, Weak};

use futures_util::FutureExt;
use futures_util::future::{Shared, WeakShared};
use gateway::{BoxFuture, History, Item, Page};
use link::CallError;
use protocol::agents::{self, GetHistory};
use protocol::names::agents::GET_HISTORY;
use protocol::{Ack, AgentId, ConversationId, Seq, WireError};

use crate::error::Error;
use crate::remote::Remote;

type PageFuture = BoxFuture<Result<Page, WireError>>;

/// Where the older entries of one conversation are. Its feed has it, so that nobody is shown the log of another manager
/// whose conversation has the same id.
pub(crate) struct Pages {
    /// Weak: a feed that a viewer still has does not keep a manager that was removed.
    remote: Weak<Remote>,
    agent: AgentId,
    /// Weak: a page is forgotten when the last viewer that waits for it has it. Behind a lock that is held to look up and
    /// to note, and never awaited under.
    under_way: Mutex<HashMap<Seq, WeakShared<PageFuture>>>,
}

impl Pages {
    pub(crate) fn of(remote: Weak<Remote>, agent: AgentId) -> Self {
        Self { remote, agent, under_way: Mutex::default() }
    }
}

impl fmt::Debug for Pages {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Pages").field("agent", &self.agent).finish_non_exhaustive()
    }
}

impl History for Pages {
    fn page(&self, conversation: &ConversationId, after: Seq, limit: usize) -> PageFuture {
        let mut under_way = self.under_way.lock().unwrap_or_else(PoisonError::into_inner);
        // One that is done says what was; a viewer that does not read may hold it for long.
        let waiting = |page: &Shared<PageFuture>| page.peek().is_none();
        let known = under_way.get(&after).and_then(WeakShared::upgrade);
        if let Some(page) = known.filter(waiting) {
            return page.boxed();
        }
        let (remote, agent) = (self.remote.clone(), self.agent.clone());
        let conversation = conversation.clone();
        let page = async move { Ok(fetch(&remote, agent, conversation, after, limit).await?) };
        let page: Shared<PageFuture> = page.boxed().shared();
        under_way.retain(|_, page| page.upgrade().is_some());
        if let Some(weak) = page.downgrade() {
            under_way.insert(after, weak);
        }
        page.boxed()
    }
}

async fn fetch(
    remote: &Weak<Remote>,
    agent: AgentId,
    conversation: ConversationId,
    after: Seq,
    limit: usize,
) -> Result<Page, Error> {
    let remote = remote.upgrade().ok_or(Error::Call(CallError::Closed))?;
    let wanted = GetHistory {
        agent_id: Some(agent),
        conversation_id: Some(conversation),
        before_seq: None,
        after_seq: Some(after),
        limit: u32::try_from(limit).ok(),
        role: None,
    };
    let answer = remote.ask(GET_HISTORY, &wanted).await?;
    let history = serde_json::from_str::<Ack<agents::History>>(answer.get())?.into_result()?;
    let mut items = Vec::with_capacity(history.events.len());
    for event in history.events {
        items.push(Item::read(event.event.into(), event.payload.into())?);
    }
    Ok(Page { epoch: history.epoch, items })
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use serde_json::json;

    use super::*;
    use crate::scripted::{Scripted, agent, conversation};

    fn pages(manager: &Scripted) -> Pages {
        Pages::of(Arc::downgrade(&manager.remote), agent())
    }

    async fn answer(manager: &mut Scripted, epoch: &str) {
        let asked = manager.expect(GET_HISTORY).await;
        let history = json!({ "epoch": epoch, "headSeq": 0, "events": [], "hasMore": false });
        manager.answer(&asked, &history).await;
    }

    #[tokio::test]
    async fn a_conversation_of_two_managers_is_read_from_the_one_that_is_meant() {
        let (mut one, mut other) = (Scripted::start().await, Scripted::start().await);
        let [of_one, of_other] =
            [&one, &other].map(|manager| pages(manager).page(&conversation("x"), Seq(0), 500));

        let of_one = tokio::spawn(of_one);
        answer(&mut one, "e1").await;
        assert_eq!(of_one.await.unwrap().unwrap().epoch.as_str(), "e1");
        let of_other = tokio::spawn(of_other);
        answer(&mut other, "e2").await;
        assert_eq!(of_other.await.unwrap().unwrap().epoch.as_str(), "e2");
    }

    #[tokio::test]
    async fn a_page_under_way_is_shared_and_a_page_that_is_done_is_asked_for_again() {
        let mut manager = Scripted::start().await;
        let pages = pages(&manager);
        let page = || pages.page(&conversation("x"), Seq(0), 500);

        let (fast, _slow) = (tokio::spawn(page()), page());
        answer(&mut manager, "e1").await;
        assert_eq!(fast.await.unwrap().unwrap().epoch.as_str(), "e1");
        let again = tokio::spawn(page());
        answer(&mut manager, "e2").await;

        assert_eq!(again.await.unwrap().unwrap().epoch.as_str(), "e2");
    }
}
