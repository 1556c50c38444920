//! The log.

use futures_util::TryStreamExt;
use protocol::agents::Role;
use protocol::{ConversationId, InteractionId, MessageId, RunId, Seq};
use sqlx::Row;

use super::ManagerDb;
use super::rows;
use crate::StoreError;
use crate::record::{Appended, Keep, NewEntry, OpenInteraction, Page};
use crate::writer::{Group, Job};

/// A page ends early when its bodies are larger than this together, so that a page of large entries fits in memory.
const PAGE_BYTES: usize = 1 << 20;

macro_rules! page_query {
    ($bound:literal $(, $more:expr)?) => {
        concat!(
            "SELECT c.agent_id, c.epoch, c.head_seq, e.seq, e.kind, e.run_id, e.timestamp, e.body
             FROM conversations c LEFT JOIN entries e ON e.conversation = c.number AND ",
            $bound,
            $($more,)?
            " WHERE c.conversation_id = ?"
        )
    };
}

macro_rules! of_role {
    () => {
        " AND e.kind = 'chatMessage' AND json_extract(e.body, '$.from') = ?"
    };
}

impl ManagerDb {
    /// Appends entries as one group: all or none. They are on disk when it returns.
    ///
    /// # Errors
    /// [`StoreError::NotFound`] without such a conversation; [`StoreError::Unavailable`] when nothing was stored.
    pub async fn append(
        &self,
        conversation: &ConversationId,
        entries: Vec<NewEntry>,
    ) -> Result<Appended, StoreError> {
        let conversation = conversation.clone();
        self.write(|reply| Job::Append(Group { conversation, entries, reply })).await
    }

    /// Entries after `after`, oldest first, at most `limit` and about 1 MiB; with a role only its messages.
    ///
    /// # Errors
    /// [`StoreError::NotFound`] without such a conversation.
    pub async fn entries_after(
        &self,
        conversation: &ConversationId,
        after: Seq,
        limit: u32,
        role: Option<Role>,
    ) -> Result<Page, StoreError> {
        let query = match role {
            None => concat!(page_query!("e.seq > ?"), " ORDER BY e.seq LIMIT ?"),
            Some(_) => concat!(page_query!("e.seq > ?", of_role!()), " ORDER BY e.seq LIMIT ?"),
        };
        self.page(query, conversation, rows::signed(after), limit, role).await
    }

    /// The newest entries before `before`, or the newest of all, oldest first, at most `limit` and about 1 MiB.
    ///
    /// # Errors
    /// [`StoreError::NotFound`] without such a conversation.
    pub async fn entries_before(
        &self,
        conversation: &ConversationId,
        before: Option<Seq>,
        limit: u32,
        role: Option<Role>,
    ) -> Result<Page, StoreError> {
        let query = match role {
            None => concat!(page_query!("e.seq < ?"), " ORDER BY e.seq DESC LIMIT ?"),
            Some(_) => {
                concat!(page_query!("e.seq < ?", of_role!()), " ORDER BY e.seq DESC LIMIT ?")
            }
        };
        let before = before.map_or(i64::MAX, rows::signed);
        let mut page = self.page(query, conversation, before, limit, role).await?;
        page.entries.reverse();
        Ok(page)
    }

    /// Position of the entry that has the message id, if one has.
    ///
    /// # Errors
    /// The database cannot be read.
    pub async fn find_message(
        &self,
        conversation: &ConversationId,
        message: &MessageId,
    ) -> Result<Option<Seq>, StoreError> {
        let query = "SELECT e.seq FROM entries e JOIN conversations c ON c.number = e.conversation
                     WHERE c.conversation_id = ? AND e.message_id = ?";
        let query = sqlx::query(query).bind(conversation.as_str()).bind(message.as_str());
        query.fetch_optional(&self.readers).await?.map(|row| rows::seq(&row, 0)).transpose()
    }

    /// One statement, so that entries, epoch and head are of one moment.
    async fn page(
        &self,
        query: &'static str,
        conversation: &ConversationId,
        bound: i64,
        limit: u32,
        role: Option<Role>,
    ) -> Result<Page, StoreError> {
        let mut query = sqlx::query(query).bind(bound);
        if let Some(role) = role {
            query = query.bind(if role == Role::User { "user" } else { "agent" });
        }
        let query = query.bind(conversation.as_str()).bind(i64::from(limit) + 1);
        let mut rows = query.fetch(&self.readers);
        let mut page: Option<Page> = None;
        let mut bytes = 0;
        while let Some(row) = rows.try_next().await? {
            let page = match &mut page {
                Some(page) => page,
                None => page.insert(Page {
                    epoch: rows::id(&row, 1)?,
                    head: rows::seq(&row, 2)?,
                    entries: Vec::new(),
                    has_more: false,
                }),
            };
            if row.try_get::<Option<i64>, _>(3)?.is_none() {
                break;
            }
            if page.entries.len() == limit as usize || bytes > PAGE_BYTES {
                page.has_more = true;
                break;
            }
            let entry = rows::entry(&row, conversation)?;
            bytes += entry.body.len();
            page.entries.push(entry);
        }
        page.ok_or(StoreError::NotFound)
    }

    /// Runs without a terminal entry.
    ///
    /// # Errors
    /// The database cannot be read.
    pub async fn open_runs(&self) -> Result<Vec<(ConversationId, RunId)>, StoreError> {
        let query = "SELECT c.conversation_id, r.run_id FROM open_runs r
                     JOIN conversations c ON c.number = r.conversation ORDER BY r.conversation";
        let runs = sqlx::query(query).fetch_all(&self.readers).await?;
        runs.iter().map(|row| Ok((rows::id(row, 0)?, rows::id(row, 1)?))).collect()
    }

    /// Interactions without an end, in the order in which they were asked.
    ///
    /// # Errors
    /// The database cannot be read.
    pub async fn open_interactions(&self) -> Result<Vec<OpenInteraction>, StoreError> {
        let query = "SELECT c.agent_id, c.conversation_id, i.interaction_id, e.seq, e.kind, e.run_id, e.timestamp, e.body,
                            i.asked_as
                     FROM interactions i JOIN conversations c ON c.number = i.conversation
                     JOIN entries e ON e.conversation = i.conversation AND e.seq = i.seq
                     WHERE i.open ORDER BY i.conversation, i.seq";
        let found = sqlx::query(query).fetch_all(&self.readers).await?;
        let open = found.iter().map(|row| {
            let conversation = rows::id(row, 1)?;
            Ok(OpenInteraction {
                entry: rows::entry(row, &conversation)?,
                interaction: rows::id(row, 2)?,
                asked_as: rows::id(row, 8)?,
            })
        });
        open.collect()
    }

    /// The conversation that an interaction was asked in, whether it is open or has ended.
    ///
    /// # Errors
    /// The database cannot be read.
    pub async fn interaction(
        &self,
        interaction: &InteractionId,
    ) -> Result<Option<ConversationId>, StoreError> {
        let query = "SELECT c.conversation_id FROM interactions i
                     JOIN conversations c ON c.number = i.conversation WHERE i.interaction_id = ?";
        let row = sqlx::query(query).bind(interaction.as_str());
        row.fetch_optional(&self.readers).await?.map(|row| rows::id(&row, 0)).transpose()
    }

    /// Deletes the oldest entries that need not be kept; how many. What is open is kept, and all after it.
    ///
    /// # Errors
    /// The database cannot be written.
    pub async fn prune(
        &self,
        conversation: &ConversationId,
        keep: Keep,
    ) -> Result<u64, StoreError> {
        let conversation = conversation.clone();
        self.write(|reply| Job::Prune(conversation, keep, reply)).await
    }
}
