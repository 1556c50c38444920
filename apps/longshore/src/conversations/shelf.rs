//! All conversations of one agent.

use anyhow::Context;
use protocol::agents::{
    ConversationInfo, Conversations, CreateConversation, Done, ForConversation, Found,
    FoundConversation, InsertHistory, Inserted, InsertedMessage, ListConversations,
    RenameConversation, SearchConversations,
};
use protocol::names::agents;
use protocol::{AgentId, ConversationId, ErrorCode};

use crate::choose::by_name;
use crate::line::{Caller, Failed};

/// From which score on a name is something like what was looked for.
const SIMILAR: f64 = 0.6;
/// How often what has an id is sent, when the answer is lost.
const TRIES: usize = 5;

/// The conversations of an agent, by way of a connection. Cheap to clone.
#[derive(Debug, Clone)]
pub(crate) struct Shelf {
    caller: Caller,
    agent: AgentId,
}

impl Shelf {
    pub(crate) fn new(caller: Caller, agent: AgentId) -> Self {
        Self { caller, agent }
    }

    /// All of them, or those that have this in their name; newest activity first.
    pub(crate) async fn list(&self, name: Option<&str>) -> Result<Vec<ConversationInfo>, Failed> {
        let mut all = Vec::new();
        let mut list = ListConversations {
            agent_id: Some(self.agent.clone()),
            name: name.map(str::to_owned),
            ..ListConversations::default()
        };
        loop {
            let page: Conversations = self.ask(agents::LIST_CONVERSATIONS, &list).await?;
            all.extend(page.conversations);
            list.cursor = page.next;
            if list.cursor.is_none() {
                return Ok(all);
            }
        }
    }

    pub(crate) async fn create(
        &self,
        name: &str,
        ephemeral: bool,
        read_only: bool,
    ) -> Result<ConversationInfo, Failed> {
        // Without a name the manager makes one.
        let name = Some(name.trim()).filter(|name| !name.is_empty());
        let create = CreateConversation {
            agent_id: Some(self.agent.clone()),
            name: name.map(str::to_owned),
            on_name_collision: None,
            ephemeral,
            read_only,
        };
        self.ask(agents::CREATE_CONVERSATION, &create).await
    }

    /// The one of that name. Somebody else may make it at the same time; then theirs is taken.
    pub(crate) async fn find_or_create(&self, name: &str) -> anyhow::Result<ConversationInfo> {
        if let Some(found) = by_name(&self.list(Some(name)).await?, name) {
            return Ok(found.clone());
        }
        match self.create(name, false, false).await {
            Err(Failed::Refused(error)) if error.code == ErrorCode::NameTaken => {
                let all = self.list(Some(name)).await?;
                by_name(&all, name).cloned().context(error.message)
            }
            made => Ok(made?),
        }
    }

    pub(crate) async fn rename(
        &self,
        conversation: &ConversationId,
        name: &str,
    ) -> Result<ConversationInfo, Failed> {
        let rename = RenameConversation {
            agent_id: Some(self.agent.clone()),
            conversation_id: conversation.clone(),
            new_name: name.to_owned(),
            on_name_collision: None,
        };
        self.ask(agents::RENAME_CONVERSATION, &rename).await
    }

    /// That it is gone already is as good.
    pub(crate) async fn delete(&self, conversation: &ConversationId) -> Result<(), Failed> {
        let agent_id = Some(self.agent.clone());
        let delete = ForConversation { agent_id, conversation_id: conversation.clone() };
        match self.ask::<Done>(agents::DELETE_CONVERSATION, &delete).await {
            Err(Failed::Refused(error)) if error.code == ErrorCode::ConversationNotFound => Ok(()),
            deleted => deleted.map(drop),
        }
    }

    pub(crate) async fn search(
        &self,
        query: &str,
        max: u32,
    ) -> Result<Vec<FoundConversation>, Failed> {
        let search = SearchConversations {
            agent_id: Some(self.agent.clone()),
            query: query.to_owned(),
            limit: Some(max),
        };
        Ok(self.ask::<Found>(agents::SEARCH_CONVERSATIONS, &search).await?.results)
    }

    /// Appends messages that were said elsewhere. They have ids, so they are sent again when the answer was lost.
    pub(crate) async fn insert(
        &self,
        conversation: &ConversationId,
        messages: Vec<InsertedMessage>,
    ) -> Result<(), Failed> {
        let insert = InsertHistory {
            agent_id: Some(self.agent.clone()),
            conversation_id: conversation.clone(),
            messages,
        };
        for _ in 1..TRIES {
            match self
                .caller
                .insist::<Inserted>(Some(&self.agent), agents::INSERT_HISTORY, &insert)
                .await
            {
                Err(Failed::Lost(_)) => {}
                inserted => return inserted.map(drop),
            }
        }
        self.ask::<Inserted>(agents::INSERT_HISTORY, &insert).await.map(drop)
    }

    async fn ask<T: serde::de::DeserializeOwned>(
        &self,
        command: &str,
        payload: &impl serde::Serialize,
    ) -> Result<T, Failed> {
        self.caller.forward(Some(&self.agent), command, payload).await
    }
}

/// Those whose name is something like this, best first, with a score of 0 to 1.
pub(crate) fn nearest<'a>(
    all: &'a [ConversationInfo],
    wanted: &str,
    most: usize,
) -> Vec<(&'a ConversationInfo, f64)> {
    let wanted = wanted.trim().to_lowercase();
    let score = |info: &ConversationInfo| {
        let name = info.name.to_lowercase();
        if name == wanted {
            1.0
        } else if name.contains(&wanted) {
            0.9
        } else {
            strsim::normalized_damerau_levenshtein(&name, &wanted)
        }
    };
    let scored = all.iter().map(|info| (info, score(info)));
    let mut near: Vec<_> = scored.filter(|(_, score)| *score >= SIMILAR).collect();
    near.sort_by(|a, b| b.1.total_cmp(&a.1));
    near.truncate(most);
    near
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::conversations::tests::info;

    #[test]
    fn what_is_something_like_it_is_found_best_first() {
        let all = [info("1", "Refactoring"), info("2", "factor"), info("3", "Holidays")];

        let found = nearest(&all, "FACTOR", 10);

        let names: Vec<_> = found.iter().map(|(info, _)| info.name.as_str()).collect();
        assert_eq!(names, ["factor", "Refactoring"]);
        assert_eq!(nearest(&all, "holdays", 10)[0].0.name, "Holidays");
        assert!(nearest(&all, "xyz", 10).is_empty());
        assert_eq!(nearest(&all, "factor", 1).len(), 1);
    }
}
