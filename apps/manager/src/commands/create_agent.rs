//! `createAgent`: add an agent.

use protocol::agents::{AgentCreated, CreateAgent};

use crate::agents::check_working_directory;
use crate::call::Call;
use crate::connection::Connection;
use crate::error::Error;
use crate::server::Server;

/// The password is in the answer and nowhere else.
pub(super) fn run(connection: &mut Connection, call: Call) {
    let server = connection.server().clone();
    connection.spawn(async move {
        let created = create(&server, &call).await;
        call.give(created);
    });
}

async fn create(server: &Server, call: &Call) -> Result<AgentCreated, Error> {
    let CreateAgent { spec } = call.payload()?;
    check_working_directory(&spec, &server.working_directories)?;
    let (agent_id, password) = server.agents.create(spec).await?;
    Ok(AgentCreated { agent_id, password })
}
