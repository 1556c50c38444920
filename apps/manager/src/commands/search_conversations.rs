//! `searchConversations`: in names and in what was said.

use std::collections::HashMap;
use std::sync::Arc;

use protocol::Seq;
use protocol::agents::{ChatMessageBody, Found, FoundConversation, SearchConversations, Snippet};
use protocol::limits::MAX_NAME;
use store::{Hit, StoreError};

use super::check_limit;
use crate::agent::Agent;
use crate::call::Call;
use crate::connection::Connection;
use crate::error::Error;
use crate::server::Server;

/// Places that are looked at to find the best conversations.
const HITS: u32 = 1_000;
const SNIPPETS: usize = 3;
const DEFAULT_LIMIT: u32 = 10;
const MAX_LIMIT: usize = 100;
/// Characters of a snippet before and behind what was found.
const AROUND: usize = 70;

pub(super) fn run(connection: &mut Connection, call: Call) {
    match prepare(connection, &call) {
        Err(error) => call.refuse(error),
        Ok((agents, payload)) => {
            let server = connection.server().clone();
            connection.spawn(async move {
                let found = search(&server, &agents, &payload).await;
                call.give(found);
            });
        }
    }
}

fn prepare(
    connection: &Connection,
    call: &Call,
) -> Result<(Vec<Arc<Agent>>, SearchConversations), Error> {
    let payload: SearchConversations = call.payload()?;
    check_limit(payload.limit, MAX_LIMIT)?;
    if payload.query.trim().is_empty() || payload.query.chars().count() > MAX_NAME {
        return Err(Error::InvalidPayload(format!(
            "query must be between 1 and {MAX_NAME} characters"
        )));
    }
    Ok((connection.agents(call)?, payload))
}

async fn search(
    server: &Server,
    agents: &[Arc<Agent>],
    payload: &SearchConversations,
) -> Result<Found, Error> {
    let ids: Vec<_> = agents.iter().map(|agent| agent.id.clone()).collect();
    let hits = server.db.search(&ids, &payload.query, HITS).await?;
    let limit = payload.limit.unwrap_or(DEFAULT_LIMIT) as usize;
    let mut results: Vec<FoundConversation> = Vec::new();
    let mut places = HashMap::new();
    for hit in hits {
        let at = match places.get(&hit.conversation) {
            Some(at) => *at,
            None if results.len() == limit => continue,
            None => {
                let info =
                    agents.iter().find_map(|agent| agent.conversations.info(&hit.conversation));
                let Some(conversation) = info else { continue };
                places.insert(hit.conversation.clone(), results.len());
                results.push(FoundConversation {
                    conversation,
                    score: hit.score,
                    snippets: Vec::new(),
                });
                results.len() - 1
            }
        };
        let found = &mut results[at];
        if found.snippets.len() < SNIPPETS {
            let text = text(server, &hit, &found.conversation.name).await?;
            found.snippets.extend(
                text.map(|text| Snippet { seq: hit.seq, text: around(&text, &payload.query) }),
            );
        }
    }
    Ok(Found { results })
}

/// What the place says, unless it is gone since.
async fn text(server: &Server, hit: &Hit, name: &str) -> Result<Option<String>, Error> {
    let Some(seq) = hit.seq else { return Ok(Some(name.to_owned())) };
    let before = Seq(seq.0.saturating_sub(1));
    let page = match server.db.entries_after(&hit.conversation, before, 1, None).await {
        Err(StoreError::NotFound) => return Ok(None),
        page => page?,
    };
    let entry = page.entries.into_iter().find(|entry| entry.head.seq == seq);
    let body = entry.and_then(|entry| serde_json::from_str::<ChatMessageBody>(&entry.body).ok());
    Ok(body.map(|body| match body {
        ChatMessageBody::User { text, .. } => text,
        ChatMessageBody::Agent { response, .. } => {
            let protocol::agents::AgentResponse::Text { result } = response;
            result
        }
    }))
}

/// The text around the first of the words that is in it, on one line.
fn around(text: &str, query: &str) -> String {
    let words = query.split(|c: char| !c.is_alphanumeric()).filter(|word| !word.is_empty());
    let lower: Vec<char> = text.chars().map(|c| c.to_lowercase().next().unwrap_or(c)).collect();
    let find = |word: &str| {
        let word: Vec<char> = word.to_lowercase().chars().collect();
        lower.windows(word.len().max(1)).position(|window| window == word)
    };
    let at = words.filter_map(find).min().unwrap_or(0);
    let start = at.saturating_sub(AROUND);
    let part: String = text.chars().skip(start).take(2 * AROUND).collect();
    let line = part.split_whitespace().collect::<Vec<_>>().join(" ");
    let (before, behind) = (start > 0, lower.len() > start + 2 * AROUND);
    format!("{}{line}{}", if before { "… " } else { "" }, if behind { " …" } else { "" })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_snippet_is_the_text_around_a_word() {
        assert_eq!(around("How much is\nforty-two?", "FORTY"), "How much is forty-two?");
        let long = format!("{}needle{}", "x ".repeat(500), " y".repeat(500));

        let snippet = around(&long, "the needle");

        assert!(snippet.contains("needle") && snippet.chars().count() <= 160, "{snippet}");
        assert!(snippet.starts_with("… x") && snippet.ends_with("y …"), "{snippet}");
    }
}
