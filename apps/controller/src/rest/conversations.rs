//! `/api/clients/{clientId}/agents/{agentId}/conversations`: the list, and a conversation as a file.

mod markdown;

use std::sync::Arc;

use axum::body::{Body, Bytes};
use axum::extract::{Path, State};
use axum::http::header;
use axum::response::{IntoResponse, Response};
use axum::{Extension, Json};
use futures_util::stream;
use protocol::agents::{
    ConversationInfo, Conversations, GetHistory, History, HistoryEvent, ListConversations,
};
use protocol::limits::PAGE;
use protocol::names::agents::{GET_HISTORY, LIST_CONVERSATIONS};
use protocol::{AgentId, ConversationId, Epoch, ErrorCode, Seq, WireError};
use serde::{Deserialize, Serialize};

use super::agents::{ask, client_id};
use super::answer::{Failure, Query};
use crate::access::Caller;
use crate::error::Error;
use crate::remote::Remote;
use crate::server::Server;
use markdown::Markdown;

/// A page of the list.
#[derive(Serialize)]
pub(super) struct Page {
    items: Vec<ConversationInfo>,
    #[serde(skip_serializing_if = "Option::is_none")]
    next: Option<String>,
}

/// What of the list is wanted.
#[derive(Deserialize)]
pub(super) struct Wanted {
    name: Option<String>,
    limit: Option<u32>,
    cursor: Option<String>,
}

pub(super) async fn list(
    State(server): State<Arc<Server>>,
    Path((client, agent)): Path<(String, String)>,
    Query(wanted): Query<Wanted>,
) -> Result<Json<Page>, Failure> {
    let (client, agent_id) = (client_id(&client)?, agent_id(&agent)?);
    // The link has to be logged in to the agent.
    server.remotes.get(&client)?.follow(&agent_id, None).await?;
    let Wanted { name, limit, cursor } = wanted;
    let list = ListConversations { agent_id: Some(agent_id), name, limit, cursor };
    let listed: Conversations = ask(&server, &client, LIST_CONVERSATIONS, &list).await?;
    Ok(Json(Page { items: listed.conversations, next: listed.next }))
}

/// What the file is to be.
#[derive(Deserialize, Clone, Copy, Default)]
#[serde(rename_all = "camelCase")]
enum Format {
    /// One line for each entry: `{"event", "payload"}`, the payload as the bytes that it was.
    #[default]
    Jsonl,
    /// For people.
    Markdown,
}

#[derive(Deserialize)]
pub(super) struct Export {
    #[serde(default)]
    format: Format,
}

/// The whole log, read page by page while it is sent.
pub(super) async fn export(
    State(server): State<Arc<Server>>,
    Extension(caller): Extension<Caller>,
    Path((client, agent, conversation)): Path<(String, String, String)>,
    Query(Export { format }): Query<Export>,
) -> Result<Response, Failure> {
    let (client, agent_id) = (client_id(&client)?, agent_id(&agent)?);
    let id = ConversationId::new(&conversation).map_err(|_| Error::not_found(&conversation))?;
    let remote = server.remotes.get(&client)?;
    remote.follow(&agent_id, None).await?;
    let log = Log { caller, remote, agent_id, id: id.clone(), read: Read::default() };
    // Before the answer begins, so that what cannot be had is an error and no empty file.
    let (first, log) = log.next().await?;
    let pages = stream::unfold(Some((Some(first), log)), async |state| {
        let (page, log) = state?;
        match page {
            Some(page) => {
                let more = page.has_more;
                Some((Ok(page), more.then_some((None, log))))
            }
            None => match log.next().await {
                Ok((page, log)) => {
                    let more = page.has_more;
                    Some((Ok(page), more.then_some((None, log))))
                }
                // The file ends early, and the connection with it: half a file is not taken for a whole one.
                Err(error) => Some((Err(WireError::from(error)), None)),
            },
        }
    });
    Ok(file(&id, format, pages))
}

fn file(
    id: &ConversationId,
    format: Format,
    pages: impl stream::Stream<Item = Result<History, WireError>> + Send + 'static,
) -> Response {
    use stream::StreamExt;

    let (kind, extension) = match format {
        Format::Jsonl => ("application/x-ndjson", "jsonl"),
        Format::Markdown => ("text/markdown; charset=utf-8", "md"),
    };
    let mut markdown = Markdown::new(id);
    let chunks = pages.map(move |page| {
        page.map(|page| match format {
            Format::Jsonl => lines(&page.events),
            Format::Markdown => markdown.render(&page.events).into(),
        })
    });
    // An id has no character that would need quoting.
    let name = format!("attachment; filename=\"{id}.{extension}\"");
    let headers = [(header::CONTENT_TYPE, kind.to_owned()), (header::CONTENT_DISPOSITION, name)];
    (headers, Body::from_stream(chunks)).into_response()
}

fn lines(events: &[HistoryEvent]) -> Bytes {
    let mut lines = String::new();
    for event in events {
        lines.push_str(&serde_json::to_string(event).expect("an event is JSON"));
        lines.push('\n');
    }
    lines.into()
}

/// A log that is being read.
struct Log {
    /// By whom: as long as they may.
    caller: Caller,
    remote: Arc<Remote>,
    agent_id: AgentId,
    id: ConversationId,
    read: Read,
}

/// How far a log has been read.
#[derive(Debug, Default)]
struct Read {
    /// The life of the log, of the first page.
    epoch: Option<Epoch>,
    after: Seq,
}

impl Read {
    /// Goes behind a page. One of another life is of another log, which is no half of this one.
    fn pass(&mut self, page: &History) -> Result<(), Error> {
        if *self.epoch.get_or_insert_with(|| page.epoch.clone()) != page.epoch {
            return Err(Error::Cleared);
        }
        if let Some(last) = page.events.last() {
            let head = protocol::agents::RoutingHead::read(last.payload.get())?;
            self.after = head.seq.unwrap_or(page.head_seq);
        }
        Ok(())
    }
}

impl Log {
    async fn next(mut self) -> Result<(History, Self), Error> {
        if self.caller.has_ended() {
            return Err(Error::Unauthorized);
        }
        let wanted = GetHistory {
            agent_id: Some(self.agent_id.clone()),
            conversation_id: Some(self.id.clone()),
            before_seq: None,
            after_seq: Some(self.read.after),
            limit: u32::try_from(PAGE).ok(),
            role: None,
        };
        let answer = self.remote.ask(GET_HISTORY, &wanted).await?;
        let page = serde_json::from_str::<protocol::Ack<History>>(answer.get())?.into_result()?;
        self.read.pass(&page)?;
        Ok((page, self))
    }
}

fn agent_id(text: &str) -> Result<AgentId, Error> {
    AgentId::new(text).map_err(|_| {
        WireError::new(ErrorCode::AgentNotFound, format!("Agent not found: {text}")).into()
    })
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_log_that_is_cleared_half_way_is_not_read_on() {
        let page = |epoch: &str, seq: u64| -> History {
            let events = json!([{ "event": "chatMessage", "payload": { "seq": seq } }]);
            serde_json::from_value(
                json!({ "epoch": epoch, "headSeq": 9, "events": events, "hasMore": true }),
            )
            .unwrap()
        };
        let mut read = Read::default();

        read.pass(&page("e1", 3)).unwrap();
        read.pass(&page("e1", 6)).unwrap();
        assert_eq!(read.after, Seq(6));

        assert!(matches!(read.pass(&page("e2", 9)), Err(Error::Cleared)));
    }
}
