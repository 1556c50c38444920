//! Where entries come from that are no longer in a feed.

use std::future::Future;
use std::pin::Pin;

use protocol::{ConversationId, Epoch, ErrorCode, Seq, WireError};

use crate::item::Item;

/// A future that can be kept.
pub type BoxFuture<T> = Pin<Box<dyn Future<Output = T> + Send>>;

/// Entries in `seq` order.
#[derive(Debug, Clone)]
pub struct Page {
    /// The life of the log that they are of.
    pub epoch: Epoch,
    /// The entries; empty only when there is none after the one asked for.
    pub items: Vec<Item>,
}

/// The log behind the feeds: the store, or a manager.
pub trait History: Send + Sync + 'static {
    /// Entries after `after`, at most `limit`.
    fn page(
        &self,
        conversation: &ConversationId,
        after: Seq,
        limit: usize,
    ) -> BoxFuture<Result<Page, WireError>>;
}

/// For connections whose feeds all have a history of their own.
#[derive(Debug)]
pub struct NoHistory;

impl History for NoHistory {
    fn page(
        &self,
        conversation: &ConversationId,
        _: Seq,
        _: usize,
    ) -> BoxFuture<Result<Page, WireError>> {
        let text = format!("Conversation not found: {conversation}");
        let error = WireError::new(ErrorCode::ConversationNotFound, text);
        Box::pin(std::future::ready(Err(error)))
    }
}
