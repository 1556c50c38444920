//! `restartAgent`: end an agent's run and its program.

use protocol::agents::{Done, ForAgent};

use crate::call::Call;
use crate::connection::Connection;
use crate::error::Error;
use crate::server::Server;

/// What waits goes on with a new program.
pub(super) fn run(connection: &mut Connection, call: Call) {
    let server = connection.server().clone();
    connection.spawn(async move {
        let done = restart(&server, &call).await;
        call.give(done);
    });
}

async fn restart(server: &Server, call: &Call) -> Result<Done, Error> {
    let ForAgent { agent_id } = call.payload()?;
    server.agents.restart(&agent_id).await?;
    Ok(Done {})
}
