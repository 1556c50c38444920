//! Pages of history from managers, asked for once however many viewers need them.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use futures_util::FutureExt;
use futures_util::future::{Shared, WeakShared};
use gateway::{BoxFuture, History, Item, Page};
use protocol::agents::{self, GetHistory};
use protocol::names::agents::GET_HISTORY;
use protocol::{Ack, AgentId, ConversationId, ErrorCode, Seq, WireError};

use crate::error::Error;
use crate::remote::Remote;

type PageFuture = Shared<BoxFuture<Result<Page, WireError>>>;
type Key = (ConversationId, Seq);

/// Whose each conversation is, and the pages under way.
#[derive(Default)]
pub(crate) struct Pages {
    // Short and synchronous: looked up and noted, never awaited under.
    inner: Mutex<Inner>,
}

#[derive(Default)]
struct Inner {
    owners: HashMap<ConversationId, (Arc<Remote>, AgentId)>,
    /// Weak: a page is forgotten when the last viewer that waits for it has it.
    under_way: HashMap<Key, WeakShared<BoxFuture<Result<Page, WireError>>>>,
}

impl Pages {
    /// Says where a conversation's pages come from.
    pub(crate) fn register(
        &self,
        conversation: ConversationId,
        owner: Arc<Remote>,
        agent: AgentId,
    ) {
        self.inner
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .owners
            .insert(conversation, (owner, agent));
    }

    /// Forgets a conversation.
    pub(crate) fn forget_one(&self, conversation: &ConversationId) {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner).owners.remove(conversation);
    }

    /// Forgets the conversations of a client.
    pub(crate) fn forget(&self, remote: &Arc<Remote>) {
        let mut inner = self.inner.lock().unwrap_or_else(PoisonError::into_inner);
        inner.owners.retain(|_, (owner, _)| !Arc::ptr_eq(owner, remote));
    }
}

impl std::fmt::Debug for Pages {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Pages").finish_non_exhaustive()
    }
}

impl History for Pages {
    fn page(
        &self,
        conversation: &ConversationId,
        after: Seq,
        limit: usize,
    ) -> BoxFuture<Result<Page, WireError>> {
        let mut inner = self.inner.lock().unwrap_or_else(PoisonError::into_inner);
        let key = (conversation.clone(), after);
        if let Some(page) = inner.under_way.get(&key).and_then(WeakShared::upgrade) {
            return page.boxed();
        }
        let Some((remote, agent)) = inner.owners.get(conversation).cloned() else {
            let error = WireError::new(
                ErrorCode::ConversationNotFound,
                format!("Conversation not found: {conversation}"),
            );
            return std::future::ready(Err(error)).boxed();
        };
        let conversation = conversation.clone();
        let page = async move { Ok(fetch(&remote, agent, conversation, after, limit).await?) };
        let page: PageFuture = page.boxed().shared();
        inner.under_way.retain(|_, page| page.upgrade().is_some());
        if let Some(weak) = page.downgrade() {
            inner.under_way.insert(key, weak);
        }
        page.boxed()
    }
}

async fn fetch(
    remote: &Remote,
    agent: AgentId,
    conversation: ConversationId,
    after: Seq,
    limit: usize,
) -> Result<Page, Error> {
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
