//! `/api/clients/{clientId}/agents`: passed on to the manager, whose agents they are.

use std::sync::Arc;

use axum::Json;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::response::IntoResponse;
use protocol::agents::{AgentCreated, AgentInfo, Agents, CreateAgent, Done, ForAgent, ListAgents};
use protocol::names::agents::{
    CREATE_AGENT, DELETE_AGENT, LIST_AGENTS, RESTART_AGENT, START_AGENT, STOP_AGENT,
};
use protocol::spec::AgentSpec;
use protocol::{Ack, AgentId, ClientId, ErrorCode, WireError};
use serde::Serialize;
use serde::de::DeserializeOwned;

use super::answer::{Body, Failure, List};
use crate::error::Error;
use crate::server::Server;

pub(super) async fn list(
    State(server): State<Arc<Server>>,
    Path(client): Path<String>,
) -> Result<Json<List<AgentInfo>>, Failure> {
    let agents: Agents = ask(&server, &client_id(&client)?, LIST_AGENTS, &ListAgents {}).await?;
    Ok(Json(List { items: agents.agents }))
}

pub(super) async fn get(
    State(server): State<Arc<Server>>,
    Path((client, agent)): Path<(String, String)>,
) -> Result<Json<AgentInfo>, Failure> {
    let agents: Agents = ask(&server, &client_id(&client)?, LIST_AGENTS, &ListAgents {}).await?;
    let found = agents.agents.into_iter().find(|info| info.agent_id.as_str() == agent);
    Ok(Json(found.ok_or_else(|| not_found(&agent))?))
}

/// Makes an agent. Its password is stored at both ends and shown this once.
pub(super) async fn add(
    State(server): State<Arc<Server>>,
    Path(client): Path<String>,
    Body(spec): Body<AgentSpec>,
) -> Result<impl IntoResponse, Failure> {
    let client = client_id(&client)?;
    let created: AgentCreated = ask(&server, &client, CREATE_AGENT, &CreateAgent { spec }).await?;
    server.db.set_credentials(&client, &created.agent_id, &created.password).await?;
    Ok((StatusCode::CREATED, Json(created)))
}

/// That it is gone already is as good.
pub(super) async fn delete(
    State(server): State<Arc<Server>>,
    Path((client, agent)): Path<(String, String)>,
) -> Result<StatusCode, Failure> {
    let (client, Ok(agent_id)) = (client_id(&client)?, AgentId::new(&agent)) else {
        return Ok(StatusCode::NO_CONTENT);
    };
    let deleted =
        ask::<Done>(&server, &client, DELETE_AGENT, &ForAgent { agent_id: agent_id.clone() }).await;
    match deleted {
        Err(Error::Manager(error)) if error.code == ErrorCode::AgentNotFound => {}
        deleted => drop(deleted?),
    }
    server.db.delete_credentials(&client, &agent_id).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// `start`, `stop`, `restart`.
pub(super) async fn act(
    State(server): State<Arc<Server>>,
    Path((client, agent, action)): Path<(String, String, String)>,
) -> Result<StatusCode, Failure> {
    let command = match action.as_str() {
        "start" => START_AGENT,
        "stop" => STOP_AGENT,
        "restart" => RESTART_AGENT,
        _ => return Err(Error::UnknownCommand.into()),
    };
    let agent_id = AgentId::new(&agent).map_err(|_| not_found(&agent))?;
    ask::<Done>(&server, &client_id(&client)?, command, &ForAgent { agent_id }).await?;
    Ok(StatusCode::NO_CONTENT)
}

pub(super) async fn ask<T: DeserializeOwned>(
    server: &Server,
    client: &ClientId,
    command: &str,
    payload: &impl Serialize,
) -> Result<T, Error> {
    let answer = server.remotes.get(client)?.ask(command, payload).await?;
    Ok(serde_json::from_str::<Ack<T>>(answer.get())?.into_result()?)
}

pub(super) fn client_id(text: &str) -> Result<ClientId, Error> {
    ClientId::new(text).map_err(|error| Error::Invalid(error.to_string()))
}

fn not_found(agent: &str) -> Error {
    WireError::new(ErrorCode::AgentNotFound, format!("Agent not found: {agent}")).into()
}
