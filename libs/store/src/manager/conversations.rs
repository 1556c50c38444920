//! Conversations.

use protocol::{AgentId, ConversationId, Epoch, Seq};
use sqlx::Row;

use super::ManagerDb;
use super::rows::{self, conversation_columns};
use crate::StoreError;
use crate::record::{ConversationRecord, NewEntry};
use crate::writer::Job;

impl ManagerDb {
    /// The agent's conversations, oldest first.
    ///
    /// # Errors
    /// The database cannot be read.
    pub async fn conversations(
        &self,
        agent: &AgentId,
    ) -> Result<Vec<ConversationRecord>, StoreError> {
        let query = concat!(
            "SELECT ",
            conversation_columns!(),
            " FROM conversations c WHERE c.agent_id = ? ORDER BY c.number"
        );
        let rows = sqlx::query(query).bind(agent.as_str()).fetch_all(&self.readers).await?;
        rows.iter().map(rows::conversation).collect()
    }

    /// Adds a conversation without entries.
    ///
    /// # Errors
    /// [`StoreError::Conflict`] when the agent has one of that name, [`StoreError::NotFound`] when there is no such agent.
    pub async fn create_conversation(
        &self,
        conversation: ConversationRecord,
    ) -> Result<(), StoreError> {
        self.write(|reply| Job::CreateConversation(Box::new(conversation), reply)).await
    }

    /// Gives a conversation another name.
    ///
    /// # Errors
    /// [`StoreError::Conflict`] when the agent has another one of that name, [`StoreError::NotFound`] when there is none.
    pub async fn rename_conversation(
        &self,
        conversation: &ConversationId,
        name: &str,
    ) -> Result<(), StoreError> {
        let (conversation, name) = (conversation.clone(), name.to_owned());
        self.write(|reply| Job::RenameConversation(conversation, name, reply)).await
    }

    /// Deletes a conversation with its entries; whether there was one.
    ///
    /// # Errors
    /// The database cannot be written.
    pub async fn delete_conversation(
        &self,
        conversation: &ConversationId,
    ) -> Result<bool, StoreError> {
        let conversation = conversation.clone();
        self.write(|reply| Job::DeleteConversation(conversation, reply)).await
    }

    /// Begins a log anew: without its entries, in another life, with `entries` as its first. Its own agent answers again.
    ///
    /// # Errors
    /// [`StoreError::NotFound`] without such a conversation; [`StoreError::Unavailable`] when nothing was changed.
    pub async fn clear_conversation(
        &self,
        conversation: &ConversationId,
        epoch: &Epoch,
        entries: Vec<NewEntry>,
    ) -> Result<Seq, StoreError> {
        let (conversation, epoch) = (conversation.clone(), epoch.clone());
        self.write(|reply| Job::ClearConversation(conversation, epoch, entries, reply)).await
    }

    /// Notes the session of its own that an agent has in a conversation.
    ///
    /// # Errors
    /// [`StoreError::NotFound`] without such a conversation; otherwise the database cannot be written.
    pub async fn keep_agent_session(
        &self,
        conversation: &ConversationId,
        agent: &AgentId,
        session: &str,
    ) -> Result<(), StoreError> {
        let (conversation, agent) = (conversation.clone(), agent.clone());
        let session = session.to_owned();
        self.write(|reply| Job::KeepSession(conversation, agent, session, reply)).await
    }

    /// The sessions of their own that agents have in a conversation.
    ///
    /// # Errors
    /// The database cannot be read.
    pub async fn agent_sessions(
        &self,
        conversation: &ConversationId,
    ) -> Result<Vec<(AgentId, String)>, StoreError> {
        let query = "SELECT s.agent_id, s.session FROM agent_sessions s
                     JOIN conversations c ON c.number = s.conversation WHERE c.conversation_id = ?";
        let found = sqlx::query(query).bind(conversation.as_str()).fetch_all(&self.readers).await?;
        found.iter().map(|row| Ok((rows::id(row, 0)?, row.try_get(1)?))).collect()
    }
}
