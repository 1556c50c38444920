//! `/api/clients/{clientId}/agents`: passed on to the manager, whose agents they are.

use std::collections::BTreeMap;
use std::sync::Arc;

use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::response::IntoResponse;
use axum::{Extension, Json};
use protocol::agents::{
    AgentCheck, AgentCreated, AgentInfo, Agents, ChangeEnvironment, CreateAgent, Done, Environment,
    ForAgent, ListAgents,
};
use protocol::names::agents::{
    CHANGE_ENVIRONMENT, CHECK_AGENT, CREATE_AGENT, DELETE_AGENT, LIST_AGENTS, RESTART_AGENT,
    START_AGENT, STOP_AGENT,
};
use protocol::spec::AgentSpec;
use protocol::{Ack, AgentId, ClientId, ErrorCode, WireError};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use super::answer::{Body, Failure, List};
use crate::access::Caller;
use crate::audit::Event;
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
    Extension(caller): Extension<Caller>,
    Path(client): Path<String>,
    Body(spec): Body<AgentSpec>,
) -> Result<impl IntoResponse, Failure> {
    let client = client_id(&client)?;
    let created: AgentCreated = ask(&server, &client, CREATE_AGENT, &CreateAgent { spec }).await?;
    server.audit.note(&caller, &Event::AddAgent(client.clone(), created.agent_id.clone()));
    server.db.set_credentials(&client, &created.agent_id, &created.password).await?;
    Ok((StatusCode::CREATED, Json(created)))
}

/// What can be changed of an agent.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(super) struct Changes {
    /// Variables of its environment by name; `null` removes one. Values are never shown.
    #[serde(default)]
    environment: BTreeMap<String, Option<String>>,
}

/// An agent after a change.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Changed {
    agent_id: AgentId,
    /// The names of the variables of its environment.
    environment: Vec<String>,
}

/// Applied to what the agent starts from now on; a restart applies it to all.
pub(super) async fn change(
    State(server): State<Arc<Server>>,
    Extension(caller): Extension<Caller>,
    Path((client, agent)): Path<(String, String)>,
    Body(changes): Body<Changes>,
) -> Result<Json<Changed>, Failure> {
    let agent_id = AgentId::new(&agent).map_err(|_| not_found(&agent))?;
    let (mut set, mut remove) = (BTreeMap::new(), Vec::new());
    for (name, value) in changes.environment {
        match value {
            Some(value) => _ = set.insert(name, value),
            None => remove.push(name),
        }
    }
    let client = client_id(&client)?;
    let changed = set.keys().chain(&remove).cloned().collect();
    let event = Event::ChangeEnvironment(client.clone(), agent_id.clone(), changed);
    let change = ChangeEnvironment { agent_id, set, remove };
    let Environment { agent_id, names } =
        ask(&server, &client, CHANGE_ENVIRONMENT, &change).await?;
    server.audit.note(&caller, &event);
    Ok(Json(Changed { agent_id, environment: names }))
}

/// That it is gone already is as good.
pub(super) async fn delete(
    State(server): State<Arc<Server>>,
    Extension(caller): Extension<Caller>,
    Path((client, agent)): Path<(String, String)>,
) -> Result<StatusCode, Failure> {
    let (client, Ok(agent_id)) = (client_id(&client)?, AgentId::new(&agent)) else {
        return Ok(StatusCode::NO_CONTENT);
    };
    let deleted =
        ask::<Done>(&server, &client, DELETE_AGENT, &ForAgent { agent_id: agent_id.clone() }).await;
    match deleted {
        Err(Error::Manager(error)) if error.code == ErrorCode::AgentNotFound => {}
        deleted => {
            deleted?;
            let event = Event::DeleteAgent(client.clone(), agent_id.clone());
            server.audit.note(&caller, &event);
        }
    }
    server.db.delete_credentials(&client, &agent_id).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Whether it can be used. Takes as long as its program takes to start.
pub(super) async fn check(
    State(server): State<Arc<Server>>,
    Path((client, agent)): Path<(String, String)>,
) -> Result<Json<AgentCheck>, Failure> {
    let agent_id = AgentId::new(&agent).map_err(|_| not_found(&agent))?;
    let checked = ask(&server, &client_id(&client)?, CHECK_AGENT, &ForAgent { agent_id }).await?;
    Ok(Json(checked))
}

/// `start`, `stop`, `restart`.
pub(super) async fn act(
    State(server): State<Arc<Server>>,
    Extension(caller): Extension<Caller>,
    Path((client, agent, action)): Path<(String, String, String)>,
) -> Result<StatusCode, Failure> {
    let (command, action) = match action.as_str() {
        "start" => (START_AGENT, "agent.start"),
        "stop" => (STOP_AGENT, "agent.stop"),
        "restart" => (RESTART_AGENT, "agent.restart"),
        _ => return Err(Error::UnknownCommand.into()),
    };
    let agent_id = AgentId::new(&agent).map_err(|_| not_found(&agent))?;
    let client = client_id(&client)?;
    let event = Event::ControlAgent(client.clone(), agent_id.clone(), action);
    ask::<Done>(&server, &client, command, &ForAgent { agent_id }).await?;
    server.audit.note(&caller, &event);
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
