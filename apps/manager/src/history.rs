//! Entries that a feed no longer has, from the store.

use gateway::{BoxFuture, History, Item, Page};
use protocol::{ConversationId, Seq, WireError};
use serde_json::value::RawValue;
use store::{Entry, ManagerDb};

use crate::error::Error;

/// The store as the history behind the feeds.
#[derive(Debug, Clone)]
pub(crate) struct StoredHistory(pub(crate) ManagerDb);

impl History for StoredHistory {
    fn page(
        &self,
        conversation: &ConversationId,
        after: Seq,
        limit: usize,
    ) -> BoxFuture<Result<Page, WireError>> {
        let (db, conversation) = (self.0.clone(), conversation.clone());
        let limit = u32::try_from(limit).unwrap_or(u32::MAX);
        Box::pin(
            async move { read(&db, &conversation, after, limit).await.map_err(WireError::from) },
        )
    }
}

async fn read(
    db: &ManagerDb,
    conversation: &ConversationId,
    after: Seq,
    limit: u32,
) -> Result<Page, Error> {
    let page = db.entries_after(conversation, after, limit, None).await?;
    let items = page.entries.iter().map(item).collect::<Result<_, Error>>()?;
    Ok(Page { epoch: page.epoch, items })
}

/// The event of an entry: the same bytes live and replayed, because both come from here.
pub(crate) fn item(entry: &Entry) -> Result<Item, Error> {
    let payload = RawValue::from_string(entry.payload()).map_err(anyhow::Error::from)?;
    let item = Item::read(entry.kind.as_str().into(), payload.into());
    Ok(item.map_err(anyhow::Error::from)?)
}
