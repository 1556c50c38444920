//! `/api/clients`

use std::sync::Arc;

use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::response::IntoResponse;
use axum::{Extension, Json};
use protocol::catalogue::Namespace;
use protocol::{ClientId, Timestamp};
use serde::{Deserialize, Serialize};
use store::ClientRecord;

use super::answer::{Body, Failure, List};
use crate::access::Caller;
use crate::audit::Event;
use crate::error::Error;
use crate::server::Server;

/// A client without its API key, which is never shown.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Client {
    client_id: ClientId,
    name: String,
    endpoint: String,
    created_at: Timestamp,
    connected: bool,
    /// Why it is not.
    #[serde(skip_serializing_if = "Option::is_none")]
    last_error: Option<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(super) struct NewClient {
    name: String,
    endpoint: String,
    api_key: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(super) struct Changes {
    #[serde(default)]
    name: Option<String>,
    #[serde(default)]
    endpoint: Option<String>,
    #[serde(default)]
    api_key: Option<String>,
}

impl Server {
    fn show(&self, client: ClientRecord) -> Client {
        let remote = self.remotes.get(&client.client_id);
        let status = remote.map(|remote| remote.status()).unwrap_or_default();
        let ClientRecord { client_id, name, endpoint, created_at, .. } = client;
        let connected = status.connected;
        let last_error = status.last_error.filter(|_| !connected);
        Client { client_id, name, endpoint, created_at, connected, last_error }
    }
}

pub(super) async fn list(
    State(server): State<Arc<Server>>,
    Extension(caller): Extension<Caller>,
) -> Result<Json<List<Client>>, Failure> {
    let mut clients = server.db.clients().await?;
    clients.retain(|client| caller.clients.include(&client.client_id));
    Ok(Json(List { items: clients.into_iter().map(|client| server.show(client)).collect() }))
}

pub(super) async fn get(
    State(server): State<Arc<Server>>,
    Path(client): Path<String>,
) -> Result<Json<Client>, Failure> {
    Ok(Json(server.show(find(&server, &client).await?)))
}

pub(super) async fn add(
    State(server): State<Arc<Server>>,
    Extension(caller): Extension<Caller>,
    Body(new): Body<NewClient>,
) -> Result<impl IntoResponse, Failure> {
    let client = ClientRecord {
        client_id: ClientId::random(),
        name: new.name,
        endpoint: new.endpoint,
        api_key: new.api_key,
        created_at: Timestamp::now(),
    };
    check(&client)?;
    check_reach(&server, &client).await?;
    server.db.add_client(&client).await?;
    let event = Event::AddClient(client.client_id.clone(), client.name.clone());
    server.audit.note(&caller, &event);
    server.remotes.open(&client).await?;
    server.remotes.get(&client.client_id)?.tried().await;
    Ok((StatusCode::CREATED, Json(server.show(client))))
}

pub(super) async fn change(
    State(server): State<Arc<Server>>,
    Extension(caller): Extension<Caller>,
    Path(client): Path<String>,
    Body(changes): Body<Changes>,
) -> Result<Json<Client>, Failure> {
    let mut client = find(&server, &client).await?;
    let reconnects = changes.endpoint.is_some() || changes.api_key.is_some();
    client.name = changes.name.unwrap_or(client.name);
    client.endpoint = changes.endpoint.unwrap_or(client.endpoint);
    client.api_key = changes.api_key.unwrap_or(client.api_key);
    check(&client)?;
    if reconnects {
        check_reach(&server, &client).await?;
    }
    server.db.update_client(&client).await?;
    let event = Event::ChangeClient(client.client_id.clone(), client.name.clone());
    server.audit.note(&caller, &event);
    if reconnects {
        server.remotes.open(&client).await?;
    } else {
        server.remotes.renamed(&client);
    }
    Ok(Json(server.show(client)))
}

/// That it is gone already is as good.
pub(super) async fn delete(
    State(server): State<Arc<Server>>,
    Extension(caller): Extension<Caller>,
    Path(client): Path<String>,
) -> Result<StatusCode, Failure> {
    if let Ok(client) = ClientId::new(&client) {
        if server.db.delete_client(&client).await? {
            server.audit.note(&caller, &Event::DeleteClient(client.clone()));
        }
        server.remotes.close(&client).await;
    }
    Ok(StatusCode::NO_CONTENT)
}

async fn find(server: &Server, client: &str) -> Result<ClientRecord, Error> {
    let client = ClientId::new(client).map_err(|error| Error::Invalid(error.to_string()))?;
    server.db.client(&client).await?.ok_or(Error::ClientNotFound(client))
}

/// That a name and an endpoint are some.
pub(crate) fn check(client: &ClientRecord) -> Result<(), Error> {
    if client.name.trim().is_empty() || client.name.chars().count() > 128 {
        return Err(Error::Invalid("a client's name is 1 to 128 characters".to_owned()));
    }
    link::Endpoint::new(&client.endpoint, Namespace::Agents.path(), serde_json::Value::Null)
        .map(drop)
        .map_err(|error| Error::Invalid(error.to_string()))
}

/// That the endpoint leads where managers may be. The link looks again whenever it connects.
async fn check_reach(server: &Server, client: &ClientRecord) -> Result<(), Error> {
    server.remotes.endpoint(client)?.check().await.map_err(|error| {
        tracing::warn!(endpoint = client.endpoint, "an endpoint was refused");
        Error::Invalid(error.to_string())
    })
}
