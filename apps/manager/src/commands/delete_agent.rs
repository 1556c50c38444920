//! `deleteAgent`: remove an agent with its conversations.

use protocol::agents::{Done, ForAgent};

use crate::call::Call;
use crate::connection::Connection;
use crate::error::Error;
use crate::server::Server;

/// Its runs are ended first.
pub(super) fn run(connection: &mut Connection, call: Call) {
    let server = connection.server().clone();
    connection.spawn(async move {
        let done = delete(&server, &call).await;
        call.give(done);
    });
}

async fn delete(server: &Server, call: &Call) -> Result<Done, Error> {
    let ForAgent { agent_id } = call.payload()?;
    server.agents.delete(&agent_id).await?;
    Ok(Done {})
}
